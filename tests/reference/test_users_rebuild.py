"""Rebuilding users, the parent of four tables, on the reference database."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import eras
import pytest
from places import ROOT
from reference_project import REBUILD, memsql_in


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    eras.build(tmp_path / "memory.db", "1.3", "small", seed=5)
    assert memsql_in(tmp_path, "migrate.up").returncode == 0
    return tmp_path


def add(project: Path, text: str) -> None:
    (project / "migrations" / "0005_rebuild_users.sql").write_text(text)
    assert memsql_in(project, "migrate.sum").returncode == 0


def test_without_the_directive_it_is_refused_with_the_tables_named(project: Path) -> None:
    database = project / "memory.db"
    before, counts = eras.content_hash(database), eras.row_counts(database)
    add(project, REBUILD.format(directive=""))

    refused = memsql_in(project, "migrate.up")

    assert refused.returncode == 6, refused.stdout + refused.stderr
    with closing(sqlite3.connect(database)) as conn:
        for child in ("entities", "memories", "interactions", "api_usage_tracking"):
            going = conn.execute(f"SELECT count(user_id) FROM {child}").fetchone()[0]
            assert f"table {child} loses {going} rows of {counts[child]}" in refused.stderr
    assert "-- foreign_keys: off" in refused.stderr
    assert eras.content_hash(database) == before


def test_with_it_nothing_is_lost(project: Path) -> None:
    database = project / "memory.db"
    before = eras.content_hash(database)
    add(project, REBUILD.format(directive="-- foreign_keys: off"))

    rehearsed = memsql_in(project, "migrate.up", "--dry-run")
    assert rehearsed.returncode == 0, rehearsed.stdout + rehearsed.stderr
    assert "column name changed" in rehearsed.stdout
    done = memsql_in(project, "migrate.up")

    assert done.returncode == 0, done.stderr
    after = eras.content_hash(database)
    assert eras.lost(before, after, filled=[("users", "name")]) == []
    verified = memsql_in(project, "verify")
    assert verified.returncode == 0, verified.stdout


def test_a_rebuild_that_forgets_an_index_fails_its_proof(project: Path) -> None:
    # The key of the address does the work of idx_users_email, so another one is forgotten.
    with closing(sqlite3.connect(project / "memory.db")) as conn:
        conn.execute("CREATE INDEX idx_users_spare ON users (name)")
    before = eras.content_hash(project / "memory.db")
    add(project, REBUILD.format(directive="-- foreign_keys: off"))
    failed = memsql_in(project, "migrate.up")
    assert failed.returncode == 5
    assert "index idx_users_spare on users is gone" in failed.stderr
    assert eras.content_hash(project / "memory.db") == before
