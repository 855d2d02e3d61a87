"""A run on a server that ends with ROLLBACK where the real one commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from memsql import hints
from memsql.engine.isolation import refuse_on_server
from memsql.engine.job import Direction, Done, Job
from memsql.engine.on_server import OnServer
from memsql.engine.pending import Pending, pending_down, pending_up, run
from memsql.engine.run import Runner
from memsql.engine.session import Session
from memsql.engine.state import Report, State
from memsql.engine.verdict import Evidence
from memsql.errors import MemsqlError, UsageError
from memsql.ledger import Entry

_TRIES = 5


class RolledBack:
    """The transaction of a rehearsal (see engine.transaction.Transaction): commit() looks and rolls back."""

    def __init__(self, server: OnServer, look: Callable[[], None]) -> None:
        """``look`` is called inside the transaction, after all jobs ran and were proven."""
        self._server = server
        self._look = look

    @property
    def running(self) -> Sequence[Job]:
        """As on the server."""
        return self._server.running

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """All."""
        return jobs

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """As on the server."""
        return self._server.prove(jobs)

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Look and roll back."""
        try:
            self._look()
        finally:
            self._server.abandon(0)
        return ()

    def abandon(self, keep: int) -> bool:
        """Roll back."""
        return self._server.abandon(0)

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """A rehearsal is no failure."""

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """As on the server."""
        return self._server.aftermath(problem, job, whole=whole)


def rehearse_on_server(session: Session, state: State, direction: Direction, look: Callable[[], None]) -> Report:
    """Run what an up or down would run in one transaction of the server, call ``look`` inside it, and roll back.

    ``session`` has the option all_or_nothing. Raises what the run would raise, and UsageError for what cannot be
    run in one transaction.
    """
    tries = 0

    def planner(state: State, done: Sequence[Done]) -> Pending:
        if state.must_be_adopted:
            raise UsageError(
                "a legacy database cannot be rehearsed on the server",
                state="nothing was changed",
                hint=f"rehearse on a clone, with --with-data; or adopt it first: {hints.command('legacy.adopt')}",
            )
        return (pending_up if direction == "up" else pending_down)(state, session.options)

    def runner(session: Session, pending: Pending) -> Runner:
        nonlocal tries
        tries += 1
        if tries > _TRIES:
            raise UsageError(
                "other processes go on changing this database", state="nothing was changed", hint="run it again"
            )
        refuse_on_server(pending.jobs)
        _refuse_two_modes(pending.jobs)
        transaction = RolledBack(OnServer(session, pending.state, whole=True), look)
        return Runner(session, transaction, lambda: transaction)

    ran = run(session, planner(state, ()), planner, runner)
    # What ran was rolled back, so as many wait as before.
    change = sum(1 if done.direction == "up" else -1 for done in ran.done)
    return replace(ran, applied=ran.applied - change, waiting=ran.waiting + change)


def _refuse_two_modes(jobs: Sequence[Job]) -> None:
    """Raise UsageError where ``jobs`` need foreign keys on and off."""
    for before, job in pairwise(jobs):
        if job.header.foreign_keys != before.header.foreign_keys:
            raise UsageError(
                "--on-server runs in one transaction, and foreign keys cannot be switched inside one, as "
                f"{job.migration.id} wants it",
                state="nothing was changed",
                hint=f"rehearse in steps with --to {before.migration.version}, or on a clone with --with-data",
            )
