"""What can go wrong with a backup: it says so, and leaves nothing half-done."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import backups
import pytest
from cli import Project, files_below, finish
from permissions import mode


def test_there_is_no_database(project: Project) -> None:
    project.db.unlink()
    project.run("backup").expect(3, "memory.db does not exist", "a new database is made by: memsql migrate.up")
    assert backups.files(project) == []
    assert not project.db.exists()


def test_it_is_no_database(project: Project) -> None:
    project.db.write_bytes(b"a,b,c\n" * 100)
    project.run("backup").expect(3, "memory.db is not a SQLite database", "no backup was kept")
    project.run("backup", "--salvage").expect(3, "memory.db is not a SQLite database")
    (project.root / "folder").mkdir()
    project.run("backup", "--database", "folder").expect(3, "folder is a folder, not a database file")
    assert backups.files(project) == []


def test_a_locked_database(project: Project) -> None:
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.run("backup").expect(0, "proven")
        other.execute("ROLLBACK")
        other.execute("BEGIN EXCLUSIVE")
        project.run("backup").expect(4, "memory.db is locked by another process", "no backup was kept")
        other.execute("ROLLBACK")
    assert backups.assert_whole(project) == 1


def test_folders_that_cannot_be_written(project: Project, bound: Callable[[], None]) -> None:
    folder = project.root / "backups"
    folder.mkdir()
    with mode(folder, 0o555):
        project.run("backup", preexec_fn=bound).expect(
            3, "backups cannot be written: Permission denied", "next: check the folder"
        )
    folder.rmdir()
    with mode(project.root, 0o555):
        project.run("backup", preexec_fn=bound).expect(3, "backups cannot be written: Permission denied")
    folder.mkdir()
    with mode(folder, 0):
        project.run("backup.list", preexec_fn=bound).expect(3, "backups cannot be read: Permission denied")
    folder.rmdir()
    folder.write_text("a file")
    project.run("backup").expect(3, "backups cannot be written")


def test_a_source_that_may_only_be_read(project: Project, bound: Callable[[], None]) -> None:
    (project.root / "data").mkdir()
    database = project.root / "data" / "app.db"
    project.db.rename(database)
    before = files_below(database.parent)
    with mode(database.parent, 0o555), mode(database, 0o444):
        project.run("backup", "--database", str(database), preexec_fn=bound).expect(0, "proven")
    assert files_below(database.parent) == before


@pytest.mark.parametrize("words", [[], ["--compress"]], ids=["plain", "compressed"])
def test_a_file_size_limit(project: Project, words: list[str]) -> None:
    most = project.db.stat().st_size // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    project.run("backup", *words, preexec_fn=limit).expect(3, "backups cannot be written", "no backup was kept")
    assert list((project.root / "backups").iterdir()) == []


@pytest.mark.parametrize(("room", "words"), [("100k", []), ("400k", []), ("560k", ["--compress"])])
def test_a_full_disk(project: Project, room: str, words: list[str]) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    project.script("CREATE TABLE noise (x); INSERT INTO noise SELECT randomblob(800) FROM users;")
    disk = project.root / "backups"
    disk.mkdir()
    inside = f'mount -t tmpfs -o size={room} none "$1" && shift && "$@"; c=$?; ls -A backups >left; exit $c'
    prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(disk))
    project.run("backup", *words, prefix=prefix).expect(6, "no space for ", "no backup was kept", "next: ")
    assert (project.root / "left").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(project: Project, number: signal.Signals) -> None:
    """While the source is locked, so that it surely has begun and not ended."""
    (project.root / "setup.cfg").write_text("[memsql]\nbusy_timeout = 50s\n")
    project.script(
        "CREATE TABLE ballast (x); INSERT INTO ballast SELECT randomblob(20000) FROM users, (SELECT 1 UNION SELECT 2);"
    )
    running = project.start("backup", "--compress")
    folder = project.root / "backups"
    while not list(folder.glob(".memsql-work-*/copy.db")):
        assert running.poll() is None
    running.send_signal(number)
    done = finish(running)
    done.expect(5, "the backup was stopped", "no backup was kept")
    assert list(folder.iterdir()) == []


def test_leftovers_of_dead_runs_go_and_those_of_living_ones_stay(project: Project) -> None:
    import fcntl

    folder = project.root / "backups"
    for name in ("dead", "alive", "bare"):
        (folder / f".memsql-work-{name}").mkdir(parents=True)
        if name != "bare":
            (folder / f".memsql-work-{name}" / "lock").touch()
            (folder / f".memsql-work-{name}" / "copy.db").write_bytes(b"half")
    with (folder / ".memsql-work-alive" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project.run("backup").expect(0)
        assert backups.hidden(folder) == [".memsql-work-alive"]
    project.run("backup.prune", "--keep", "1").expect(0)
    assert backups.hidden(folder) == []


def test_bad_options(project: Project) -> None:
    project.run("backup", "--format", "xml").expect(2, "--format xml: give sqlite or sql")
    project.run("backup.verify", "nothing.db").expect(2, "there is no backup nothing.db")
    project.run("backup.verify").expect(2, "there is no proven backup of memory.db", "memsql backup")
    project.run("backup.prune").expect(2, "say what to keep")
    project.run("backup.prune", "--keep", "-1").expect(2, "--keep -1: give a number")
    project.run("backup.restore", "--to", "http://127.0.0.1:9").expect(2)
    project.run("backup").expect(0)
    project.run("backup.verify", backups.one(project).name, "--all").expect(2, "do not go together")
    project.run("backup.restore", "--to", "http://127.0.0.1:9").expect(2, "give the path of a file")
