"""A run on a server that ends with ROLLBACK where the real one commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.engine import verdict
from memsql.engine.job import Job, LedgerMoved
from memsql.engine.jobs import down_jobs, up_jobs
from memsql.engine.on_file import Session
from memsql.engine.on_server import ServerRunner
from memsql.engine.run import Clock, groups
from memsql.engine.signals import listening
from memsql.engine.state import Report, Watcher, Wish, read_state, unchanged
from memsql.errors import MemsqlError, UsageError
from memsql.project import plan
from memsql.project.load import Project

_TRIES = 5


@dataclass
class TrialRunner(ServerRunner):
    """Proves everything in one transaction, calls ``look`` inside it, and takes it back. Records nothing."""

    look: Callable[[], None] = lambda: None

    def _commit(self, jobs: Sequence[Job], clock: Clock, each: int) -> tuple[str, ...]:
        if self.session.stop:
            raise verdict.interrupted(jobs[0], self.session.stop)
        try:
            self.look()
        finally:
            self.session.conn.rollback()
        return ()

    def _record_failure(self, job: Job, problem: MemsqlError, clock: Clock) -> None:
        """A rehearsal is no failure."""


def try_on(
    conn: Connection, project: Project, direction: str, wish: Wish, watcher: Watcher, look: Callable[[], None]
) -> Report:
    """Run what ``up`` or ``down`` would, in one transaction of ``conn``, a server, call ``look``, and roll back.

    Raises what the run would raise, and UsageError for what cannot be run in one transaction.
    """
    with listening() as stop:
        session = Session(conn, stop, wish.allow_data_loss, False, watcher.tick)
        for _ in range(_TRIES):
            state = read_state(project, conn)
            if state.is_legacy:
                raise UsageError(
                    "a legacy database cannot be rehearsed on the server",
                    state="nothing was changed",
                    hint="rehearse on a clone, with --with-data; or adopt it first: invoke legacy.adopt",
                )
            if direction == "up":
                jobs = up_jobs(project, plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order))
            else:
                jobs = down_jobs(plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to))
            if not jobs:
                return unchanged(state)
            _refuse_several(jobs)
            runner = TrialRunner(session, state.ledger, watcher.started, look=look)
            try:
                runner.run(jobs, one_transaction=True, fresh=False)
            except LedgerMoved:
                continue
            return replace(unchanged(state), done=tuple(runner.done))
    raise UsageError("other processes go on changing this database", state="nothing was changed", hint="run it again")


def _refuse_several(jobs: Sequence[Job]) -> None:
    found = groups(jobs)
    if len(found) > 1 and all(job.header.transactional for job in jobs):
        first = found[0][-1].migration
        raise UsageError(
            "--on-server runs in one transaction, and foreign keys cannot be switched inside one, as "
            f"{found[1][0].migration.id} wants it",
            state="nothing was changed",
            hint=f"rehearse in steps with --to {first.version}, or on a clone with --with-data",
        )
