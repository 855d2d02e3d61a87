"""What the Runner needs of a transaction, whichever database it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from memsql.engine.job import Job
from memsql.engine.verdict import Evidence
from memsql.errors import MemsqlError
from memsql.ledger import Entry


class JobFailed(Exception):
    """The job at ``place`` of those that share a transaction failed with ``problem``, where evidence of those
    before it could not be had."""

    def __init__(self, place: int, problem: MemsqlError) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem


class Transaction(Protocol):
    """Runs jobs in a transaction. One object serves a whole run, one transaction after another.

    A round is: take() some jobs, prove() them, then either commit() or abandon().
    """

    @property
    def running(self) -> Sequence[Job]:
        """The jobs whose work is in the transaction that is open, or was last: those that began, or that were sent."""

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """The first of ``jobs`` that may share a transaction; at least one."""

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        """Begin, run ``jobs`` in order, and yield what each one showed. Nothing is committed.

        The caller judges the evidence of a job before it asks for the next. May end before the last job, when
        others wait for the lock. Raises LedgerMoved where another process changed the ledger since planning; what
        stops a job; JobFailed for the job of another place than the one after the last evidence.
        """

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        """Write ``entries``, one for each proven job, into the ledger and COMMIT. Returns remarks for the person."""

    def abandon(self, keep: int) -> bool:
        """Undo the jobs behind the first ``keep``. True where those are still in the open transaction, ready for
        commit(); False where everything was rolled back, so that they must run again."""

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        """Write into the ledger, in a transaction of its own, that a job failed. ``operation``: apply or rollback.
        Raises MemsqlError where that is impossible."""

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        """What the database holds now that ``job`` failed with ``problem`` and was abandoned. ``whole``: the jobs
        were to be all or nothing."""
