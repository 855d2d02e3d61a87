"""Processes and threads that migrate at the same moment: each migration runs once, and nobody is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from cli import Project

import memsql

pytestmark = pytest.mark.slow
WORKERS = 8
Answer = tuple[str, tuple[str, ...], str | None]
_FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the children need is imported before the forks."""
    project = Project(tmp_path_factory.mktemp("imported"))
    project.add("0001_t", "CREATE TABLE t (x);\n")
    memsql.migrate(project.db, project=project.root)
    memsql.backup(project.db, project=project.root)
    memsql.verify(project.db, project=project.root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    for n in range(1, 11):
        project.add(f"{n:04d}_t{n}", f"CREATE TABLE t{n} (x);\n", f"DROP TABLE t{n};\n")
    return project


def _work(
    work: Callable[[], memsql.MigrateReport], gate: threading.Barrier, answers: multiprocessing.Queue[Answer]
) -> None:
    gate.wait()
    try:
        report = work()
        answers.put((report.outcome, tuple(m.id for m in report.applied), str(report.backup or "")))
    except memsql.MemsqlError as e:
        answers.put((type(e).__name__, e.finished, e.message))


def together(work: Callable[[], memsql.MigrateReport]) -> list[Answer]:
    """What eight processes answer that begin at the same moment."""
    gate, answers = _FORK.Barrier(WORKERS), _FORK.Queue()
    children = [_FORK.Process(target=_work, args=(work, gate, answers)) for _ in range(WORKERS)]
    for child in children:
        child.start()
    result = [answers.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    return result


def assert_once(project: Project, answers: list[Answer]) -> None:
    applied = Counter(name for _, names, _ in answers for name in names)
    assert applied == Counter({f"{n:04d}_t{n}": 1 for n in range(1, 11)}), answers
    assert project.query("SELECT version, count(*), min(status) FROM memsql_history GROUP BY version") == [
        (n, 1, "ok") for n in range(1, 11)
    ]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_who_does_not_wait_is_busy_or_current(project: Project, journal: str) -> None:
    project.script(f"PRAGMA journal_mode = {journal}; CREATE TABLE first (x);")
    answers = together(partial(memsql.migrate, project.db, project=project.root, wait=False, beside=True))
    assert {answer[0] for answer in answers} <= {"migrated", "busy", "current"}
    assert any(answer[0] == "migrated" for answer in answers)
    memsql.migrate(project.db, project=project.root)
    assert_once(project, answers)


def test_one_backup_is_made_for_all(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    project.script("CREATE TABLE first (x); INSERT INTO first VALUES (1);")
    answers = together(partial(memsql.migrate, project.db, project=project.root, beside=True, backup=folder))
    assert_once(project, answers)
    (backup,) = folder.glob("*.db")
    assert {answer[2] for answer in answers} <= {"", str(backup)}
    with closing(sqlite3.connect(backup)) as conn:
        assert conn.execute("SELECT name FROM sqlite_schema").fetchall() == [("first",)]


def test_threads_migrate_databases_of_several_projects(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def work(n: int) -> None:
        try:
            project = Project(tmp_path / f"project{n}", settings=f"busy_timeout = {n + 1}s\n")
            project.add("0001_t", f"CREATE TABLE t{n} (x);\n")
            assert len(memsql.migrate(project.db, project=project.root).applied) == 1
            assert memsql.verify(project.db, project=project.root).ok
            with closing(sqlite3.connect(project.db)) as conn:
                memsql.require_current(conn, project=project.root)
                assert conn.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (f"t{n}",)).fetchone()
        except BaseException as e:
            problems.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def _long(database: Path, project: Path, begun: multiprocessing.Queue[str]) -> None:
    memsql.migrate(database, project=project, progress=lambda label, _: begun.put(label))


@pytest.mark.kill
def test_a_worker_that_is_killed_leaves_the_rest_to_the_next(project: Project) -> None:
    count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
    project.add("0011_long", f"CREATE TABLE long (x);\nINSERT INTO long {count};\n")
    begun: multiprocessing.Queue[str] = _FORK.Queue()
    child = _FORK.Process(target=_long, args=(project.db, project.root, begun))
    child.start()
    while "0011_long" not in begun.get(timeout=60):
        pass
    time.sleep(0.1)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    project.add("0011_long", "CREATE TABLE long (x);\n")
    assert memsql.migrate(project.db, project=project.root).applied[-1].id == "0011_long"
    assert memsql.verify(project.db, project=project.root).ok


def test_what_was_applied_before_a_lock_is_in_the_report(project: Project) -> None:
    """A second writer takes the lock between two transactions of the run, and gives it back."""
    project.add("0005_t5", "-- transactional: false\nPRAGMA optimize;\n")
    other = sqlite3.connect(project.db, isolation_level=None, check_same_thread=False)
    taken = threading.Event()

    def heard(label: str, _: float | None) -> None:
        if "0005_t5" in label and not taken.is_set():
            taken.set()
            other.execute("BEGIN IMMEDIATE")
            threading.Timer(1.5, other.execute, args=("ROLLBACK",)).start()

    with closing(other):
        report = memsql.migrate(project.db, project=project.root, progress=heard)
    assert taken.is_set()
    assert [m.id for m in report.applied] == [f"{n:04d}_t{n}" for n in range(1, 11)]
    assert (report.outcome, report.pending) == ("migrated", 0)
    assert all(m.duration_ms is not None for m in report.applied)
