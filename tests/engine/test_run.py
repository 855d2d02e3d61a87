"""The one rule for failures, tried with transactions that keep their jobs in memory.

One can keep the jobs before a failed one, as a file can; the other cannot, as a server cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from memsql.db.sqlite import memory
from memsql.engine.analysis import Analysis
from memsql.engine.index_work import IndexWork
from memsql.engine.job import Job, LedgerMoved
from memsql.engine.loss.guard import Counts
from memsql.engine.loss.model import Account
from memsql.engine.run import Runner
from memsql.engine.session import SchemaCache, Session
from memsql.engine.signals import Stop
from memsql.engine.state import RunOptions
from memsql.engine.transaction import JobFailed
from memsql.engine.verdict import Evidence, undone
from memsql.errors import ConnectError, Interrupted, LockedError, MemsqlError, MigrationFailed, StatementError
from memsql.ledger import Entry
from memsql.progress import SILENT
from memsql.project.checks import Check, CheckResult
from memsql.project.files import Migration, SqlFile
from memsql.sqltext import parse_migration_header

PASSED = Evidence(Account(), Counts(), Counts(), IndexWork(), (), (), datetime(2026, 1, 1, tzinfo=UTC), 1)
BROKEN = CheckResult(Check("holds", "error", "", "SELECT 1", "sql/checks/holds.sql", None), ("it does not",), 1)
REFUSED = Evidence(Account(), Counts(), Counts(), IndexWork(), (), (BROKEN,), datetime(2026, 1, 1, tzinfo=UTC), 1)

Act = Callable[[], Evidence]


def job(number: int, text: str = "SELECT 1;") -> Job:
    file = SqlFile(f"migrations/{number:04d}_x.sql", f"{number:04d}_x.sql", text.encode())
    migration = Migration(number, "x", f"{number:04d}_x", file, None)
    return Job(migration, "up", file, parse_migration_header(text, file.path), Analysis(empty=False))


def raises(error: MemsqlError | JobFailed | LedgerMoved) -> Act:
    def act() -> Evidence:
        raise error

    return act


class Kept:
    """A transaction of jobs that are acts: ``committed`` are the numbers of those that were committed, in order."""

    keeps = True

    def __init__(self, acts: dict[int, Act], commits: Sequence[MemsqlError | None] = ()) -> None:
        self._acts = acts
        self._commits = iter(commits)
        self.running: Sequence[Job] = ()
        self.committed: list[int] = []
        self.shares: list[list[int]] = []
        self.failures: list[str] = []
        self.failed_since: datetime | None = None

    def take(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return jobs

    def prove(self, jobs: Sequence[Job]) -> Iterator[Evidence]:
        self.shares.append([j.migration.version for j in jobs])
        self.running = []
        for place, one in enumerate(jobs):
            self.running = jobs[: place + 1]
            yield self._acts.get(one.migration.version, lambda: PASSED)()

    def commit(self, entries: Sequence[Entry]) -> tuple[str, ...]:
        error = next(self._commits, None)
        if error is not None:
            raise error
        self.committed += [entry.version or 0 for entry in entries]
        return ()

    def abandon(self, keep: int) -> bool:
        kept = self.keeps and keep > 0
        self.running = self.running[keep:] if kept else self.running
        return kept

    def record_failure(self, entry: Entry, operation: str, message: str) -> None:
        self.failures.append(entry.id)
        self.failed_since = entry.started

    def aftermath(self, problem: MemsqlError, job: Job, *, whole: bool) -> str:
        return undone(problem, job, self.running, whole=whole)


class Lost(Kept):
    """A transaction that loses everything with the job that fails."""

    keeps = False


def runner(transaction: Kept) -> Runner:
    conn = memory()
    session = Session(conn, Stop(), RunOptions(), SILENT, SchemaCache(conn))
    return Runner(session, transaction, lambda: transaction)


def fails(transaction: Kept, numbers: int = 3, *, whole: bool = False) -> tuple[Runner, MemsqlError]:
    run = runner(transaction)
    with pytest.raises(MemsqlError) as caught:
        run.run([job(n + 1) for n in range(numbers)], whole=whole)
    return run, caught.value


def test_all_of_them_in_one_transaction() -> None:
    transaction = Kept({})
    run = runner(transaction)
    run.run([job(1), job(2), job(3)], whole=False)
    assert (transaction.committed, [d.version for d in run.done]) == ([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("kind", [Kept, Lost])
@pytest.mark.parametrize("failure", [raises(MigrationFailed("it failed")), lambda: REFUSED], ids=["raised", "judged"])
def test_those_before_a_failed_one_stay(kind: type[Kept], failure: Act) -> None:
    transaction = kind({3: failure})
    run, problem = fails(transaction)
    assert (transaction.committed, [d.version for d in run.done]) == ([1, 2], [1, 2])
    assert transaction.failures == ["0003_x"]
    assert problem.state == "this migration was rolled back; before it, this run finished 0001_x, 0002_x"


def test_where_nothing_can_be_kept_they_run_again_without_it() -> None:
    transaction = Lost({3: raises(MigrationFailed("it failed"))})
    fails(transaction)
    assert transaction.shares == [[1, 2, 3], [1, 2], [3]]


def test_a_failure_may_name_the_place() -> None:
    def first() -> Evidence:
        if len(transaction.shares[-1]) == 3:
            raise JobFailed(2, MigrationFailed("the third failed"))
        return PASSED

    transaction = Lost({1: first, 3: raises(MigrationFailed("the third failed"))})
    _, problem = fails(transaction)
    assert (transaction.committed, transaction.failures) == ([1, 2], ["0003_x"])
    assert problem.message == "the third failed"


def test_all_or_nothing_is_nothing() -> None:
    transaction = Kept({2: raises(MigrationFailed("it failed"))})
    _, problem = fails(transaction, whole=True)
    assert (transaction.committed, transaction.failures) == ([], ["0002_x"])
    assert problem.state == "every migration of this run was rolled back"


def test_a_commit_that_fails_makes_each_run_alone() -> None:
    transaction = Kept({}, [StatementError("a key is broken"), None, StatementError("a key is broken")])
    run, problem = fails(transaction)
    assert transaction.shares == [[1, 2, 3], [1], [2]]
    assert (transaction.committed, [d.version for d in run.done]) == ([1], [1])
    assert problem.message == "0002_x could not be committed: a key is broken"


def test_deferred_keys_make_each_run_alone() -> None:
    transaction = Kept({})
    jobs = [job(1), job(2, "CREATE TABLE t (a REFERENCES b DEFERRABLE INITIALLY DEFERRED);")]
    runner(transaction).run(jobs, whole=False)
    assert transaction.shares == [[1], [2]]


@pytest.mark.parametrize(("kind", "committed"), [(Kept, [1]), (Lost, [])])
def test_nothing_runs_again_after_an_interruption(kind: type[Kept], committed: list[int]) -> None:
    transaction = kind({2: raises(Interrupted("Ctrl-C stopped 0002_x"))})
    _, problem = fails(transaction)
    assert transaction.committed == committed
    assert transaction.shares == [[1, 2, 3]]
    assert isinstance(problem, Interrupted)


@pytest.mark.parametrize("error", [LockedError("locked"), ConnectError("gone")])
def test_a_lost_lock_undoes_the_share_and_is_no_failure(error: MemsqlError) -> None:
    transaction = Kept({2: raises(error)})
    _, problem = fails(transaction)
    assert (transaction.committed, transaction.failures) == ([], [])
    assert problem.state == "0001_x to 0002_x were not applied"


def test_a_ledger_that_moved_ends_the_run_without_a_word() -> None:
    transaction = Kept({1: raises(LedgerMoved())})
    with pytest.raises(LedgerMoved):
        runner(transaction).run([job(1)], whole=False)
    assert (transaction.committed, transaction.failures) == ([], [])


def test_a_failure_is_timed_from_its_own_beginning() -> None:
    first_ends: list[datetime] = []

    def first() -> Evidence:
        first_ends.append(datetime.now(UTC))
        return PASSED

    transaction = Kept({1: first, 2: raises(MigrationFailed("it failed"))})
    fails(transaction)
    assert transaction.failed_since is not None
    assert transaction.failed_since >= first_ends[0]
