"""Running jobs on a server: whole packs of them in one request, the proof included, and a second one to commit.

What a job will reach is learnt beforehand from a shadow of the schema, so the looks before and after it, its
statements, the check of full-text indexes and its own checks go out together. The answers are judged here;
only then the ledger is written and the transaction committed, in one more request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql import ledger as books
from memsql.db import Item, Result
from memsql.db.queries import load
from memsql.engine import verdict
from memsql.engine.fallback import explained, run_blind
from memsql.engine.forecast import Shadow
from memsql.engine.job import Done, Job, LedgerMoved, entry
from memsql.engine.request import Part, Sent, send
from memsql.engine.run import Clock, Runner, groups, refuse_mixed
from memsql.errors import (
    CommitUnknown,
    ConnectError,
    Interrupted,
    LockedError,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)

# What goes into one transaction with others: little enough to be done long before a server gives the lock away.
_PACK_JOBS = 250
_PACK_BYTES = 1 << 18


class _Broken(Exception):
    """The job at ``place`` of a pack failed with ``problem``."""

    def __init__(self, place: int, problem: MemsqlError) -> None:
        self.place, self.problem = place, problem


@dataclass
class ServerRunner(Runner):
    """Runner for a connection without an authorizer, where a request costs more than what it carries."""

    _shadow: Shadow | None = None
    _cookie: object = None
    _mark: object = None
    _sent: str = ""
    _alone: bool = False

    def run(self, jobs: Sequence[Job], *, one_transaction: bool, fresh: bool) -> None:
        """As Runner.run. ``fresh`` makes no difference: what a pack may hold is bounded anyway."""
        _refuse_partial(jobs)
        if one_transaction:
            refuse_mixed(jobs)
            self._send(jobs, whole=True)
            return
        self._alone = len(jobs) > 1 and self._defers(jobs)
        for group in groups(jobs):
            rest: Sequence[Job] = group
            while rest:
                rest = rest[self._send(rest[:1] if self._alone else _pack(rest)) :]
                self._stopped_between(len(jobs))

    def _send(self, pack: Sequence[Job], *, whole: bool = False) -> int:
        """Run ``pack`` in one transaction and return how many were committed. Where one fails, those before it are sent
        without it, and it alone, so that failures mean the same as if each had been alone; unless ``whole``."""
        clock = Clock()
        ids = [job.migration.id for job in pack]
        self._sent = f"{ids[0]} was " if len(ids) == 1 else f"{ids[0]} to {ids[-1]} were "
        several = "everything was " if len(pack) > 1 else ""
        try:
            done = self._transaction(pack, whole=whole)
        except LedgerMoved:
            self._leave()
            raise
        except _Broken as e:
            self._leave()
            if len(pack) > 1 and not whole and not isinstance(e.problem, Interrupted):
                return self._send(pack[: max(e.place, 1)])
            raise self._failed(e.problem, pack[e.place], clock, several) from e.problem
        except (MemsqlError, KeyboardInterrupt) as e:
            stopped = isinstance(e, StatementError) and self.session.stop
            if isinstance(e, StatementError) and len(pack) > 1 and not whole and not stopped:
                # COMMIT failed and does not say which is to blame: each is to run alone.
                self._leave()
                self._alone = True
                return self._send(pack[:1])
            problem = verdict.interrupted(pack[0], self.session.stop) if stopped else e
            raise self._failed(problem, pack[0], clock, several) from e
        self._finished(done)
        return len(done)

    def _leave(self) -> None:
        self._shadow = None
        super()._leave()

    def _state(self, problem: MemsqlError, what: str) -> str:
        if isinstance(problem, CommitUnknown):
            return super()._state(problem, f"{problem.state}; if not, {self._sent}")
        return super()._state(problem, self._sent if isinstance(problem, (LockedError, ConnectError)) else what)

    def _finished(self, finished: Sequence[Done]) -> None:
        # What was written there is known; nobody need be asked.
        self.ledger = replace(self.ledger, tables=self.ledger.tables | books.TABLES)
        self.done += finished

    def _transaction(self, pack: Sequence[Job], *, whole: bool) -> list[Done]:
        mode = pack[0].header.foreign_keys
        shadow = self._shadow = self._shadow or self._read_shadow()
        shadow.begin(foreign_keys=mode)
        parts: list[Part] = []
        for job in pack:
            forecast = shadow.forecast(job)
            if forecast is None:
                break
            parts.append(Part.of(job, forecast, shadow.conn, values=not self.session.allows_loss(job)))
        if not parts or (whole and len(parts) < len(pack)):
            self._shadow = None
            return self._blindly(pack if whole else pack[:1], mode)
        done = self._proven(parts, mode)
        shadow.keep()
        return done

    def _proven(self, parts: Sequence[Part], mode: bool) -> list[Done]:
        conn, session, clock = self.session.conn, self.session, Clock()
        for part in parts:
            self.on_start(part.job)
        opening = self._opening(mode)
        try:
            with conn.observe(session.interrupted):
                answers = send(conn, [opening, *(part.items for part in parts)], session.tick)
        except Sent as e:
            if e.place == 0:
                raise self._not_opened(e.error) from e.error
            raise _Broken(e.place - 1, self._why(parts, e)) from e.error
        self._expect(answers[0], mode)
        judged = []
        for place, (part, found) in enumerate(zip(parts, answers[1:], strict=True)):
            try:
                judged.append(part.judge(found, allowed=session.allows_loss(part.job)))
            except (MigrationFailed, Refused) as e:
                raise _Broken(place, e) from e
        each = round(clock.elapsed() / len(parts))
        confirmed = self._commit([part.job for part in parts], clock, each)
        return [
            replace(part.done(each, lost, warnings), warnings=(*warnings, *confirmed))
            for part, (lost, warnings) in zip(parts, judged, strict=True)
        ]

    def _blindly(self, jobs: Sequence[Job], mode: bool) -> list[Done]:
        conn, clock = self.session.conn, Clock()
        try:
            self._expect(send(conn, [self._opening(mode)], self.session.tick)[0], mode)
        except Sent as e:
            raise self._not_opened(e.error) from e.error
        done = []
        for place, job in enumerate(jobs):
            self.on_start(job)
            try:
                done.append(run_blind(self.session, job, ledger=False))
            except (MigrationFailed, Refused) as e:
                raise _Broken(place, e) from e
        confirmed = self._commit(jobs, clock, round(clock.elapsed() / len(jobs)))
        return [replace(d, warnings=(*d.warnings, *confirmed)) for d in done]

    def _why(self, parts: Sequence[Part], failed: Sent) -> MemsqlError:
        """What to tell of the part whose item failed."""
        part, error = parts[failed.place - 1], failed.error
        if self.session.stop:
            return verdict.interrupted(part.job, self.session.stop)
        found = part.explain(failed.index, error)
        if len(parts) > 1:
            return found or verdict.statement_failed(part.job, error, error.code)
        if found is None:
            return explained(self.session, part.job, error)
        if failed.index >= len(part.up_to_the_looks):
            # The answers to what came before are gone with the failure, and a loss is the first thing to tell.
            try:
                self.session.conn.rollback()
                opening = self._opening(part.job.header.foreign_keys)
                answers = send(self.session.conn, [opening, part.up_to_the_looks], self.session.tick)
                part.judge_loss(answers[1], allowed=self.session.allows_loss(part.job))
            except (MigrationFailed, Refused) as e:
                return e
            except Sent:
                return found
        return found

    def _read_shadow(self) -> Shadow:
        conn = self.session.conn
        _, version, objects, _ = conn.batch(
            [("BEGIN", ()), ("PRAGMA schema_version", ()), (load("engine/stored_schema"), ()), ("ROLLBACK", ())]
        )
        self._cookie = version.one()
        return Shadow(objects.rows, self.session.stop, allow_data_loss=self.session.allow_data_loss)

    def _opening(self, mode: bool) -> list[Item]:
        """Foreign keys, the lock, and what tells whether anything moved since planning."""
        if self._mark is None:
            asked = [load("ledger/tables"), *(sql for _, (sql, _) in books.reads(self.ledger.tables))]
        else:
            asked = [load("ledger/moved")]
        texts = [
            f"PRAGMA foreign_keys = {'on' if mode else 'off'}",
            "PRAGMA foreign_keys",
            "BEGIN IMMEDIATE",
            "PRAGMA schema_version",
            *asked,
        ]
        return [*((text, ()) for text in texts), *books.table_statements(self.ledger)]

    def _expect(self, answers: Sequence[Result], mode: bool) -> None:
        """Raise LedgerMoved where the ledger or the schema is not the one we planned with."""
        _, foreign_keys, _, version, *asked = answers
        if foreign_keys.one() != int(mode):
            raise ConnectError("the server did not take PRAGMA foreign_keys", state="nothing was changed")
        if self._shadow is not None and version.one() != self._cookie:
            self._shadow = None
            raise LedgerMoved
        if self._mark is not None:
            if asked[0].rows != self._mark:
                self._mark = None
                raise LedgerMoved
            return
        names = frozenset(str(row[0]) for row in asked[0].rows)
        tables = [table for table, _ in books.reads(self.ledger.tables)]
        now = books.assemble(names, {t: a.rows for t, a in zip(tables, asked[1:], strict=False)})
        if now.yoyo_lock is not None:
            raise LockedError(
                f"yoyo (process {now.yoyo_lock}) holds its lock on this database",
                hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
            )
        if now != self.ledger:
            raise LedgerMoved

    def _not_opened(self, error: StatementError) -> MemsqlError | LedgerMoved:
        if "already exists" in error.message or "no such table" in error.message:
            return LedgerMoved()
        return error

    def _commit(self, jobs: Sequence[Job], clock: Clock, each: int) -> tuple[str, ...]:
        """Write the ledger and commit, in one request; return a remark where the answer was lost."""
        conn = self.session.conn
        if self.session.stop:
            raise _Broken(0, verdict.interrupted(jobs[0], self.session.stop))
        items: list[Item] = []
        for job in jobs:
            found = entry(job, clock.started, each)
            items += books.applied_statements(found) if job.direction == "up" else books.rolled_back_statements(found)
        end: list[Item] = [(load("ledger/moved"), ()), ("PRAGMA schema_version", ()), ("COMMIT", ())]
        try:
            *_, mark, version, _ = send(conn, [[*items, *end]], self.session.tick)[0]
        except Sent as e:
            raise e.error from e
        except CommitUnknown as e:
            return self._ask_the_ledger(e, jobs)
        self._mark, self._cookie = mark.rows, version.one()
        return ()

    def _ask_the_ledger(self, error: CommitUnknown, jobs: Sequence[Job]) -> tuple[str, ...]:
        """The answer to COMMIT was lost: take the lock, which waits for a commit on its way, and look."""
        conn = self.session.conn
        try:
            conn.begin()
            now = books.read(conn)
        except MemsqlError:
            raise error from None
        finally:
            conn.rollback()
        there = all((job.migration.id in (now.yoyo or {})) == (job.direction == "up") for job in jobs)
        if not there:
            raise ConnectError(
                f"the connection to {conn.target} was lost at COMMIT, and the ledger says that nothing was committed",
                hint="run the command again",
            ) from error
        self.ledger, self._mark = now, None
        return ("the answer to COMMIT was lost; the ledger says that it was committed",)


def _pack(jobs: Sequence[Job]) -> Sequence[Job]:
    """The first of ``jobs`` that may share a transaction."""
    weight = 0
    for place, job in enumerate(jobs[:_PACK_JOBS]):
        weight += len(job.file.data)
        if place and weight > _PACK_BYTES:
            return jobs[:place]
    return jobs[:_PACK_JOBS]


def _refuse_partial(jobs: Sequence[Job]) -> None:
    partial = [job.migration.id for job in jobs if not job.header.transactional]
    if partial:
        raise UsageError(
            f"{', '.join(partial)}: `-- transactional: false` works on SQLite files only",
            state="nothing was changed",
            hint="a libSQL server refuses VACUUM and its like anyway; without the directive it runs in a transaction",
        )
