"""Which superfluous indexes can really go: each is dropped from a clone of the schema, to see what gets worse."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memsql.advise.index_list import Index, rowid_alias
from memsql.advise.queries import QueryPlan
from memsql.advise.redundancy import Kind, superseded
from memsql.advise.replica import Replica
from memsql.project.checks import Check, run_checks
from memsql.project.queries import Query
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
    """The superfluous ones of ``indexes``, which are those of ``clone``, without those whose names are in ``but``. One
    without which a plan of ``queries`` or a check gets worse stays."""
    expected = {fold(wish.index) for query in queries for wish in query.expected if wish.property == "uses"}
    named = {index.name for index in indexes if fold(index.name) in expected} | set(but)
    rowids = {table.name: rowid_alias(table) for table in clone.schema.tables.values()}
    kept: dict[str, tuple[str, ...]] = {}
    gone: list[str] = []
    candidates = [one for one in superseded(indexes, rowids, named) if one.index.name not in but]
    if not candidates:
        return ()
    before, failing = clone.plans(queries), _failing(clone, checks)
    for one in candidates:
        with clone.without(*gone, one.index.name):
            kept[one.index.name] = (
                *_worse(before, clone.plans(queries)),
                *(f"the check {path} expects it" for path in sorted(_failing(clone, checks) - failing)),
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


def _failing(clone: Replica, checks: Sequence[Check]) -> set[str]:
    """The paths of the checks of severity error that report a problem on the clone, which has no rows."""
    errors = [check for check in checks if check.severity == "error"]
    return {result.check.path for result in run_checks(clone.conn, errors) if not result.ok}
