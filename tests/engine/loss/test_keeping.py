"""Rows that are kept in TEMP tables on a file: alone in their transaction, and with room for them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

FAMILY = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);\n"
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE SET NULL, note TEXT);\n"
    "CREATE INDEX child_parent ON child (parent);\n"
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b');\n"
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)\n"
    "INSERT INTO child SELECT i, 2, 'x' FROM n;\n"
    "UPDATE child SET parent = 1 WHERE id = 1;\n"
)
DELETE = "-- allow: data-loss child.parent meant\nDELETE FROM parent WHERE id = 1;\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.add("0001_family", FAMILY)
    project.run("migrate.up").expect(0)
    project.add("0002_one", "CREATE TABLE one (id INTEGER PRIMARY KEY);\n")
    project.add("0003_delete", DELETE)
    project.add("0004_two", "CREATE TABLE two (id INTEGER PRIMARY KEY);\n")
    return project


def states(project: Project) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(project.db)) as conn:
        return conn.execute("SELECT version, status FROM schema_migrations ORDER BY version").fetchall()


def test_a_migration_that_keeps_rows_shares_no_transaction(project: Project) -> None:
    project.run("migrate.up").expect(0, "lost, as allowed: column child.parent loses a value in 1 row")
    assert [state for _, state in states(project)] == ["applied"] * 4


def test_all_or_nothing_is_one_transaction(project: Project) -> None:
    project.add("0005_bad", "INSERT INTO nowhere VALUES (1);\n")
    project.run("migrate.up", "--all-or-nothing").expect(5, "every migration of this run was rolled back")
    assert ("applied" in str(states(project)[1:])) is False


def test_no_room_names_the_folder(project: Project) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    small = project.root / "small"
    small.mkdir()
    inside = 'mount -t tmpfs -o size=500k none "$1" && export SQLITE_TMPDIR="$1" && shift && "$@"'
    prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(small))
    project.run("migrate.up", prefix=prefix).expect(4, f"in the temporary folder {small}", "0002_one", "SQLITE_TMPDIR")
    assert [state for _, state in states(project)] == ["applied", "applied"]
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("SELECT count(*) FROM parent").fetchone() == (2,)
    project.run("migrate.up").expect(0)
