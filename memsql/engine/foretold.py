"""Legacy upgrades on a server, all of them in one request.

Which of its statements run, an upgrade decides while it runs. Here that is predicted, from a copy of the schema and
from what the server answered before the first of them. The request asks each guard again in its place, and where one is
not as predicted, or anything fails, all of it is undone, and the upgrades run as memsql.engine.fallback runs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.db import Connection, Item, Result
from memsql.db.queries import load
from memsql.engine import statements, verdict
from memsql.engine.forecast import SchemaCopy
from memsql.engine.job import Done, Job
from memsql.engine.loss.foreseen import Mispredicted
from memsql.engine.request import ItemFailed, JobRequest, job_request, send
from memsql.engine.session import Session
from memsql.errors import Location, StatementError
from memsql.sqltext import fold, quote

_SAVEPOINT = "memsql_upgrades"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A legacy upgrade, and what is written before it in the same transaction."""

    job: Job
    first: Sequence[tuple[str, tuple[str, ...]]] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """What an upgrade did. ``kept``: the tables that it renamed, as (name before, name after, rows)."""

    done: Done
    started: datetime
    duration_ms: int
    kept: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    upgrade: Upgrade
    request: JobRequest
    renamed: Sequence[tuple[str, str]]

    @property
    def items(self) -> list[Item]:
        counts = [(f"SELECT count(*) FROM {quote(new)}", ()) for _, new in self.renamed]
        return [*self.upgrade.first, *self.request.items, *counts]

    def ran(self, session: Session, answers: Sequence[Result], started: datetime, duration_ms: int) -> Ran:
        """Judge it. Raises Mispredicted, and what verdict.judge() raises."""
        job, first = self.upgrade.job, len(self.upgrade.first)
        end = len(answers) - len(self.renamed)
        evidence = self.request.evidence(answers[first:end], started, duration_ms)
        done = verdict.judge(job, evidence, allows_all=session.allows_all(job))
        kept = tuple(
            (old, new, int(str(rows.one()))) for (old, new), rows in zip(self.renamed, answers[end:], strict=True)
        )
        return Ran(done, started, duration_ms, kept)


def guards_of(jobs: Sequence[Job]) -> list[tuple[str, tuple[str, ...]]]:
    """The guards of ``jobs`` as queries, for prove() to know their answers beforehand."""
    texts = (guard for job in jobs for _, guards in statements.guarded(job.file) for guard in guards)
    return [(text, ()) for text in dict.fromkeys(map(statements.question, texts))]


def prove(session: Session, upgrades: Sequence[Upgrade]) -> list[Ran] | None:
    """Run and judge ``upgrades`` in the open transaction of a server.

    None where nobody can tell beforehand what they do, where a prediction was wrong, and where something fails: then
    the transaction is as it was before. Raises what the judge raises, and what stops the transaction.
    """
    conn = session.conn
    objects = conn.execute(load("engine/stored_schema")).rows
    schema = SchemaCopy(objects, session)
    try:
        guards = guards_of([upgrade.job for upgrade in upgrades])
        predict = _predictor(
            schema.conn, dict(zip((sql for sql, _ in guards), conn.read_together(guards), strict=True))
        )
        planned = _planned(schema, upgrades, predict)
    except StatementError as e:
        if e.is_interrupt or session.stopped:
            raise verdict.interrupted(upgrades[0].job, session.stop) from e
        return None
    if planned is None:
        return None
    return _sent(session, planned)


def _sent(session: Session, planned: Sequence[_Planned]) -> list[Ran] | None:
    """Send ``planned`` and judge the answers; as prove()."""
    conn = session.conn
    started, clock = datetime.now(UTC), time.perf_counter()
    try:
        with conn.observe(session.interrupted):
            lists: list[list[Item]] = [[(f"SAVEPOINT {_SAVEPOINT}", ())], *(each.items for each in planned)]
            _, *answers = send(conn, lists, session.progress)
        duration_ms = round((time.perf_counter() - clock) * 1000 / len(planned))
        return [each.ran(session, part, started, duration_ms) for each, part in zip(planned, answers, strict=True)]
    except StatementError as e:
        if e.is_interrupt:
            raise verdict.interrupted(planned[0].upgrade.job, session.stop) from e
        raise
    except (ItemFailed, Mispredicted) as e:
        if not conn.in_transaction and isinstance(e, ItemFailed):
            job = planned[max(e.place - 1, 0)].upgrade.job
            raise verdict.statement_failed(job, _located(job, e.error), e.error.code) from e.error
        # COMMIT releases it.
        conn.batch([(f"ROLLBACK TO {_SAVEPOINT}", ())])
        return None


def _located(job: Job, error: StatementError) -> StatementError:
    """``error`` with the place of its statement in the file of ``job``, where it is one of the file."""
    for statement, _ in statements.guarded(job.file):
        if statement.text == error.statement:
            where = Location(job.file.path, statement.line)
            return statements.located(error, statement, statement.number, where)
    error.index, error.where = None, Location(job.file.path)
    return error


def _planned(schema: SchemaCopy, upgrades: Sequence[Upgrade], predict: Callable[[str], bool]) -> list[_Planned] | None:
    """The request of each of ``upgrades``; None where one of them cannot be foreseen."""
    planned = []
    schema.begin(foreign_keys=upgrades[0].job.header.foreign_keys)
    for upgrade in upgrades:
        job = upgrade.job
        for sql, params in upgrade.first:
            schema.conn.execute(sql, params)
        before = _tables(schema.conn)
        forecast = schema.forecast(job, predict=predict)
        if forecast is None:
            return None
        after = _tables(schema.conn)
        renamed = [
            (before[old], after[new])
            for old, new in job.analysis.renames
            if old in before and old not in after and new in after and new not in before
        ]
        planned.append(_Planned(upgrade, job_request(job, forecast, schema.conn), renamed))
    return planned


def _tables(conn: Connection) -> dict[str, str]:
    """The tables as they are spelled, by folded name."""
    return {fold(str(name)): str(name) for (name,) in conn.execute(load("engine/tables")).rows}


def _predictor(schema: Connection, early: Mapping[str, Result | StatementError]) -> Callable[[str], bool]:
    """What says whether a guard will be true. ``early``: what the server answers to the guards before the upgrades.

    Where ``schema``, its copy without rows, answers otherwise, the guard is about rows, and the answer of the server
    is as good as any.
    """
    constant = {}
    for text, answer in early.items():
        if isinstance(answer, Result) and _is_true(schema, text) not in (None, bool(answer.one())):
            constant[text] = bool(answer.one())

    def predict(guard: str) -> bool:
        text = statements.question(guard)
        return constant[text] if text in constant else bool(schema.execute(text).one())

    return predict


def _is_true(conn: Connection, question: str) -> bool | None:
    try:
        return bool(conn.execute(question).one())
    except StatementError:
        return None
