"""verify asks all its questions, whatever the answer to one of them is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

from memsql.server import Running

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, "check_timeout = 200ms\n")
    project.add("0001_item", "CREATE TABLE item (id INTEGER PRIMARY KEY);\n")
    project.up()
    return project


def test_a_check_that_does_not_end_fails_and_is_named(project: Project) -> None:
    project.check("a_endless", ENDLESS)
    project.check("b_fine", "SELECT id FROM item")
    project.run("verify").expect(
        1, "error    a_endless", "did not end within 0.2 s", "ok       b_fine", "1 check failed"
    )


def test_in_a_migration_it_is_a_failure(project: Project) -> None:
    project.add("0002_tag", "CREATE TABLE tag (x);\n")
    project.check("0002_tag", ENDLESS)
    before = project.data()
    parts = ("0002_tag ran, but its check '0002_tag' failed", "did not end within 0.2 s")
    project.run("migrate.up", "--dry-run").expect(5, *parts)
    project.run("migrate.up").expect(5, *parts, "this migration was rolled back")
    assert project.data() == before


def test_a_foreign_key_without_a_parent_key_does_not_end_it(project: Project) -> None:
    project.script(
        """CREATE TABLE policy (id INTEGER PRIMARY KEY, code TEXT);
        CREATE TABLE scan (id INTEGER PRIMARY KEY, code TEXT REFERENCES policy (code));
        CREATE TABLE room (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item);
        INSERT INTO room VALUES (1, 77);"""
    )
    project.check("fine", "SELECT id FROM item")
    project.run("verify").expect(
        1,
        'foreign key mismatch - "scan" referencing "policy"',
        "1 row of room refers to item rows that do not exist",
        "ok       quick_check",
        "ok       ledger",
        "ok       schema",
        "ok       fine",
        "1 check failed",
    )


def test_what_only_the_application_knows_is_not_proven_and_no_failure(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        conn.create_collation("mine", lambda a, b: (a > b) - (a < b))
        conn.executescript(
            """CREATE TABLE word (k TEXT COLLATE mine PRIMARY KEY);
            INSERT INTO word VALUES ('p'), ('q');
            CREATE TABLE uses (id INTEGER PRIMARY KEY, k REFERENCES word);
            INSERT INTO uses VALUES (1, 'p');
            CREATE TABLE room (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item);
            INSERT INTO room VALUES (1, 77);"""
        )
    report = project.run("verify", "--json").expect(0).json()
    assert report["unproven"] == [
        "quick_check_unknown: not proven: table word uses the collation mine, which is unknown here",
        "foreign_keys_unknown: not proven: table uses uses the collation mine, which is unknown here",
    ]
    project.run("verify").expect(0, "1 row of room refers to item rows", "ok       schema", "2 not proven", "proven:")


def test_a_migration_says_what_it_could_not_prove(project: Project) -> None:
    project.add("0002_view", "CREATE VIEW shown AS SELECT of_the_application(id) AS x FROM item;\n")
    project.run("migrate.up", "--dry-run").expect(0, "proven, except as said below", "not proven: view shown")
    done = project.run("migrate.up", "--json").expect(0).json()["done"][0]
    assert len(done["unproven"]) == 1
    assert "of_the_application" in done["unproven"][0]


STALE = """CREATE VIRTUAL TABLE item_fts USING fts5(name, content='item', content_rowid='id');
CREATE TRIGGER item_fts_delete AFTER DELETE ON item BEGIN DELETE FROM item_fts WHERE rowid = old.id; END;
INSERT INTO item VALUES (7, 'stale'); INSERT INTO item_fts (rowid, name) VALUES (7, 'stale');
DELETE FROM item WHERE id = 7;
"""


def test_a_stale_index_is_a_warning_only_where_a_pending_migration_repairs_it(project: Project) -> None:
    project.script("ALTER TABLE item ADD COLUMN name TEXT;" + STALE)
    wrong = "item_fts does not agree with its content"
    project.run("verify").expect(1, f"error    fts item_fts\n           {wrong}")
    project.add("0002_other", "CREATE TABLE other (id INTEGER PRIMARY KEY);\n")
    project.run("verify").expect(1, f"error    fts item_fts\n           {wrong}")
    project.add("0003_repair", "INSERT INTO item_fts (item_fts) VALUES ('rebuild');\n")
    before = project.everything()
    said = "0003_repair, which is not applied yet, repairs it: memsql migrate.up"
    project.run("verify").expect(0, f"warning  fts item_fts\n           {wrong}", said)
    assert project.everything() == before
    project.add("0002_other", "CREATE TABLE item (id INTEGER PRIMARY KEY);\n")
    assert said not in project.run("verify").expect(1, "error    fts item_fts").out


@pytest.mark.server
def test_syntax_that_only_the_server_knows_is_not_proven_and_no_failure(
    empty_server: Running, project: Project
) -> None:
    project.add("0002_strict", "ALTER TABLE item ADD COLUMN x;\nALTER TABLE item ALTER COLUMN x TO x TEXT NOT NULL;\n")
    project.check("fine", "SELECT id FROM item")
    project.run("migrate.up", "--database", empty_server.url).expect(0, "applied 0002_strict")
    report = project.run("verify", "--database", empty_server.url, "--json").expect(0).json()
    assert len(report["unproven"]) == 1
    assert "it has no such syntax" in report["unproven"][0]
    assert [c["ok"] for c in report["checks"] if c["name"] in ("fine", "quick_check")] == [True, True]
    project.add("0003_more", "CREATE TABLE more (x);\n")
    dry = ("migrate.up", "--dry-run", "--database", empty_server.url)
    project.run(*dry).expect(0, "proven without rows")
    assert "no rows were copied" in project.run(*dry, "--json").expect(0).json()["unproven"][0]


MODEL = "export interface Note {\n  id: number;\n  text: string;\n}\n"


def test_models_that_do_not_fit_fail_unless_a_pending_migration_provides_it(tmp_path: Path) -> None:
    project = Project(tmp_path, "models = src/models.ts\n")
    project.add("0001_notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY);\n", "DROP TABLE notes;\n")
    project.add(
        "0002_text",
        "ALTER TABLE notes ADD COLUMN text TEXT NOT NULL DEFAULT '';\n",
        "ALTER TABLE notes DROP COLUMN text;\n",
    )
    project.up()
    project.run("verify").expect(0, "warning  models", "not proven: src/models.ts: there is no such file")
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "models.ts"
    file.write_text(MODEL, encoding="utf-8")
    project.run("verify").expect(0, "ok       models")
    project.run("migrate.down").expect(0)
    project.run("verify").expect(0, "later    models", "not before migration 0002: src/models.ts:3: ")
    file.write_text(MODEL.replace("text:", "title:"), encoding="utf-8")
    project.run("verify").expect(1, "error    models", "src/models.ts:3: ")
    file.write_text("export interface Note {", encoding="utf-8")
    project.run("verify").expect(1, "error    models", "src/models.ts")
    # A column without a field is known, and fails nothing.
    project.up()
    file.write_text("export interface Note {\n  id: number;\n}\n", encoding="utf-8")
    project.run("verify").expect(0, "warning  models_known")
