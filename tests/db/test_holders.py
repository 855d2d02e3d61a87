"""Which processes hold a lock on a database, as an error names them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli import Project

from memsql.db import holders

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux says who holds a lock")

HOLDING = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[2:]:
    conn.execute(sql).fetchone()
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(path: Path, *statements: str) -> Iterator[int]:
    """A process that runs ``statements`` on ``path`` and then waits; its id."""
    words = [sys.executable, "-c", HOLDING, str(path), *statements]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, "busy_timeout = 50\n")
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.up()
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    return project


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_writer_is_named_and_not_who_reads(project: Project, mode: str) -> None:
    project.script(f"PRAGMA journal_mode = {mode}")
    reading = ("BEGIN", "SELECT * FROM sqlite_schema")
    with another(project.db, *reading), another(project.db, "BEGIN IMMEDIATE") as writer:
        name = (Path("/proc") / str(writer) / "comm").read_text().strip()
        assert holders.lock_holders(project.db) == [(writer, name)]
        done = project.run("migrate.up").expect(4, f"memory.db is locked by another process: {name} ({writer})")
        assert "stop it" in done.err
        assert project.run("migrate.up", "--json").json()["error"]["message"].endswith(f"{name} ({writer})")


def test_a_reader_that_keeps_a_commit_waiting_is_named(project: Project) -> None:
    with another(project.db, "BEGIN", "SELECT * FROM sqlite_schema") as reader:
        project.run("migrate.up").expect(4, f"({reader})")


def test_who_only_has_it_open_holds_no_lock(project: Project) -> None:
    with another(project.db, "SELECT * FROM sqlite_schema") as idle:
        assert holders.lock_holders(project.db) == []
        assert [pid for pid, _ in holders.holders([project.db])] == [idle]


def test_where_the_system_does_not_say(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with another(project.db, "BEGIN IMMEDIATE") as writer:
        monkeypatch.setattr(holders, "_PROC", project.root / "no proc here")
        assert holders.lock_holders(project.db) == []
        monkeypatch.undo()
        assert [pid for pid, _ in holders.lock_holders(project.db)] == [writer]
    assert holders.lock_holders(project.db) == []
    assert holders.lock_holders(project.root / "nothing.db") == []


def test_lines_that_nobody_expects(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inode = project.db.stat().st_ino
    (tmp_path / "locks").write_text(
        f"1: POSIX  ADVISORY  WRITE -1 08:01:{inode} 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 1 08:01:{inode} 0 EOF\n"
        f"3: -> POSIX  ADVISORY  WRITE 1 08:01:{inode} 0 EOF\n"
        f"4: POSIX  ADVISORY  WRITE {os.getpid()} 08:01:{inode} 0 EOF\n"
        "5: POSIX\n\n6: POSIX  ADVISORY  WRITE 1 08:01:no 0 EOF\n",
        encoding="ascii",
    )
    monkeypatch.setattr(holders, "_PROC", tmp_path)
    assert holders.lock_holders(project.db) == []
