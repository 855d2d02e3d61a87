"""Running jobs on a server: a whole share of them with their proof in one request, and a second request to commit.

What a job will reach is forecast from a copy of the schema, so its counts, its statements, the check of full-text
indexes and its own checks are sent together. Only after the verdict the ledger is written and the transaction
committed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from memsql import ledger
from memsql.db import Item, Result
from memsql.db.queries import load
from memsql.db.tally import Tally, sum_of, tally_of
from memsql.engine import fallback, verdict
from memsql.engine.forecast import SchemaCopy
from memsql.engine.job import Job, LedgerMoved
from memsql.engine.request import ItemFailed, JobRequest, job_request, send
from memsql.engine.session import Session
from memsql.engine.state import State, StoredSchema
from memsql.engine.transaction import JobFailed
from memsql.engine.verdict import Evidence
from memsql.errors import (
    CommitUnknown,
    ConnectError,
    LockedError,
    MemsqlError,
    MigrationFailed,
    Refused,
    StatementError,
    UsageError,
)
from memsql.ledger import Entry
from memsql.project.checks import run_checks, time_limit

# What one transaction holds: little enough to end long before a server takes the lock away, which it does after 5 s.
_JOBS_AT_ONCE = 250
_BYTES_AT_ONCE = 1 << 18


class OnServer:
    """Transactions on a server (see engine.transaction.Transaction)."""

    def __init__(self, session: Session, planned: State, *, whole: bool) -> None:
        """``planned``: the state that the run was planned from. ``whole``: the run is one transaction."""
        self.session = session
        self.running: Sequence[Job] = ()
        self._planned = planned
        self._ledger = planned.ledger
        self._whole = whole
        self._stored = planned.stored
        self._schema: SchemaCopy | None = None
        self._schema_version: object = None
        self._moved: object = None

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Those with the same foreign-key mode, up to a number and a size."""
        foreign_keys, size = jobs[0].header.foreign_keys, 0
        for place, job in enumerate(jobs[:_JOBS_AT_ONCE]):
            size += len(job.file.data)
            if job.header.foreign_keys != foreign_keys or (place and size > _BYTES_AT_ONCE):
                return jobs[:place]
        return jobs[:_JOBS_AT_ONCE]

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """Run those whose reach can be forecast, in as few requests as possible; else the first one as fallback
        does."""
        foreign_keys = jobs[0].header.foreign_keys
        self.running = jobs
        schema = self._schema = self._schema or self._read_schema()
        schema.begin(foreign_keys=foreign_keys)
        requests = self._requests(jobs, schema)
        if requests and (len(requests) == len(jobs) or not self._whole):
            self.running = jobs[: len(requests)]
            yield from self._prove_together(requests, foreign_keys)
        else:
            self._schema = None
            self.running = jobs if self._whole else jobs[:1]
            yield from self._prove_singly(self.running, foreign_keys)

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Write the ledger and COMMIT in one request. An answer that is lost, or that no server gives, is no failure:
        the ledger says what became of it."""
        conn = self.session.conn
        statements = ledger.applied_statements if self.running[0].direction == "up" else ledger.rolled_back_statements
        rows: list[Item] = [statement for entry in entries for statement in statements(entry)]
        end: list[Item] = [(load("ledger/moved"), ()), ("PRAGMA schema_version", ()), ("COMMIT", ())]
        try:
            *_, moved, version, _ = send(conn, [[*rows, *end]], self.session.progress)[0]
        except (ItemFailed, MemsqlError) as e:
            problem = e.error if isinstance(e, ItemFailed) else e
            if conn.in_transaction:
                raise problem from e
            # Whatever the answer says, the transaction is over.
            return self._ask_the_ledger(problem)
        self._moved, self._schema_version = moved.rows, version.one()
        if self._schema is not None and not self._schema.keep():
            self._schema = None
        self._ledger = self._ledger.with_tables()
        return ()

    def abandon(self, keep: int) -> bool:
        """Roll everything back: the answers of those before the failed job are lost."""
        self._schema = None
        self.session.conn.rollback()
        return False

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """In a transaction of its own."""
        ledger.record_failure(self.session.conn, entry, operation, message)

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """The transaction was rolled back."""
        return verdict.undone(problem, job, self.running, whole=whole)

    def _requests(self, jobs: Sequence[Job], schema: SchemaCopy) -> list[JobRequest]:
        """A request for each of the first jobs whose reach can be forecast."""
        requests: list[JobRequest] = []
        for job in jobs:
            try:
                forecast = schema.forecast(job, shares=self._whole or not requests)
            except (Refused, UsageError) as e:
                raise JobFailed(len(requests), e) from e
            if forecast is None:
                break
            requests.append(job_request(job, forecast, schema.conn))
            if forecast.has_copies and not self._whole:
                break
        return requests

    def _prove_together(self, requests: Sequence[JobRequest], foreign_keys: bool) -> Iterator[Evidence]:
        conn, session = self.session.conn, self.session
        started, clock = datetime.now(UTC), time.perf_counter()
        for request in requests:
            session.progress.start(request.job.label)
        opening = self._opening(foreign_keys)
        checks = [check for request in requests for check in request.job.checks]
        # A check that does not end must not hold the lock; whether it is a check shows where they run alone.
        limit = max(check.timeout for check in checks) if checks else None
        tick = session.interrupted if limit is None else time_limit(limit, session.interrupted)
        try:
            with conn.observe(tick):
                answers = send(conn, [opening, *(request.items for request in requests)], session.progress)
        except StatementError as e:
            if not e.is_interrupt or session.stopped:
                raise
            yield from self._prove_one_by_one(requests, foreign_keys)
            return
        except ItemFailed as e:
            if e.place == 0:
                raise _not_opened(e.error) from e.error
            place = e.place - 1
            if place == 0 and self._has_moved():
                # The answers that say so are gone with the failure, which the other process may have caused.
                raise LedgerMoved from e.error
            raise JobFailed(place, self._explained(requests[place], e, first=place == 0)) from e.error
        self._expect_planned(answers[0], foreign_keys)
        duration_ms = round((time.perf_counter() - clock) * 1000 / len(requests))
        for request, job_answers in zip(requests, answers[1:], strict=True):
            if (tally := tally_of(conn)) is not None:
                tally.parts[request.job.migration.id] = sum_of(job_answers)
            yield request.evidence(job_answers, started, duration_ms)

    def _prove_one_by_one(self, requests: Sequence[JobRequest], foreign_keys: bool) -> Iterator[Evidence]:
        """Run ``requests`` in the same transaction with a request for each job and for each of its checks, because all
        of them took longer than a check may. Raises JobFailed for the first job that fails."""
        conn, session = self.session.conn, self.session
        for place, request in enumerate(requests):
            started, clock = datetime.now(UTC), time.perf_counter()
            before = self._counted()
            lists = [*([] if place else [self._opening(foreign_keys)]), request.without_checks]
            try:
                with conn.observe(session.interrupted):
                    *opened, answers = send(conn, lists, session.progress)
            except ItemFailed as e:
                if not place and e.place == 0:
                    raise _not_opened(e.error) from e.error
                raise JobFailed(place, self._explained(request, e, first=place == 0)) from e.error
            if opened:
                self._expect_planned(opened[0], foreign_keys)
            checks = run_checks(conn, request.job.checks, session.interrupted)
            if session.stopped:
                raise JobFailed(place, verdict.interrupted(request.job, session.stop))
            duration_ms = round((time.perf_counter() - clock) * 1000)
            self._count(request.job, before)
            yield replace(request.evidence(answers, started, duration_ms), checks=tuple(checks))

    def _prove_singly(self, jobs: Sequence[Job], foreign_keys: bool) -> Iterator[Evidence]:
        try:
            opened = send(self.session.conn, [self._opening(foreign_keys)], self.session.progress)[0]
        except ItemFailed as e:
            raise _not_opened(e.error) from e.error
        self._expect_planned(opened, foreign_keys)
        for job in jobs:
            self.session.progress.start(job.label)
            before = self._counted()
            evidence = fallback.prove_job(self.session, job)
            self._count(job, before)
            yield evidence

    def _counted(self) -> Tally | None:
        tally = tally_of(self.session.conn)
        return None if tally is None else tally.now()

    def _count(self, job: Job, before: Tally | None) -> None:
        """Note what the server counted for ``job`` since ``before``."""
        tally = tally_of(self.session.conn)
        if tally is not None and before is not None:
            tally.parts[job.migration.id] = tally.since(before)

    def _explained(self, request: JobRequest, failure: ItemFailed, *, first: bool) -> MemsqlError:
        """What to tell of the job whose item failed. ``first``: it is the first in its transaction, so that it can
        be run again to learn more; another one is sent again by the Runner."""
        job, error = request.job, failure.error
        if self.session.stopped:
            return verdict.interrupted(job, self.session.stop)
        problem = request.explain(failure.index, error)
        if not first:
            return problem or verdict.statement_failed(job, error, error.code)
        if problem is None:
            return fallback.explained(self.session, job, error)
        if request.was_counted(failure.index):
            return self._loss_of(request) or problem
        return problem

    def _loss_of(self, request: JobRequest) -> MigrationFailed | Refused | None:
        """What the job lost. The answers about it are gone with the failure of a later item, and a loss is the
        first thing to tell."""
        conn, job = self.session.conn, request.job
        conn.rollback()
        try:
            _, answers = send(conn, [self._opening(job.header.foreign_keys), request.counted], self.session.progress)
            account, before, after = request.counts(answers)
            verdict.judge_loss(job, account, before, after, allows_all=self.session.allows_all(job))
        except (MigrationFailed, Refused) as e:
            return e
        except ItemFailed:
            return None
        return None

    def defers(self) -> bool:
        """Whether a foreign key is DEFERRABLE, so that COMMIT may check it."""
        if self._stored is None:
            return self.session.schema.defers()
        return any(kind == "table" and "deferr" in str(sql).lower() for kind, _, _, sql in self._stored.objects)

    def _read_schema(self) -> SchemaCopy:
        """The schema, as it was read with the ledger, or as it is now."""
        stored, self._stored = self._stored, None
        if stored is None:
            _, version, objects, _ = self.session.conn.batch(
                [("BEGIN", ()), ("PRAGMA schema_version", ()), (load("engine/stored_schema"), ()), ("ROLLBACK", ())]
            )
            stored = StoredSchema(version.one(), objects.rows)
        self._schema_version = stored.version
        return SchemaCopy(stored.objects, self.session)

    def _opening(self, foreign_keys: bool) -> list[Item]:
        """Set foreign keys, take the lock, and read what tells whether anything moved since planning."""
        if self._moved is None:
            queries = ledger.reads(self._ledger.tables)
            reads = [load("ledger/tables"), *(sql for _, (sql, _) in queries), load("engine/has_tables")]
        else:
            reads = [load("ledger/moved")]
        mode = "on" if foreign_keys else "off"
        texts = [f"PRAGMA foreign_keys = {mode}", "PRAGMA foreign_keys", "BEGIN IMMEDIATE", "PRAGMA schema_version"]
        return [*((text, ()) for text in [*texts, *reads]), *ledger.table_statements(self._ledger)]

    def _expect_planned(self, answers: Sequence[Result], foreign_keys: bool) -> None:
        """Raise LedgerMoved where the ledger or the schema is not the one of the plan. ``answers``: to the opening."""
        _, mode, _, version, *reads = answers
        if mode.one() != int(foreign_keys):
            raise ConnectError("the server did not take PRAGMA foreign_keys", state="nothing was changed")
        if self._schema is not None and version.one() != self._schema_version:
            raise LedgerMoved
        if self._moved is not None:
            if reads[0].rows != self._moved:
                raise LedgerMoved
            return
        names = ledger.columns_by_table(reads[0])
        tables = [table for table, _ in ledger.reads(self._ledger.tables)]
        now = ledger.assemble(names, {t: a.rows for t, a in zip(tables, reads[1:], strict=False)})
        has_tables = bool(reads[len(tables) + 1].rows)
        if now.yoyo_lock is not None:
            raise LockedError(
                f"yoyo (process {now.yoyo_lock}) holds its lock on this database",
                hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
            )
        if now != self._ledger or (not now.yoyo and has_tables != self._planned.has_tables):
            raise LedgerMoved

    def _has_moved(self) -> bool:
        """Whether another process changed the ledger or the schema since they were read. Ends the transaction."""
        conn = self.session.conn
        conn.rollback()
        if conn.execute("PRAGMA schema_version").one() != self._schema_version:
            return True
        if self._moved is not None:
            return conn.execute(load("ledger/moved")).rows != self._moved
        return ledger.read(conn) != self._ledger

    def _ask_the_ledger(self, error: MemsqlError) -> tuple[str, ...]:
        """COMMIT ended with ``error``, which leaves open what became of it: take the lock, which waits for a commit
        that is still under way, and look.

        Raises ``error`` where the ledger cannot be read, and where nothing was committed, which ConnectError says if
        ``error`` does not.
        """
        conn = self.session.conn
        conn.rollback()
        try:
            conn.begin()
            now = ledger.read(conn)
        except MemsqlError:
            raise error from None
        finally:
            conn.rollback()
        if not all((job.migration.id in (now.yoyo or {})) == (job.direction == "up") for job in self.running):
            if not isinstance(error, CommitUnknown):
                raise error
            raise ConnectError(
                f"the connection to {conn.target} was lost at COMMIT, and the ledger says that nothing was committed",
                details=error.details,
                hint="run the command again",
            ) from error
        self._ledger, self._moved, self._schema = now, None, None
        return ("the answer to COMMIT was lost; the ledger says that it was committed",)


def _not_opened(error: StatementError) -> MemsqlError | LedgerMoved:
    """What a failure of the opening means: the bookkeeping tables are not those of the plan, or ``error`` itself."""
    moved = any(said in error.message for said in ("already exists", "no such table", "duplicate column name"))
    return LedgerMoved() if moved else error
