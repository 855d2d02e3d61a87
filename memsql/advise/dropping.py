"""Which superfluous indexes can really go: each is dropped from a clone of the schema, to see what gets worse."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memsql.advise.index_list import Index, column_term, rowid_alias
from memsql.advise.queries import QueryPlan
from memsql.advise.redundancy import Kind, superseded
from memsql.advise.replica import Replica
from memsql.engine.structure import broken, snapshot
from memsql.project.checks import Check, run_checks
from memsql.project.queries import Query
from memsql.schema import Table
from memsql.sqltext import fold


@dataclass(frozen=True, slots=True)
class Redundant:
    """An index that another one (``by``, None: the key of the table itself) makes superfluous. ``kept``: sentences that
    say why it cannot be dropped all the same; none where it can."""

    index: Index
    by: Index | None
    kind: Kind
    kept: tuple[str, ...] = ()


def redundant_of(
    clone: Replica,
    indexes: Sequence[Index],
    queries: Sequence[Query],
    checks: Sequence[Check],
    *,
    but: Collection[str] = (),
) -> tuple[Redundant, ...]:
    """The superfluous ones of ``indexes``, which are those of ``clone``, without those whose names are in ``but``.

    One without which a plan of ``queries`` or a check gets worse, or a view, a trigger or a foreign key is broken,
    stays.
    """
    expected = {fold(wish.index) for query in queries for wish in query.expected if wish.property == "uses"}
    named = {index.name for index in indexes if fold(index.name) in expected} | set(but)
    rowids = {table.name: rowid_alias(table) for table in clone.schema.tables.values()}
    kept: dict[str, tuple[str, ...]] = {}
    gone: list[str] = []
    never_null = {table.name: _never_null(table) for table in clone.schema.tables.values()}
    candidates = [one for one in superseded(indexes, rowids, named, never_null) if one.index.name not in but]
    if not candidates:
        return ()
    before, failing, unusable = clone.plans(queries), _failing(clone, checks), _broken(clone)
    for one in candidates:
        with clone.without(*gone, one.index.name):
            kept[one.index.name] = (
                *_worse(before, clone.plans(queries)),
                *(f"the check {path} expects it" for path in sorted(_failing(clone, checks) - failing)),
                *(f"without it {text}" for text in sorted(_broken(clone) - unusable)),
            )
        if not kept[one.index.name]:
            gone.append(one.index.name)
    return tuple(Redundant(one.index, one.by, one.kind, kept[one.index.name]) for one in candidates)


def _worse(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[str]:
    """A sentence for each query whose plan got worse."""
    sentences = []
    for was, now in zip(before, after, strict=True):
        covered = {node.table for node in was.nodes if node.covering} - {n.table for n in now.nodes if n.covering}
        verbs = [*now.worse_than(was), *(f"reads {table} beside the index" for table in sorted(filter(None, covered)))]
        if now.error and not was.error:
            verbs = [f"does not run: {now.error}"]
        unmet = [text for text in now.unmet if text not in was.unmet]
        if verbs or unmet:
            verbs += [f"is not what its file expects ({text})" for text in unmet]
            sentences.append(f"{was.path} then {', '.join(verbs)}")
    return sentences


def _never_null(table: Table) -> frozenset[str]:
    """The terms of the columns of ``table`` that hold no NULL."""
    names = {column.name for column in table.columns if column.notnull} | {rowid_alias(table)}
    names |= set(table.primary_key) if table.without_rowid else set()
    return frozenset(column_term(name).text for name in names if name is not None)


def _broken(clone: Replica) -> set[str]:
    """A sentence for each view and trigger of the clone that does not compile, and each table that cannot be written
    because what its foreign keys name is no key."""
    schema = snapshot.read(clone.conn)
    tables = [fold(table.name) for table in clone.schema.tables.values() if table.foreign_keys]
    messages = broken.failing(clone.conn, schema.of("view", "trigger"))
    messages |= broken.mismatched(clone.conn, tables, enforced=True)
    return {broken.sentence(schema[key], message) for key, message in messages.items() if key in schema}


def _failing(clone: Replica, checks: Sequence[Check]) -> set[str]:
    """The paths of the checks of severity error that report a problem on the clone, which has no rows."""
    errors = [check for check in checks if check.severity == "error"]
    return {result.check.path for result in run_checks(clone.conn, errors) if not result.ok}
