"""The plans of the hot queries on a database, and how two plans of one query differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from memsql.advise.contracts import Breach, Facts, breaches
from memsql.advise.cursors import instructions
from memsql.advise.plans import Catalogue, Node, catalogue_of, nodes_of
from memsql.advise.samples import with_samples
from memsql.config import Settings
from memsql.db import Connection, Result
from memsql.db.compiling import bytecode, explained
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.project.named_queries import hot_queries
from memsql.project.queries import SAMPLE_SECONDS, Query, filled
from memsql.sqltext import fold, quote


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How one query runs: the lines of EXPLAIN QUERY PLAN and what they mean (``nodes``), what its file expects, and
    which expectations do not hold. ``error`` is set where the query cannot be prepared; ``is_late`` where that is only
    because a SELECT of a sample value took too long, which says nothing about the query."""

    name: str
    path: str
    lines: tuple[str, ...]
    expected: tuple[str, ...]
    breaches: tuple[Breach, ...]
    error: str | None = None
    nodes: tuple[Node, ...] = ()
    part: str = ""
    line: int = 1
    is_late: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Which query it is: two plans with one key are those of one query."""
        return self.path, self.part

    @property
    def unmet(self) -> tuple[str, ...]:
        """The expectations that do not hold, as their author wrote them."""
        return tuple(breach.expectation for breach in self.breaches)

    @property
    def scans(self) -> bool:
        """Whether it reads a whole table or index."""
        return any(node.reads_whole_table for node in self.nodes)

    @property
    def sorts(self) -> bool:
        """Whether it sorts rows in a temporary table."""
        return any(node.temporary for node in self.nodes)

    def worse_than(self, earlier: QueryPlan) -> tuple[str, ...]:
        """What this plan does and ``earlier`` does not: "scans", "sorts", both or nothing."""
        verbs = (("scans", self.scans, earlier.scans), ("sorts", self.sorts, earlier.sorts))
        return tuple(verb for verb, now, before in verbs if now and not before)


@dataclass(frozen=True, slots=True)
class Planned:
    """A query, the same with its sample values in place (``ready``), its plan, and the catalogue of the database."""

    query: Query
    ready: Query
    plan: QueryPlan
    catalogue: Catalogue


def query_plans(conn: Connection, settings: Settings) -> list[QueryPlan]:
    """The plan of every hot query of the project: see hot_queries().

    Raises FileError for a file that is no query; a query that does not fit the schema gets an error in its plan.
    """
    return plans_of(conn, hot_queries(settings))


def plans_of(conn: Connection, queries: Sequence[Query]) -> list[QueryPlan]:
    """The plan of each of ``queries``; of one that does not fit the schema, its error."""
    return [planned.plan for planned in planned_of(conn, queries)]


def planned_of(
    conn: Connection,
    queries: Sequence[Query],
    seconds: float = SAMPLE_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[Planned]:
    """Each of ``queries`` with its plan and what the plan was made of; one that does not fit the schema has an error in
    its plan, and so has one whose sample values take too long: all of them may take about so many ``seconds``."""
    if not queries:
        return []
    queries = with_samples(conn, queries)
    ready = filled(conn, queries, seconds, interrupted)
    # Prepared with the values in place, for a LIKE or a partial index may depend on them.
    texts = [query.sql for query in ready if isinstance(query, Query)]
    reads = [(make(sql), ()) for sql in texts for make in (explained, bytecode)]
    with _foreign_keys_on(conn) if any(not query.only_reads for query in queries) else nullcontext():
        first, *others = conn.read_each([(load("advise/catalogue"), ()), *reads])
    catalogue = Catalogue() if isinstance(first, StatementError) else catalogue_of(first.rows)
    facts = Facts(catalogue, _behind_views(conn, queries, catalogue))
    answers = iter(zip(others[::2], others[1::2], strict=True))
    return [
        Planned(query, filling, _plan(query, filling.sql, *next(answers), facts), catalogue)
        if isinstance(filling, Query)
        else Planned(query, query, _failed(query, filling), catalogue)
        for query, filling in zip(queries, ready, strict=True)
    ]


@contextmanager
def _foreign_keys_on(conn: Connection) -> Iterator[None]:
    """Let what is prepared in the block follow foreign keys, as a server does and an application should."""
    before = conn.execute("PRAGMA foreign_keys").one()
    conn.execute("PRAGMA foreign_keys = ON")
    try:
        yield
    finally:
        if not before:
            conn.execute("PRAGMA foreign_keys = OFF")


def change_lines(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[str]:
    """A line for each query that is in ``before`` and in ``after`` and whose plan changed."""
    earlier = {plan.key: plan for plan in before}
    lines = []
    for now in after:
        was = earlier.get(now.key)
        if was is None or (was.lines == now.lines and was.error == now.error) or was.is_late or now.is_late:
            continue
        if now.error and not was.error:
            lines.append(f"{now.name}: no longer runs: {now.error}")
        elif was.error and not now.error:
            lines.append(f"{now.name}: runs now: {'; '.join(now.lines)}")
        elif not now.error:
            changes = [f"now {verb}" for verb in now.worse_than(was)]
            changes += [f"no longer {verb}" for verb in was.worse_than(now)]
            lines.append("; ".join([f"{now.name}: {'; '.join(was.lines)} -> {'; '.join(now.lines)}", *changes]))
    return lines


def _plan(
    query: Query, sql: str, plan: Result | StatementError, code: Result | StatementError, facts: Facts
) -> QueryPlan:
    if isinstance(plan, StatementError):
        return _failed(query, plan)
    # A server may know the one and not the other.
    program = [] if isinstance(code, StatementError) else instructions(code.rows)
    nodes = nodes_of(plan.rows, program, facts.catalogue, sql)
    lines = tuple(str(row[-1]) for row in plan.rows)
    return replace(_empty(query), lines=lines, breaches=breaches(query.expected, nodes, facts), nodes=nodes)


def _failed(query: Query, error: StatementError) -> QueryPlan:
    return replace(_empty(query), error=error.message, is_late=error.is_interrupt)


def _empty(query: Query) -> QueryPlan:
    expected = tuple(expectation.text for expectation in query.expected)
    return QueryPlan(query.name, query.path, (), expected, (), part=query.part, line=query.line)


def _behind_views(conn: Connection, queries: Sequence[Query], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Which tables each view reads that an expectation of ``queries`` names, by its folded name."""
    named = {fold(name) for query in queries for wish in query.expected for name in (*wish.tables, *wish.others)}
    views = sorted(named & catalogue.views.keys())
    if not views:
        return {}
    behind = {}
    for view, answer in zip(
        views, conn.read_each([(bytecode(f"SELECT * FROM {quote(view)}"), ()) for view in views]), strict=True
    ):
        if not isinstance(answer, StatementError):
            opened = [step.p2 for step in instructions(answer.rows) if step.opcode == "OpenRead" and step.p3 == 0]
            behind[view] = tuple(sorted({catalogue.roots[root] for root in opened if root in catalogue.roots}))
    return behind
