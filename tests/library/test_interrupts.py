"""A call of the library leaves signals to the program, and the database whole where it is interrupted."""

from __future__ import annotations

import _thread
import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

import memsql
from memsql import aio

# It takes minutes, unless somebody stops it.
LONG = "CREATE TABLE long (x);\nWITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)\n"
LONG += "INSERT INTO long SELECT max(i) FROM n;\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.add("0001_users", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n")
    project.add("0002_long", LONG)
    return project


def when_it_begins(act: Callable[[], object]) -> Callable[[str, float | None], None]:
    """A progress that acts a moment after the long migration began, in another thread."""

    def heard(label: str, _: float | None) -> None:
        if "0002_long" in label:
            threading.Timer(0.3, act).start()

    return heard


def assert_whole(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        names = {row[0] for row in conn.execute("SELECT name FROM sqlite_schema")}
        assert "long" not in names
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    project.add("0002_long", "CREATE TABLE long (x);\n")
    assert memsql.migrate(project.db, project=project.root).pending == 0


def test_the_handlers_of_the_program_stay(project: Project) -> None:
    heard: list[object] = []

    def listen(label: str, _: float | None) -> None:
        heard.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))

    def mine(number: int, frame: object) -> None: ...

    project.remove("0002_long")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, mine)
    signal.signal(signal.SIGTERM, mine)
    try:
        memsql.migrate(project.db, project=project.root, progress=listen)
        with closing(sqlite3.connect(":memory:")) as conn:
            memsql.migrate(conn, project=project.root, progress=listen)
            memsql.verify(conn, project=project.root)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert set(heard) == {(mine, mine)}


def test_ctrl_c_undoes_the_migration_that_runs_and_is_raised(project: Project) -> None:
    with pytest.raises(KeyboardInterrupt):
        memsql.migrate(project.db, project=project.root, progress=when_it_begins(_thread.interrupt_main))
    assert_whole(project)


def test_ctrl_c_is_not_lost_on_a_connection_of_the_application(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        with pytest.raises(KeyboardInterrupt):
            memsql.migrate(conn, project=project.root, progress=when_it_begins(_thread.interrupt_main))
        assert not conn.in_transaction
    assert_whole(project)


def test_what_a_handler_of_the_program_raises_comes_out(project: Project) -> None:
    """Servers end their workers like this."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(3)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            memsql.migrate(
                project.db,
                project=project.root,
                progress=when_it_begins(lambda: signal.raise_signal(signal.SIGTERM)),
            )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert_whole(project)


def test_a_backup_that_is_interrupted_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.remove("0002_long")
    memsql.migrate(project.db, project=project.root)

    def heard(label: str, _: float | None) -> None:
        if label.startswith("copying"):
            _thread.interrupt_main()
            threading.Event().wait(0.3)

    with pytest.raises(KeyboardInterrupt):
        memsql.backup(project.db, project=project.root, folder=tmp_path / "kept", progress=heard)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_task_that_is_cancelled_undoes_the_migration_that_runs(project: Project) -> None:
    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def heard(label: str, _: float | None) -> None:
            if "0002_long" in label:
                loop.call_soon_threadsafe(begun.set)

        task = asyncio.create_task(aio.migrate(project.db, project=project.root, progress=heard))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert_whole(project)


def test_a_thread_that_is_not_the_main_one_may_migrate(project: Project) -> None:
    project.remove("0002_long")
    reports: list[memsql.MigrateReport] = []
    thread = threading.Thread(target=lambda: reports.append(memsql.migrate(project.db, project=project.root)))
    thread.start()
    thread.join()
    assert reports[0].outcome == "migrated"


def test_the_loop_goes_on_meanwhile(project: Project) -> None:
    """Somebody else holds the lock, and only the loop can end that."""
    project.remove("0002_long")

    async def main() -> memsql.MigrateReport:
        with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(aio.migrate(project.db, project=project.root))
            await asyncio.sleep(0.2)
            assert not task.done()
            other.execute("ROLLBACK")
            return await task

    assert asyncio.run(main()).outcome == "migrated"
    assert asyncio.run(aio.status(project.db, project=project.root)).is_current


def test_who_does_not_wait_goes_on_and_who_waits_too_long_is_told(project: Project) -> None:
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        report = memsql.migrate(project.db, project=project.root, wait=False)
        assert (report.outcome, report.pending, report.applied) == ("busy", None, ())
        with pytest.raises(memsql.LockedError) as caught:
            memsql.migrate(project.db, project=project.root, timeout=0.05)
        assert "timeout, now 0.05 seconds" in (caught.value.hint or "")


@pytest.mark.slow
def test_nothing_is_printed_and_no_logger_is_set_up(project: Project) -> None:
    project.remove("0002_long")
    script = (
        "import memsql, logging, sys\n"
        f"memsql.migrate({str(project.db)!r}, project={str(project.root)!r})\n"
        f"memsql.verify({str(project.db)!r}, project={str(project.root)!r})\n"
        "assert not logging.getLogger().handlers, logging.getLogger().handlers\n"
        "assert 'invoke' not in sys.modules and 'memsql.tasks' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
