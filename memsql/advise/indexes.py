"""The indexes of a database: what each is for, which are superfluous, and where one is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memsql.advise.index_list import Index, by_table, read_indexes, rowid_alias
from memsql.advise.proposals import Database, Proposals, proposals
from memsql.advise.purposes import REFERRING, purposes
from memsql.advise.queries import QueryPlan, plans_of
from memsql.advise.redundancy import Kind, superseded, unindexed
from memsql.advise.replica import Replica, replica
from memsql.advise.samples import with_samples
from memsql.advise.sizes import sizes
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.checks import Check, read_checks, run_checks
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query, filled
from memsql.schema import Schema
from memsql.sqltext import fold


@dataclass(frozen=True, slots=True)
class IndexUse:
    """An index, its size (None: not known), the names of the queries that use it, and what else it is for."""

    index: Index
    bytes: int | None
    entries: int | None
    queries: tuple[str, ...]
    purposes: tuple[str, ...]

    @property
    def serves_deletes(self) -> bool:
        """Whether it serves nothing but the search for the rows that refer to another table."""
        return not self.queries and bool(self.purposes) and all(p.startswith(REFERRING) for p in self.purposes)


@dataclass(frozen=True, slots=True)
class Redundant:
    """An index that another one (``by``, None: the key of the table itself) makes superfluous. ``kept``: sentences that
    say why it cannot be dropped all the same; none where it can."""

    index: Index
    by: Index | None
    kind: Kind
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A foreign key with no index on its own columns, so that a DELETE in the parent reads the whole table."""

    table: str
    columns: tuple[str, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to say of the indexes of a database. ``unused`` are the names of those that nothing uses,
    ``for_deletes`` of those without which only a DELETE in another table would be slow. ``unread``: the tables that no
    query reads. ``broken``: queries that do not run here, each with its error. ``queries``: how many were looked at."""

    indexes: tuple[IndexUse, ...]
    redundant: tuple[Redundant, ...]
    unused: tuple[str, ...]
    for_deletes: tuple[str, ...]
    unindexed: tuple[Unindexed, ...]
    unread: frozenset[str]
    queries: int
    proposals: Proposals = Proposals()
    broken: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def findings(settings: Settings, budget: int, progress: Progress = SILENT) -> Findings:
    """Look at the indexes of the database of ``settings``, with the queries of its project. Reads only, and at most
    ``budget`` rows of each table for the statistics.

    Raises FileError for a query or check that cannot be read, ConnectError and LockedError.
    """
    shown = settings.show(settings.sql)
    queries = hot_queries(settings)
    checks = read_checks(settings.sql / "checks", f"{shown}/checks")
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        progress.start("reading the schema")
        with replica(conn) as clone:
            return _findings(conn, clone, queries, checks, budget, progress)


def _findings(
    conn: Connection,
    clone: Replica,
    queries: Sequence[Query],
    checks: Sequence[Check],
    budget: int,
    progress: Progress,
) -> Findings:
    schema = clone.schema
    indexes = read_indexes(clone.conn, schema)
    queries = with_samples(conn, queries)
    ready = filled(conn, queries)
    runnable = [query for query in ready if isinstance(query, Query)]
    broken = [(q.path, r.message) for q, r in zip(queries, ready, strict=True) if isinstance(r, StatementError)]
    progress.start("planning the queries")
    plans = plans_of(conn, runnable)
    broken += [(plan.path, plan.error) for plan in plans if plan.error]
    progress.start("weighing the indexes")
    without_rowid = frozenset(table.name for table in schema.tables.values() if table.without_rowid)
    weights = sizes(conn, without_rowid, frozenset(index.name for index in indexes))
    serves, reasons = _queries_by_index(plans), purposes(clone.conn, schema, indexes)
    uses = tuple(
        IndexUse(
            index,
            weights.bytes.get(index.name),
            weights.entries.get(index.name),
            serves.get(fold(index.name), ()),
            reasons.get(index.name, ()),
        )
        for index in indexes
    )
    progress.start("trying indexes that are not there")
    running = [plan.error is None for plan in plans]
    runnable = [query for query, runs in zip(runnable, running, strict=True) if runs]
    rows = {name: number for name, number in weights.entries.items() if name in schema.tables}
    ground = Database(conn, budget, clone, indexes, rows)
    missing = proposals(ground, runnable, [plan for plan in plans if plan.error is None])
    redundant = _redundant(clone, indexes, runnable, checks)
    superfluous = {one.index.name for one in redundant}
    staying = [use for use in uses if use.index.name not in superfluous]
    for_deletes = [use.index.name for use in staying if use.serves_deletes and _is_alone(use, staying, schema)]
    idle = [use for use in staying if use.serves_deletes or not (use.queries or use.purposes)]
    return Findings(
        uses,
        redundant,
        tuple(use.index.name for use in idle if use.index.name not in for_deletes),
        tuple(for_deletes),
        tuple(_unindexed(schema, by_table(indexes))),
        frozenset(schema.tables) - {node.table for plan in plans for node in plan.nodes if node.table is not None},
        len(queries),
        missing,
        tuple(broken),
        (*clone.unknown, *([f"sizes are not known: {weights.problem}"] if weights.problem else [])),
    )


def _is_alone(use: IndexUse, uses: Sequence[IndexUse], schema: Schema) -> bool:
    """Whether a foreign key of its table has no other index among ``uses``."""
    others = [other.index for other in uses if other.index.table == use.index.table and other is not use]
    table = schema.tables[use.index.table]
    return any(unindexed(key.columns, others, rowid_alias(table)) for key in table.foreign_keys)


def _queries_by_index(plans: Sequence[QueryPlan]) -> dict[str, tuple[str, ...]]:
    """The names of the queries that use each index, by its folded name."""
    serves: dict[str, dict[str, None]] = defaultdict(dict)
    for plan in plans:
        for node in plan.nodes:
            if node.index is not None:
                serves[fold(node.index)][plan.name] = None
    return {name: tuple(queries) for name, queries in serves.items()}


def _redundant(
    clone: Replica, indexes: list[Index], queries: Sequence[Query], checks: Sequence[Check]
) -> tuple[Redundant, ...]:
    """The superfluous indexes. They are dropped from the clone one after the other: one without which a plan or a check
    gets worse stays."""
    expected = {fold(wish.index) for query in queries for wish in query.expected if wish.property == "uses"}
    named = {index.name for index in indexes if fold(index.name) in expected}
    rowids = {table.name: rowid_alias(table) for table in clone.schema.tables.values()}
    kept: dict[str, tuple[str, ...]] = {}
    gone: list[str] = []
    candidates = superseded(indexes, rowids, named)
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


def _unindexed(schema: Schema, indexes: Mapping[str, Sequence[Index]]) -> list[Unindexed]:
    return [
        Unindexed(table.name, key.columns, key.parent)
        for table in schema.tables.values()
        if table.kind == "table"
        for key in table.foreign_keys
        if unindexed(key.columns, indexes.get(table.name, ()), rowid_alias(table))
    ]
