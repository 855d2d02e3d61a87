"""Migrations and full-text indexes: rebuilt when asked for, refused where one is left behind."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project
from indexed import (
    INDEX,
    TABLE,
    as_fresh,
    kill,
    leftovers,
    online,
    right,
    write,
)
from reference_project import succeed


def project_of(tmp_path: Path, second: str, *, index: str = INDEX) -> Project:
    project = Project(tmp_path)
    project.add(
        "0001_docs",
        TABLE + index + "INSERT INTO docs VALUES (1, 'one', 'x');\n"
        "INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');\n",
    )
    project.up()
    project.add("0002_more", second)
    return project


@pytest.mark.parametrize("header", ['"DOCS_FTS"', "all"])
def test_a_migration_may_ask_for_a_rebuild(tmp_path: Path, header: str) -> None:
    project = project_of(tmp_path, f"-- More\n-- fts_rebuild: {header}\nINSERT INTO docs VALUES (2, 'two', 'y');\n")
    project.up().expect(0, "docs_fts")
    assert project.query("SELECT rowid FROM docs_fts('two')") == [(2,)]
    project.run("fts.check").expect(0)


def test_without_asking_a_migration_that_leaves_the_index_behind_is_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, "INSERT INTO docs VALUES (2, 'two', 'y');\n")
    before = project.data()
    project.run("migrate.up").expect(
        5,
        "0002_more ran, but its proof failed",
        "docs_fts does not agree with its content",
        "memsql fts.rebuild",
        "-- fts_rebuild: all",
    )
    assert project.data() == before


def test_an_unknown_name_in_the_header_fails(tmp_path: Path) -> None:
    project = project_of(tmp_path, "-- More\n-- fts_rebuild: nope\nINSERT INTO docs VALUES (2, 'two', 'y');\n")
    before = project.data()
    project.run("migrate.up").expect(5, "nope, which is no FTS5 table here", "FTS5 tables: docs_fts")
    assert project.data() == before


def test_a_write_over_an_index_that_is_already_broken_is_refused_with_the_way_out(tmp_path: Path) -> None:
    project = project_of(tmp_path, "UPDATE docs SET title = 'two' WHERE id = 1;\n")
    write(project.db, right(project.db))
    write(
        project.db,
        """INSERT INTO docs VALUES (5, 'stale words', 'z');
        DROP TRIGGER docs_fts_delete; DELETE FROM docs WHERE id = 5;""",
    )
    before = project.data()
    project.run("migrate.up").expect(5, "docs_fts", "if the index was broken before, mend it with: memsql fts.rebuild")
    assert project.data() == before
    project.run("fts.rebuild").expect(0)
    project.up()
    assert project.query("SELECT rowid FROM docs_fts('two')") == [(1,)]


@pytest.mark.kill
def test_migrations_in_the_middle_of_an_online_rebuild(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_docs", TABLE + INDEX)
    project.up()
    write(project.db, right(project.db))
    with closing(sqlite3.connect(project.db)) as db:
        db.executemany("INSERT INTO docs VALUES (?, ?, 'body')", [(n, f"title {n}") for n in range(300)])
        db.commit()
    assert kill(project.db, "chunk", 2) == -signal.SIGKILL
    project.add(
        "0002_write",
        "INSERT INTO docs VALUES (-1, 'fresh', 'x');\nUPDATE docs SET title = 'moved', id = id + 1000 WHERE id < 30;\n",
    )
    project.add("0003_column", "ALTER TABLE docs ADD COLUMN more TEXT;\nUPDATE docs SET more = 'x';\n")
    project.add(
        "0004_loss", "-- Fewer\n-- allow: data-loss docs the test wants it so\nDELETE FROM docs WHERE id % 7 = 0;\n"
    )
    project.add(
        "0005_again", "-- Rebuild\n-- fts_rebuild: docs_fts\nINSERT INTO docs VALUES (-2, 'fresh', 'x', 'y');\n"
    )
    project.up("--dry-run")
    project.up()
    assert project.states() == dict.fromkeys(range(1, 6), "applied")
    assert project.run("fts.status", "--json").expect(0).json()["unfinished"] == ["docs_fts"]
    proofs: list[bool] = []
    online(project.db, proofs=proofs)
    assert proofs == [True]
    assert as_fresh(project.db)


@pytest.mark.kill
def test_verify_is_clean_in_the_middle_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    succeed(path, "migrate.up")
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO users(id, email, created_at, updated_at) VALUES ('u', 'u@x', '2024', '2024')")
        db.executemany(
            "INSERT INTO entities(user_id, name, entity_type, created_at, updated_at) VALUES ('u', "
            "?, 'x', '2024', '2024')",
            [(f"name {n}",) for n in range(300)],
        )
        db.commit()
    before = _checks(path)
    assert kill(path, "chunk", 2) == -signal.SIGKILL
    assert _checks(path) == before
    succeed(path, "fts.rebuild", "--online")
    assert _checks(path) == before
    assert leftovers(path) == []


def _checks(path: Path) -> dict[str, object]:
    done = json.loads(succeed(path, "verify", "--json"))
    return {c["name"]: (c["ok"], c["messages"]) for c in done["checks"]}
