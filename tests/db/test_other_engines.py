"""Files that the Turso engine wrote: what SQLite cannot read is refused before anything is touched."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cli import Project

from memsql.config import Target
from memsql.db import connect

# What pyturso 0.8.3 wrote: a table with an index, the table in MVCC mode, and a table with a materialized view.
FILES = json.loads((Path(__file__).parent / "data" / "turso-0.8.3.json").read_text(encoding="ascii"))
FIRST = "create table t(a integer primary key, b text not null, c real);\ncreate index t_by_b on t(b);\n"
COMMANDS = (
    ("migrate.up",),
    ("migrate.up", "--dry-run"),
    ("migrate.status",),
    ("migrate.down", "--steps", "1"),
    ("verify",),
    ("backup",),
    ("backup", "--salvage"),
    ("schema.stats",),
    ("schema.diff",),
    ("monitor.health",),
    ("maintain.vacuum",),
)
OPENING = """
import sys
files = [open(name, "rb") for name in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.read()
"""


def write(kind: str, path: Path) -> None:
    """Lay the files ``kind`` that the Turso engine wrote at ``path``."""
    for name, packed in FILES[kind].items():
        path.with_name(name.replace("a.db", path.name)).write_bytes(zlib.decompress(base64.b85decode(packed)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "my project", settings="busy_timeout = 200ms\n")
    project.add("0001_first", FIRST, "DROP TABLE t;\n")
    project.add("0002_more", "ALTER TABLE t ADD COLUMN d TEXT;\n", "ALTER TABLE t DROP COLUMN d;\n")
    (project.root / "backups").mkdir()
    return project


@contextmanager
def opened(*paths: Path) -> Iterator[int]:
    """A process that has ``paths`` open, without a lock; its id."""
    words = [sys.executable, "-c", OPENING, *map(str, paths)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


def test_a_file_in_mvcc_mode_is_refused_by_every_command_and_nothing_is_touched(project: Project) -> None:
    write("mvcc", project.db)
    # A log with pages, which SQLite would merge into the file.
    Path(f"{project.db}-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(60))
    before = project.files()
    for words in COMMANDS:
        project.run(*words).expect(3, "database of the Turso engine in its MVCC mode", "PRAGMA journal_mode = 'wal'")
        assert project.files() == before, words


def test_a_file_in_mvcc_mode_is_neither_restored_nor_replaced(project: Project) -> None:
    project.script("CREATE TABLE t (a)")
    project.run("backup").expect(0)
    backup = next((project.root / "backups").glob("*.db"))
    other = project.root / "turso.db"
    write("mvcc", other)
    before = project.files()
    project.run("backup.restore", str(backup), "--to", str(other)).expect(3, "Turso engine in its MVCC mode")
    assert project.files() == before
    project.run("backup.restore", str(other), "--unproven").expect(1, "Turso engine in its MVCC mode")
    assert project.files() == before


def test_an_encrypted_file_is_named(project: Project) -> None:
    # The header that version 0.8.3 writes.
    project.db.write_bytes(b"Turso\0\x03" + bytes(9) + b"\x10\x00\x02\x02\x30@  " + bytes(4072))
    before = project.files()
    project.run("migrate.up").expect(3, "a database that the Turso engine encrypted")
    assert project.files() == before


def test_changes_that_were_never_merged_are_not_passed_over(project: Project) -> None:
    write("plain", project.db)
    log = zlib.decompress(base64.b85decode(FILES["mvcc"]["a.db-log"]))
    Path(f"{project.db}-log").write_bytes(log)
    before = project.files()
    project.run("migrate.up").expect(3, "has changes in its -log file, which only the Turso engine can read")
    assert project.files() == before
    # What the engine leaves when it goes back to a log of pages.
    for rest in (b"", log[:56]):
        Path(f"{project.db}-log").write_bytes(rest)
        project.run("migrate.status").expect(0)
    Path(f"{project.db}-log").write_bytes(b"a log of the application, which is no matter of ours: " * 3)
    project.run("migrate.status").expect(0)


def test_what_sqlite_can_read_works(project: Project) -> None:
    write("plain", project.db)
    project.run("migrate.baseline", "--version", "1").expect(0)
    project.up()
    assert project.query("SELECT a, b, c, d FROM t ORDER BY a") == [(1, "one", 1.5, None), (2, "two", None, None)]
    project.run("verify").expect(0)
    project.run("backup").expect(0)
    project.run("migrate.down", "--steps", "1").expect(0)
    project.run("backup.restore").expect(0)


def test_a_schema_of_another_engine_is_not_called_damage(project: Project) -> None:
    write("view", project.db)
    project.run("migrate.up").expect(3, 'near "MATERIALIZED"', "the engine that wrote it")


def test_a_log_that_processes_of_the_turso_engine_share_is_not_removed(project: Project) -> None:
    write("plain", project.db)
    shared = Path(f"{project.db}-tshm")
    shared.write_bytes(bytes(4096))
    before = project.files()
    with opened(project.db, shared) as pid:
        for words in (("migrate.up",), ("verify",), ("backup",)):
            project.run(*words).expect(4, f"({pid})", "the Turso engine in its multi-process mode", "stop that process")
            assert project.files() == before
    # The file stays when the engine has closed the database.
    project.run("migrate.status").expect(0)


def test_reading_the_header_releases_no_lock(tmp_path: Path) -> None:
    """A process that closes any handle of a file loses its locks on it."""
    target = Target(path=tmp_path / "a.db", display="a.db")
    writing = (
        "import sqlite3, sys\n"
        "try: sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('INSERT INTO t VALUES (2)')\n"
        "except sqlite3.OperationalError as e: print(e)\n"
    )
    with closing(connect(target, "rwc")) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        for mode in ("ro", "rw"):
            connect(target, mode).close()
        other = subprocess.run([sys.executable, "-c", writing, str(target.path)], capture_output=True, check=True)
        assert b"locked" in other.stdout
        conn.commit()
        assert conn.execute("SELECT a FROM t").rows == [(1,)]
