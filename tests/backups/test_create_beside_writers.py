"""Backups while others write and back up: of one moment, under names that nobody else takes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import backups
import pytest
from cli import Project, finish
from watching import Watching

from memsql import config
from memsql.backups.create import create


def settings(project: Project) -> config.Settings:
    return config.load(project=str(project.root), environ={})


def test_the_source_changes_during_the_backup(project: Project) -> None:
    """A commit at every step of copy and hashes, in WAL mode: the backup is the state in which it began."""
    backups.in_wal(project.db)
    before = backups.hashes(project.db)
    commits = 0
    with closing(sqlite3.connect(project.db, isolation_level=None, check_same_thread=False)) as other:

        def write(_: float | None) -> None:
            nonlocal commits
            other.execute("INSERT INTO users (email) VALUES (?)", (f"late {commits}",))
            other.execute("UPDATE notes SET body = 'changed' WHERE id = ?", (1 + commits % 300,))
            commits += 1

        backup = create(settings(project), progress=Watching(ticked=write))
    assert commits > 3
    assert backups.hashes(backup.path) == before != backups.hashes(project.db)
    assert backup.manifest is not None
    assert backup.manifest.source.journal_mode == "wal"
    assert not backup.path.with_name(backup.path.name + "-wal").exists()


def test_with_a_rollback_journal_a_commit_waits(project: Project) -> None:
    refused = []
    with closing(sqlite3.connect(project.db, isolation_level=None, timeout=0, check_same_thread=False)) as other:

        def write(_: float | None) -> None:
            # Only while the source is read; its proof holds nothing.
            try:
                other.execute("UPDATE notes SET body = 'changed' WHERE id = 1")
            except sqlite3.OperationalError as e:
                refused.append(str(e))

        backup = create(settings(project), progress=Watching(ticked=write))
    assert set(refused) == {"database is locked"}
    with closing(sqlite3.connect(backup.path)) as conn:
        assert conn.execute("SELECT body = 'changed' FROM notes WHERE id = 1").fetchone() == (0,)


WRITER = """
import sqlite3, sys, threading
app = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
done = 0
while not stop.is_set():
    app.execute("BEGIN IMMEDIATE")
    app.execute("UPDATE accounts SET balance = balance - 1 WHERE id = 1")
    app.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 2")
    app.execute("INSERT INTO log VALUES (1, zeroblob(500))")
    app.execute("COMMIT")
    done += 1
    if done == 20:
        print("ready", flush=True)
print(done)
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_writer_that_never_rests(project: Project, journal: str) -> None:
    project.script(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); INSERT INTO accounts VALUES (1, 0), (2, 0);"
        "CREATE TABLE log (n, filler); CREATE TABLE ballast (x); INSERT INTO ballast SELECT zeroblob(9000) FROM users;"
    )
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute(f"PRAGMA journal_mode = {journal}")
    (project.root / "setup.cfg").write_text("[memsql]\nbusy_timeout = 30s\n")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(project.db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        for _ in range(2):
            project.run("backup").expect(0, "proven")
        done = int(app.communicate(timeout=60)[0])
    assert done > 20
    assert backups.assert_whole(project) == 2
    for path in backups.files(project):
        with closing(sqlite3.connect(path)) as conn:
            assert conn.execute(
                "SELECT sum(balance), max(balance) = (SELECT count(*) FROM log) FROM accounts"
            ).fetchone() == (0, 1)


@pytest.mark.slow
def test_two_at_once(project: Project) -> None:
    for done in [finish(p) for p in [project.start("backup", *(["--compress"] * (n % 2))) for n in range(4)]]:
        done.expect(0, "proven")
    assert backups.assert_whole(project) == 4
    assert backups.hidden(project.root / "backups") == []
    project.run("backup.verify", "--all").expect(0, "4 backups, all proven")


def test_names_are_never_taken_from_others(project: Project) -> None:
    from memsql.backups.names import stamp

    folder = project.root / "backups"
    folder.mkdir()
    now = datetime.now(UTC)
    taken = [folder / f"memory-{stamp(now + timedelta(seconds=n))}.db" for n in range(60)]
    for path in taken[::2]:
        path.write_bytes(b"mine")
    for path in taken[1::2]:
        path.with_name(path.name + ".json").write_bytes(b"mine")
    backup = project.run("backup", "--json").expect(0).json()["backup"]
    assert backup.endswith("Z-2.db")
    assert all(path.read_bytes() == b"mine" for path in taken[::2])
    assert all(path.with_name(path.name + ".json").read_bytes() == b"mine" for path in taken[1::2])
