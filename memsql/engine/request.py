"""One job as part of a request: looks, statements and proof as items, and the way back from their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql.db import Connection, Item, Result, Script
from memsql.engine import statements as script
from memsql.engine import verdict
from memsql.engine.forecast import Forecast
from memsql.engine.job import Done, Job
from memsql.engine.loss import guard
from memsql.errors import MemsqlError, StatementError
from memsql.fts.check import command
from memsql.project.checks import could_not_run, result_of

# Bytes that every item adds to a request besides its text.
_FRAME = 80


class Sent(Exception):
    """Item ``index`` of list ``place`` failed with ``error``."""

    def __init__(self, place: int, index: int, error: StatementError) -> None:
        self.place, self.index, self.error = place, index, error


@dataclass(frozen=True)
class Part:
    """``items`` in the order to run, cut at ``starts`` into: looks before, statements, looks after, rebuilds and checks
    of full-text indexes, the job's own checks."""

    job: Job
    forecast: Forecast
    items: list[Item]
    starts: tuple[int, ...]
    values: bool

    @classmethod
    def of(cls, job: Job, forecast: Forecast, schema: Connection, *, values: bool) -> Part:
        """The part for ``job``. ``schema`` is the shadow after it; ``values``: count what columns hold."""
        sections: list[list[Item]] = [
            [*forecast.questions],
            [Script(text) for text, _, _ in script.texts(job.file)],
            [*guard.questions(schema, forecast.after, values=values)],
            [
                *((command(name, "rebuild"), ()) for name in forecast.rebuild),
                *((command(name, "integrity-check"), ()) for name in forecast.check),
            ],
            [(check.sql, ()) for check in job.checks],
        ]
        items: list[Item] = []
        starts = []
        for section in sections:
            starts.append(len(items))
            items += section
        return cls(job, forecast, items, tuple(starts), values)

    def judge(self, answers: Sequence[Result], *, allowed: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was lost with permission, and warnings. Raises Refused or MigrationFailed."""
        lost = self.judge_loss(answers, allowed=allowed)
        checks = answers[slice(*self._section(4))]
        results = [result_of(check, answer.rows) for check, answer in zip(self.job.checks, checks, strict=True)]
        return lost, verdict.judge_checks(self.job, results)

    @property
    def up_to_the_looks(self) -> list[Item]:
        """The items before the proof of indexes and the checks: what judge_loss() needs."""
        return self.items[: self.starts[3]]

    def judge_loss(self, answers: Sequence[Result], *, allowed: bool) -> tuple[str, ...]:
        """What was lost with permission. Raises Refused or MigrationFailed."""
        before, after = (answers[slice(*self._section(n))] for n in (0, 2))
        return verdict.judge_loss(
            self.job,
            guard.answered(self.forecast.before, before, values=self.values),
            guard.answered(self.forecast.after, after, values=self.values),
            allowed=allowed,
        )

    def explain(self, index: int, error: StatementError) -> MemsqlError | None:
        """What to tell of item ``index``, which failed; None where it is the job's own text."""
        section = max(n for n, start in enumerate(self.starts) if start <= index and self._section(n)[1] > index)
        if section == 1:
            return None
        if section == 3:
            names = (*self.forecast.rebuild, *self.forecast.check)
            return verdict.broken_index(
                self.job,
                [
                    f"{names[index - self.starts[3]]} does not agree with its content; "
                    f"searches may fail or miss rows ({error.message})"
                ],
            )
        if section == 4:
            try:
                verdict.judge_checks(self.job, [could_not_run(self.job.checks[index - self.starts[4]], error)])
            except MemsqlError as e:
                return e
        return verdict.unproven(self.job, [error.message], "correct the file and run the command again")

    def done(self, elapsed: int, lost: tuple[str, ...], warnings: tuple[str, ...]) -> Done:
        """The job as done."""
        migration = self.job.migration
        return Done(
            migration.id,
            migration.version,
            migration.name,
            self.job.direction,
            elapsed,
            lost,
            self.forecast.rebuild,
            warnings,
        )

    def _section(self, number: int) -> tuple[int, int]:
        ends = (*self.starts[1:], len(self.items))
        return self.starts[number], ends[number]


def send(conn: Connection, lists: Sequence[Sequence[Item]], tick: Callable[[float | None], None]) -> list[list[Result]]:
    """Run all items of all ``lists`` in order, in as few requests as the connection's limit allows, and return the
    answers alike. ``tick`` is told the fraction done after each request. Raises Sent where one fails, and then sends no more."""
    flat = [(place, index, item) for place, items in enumerate(lists) for index, item in enumerate(items)]
    answers: list[list[Result]] = [[] for _ in lists]
    start = 0
    while start < len(flat):
        end = _cut(flat, start, conn.body_limit)
        try:
            results = conn.batch([item for _, _, item in flat[start:end]])
        except StatementError as e:
            if e.code == "SQLITE_INTERRUPT":
                raise
            place, index, _ = flat[start + (e.index or 0)]
            raise Sent(place, index, e) from e
        for (place, _, _), result in zip(flat[start:end], results, strict=True):
            answers[place].append(result)
        start = end
        tick(start / len(flat))
    return answers


def _cut(flat: Sequence[tuple[int, int, Item]], start: int, limit: int | None) -> int:
    """Where the request that begins at ``start`` ends; it holds one item at least."""
    weight = 0
    for place in range(start, len(flat)):
        item = flat[place][2]
        weight += _FRAME + (len(item.sql) if isinstance(item, Script) else len(item[0]) + 60 * len(item[1]))
        if limit is not None and weight > limit and place > start:
            return place
    return len(flat)
