"""What the hot queries cost on a database: rows read, estimated and measured, and their price."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from memsql.advise.contracts import Breach
from memsql.advise.cursors import instructions
from memsql.advise.estimate import Statistics, estimated, statistics_of, with_sizes
from memsql.advise.plans import Node
from memsql.advise.queries import Planned, QueryPlan
from memsql.advise.steps import counted_rows, least_rows, most_rows
from memsql.db import Connection
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.db.status import Counters, counters
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.queries import bound, too_long
from memsql.sqltext import fold, quote
from memsql.words import count

# How large a table is at most, by its module, in one step: by its last rowid.
_LARGEST = {None: "SELECT max(rowid) FROM {0}", "fts5": "SELECT max(id) FROM {1}"}
_CALLS = 1_000_000
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RowsRead:
    """How many rows a run of a query reads. ``estimated`` by its plan and the statistics, which are those of ANALYZE
    where ``analyzed``; ``measured`` as a server counted them; ``at_least`` and ``at_most`` by the counters of SQLite,
    whose version is ``counted_by``. None where it is not known; ``problem`` says why a run was not measured.
    ``uncounted``: the virtual tables whose rows nobody counts, because they read tables of their own."""

    estimated: int | None = None
    measured: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    steps: int | None = None
    analyzed: bool = False
    counted_by: str = ""
    problem: str | None = None
    uncounted: tuple[str, ...] = ()

    @property
    def best(self) -> int | None:
        """The number to go by: where only bounds are known, the upper one. None where some rows are not counted."""
        if self.measured is not None or self.uncounted:
            return self.measured
        if self.at_most is not None:
            return self.at_most
        return None if self.estimated is None else max(self.at_least or 0, self.estimated)

    @property
    def how(self) -> str:
        """Where ``best`` comes from."""
        if self.measured is not None:
            return "counted by the server"
        if self.at_least is not None and self.at_most is not None:
            exact = self.at_least == self.at_most
            if exact:
                return f"counted by SQLite {self.counted_by}"
            return f"between {self.at_least:,} and {self.at_most:,}, by the counters of SQLite {self.counted_by}"
        return "estimated from the statistics of ANALYZE" if self.analyzed else "estimated, without ANALYZE"

    @property
    def said(self) -> str:
        """``best`` in words, or what else is known."""
        if self.uncounted and self.measured is None and self.at_least is not None:
            return f"at least {count(self.at_least, 'row')} (counted by SQLite {self.counted_by})"
        return "an unknown number of rows" if self.best is None else f"{count(self.best, 'row')} ({self.how})"

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is not in the number, in words."""
        gaps = [] if self.problem is None else [f"not measured: {self.problem}"]
        if self.uncounted and self.measured is None:
            gaps.append(f"not counted: what {' and '.join(self.uncounted)} reads inside of itself")
        return tuple(gaps)

    def within(self, most: int) -> bool | None:
        """Whether a run reads at most so many rows; None where no run has shown it."""
        if self.measured is not None:
            return self.measured <= most
        if self.at_most is not None and self.at_most <= most:
            return True
        return False if self.at_least is not None and self.at_least > most else None


@dataclass(frozen=True, slots=True)
class QueryCost:
    """The plan of a query with the rows that it reads; ``unproven`` are expectations that could not be judged. Its
    breaches are those of the plan and of the rows. ``price`` is what a million calls cost, None without a price."""

    plan: QueryPlan
    rows: RowsRead
    breaches: tuple[Breach, ...]
    unproven: tuple[str, ...] = ()
    price: float | None = None
    samples: tuple[str, ...] = ()

    @property
    def has_error(self) -> bool:
        """Whether the query does not run here."""
        return self.plan.error is not None and not self.plan.is_late


def price_of(rows: int, price: float) -> float:
    """What a million calls cost that read ``rows`` each, where a billion rows cost ``price``."""
    return rows * _CALLS * price / _BILLION


