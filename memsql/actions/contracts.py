"""What the queries of a project cost on a database, and whether that is what their files expect: for ``verify`` and
``analyze.queries``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from memsql.advise.costs import QueryCost, costs_of
from memsql.advise.queries import Planned, planned_of, plans_of
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.db.sqlite import memory
from memsql.engine.pending import run_on
from memsql.engine.signals import interruptible
from memsql.engine.state import RunOptions, State
from memsql.errors import MemsqlError, UsageError
from memsql.progress import SILENT, Progress
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query


@dataclass(frozen=True, slots=True)
class Contract:
    """What became of the expectations of one query: ``messages`` has a sentence for each that does not hold, and
    ``unproven`` for each that could not be judged. ``waits_for``: the pending migration that makes all of them hold."""

    name: str
    path: str
    messages: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    waits_for: str | None = None


def analyze(
    settings: Settings, *, only: str | None = None, budget: float = 0.0, progress: Progress = SILENT
) -> list[QueryCost]:
    """The cost of every hot query, or of those whose name or file holds the word ``only``, on the database of
    ``settings``. They run for about ``budget`` seconds altogether; with 0 none runs. Reads only.

    Raises FileError for a file that is no query, UsageError where ``only`` fits none, ConnectError where the database
    cannot be read.
    """
    settings.target.expect_file()
    queries = hot_queries(settings)
    if only is not None:
        word = only.casefold()
        queries = [query for query in queries if word in query.name.casefold() or word in query.path.casefold()]
        if not queries:
            raise UsageError(f"--only {only}: no query has this word in its name or the name of its file")
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        progress.start("planning the queries")
        with interruptible() as interrupted:
            planned = planned_of(conn, queries, interrupted=interrupted)
            price = settings.price_rows_read
            return costs_of(conn, planned, price=price, budget=budget, progress=progress, interrupted=interrupted)


def contracts(state: State, conn: Connection) -> list[Contract]:
    """Judge the expectations of every query of the project on ``conn``. Queries that expect nothing are left out; those
    that limit the rows they read run once. Reads only.

    Raises FileError for a file that is no query.
    """
    settings = state.project.settings
    queries = [query for query in hot_queries(settings) if query.expected]
    if not queries:
        return []
    with interruptible() as interrupted:
        seconds = settings.check_timeout / 1000
        planned = planned_of(conn, queries, seconds, interrupted)
        costs = {item.plan.key: item for item in _costs(conn, planned, seconds, interrupted)}
    judged = [_judged(item, costs.get(item.plan.key)) for item in planned]
    broken = [query for query, contract in zip(queries, judged, strict=True) if contract.messages]
    waiting = _waiting(state, broken) if broken else {}
    return [
        Contract(c.name, c.path, c.messages, c.unproven, waiting.get((query.path, query.part)))
        for query, c in zip(queries, judged, strict=True)
    ]


def _costs(
    conn: Connection, planned: Sequence[Planned], seconds: float, interrupted: Callable[[], bool]
) -> list[QueryCost]:
    """The costs of the queries that limit the rows they read; each may run for so many ``seconds``."""
    limited = [item for item in planned if any(wish.property == "rows read" for wish in item.query.expected)]
    return costs_of(conn, limited, budget=seconds * len(limited), interrupted=interrupted) if limited else []


def _judged(item: Planned, cost: QueryCost | None) -> Contract:
    plan = item.plan
    name = f"query {plan.name}"
    if plan.is_late:
        wishes = tuple(f"{plan.path}: {wish.text}: not measured: {plan.error}" for wish in item.query.expected)
        return Contract(name, plan.path, unproven=wishes)
    if plan.error is not None:
        return Contract(name, plan.path, (f"{plan.path}: it does not run: {plan.error}",))
    breaches = plan.breaches if cost is None else cost.breaches
    return Contract(
        name,
        plan.path,
        tuple(f"{plan.path}: {breach}" for breach in breaches),
        () if cost is None else tuple(f"{plan.path}: {wish}" for wish in cost.unproven),
    )


def _waiting(state: State, broken: Sequence[Query]) -> Mapping[tuple[str, str], str]:
    """Which pending migration first makes each of ``broken`` what it should be, on an empty database; only those of
    which there is one."""
    pending = [s.migration for s in state.statuses if s.migration is not None and not s.is_applied]
    waiting: dict[tuple[str, str], str] = {}
    if not pending:
        return waiting
    with closing(memory()) as scratch:
        for migration in state.project.ordered:
            options = RunOptions(to=migration.version, out_of_order=True, old_permits=True, replayed=True)
            try:
                run_on(scratch, state.project, "up", options)
            except MemsqlError:
                # What is wrong with it, the comparison of the schema says.
                break
            if migration not in pending:
                continue
            for plan in plans_of(scratch, broken):
                if plan.error is None and not plan.breaches:
                    waiting.setdefault(plan.key, f"migration {migration.version:04d}")
                else:
                    waiting.pop(plan.key, None)
    return waiting
