"""A job as part of a request to a server: what to send, and the evidence in the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from memsql.db import Connection, Item, Result, Script
from memsql.db.counters import zero_on_server
from memsql.engine import index_work, verdict
from memsql.engine.forecast import ReachForecast
from memsql.engine.index_work import IndexItem
from memsql.engine.isolation import settings_back
from memsql.engine.job import Job
from memsql.engine.loss import counting
from memsql.engine.loss.foreseen import Step
from memsql.engine.loss.guard import Counts
from memsql.engine.loss.model import Account
from memsql.engine.verdict import Evidence
from memsql.errors import MemsqlError, StatementError
from memsql.progress import Progress
from memsql.project.checks import could_not_run, result_of
from memsql.sqltext.internal import COUNTER

# Bytes that an item adds to a request besides its text, and bytes for each parameter.
_FRAME = 80
_PARAMETER = 60


class ItemFailed(Exception):
    """Item ``index`` of list ``place`` of a request failed with ``error``."""

    def __init__(self, place: int, index: int, error: StatementError) -> None:
        super().__init__(place, index, error)
        self.place, self.index, self.error = place, index, error


@dataclass(frozen=True)
class JobRequest:
    """The items of one job, in the order to run: what begins the counters (``first``), foreign keys ``before``, the
    ``steps`` of its statements, foreign keys
    ``after``, rebuilds and checks of full-text ``indexes``, the job's own ``checks``."""

    job: Job
    forecast: ReachForecast
    first: list[Item]
    before: list[Item]
    steps: list[Step]
    after: list[Item]
    indexes: list[IndexItem]
    checks: list[Item]

    @property
    def counted(self) -> list[Item]:
        """The items up to the foreign keys after the job: enough to judge what was lost."""
        return [*self.first, *self.before, *(step.item for step in self.steps), *self.after]

    @property
    def items(self) -> list[Item]:
        """All items."""
        return [*self.without_checks, *self.checks]

    @property
    def without_checks(self) -> list[Item]:
        """All items but the job's own checks."""
        return [*self.counted, *((item.statement, ()) for item in self.indexes)]

    def evidence(self, answers: Sequence[Result], started: datetime, duration_ms: int) -> Evidence:
        """The evidence in the ``answers`` to all items, or to all but those of the checks. Call it once."""
        account, before, after = self.counts(answers)
        checks = answers[len(self.counted) + len(self.indexes) :]
        return Evidence(
            account=account,
            before=before,
            after=after,
            indexes=self.forecast.indexes,
            broken_indexes=(),
            checks=tuple(result_of(check, answer.rows) for check, answer in zip(self.job.checks, checks, strict=False)),
            started=started,
            duration_ms=duration_ms,
            structure=self.forecast.structure,
        )

    def counts(self, answers: Sequence[Result]) -> tuple[Account, Counts, Counts]:
        """What was lost, and the foreign keys before and after the job, from the ``answers`` to ``counted``. Call it
        once."""
        first, end = len(self.first), len(self.counted)
        start = first + len(self.before)
        return (
            self.forecast.account(answers[start : start + len(self.forecast.steps)]),
            counting.answered(self.forecast.before, answers[first:start]),
            counting.answered(self.forecast.after, answers[end - len(self.after) : end]),
        )

    def explain(self, index: int, error: StatementError) -> MemsqlError | None:
        """What to tell of item ``index``, which raised ``error``; None where it belongs to the job's own text."""
        lengths = (len(part) for part in ([*self.first, *self.before], self.steps, self.after, self.indexes))
        before, steps, after, indexes = accumulate(lengths)
        kind = self.steps[index - before].kind if before <= index < steps else "question"
        if kind == "text":
            return None
        if kind == "keep":
            return verdict.not_kept(self.job, error)
        if after <= index < indexes:
            return verdict.broken_index(self.job, [self.indexes[index - after].explain(error)])
        if index >= indexes:
            if self.forecast.indexes.unknown is not None:
                return verdict.no_such_index(self.job, self.forecast.indexes)
            try:
                verdict.judge_checks(self.job, [could_not_run(self.job.checks[index - indexes], error)])
            except MemsqlError as e:
                return e
        return verdict.unproven(self.job, [error.message], verdict.corrected(self.job))

    def was_counted(self, index: int) -> bool:
        """Whether item ``index`` comes behind the counts after the job."""
        return index >= len(self.counted)


def job_request(job: Job, forecast: ReachForecast, schema: Connection) -> JobRequest:
    """The request for ``job``. ``schema``: a copy of the server's schema as it is after the job."""
    return JobRequest(
        job=job,
        forecast=forecast,
        first=zero_on_server(COUNTER) if forecast.counts else [],
        before=[*forecast.questions],
        steps=[*forecast.steps, *(Step(item, kind="text") for item in settings_back(job))],
        after=[*counting.questions(schema, forecast.after)],
        indexes=index_work.items(schema, forecast.indexes) or [],
        checks=[(check.sql, ()) for check in job.checks],
    )


def send(conn: Connection, lists: Sequence[Sequence[Item]], progress: Progress) -> list[list[Result]]:
    """Run all items of all ``lists`` in order, in as few requests as the connection's limit allows; return a list
    of answers for each list.

    Raises ItemFailed where an item fails, and sends nothing after it.
    """
    flat = [(place, index, item) for place, items in enumerate(lists) for index, item in enumerate(items)]
    answers: list[list[Result]] = [[] for _ in lists]
    start = 0
    while start < len(flat):
        end = _request_end(flat, start, conn.body_limit)
        try:
            results = conn.batch([item for _, _, item in flat[start:end]])
        except StatementError as e:
            if e.is_interrupt:
                raise
            place, index, _ = flat[start + (e.index or 0)]
            raise ItemFailed(place, index, e) from e
        for (place, _, _), result in zip(flat[start:end], results, strict=True):
            answers[place].append(result)
        start = end
        progress.tick(start / len(flat))
    return answers


def _request_end(flat: Sequence[tuple[int, int, Item]], start: int, limit: int | None) -> int:
    """Where the request that begins at item ``start`` ends, so that it holds at most ``limit`` bytes, and one item
    at least."""
    size = 0
    for place in range(start, len(flat)):
        item = flat[place][2]
        size += _FRAME + (len(item.sql) if isinstance(item, Script) else len(item[0]) + _PARAMETER * len(item[1]))
        if limit is not None and size > limit and place > start:
            return place
    return len(flat)