def costs_of(
    conn: Connection,
    planned: Sequence[Planned],
    *,
    price: float | None = None,
    budget: float = 0.0,
    progress: Progress = SILENT,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[QueryCost]:
    """The cost of each of ``planned``, queries with their plans on ``conn``. Each runs once, and all of them together
    for about ``budget`` seconds; without one none runs, nor after ``interrupted`` became true. Only queries that read
    are run."""
    statistics = _statistics(conn, planned)
    ends = time.perf_counter() + budget
    costs = []
    for number, item in enumerate(planned):
        progress.start(f"query {item.plan.name}")
        rows = RowsRead(analyzed=statistics.analyzed)
        if item.plan.error is None:
            rows = _promised(item, rows, statistics)
            limit = _Limit(max(ends - time.perf_counter(), 0.0) / (len(planned) - number), interrupted)
            rows = _measured(conn, item, rows, limit) if budget else rows
        elif item.plan.is_late:
            rows = replace(rows, problem=item.plan.error)
        costs.append(_cost(item, rows, price))
    return costs


class _Limit:
    """The end of what may take ``seconds`` from now, or until ``interrupted`` says so."""

    def __init__(self, seconds: float, interrupted: Callable[[], bool]) -> None:
        self.seconds = seconds
        self._ends, self._interrupted = time.perf_counter() + seconds, interrupted

    def is_over(self) -> bool:
        return time.perf_counter() > self._ends or self._interrupted()


def _promised(item: Planned, rows: RowsRead, statistics: Statistics) -> RowsRead:
    """``rows`` with what the plan of ``item`` says."""
    virtual = tuple(dict.fromkeys(node.table for node in item.plan.nodes if node.virtual and node.table is not None))
    if virtual:
        return replace(rows, uncounted=virtual)
    return replace(rows, estimated=estimated(item.plan.nodes, statistics, item.catalogue, item.ready.sql))


def _cost(item: Planned, rows: RowsRead, price: float | None) -> QueryCost:
    breaches, unproven = list(item.plan.breaches), []
    if item.plan.is_late:
        unproven = [f"{expectation.text}: not measured: {item.plan.error}" for expectation in item.query.expected]
    for expectation in item.query.expected if item.plan.error is None else ():
        if expectation.property != "rows read":
            continue
        fits = rows.within(expectation.most)
        if fits is None:
            unproven.append(f"{expectation.text}: {'; '.join([rows.said, *rows.gaps])}")
        elif not fits:
            breaches.append(Breach(expectation.text, f"reads {rows.said}"))
    money = None if price is None or rows.best is None else price_of(rows.best, price)
    return QueryCost(item.plan, rows, tuple(breaches), tuple(unproven), money, item.ready.samples)


def _measured(conn: Connection, item: Planned, rows: RowsRead, limit: _Limit) -> RowsRead:
    """``rows`` with what a run of the query of ``item`` reads, which ends at the ``limit``."""
    query = item.ready
    if not query.only_reads:
        return replace(rows, problem="it writes, and was not run")
    try:
        with conn.observe(limit.is_over):
            statement, values = bound(conn, query)
        if not isinstance(conn, SQLiteConnection):
            with conn.observe(limit.is_over):
                (answer,) = conn.batch([(statement, values)])
            return replace(rows, measured=answer.rows_read)
        counted = counters(conn, statement, values, limit.is_over)
        if counted is None:
            return replace(rows, problem="nothing here counts rows; pip install 'memsql-migrate[counters]' does")
        with conn.observe(limit.is_over):
            rows = _bounded(rows, counted, item.plan.nodes)
            return _with_count(conn, rows, item) if rows.at_most is None else rows
    except StatementError as e:
        return replace(rows, problem=too_long(limit.seconds) if e.is_interrupt else e.message)


def _with_count(conn: Connection, rows: RowsRead, item: Planned) -> RowsRead:
    """``rows`` of a query that counts a whole table by one instruction, which SQLite does not count itself."""
    loops = [node for node in item.plan.nodes if node.table is not None]
    if len(loops) != 1 or loops[0].kind != "scan" or loops[0].virtual:
        return rows
    size = conn.execute(f"SELECT count(*) FROM {quote(str(loops[0].table))}").one()
    return replace(rows, at_least=int(str(size)), at_most=int(str(size)))


def _bounded(rows: RowsRead, counted: Counters, nodes: Sequence[Node]) -> RowsRead:
    code = instructions(counted.program)
    functions = any(node.virtual and node.table is None for node in nodes)
    least = counted_rows(code, counted.scanned, counted.indexed, functions=functions)
    most = most_rows(code, counted.steps)
    loops = [node for node in nodes if node.table is not None]
    if most is not None and len(loops) == 1 and loops[0].kind == "scan" and not loops[0].virtual:
        # SQLite counts each step from a row to the next one.
        most = min(most, counted.scanned + 1)
    if not loops:
        least, most = 0, 0
    if rows.uncounted:
        most = None
    return replace(
        rows,
        at_least=max(least, least_rows(code, counted.steps, functions=functions)) if loops else 0,
        at_most=most,
        steps=counted.steps,
        counted_by=counted.sqlite,
    )


def _statistics(conn: Connection, planned: Sequence[Planned]) -> Statistics:
    """The statistics of the tables that ``planned`` read: those of ANALYZE, and where it has none their largest
    rowid."""
    (answer,) = conn.read_each([(load("advise/statistics"), ())])
    statistics = Statistics() if isinstance(answer, StatementError) else statistics_of(answer.rows)
    tables = {
        node.table: item.catalogue.modules.get(fold(node.table))
        for item in planned
        for node in item.plan.nodes
        if node.table is not None and fold(node.table) not in statistics.rows
    }
    sizes = _sizes(conn, {table: _LARGEST[module] for table, module in tables.items() if module in _LARGEST})
    if isinstance(conn, SQLiteConnection):
        # A count reads all rows, which a server bills.
        rest = [table for table, module in tables.items() if module is None and fold(table) not in sizes]
        sizes |= _sizes(conn, dict.fromkeys(rest, "SELECT count(*) FROM {}"))
    return with_sizes(statistics, sizes)


def _sizes(conn: Connection, statements: Mapping[str, str]) -> dict[str, int]:
    """The sizes of tables by their folded names: what ``statements``, by table, answer. Those that do not run are left
    out."""
    texts = [(statement.format(quote(table), quote(f"{table}_docsize")), ()) for table, statement in statements.items()]
    sizes = {}
    for table, answer in zip(statements, conn.read_each(texts), strict=True):
        largest = None if isinstance(answer, StatementError) else answer.one() or 0
        # A column may be called rowid, and then anything is in it.
        if isinstance(largest, int):
            sizes[fold(table)] = largest
    return sizes
