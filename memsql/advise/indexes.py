"""The indexes of a database: what each is for, which are superfluous, and which are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

from memsql.advise.dropping import Redundant, redundant_of
from memsql.advise.index_list import Index, by_table, read_indexes, rowid_alias
from memsql.advise.proposals import Database, Limits, Proposals, proposals
from memsql.advise.purposes import REFERRING, purposes
from memsql.advise.queries import QueryPlan, plans_of
from memsql.advise.redundancy import unindexed
from memsql.advise.replica import Replica, replica
from memsql.advise.samples import with_samples
from memsql.advise.sizes import Sizes, sizes
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.checks import Check, read_checks
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query, filled
from memsql.schema import Schema
from memsql.sqltext import fold

ROWS = {"file": 100_000, "server": 10_000}
"""How many rows may be read for statistics where nobody says another number."""


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
class Unindexed:
    """A foreign key with no index on its own columns, so that a DELETE in the parent reads the whole table."""

    table: str
    columns: tuple[str, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to say of the indexes of a database. ``unused`` are the names of those that nothing uses,
    ``for_deletes`` of those without which only a DELETE in another table would be slow. ``unread``: the tables that no
    query reads. ``served``: of each other table, how many queries read it, and how many of these never read all of it.
    ``replaced``: what is superfluous only once the proposals are there. ``broken``: queries that do not run here, each
    with its error. ``queries``: how many were looked at."""

    indexes: tuple[IndexUse, ...]
    redundant: tuple[Redundant, ...]
    _: KW_ONLY
    unused: tuple[str, ...]
    for_deletes: tuple[str, ...]
    unindexed: tuple[Unindexed, ...]
    unread: frozenset[str]
    served: tuple[tuple[str, int, int], ...]
    queries: int
    proposals: Proposals = field(default_factory=Proposals)
    replaced: tuple[Redundant, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def findings(
    settings: Settings,
    rows: int | None = None,
    *,
    beyond: bool = False,
    defined: Sequence[Index] = (),
    progress: Progress = SILENT,
) -> Findings:
    """Look at the indexes of the database of ``settings``, with the queries of its project. Reads only; for statistics
    at most so many ``rows``. ``beyond``: also propose what no file of a query asks for. ``defined``: the indexes
    that the migrations of the project make, from which proposals take their names.

    Raises FileError for a query or check that cannot be read, ConnectError and LockedError.
    """
    queries = hot_queries(settings)
    checks = read_checks(settings.sql / "checks", f"{settings.show(settings.sql)}/checks")
    budget = rows or ROWS["server" if settings.target.is_server else "file"]
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        progress.start("reading the schema")
        with replica(conn) as clone:
            limits = Limits(budget, beyond, defined)
            return _Look(conn, clone, queries, progress).findings(checks, limits)


class _Look:
    """One look at one database."""

    def __init__(self, conn: Connection, clone: Replica, queries: Sequence[Query], progress: Progress) -> None:
        self._conn, self._clone, self._progress = conn, clone, progress
        self._indexes = read_indexes(clone.conn, clone.schema)
        self._queries = with_samples(conn, [replace(q, selects=()) for q in queries] if _is_server(conn) else queries)

    def findings(self, checks: Sequence[Check], limits: Limits) -> Findings:
        schema, clone = self._clone.schema, self._clone
        queries, plans, broken = self._planned()
        weights = self._weights()
        uses = self._uses(plans, weights)
        self._progress.start("trying indexes that are not there")
        rows = {name: number for name, number in weights.entries.items() if name in schema.tables}
        database = Database(self._conn, limits, clone, self._indexes, rows)
        missing = proposals(database, queries, plans)
        redundant = redundant_of(clone, self._indexes, queries, checks)
        new = [proposal.index for proposal in missing.needed]
        with clone.changed(index.sql for index in new):
            names = {one.index.name for one in redundant} | {index.name for index in new}
            later = redundant_of(clone, [*self._indexes, *new], queries, checks, but=names)
        superfluous = {one.index.name for one in redundant}
        staying = [use for use in uses if use.index.name not in superfluous]
        for_deletes = [use.index.name for use in staying if use.serves_deletes and _is_alone(use, staying, schema)]
        idle = [use for use in staying if use.serves_deletes or not (use.queries or use.purposes)]
        return Findings(
            uses,
            redundant,
            unused=tuple(use.index.name for use in idle if use.index.name not in for_deletes),
            for_deletes=tuple(for_deletes),
            unindexed=tuple(_unindexed(schema, by_table(self._indexes))),
            unread=frozenset(schema.tables) - {node.table for plan in plans for node in plan.nodes if node.table},
            served=tuple(_served(plans)),
            queries=len(self._queries),
            proposals=missing,
            replaced=later,
            broken=tuple(broken),
            notes=tuple(self._notes(weights)),
        )

    def _planned(self) -> tuple[list[Query], list[QueryPlan], list[tuple[str, str]]]:
        """The queries that run, with their plans on the database, and the errors of the others by path."""
        self._progress.start("planning the queries")
        ready = filled(self._conn, self._queries)
        queries = [query for query in ready if isinstance(query, Query)]
        answers = zip(self._queries, ready, strict=True)
        broken = [(query.path, answer.message) for query, answer in answers if isinstance(answer, StatementError)]
        plans = plans_of(self._conn, queries)
        broken += [(plan.path, plan.error) for plan in plans if plan.error]
        runnable = [(query, plan) for query, plan in zip(queries, plans, strict=True) if plan.error is None]
        return [query for query, _ in runnable], [plan for _, plan in runnable], broken

    def _weights(self) -> Sizes:
        self._progress.start("weighing the indexes")
        without_rowid = frozenset(t.name for t in self._clone.schema.tables.values() if t.without_rowid)
        return sizes(self._conn, without_rowid, frozenset(index.name for index in self._indexes))

    def _uses(self, plans: Sequence[QueryPlan], weights: Sizes) -> tuple[IndexUse, ...]:
        serves = _queries_by_index(plans)
        reasons = purposes(self._clone.conn, self._clone.schema, self._indexes)
        # The primary key of a table without rowid is the table itself.
        whole = {t.name for t in self._clone.schema.tables.values() if t.without_rowid}
        stored = {
            i.name: i.table if i.table in whole and i.constraint == "PRIMARY KEY" else i.name for i in self._indexes
        }
        return tuple(
            IndexUse(
                index,
                weights.bytes.get(stored[index.name]),
                weights.entries.get(stored[index.name]),
                serves.get(fold(index.name), ()),
                reasons.get(index.name, ()),
            )
            for index in self._indexes
        )

    def _notes(self, weights: Sizes) -> list[str]:
        notes = list(self._clone.unknown)
        if weights.problem:
            notes.append(f"sizes are not known: {weights.problem}")
        if _is_server(self._conn):
            notes.append(
                "the variables of queries have any value that is there, not those of the SELECTs of their files,"
                " which may read whole tables"
            )
        return notes


def _served(plans: Sequence[QueryPlan]) -> list[tuple[str, int, int]]:
    """Each table that queries read, how many these are, and how many never read all of it."""
    tables = sorted({node.table for plan in plans for node in plan.nodes if node.table})
    served = []
    for table in tables:
        reading = [plan for plan in plans if any(node.table == table for node in plan.nodes)]
        whole = [plan for plan in reading if any(n.table == table and n.reads_whole_table for n in plan.nodes)]
        served.append((table, len(reading), len(reading) - len(whole)))
    return served


def _is_server(conn: Connection) -> bool:
    return conn.target.is_server


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


def _unindexed(schema: Schema, indexes: Mapping[str, Sequence[Index]]) -> list[Unindexed]:
    return [
        Unindexed(table.name, key.columns, key.parent)
        for table in schema.tables.values()
        if table.kind == "table"
        for key in table.foreign_keys
        if unindexed(key.columns, indexes.get(table.name, ()), rowid_alias(table))
    ]
