"""No row, column or object goes silently: refused with its name, or lost with permission and said so."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

CHILDREN = ("memories", "entities", "interactions", "usage")
BASE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, nick TEXT, phone TEXT);\n"
    + "".join(
        f"CREATE TABLE {t} (id INTEGER PRIMARY KEY, "
        f"user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, body TEXT);\n"
        for t in CHILDREN
    )
    + """CREATE INDEX users_email ON users (email);
CREATE TRIGGER users_lower AFTER INSERT ON users BEGIN UPDATE users SET email = lower(email) WHERE id = new.id; END;
INSERT INTO users VALUES (1, 'A', NULL, '1'), (2, 'b', NULL, NULL), (3, 'c', NULL, NULL);
"""
    + "".join(f"INSERT INTO {t} VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z');\n" for t in CHILDREN)
)

REBUILD = """CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT NOT NULL, nick TEXT, phone TEXT);
INSERT INTO users_new SELECT id, email, nick, phone FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
"""
OBJECTS = """CREATE INDEX users_email ON users (email);
CREATE TRIGGER users_lower AFTER INSERT ON users BEGIN UPDATE users SET email = lower(email) WHERE id = new.id; END;
"""
OFF = "-- foreign_keys: off\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """``users`` is the parent of four tables, with cascades."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0001_base", BASE, "DROP TABLE users;\n")
    project.up()
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


def refuse(project: Project, text: str, *parts: str, code: int = 6) -> None:
    project.add("0002_change", text)
    before = project.data()
    reason = "would lose data" if code == 6 else "its proof failed"
    project.run("migrate.up").expect(
        code, "0002_change", reason, "migrations/0002_change.sql", "this migration was rolled back", *parts
    )
    assert project.data() == before
    assert project.applied() == ["0001_base"]
    assert project.states()[2] == "failed"


def accept(project: Project, text: str, *parts: str, words: tuple[str, ...] = ()) -> None:
    project.add("0002_change", text)
    project.up(*words).expect(0, "applied 0002_change", *parts)
    assert project.query("PRAGMA foreign_key_check") == []


# -- rebuilds ----------------------------------------------------------------------------------------


def test_a_rebuild_of_a_parent_with_foreign_keys_on_is_refused_and_every_table_named(project: Project) -> None:
    refuse(project, REBUILD + OBJECTS, *(f"table {t} loses 3 rows of 3" for t in CHILDREN), "-- foreign_keys: off")


def test_with_foreign_keys_off_nothing_is_lost(project: Project) -> None:
    before = {t: project.query(f"SELECT * FROM {t}") for t in ("users", *CHILDREN)}
    accept(project, OFF + REBUILD + OBJECTS)
    assert {t: project.query(f"SELECT * FROM {t}") for t in before} == before
    assert "NOT NULL" in project.one("SELECT sql FROM sqlite_schema WHERE name = 'users'")


def test_foreign_keys_are_on_again_for_the_next_migration(project: Project) -> None:
    project.add("0003_cascade", "DELETE FROM users WHERE id = 1;\n")
    project.add("0002_change", OFF + REBUILD + OBJECTS)
    project.run("migrate.up").expect(6, "0003_cascade would lose data", "table memories loses 2 rows of 3")


def test_a_rebuild_that_forgets_its_objects_fails(project: Project) -> None:
    refuse(project, OFF + REBUILD, "index users_email on users is gone", "trigger users_lower on users is gone", code=5)


def test_a_rebuild_may_drop_objects_by_name(project: Project) -> None:
    accept(project, OFF + "DROP INDEX users_email;\nDROP TRIGGER users_lower;\n" + REBUILD)


def test_a_rebuild_that_copies_too_few_rows_is_refused(project: Project) -> None:
    refuse(
        project,
        OFF + REBUILD.replace("FROM users;", "FROM users WHERE id > 1;") + OBJECTS,
        "table users loses 1 row of 3 without a DELETE of its own",
    )


def test_a_rebuild_that_forgets_a_column_is_refused(project: Project) -> None:
    text = REBUILD.replace(", phone TEXT", "").replace(", phone FROM", " FROM")
    refuse(project, OFF + text + OBJECTS, "column users.phone is dropped with a value in 1 row")


def test_a_rebuild_may_leave_out_a_column_that_holds_nothing(project: Project) -> None:
    accept(project, OFF + REBUILD.replace(", nick TEXT", "").replace(", nick,", ",") + OBJECTS)


def test_a_rebuild_that_breaks_references_fails(project: Project) -> None:
    text = REBUILD.replace("SELECT id,", "SELECT id + 100,")
    refuse(
        project,
        OFF + text + OBJECTS,
        *(f"3 rows of {t} refer to users rows that do not exist" for t in CHILDREN),
        code=5,
    )


# -- tables and columns ------------------------------------------------------------------------------


def test_dropping_a_table_with_rows_is_refused(project: Project) -> None:
    refuse(project, "DROP TABLE usage;\n", "table usage is dropped with 3 rows", "-- allow: data-loss usage <reason>")


def test_dropping_an_empty_table_is_not(project: Project) -> None:
    project.script("DELETE FROM usage")
    accept(project, "DROP TABLE usage;\n")


def test_dropping_in_any_spelling_is_seen(project: Project) -> None:
    refuse(project, 'drop /* x */ table if exists main."USAGE";\n', "table usage is dropped with 3 rows")


def test_dropping_a_column_with_values_is_refused(project: Project) -> None:
    refuse(project, "ALTER TABLE users DROP COLUMN phone;\n", "column users.phone is dropped with a value in 1 row")


def test_dropping_a_column_of_nulls_is_not(project: Project) -> None:
    accept(project, "ALTER TABLE users DROP COLUMN nick;\n")


def test_the_reason_in_the_file_permits_it_and_the_loss_is_said(project: Project) -> None:
    accept(
        project,
        "-- allow: data-loss usage nobody reads it\nDROP TABLE usage;\n",
        "lost, as allowed: table usage is dropped with 3 rows",
    )


def test_the_flag_permits_it_and_the_loss_is_said(project: Project) -> None:
    project.add("0002_change", "ALTER TABLE users DROP COLUMN phone;\nDROP TABLE usage;\n")
    report = project.up("--allow-data-loss", "--json").json()
    assert any("usage" in loss for loss in report["done"][0]["lost"])
    assert project.query("SELECT name FROM sqlite_schema WHERE name = 'usage'") == []


def test_another_allowed_rule_is_no_permission(project: Project) -> None:
    refuse(project, "-- allow: rename it is needed\nDROP TABLE usage;\n", "table usage is dropped")


def test_renaming_keeps_rows_and_is_no_loss(project: Project) -> None:
    accept(project, "ALTER TABLE usage RENAME TO consumption;\nALTER TABLE consumption RENAME COLUMN body TO text;\n")
    assert project.query("SELECT text FROM consumption") == [("x",), ("y",), ("z",)]


def test_renaming_away_and_dropping_is_a_loss(project: Project) -> None:
    refuse(project, "ALTER TABLE usage RENAME TO old_usage;\nDROP TABLE old_usage;\n", "3 rows")


def test_dropping_and_making_an_empty_one_is_a_loss(project: Project) -> None:
    refuse(
        project,
        "DROP TABLE usage;\nCREATE TABLE usage (id INTEGER PRIMARY KEY, user_id INTEGER, body TEXT);\n",
        "table usage is dropped with 3 rows",
    )


def test_swapping_two_tables_loses_nothing(project: Project) -> None:
    accept(
        project,
        "ALTER TABLE usage RENAME TO tmp;\nALTER TABLE entities RENAME TO usage;\n"
        "ALTER TABLE tmp RENAME TO entities;\n",
    )


# -- rows --------------------------------------------------------------------------------------------


def test_delete_by_name_is_meant(project: Project) -> None:
    accept(project, "DELETE FROM usage WHERE id = 1;\n")
    assert project.query("SELECT id FROM usage") == [(2,), (3,)]


def test_what_it_takes_along_is_not(project: Project) -> None:
    refuse(project, "DELETE FROM users WHERE id = 1;\n", *(f"table {t} loses 2 rows of 3" for t in CHILDREN))


def test_unless_that_is_named_too(project: Project) -> None:
    text = "".join(f"DELETE FROM {t} WHERE user_id = 1;\n" for t in CHILDREN) + "DELETE FROM users WHERE id = 1;\n"
    accept(project, text)


def test_a_dropped_parent_is_told_in_the_same_words_where_sqlite_cannot_drop_it(project: Project) -> None:
    """Some versions refuse a DROP TABLE whose cascade writes to a full-text index: "database table is locked"."""
    project.script(
        "CREATE VIRTUAL TABLE memories_fts USING fts5(body, content='memories', content_rowid='id');\n"
        "CREATE TRIGGER memories_fts_delete AFTER DELETE ON memories BEGIN\n"
        "    INSERT INTO memories_fts (memories_fts, rowid, body) VALUES ('delete', old.id, old.body); END;\n"
        "INSERT INTO memories_fts (memories_fts) VALUES ('rebuild');\n"
    )
    refuse(project, REBUILD, *(f"table {t} loses 3 rows of 3 without a DELETE of its own" for t in CHILDREN))


def test_replace_that_cascades_is_refused(project: Project) -> None:
    refuse(project, "INSERT OR REPLACE INTO users VALUES (1, 'new', NULL, NULL);\n", "table memories loses 2 rows of 3")


def test_replace_that_takes_another_row_is_refused(project: Project) -> None:
    refuse(
        project,
        "CREATE UNIQUE INDEX one_phone ON users (phone);\nUPDATE usage SET body = 'w';\n"
        "REPLACE INTO users VALUES (3, 'c', NULL, '1');\n",
        "table users loses 1 row of 3",
    )


def test_replace_of_the_same_row_is_no_loss(project: Project) -> None:
    accept(project, "REPLACE INTO users VALUES (3, 'c', NULL, '9');\n")


def test_update_or_replace_is_watched(project: Project) -> None:
    refuse(project, "UPDATE OR REPLACE usage SET id = 1 WHERE id = 2;\n", "table usage loses 1 row of 3")


def test_a_replacing_constraint_is_watched(project: Project) -> None:
    project.script(
        "CREATE TABLE kinds (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, name TEXT UNIQUE ON CONFLICT REPLACE);"
        "INSERT INTO kinds VALUES (1, 'a'), (2, 'b');"
    )
    refuse(project, "INSERT INTO kinds VALUES (3, 'a'), (2, 'a');\n", "table kinds loses 1 row of 2")


def test_a_trigger_that_an_earlier_migration_of_the_same_run_made_is_watched(project: Project) -> None:
    project.add(
        "0002_trigger",
        "CREATE UNIQUE INDEX one_body ON usage (body);\nCREATE TRIGGER keep AFTER UPDATE ON users"
        " BEGIN INSERT OR REPLACE INTO usage VALUES (2, new.id, 'x'); END;\n",
    )
    project.add("0003_change", "UPDATE users SET nick = 'n' WHERE id = 1;\n")
    project.run("migrate.up").expect(6, "0003_change would lose data", "table usage loses 1 row of 3")


def test_create_if_not_exists_hides_nothing(project: Project) -> None:
    refuse(
        project,
        "CREATE TABLE IF NOT EXISTS usage (id INTEGER PRIMARY KEY);\nDELETE FROM users WHERE id = 1;\n",
        "table usage loses 2 rows of 3",
    )


def test_create_if_not_exists_hides_no_replacing_either(project: Project) -> None:
    refuse(
        project,
        "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY);\nCREATE UNIQUE INDEX one_phone ON users (phone);\n"
        "REPLACE INTO users VALUES (9, 'c', NULL, '1');\n",
        "table memories loses 2 rows of 3",
    )


def test_deleting_from_a_renamed_table_is_meant(project: Project) -> None:
    accept(project, "ALTER TABLE usage RENAME TO consumption;\nDELETE FROM consumption WHERE id = 1;\n")


def test_what_a_renamed_table_takes_along_is_not(project: Project) -> None:
    refuse(
        project,
        "ALTER TABLE usage RENAME TO a;\nALTER TABLE a RENAME TO b;\nDELETE FROM users WHERE id = 1;\n",
        "table usage loses 2 rows of 3",
    )


def test_a_rebuild_by_renaming_the_old_table_away(project: Project) -> None:
    accept(
        project,
        "ALTER TABLE usage RENAME TO usage_old;\n"
        "CREATE TABLE usage (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), body TEXT NOT NULL);\n"
        "INSERT INTO usage SELECT * FROM usage_old;\nDROP TABLE usage_old;\n",
    )
    assert project.one("SELECT count(*) FROM usage") == 3


def test_a_table_that_comes_and_goes_is_nobodys_loss(project: Project) -> None:
    accept(
        project,
        "CREATE TABLE scratch AS SELECT * FROM usage;\nREPLACE INTO scratch SELECT * FROM usage;\n"
        "ALTER TABLE scratch RENAME TO scratch2;\nDROP TABLE scratch2;\n",
    )


def test_a_trigger_that_deletes_is_watched(project: Project) -> None:
    project.script("CREATE TRIGGER tidy AFTER UPDATE ON users BEGIN DELETE FROM usage WHERE user_id = new.id; END;")
    refuse(project, "UPDATE users SET nick = 'n';\n", "table usage loses 3 rows of 3 without a DELETE of its own")


def test_a_trigger_of_the_migration_itself_is_watched(project: Project) -> None:
    refuse(
        project,
        "CREATE TRIGGER tidy AFTER UPDATE ON users BEGIN DELETE FROM usage; END;\nUPDATE users SET nick = 'n';\n",
        "table usage loses 3 rows of 3",
    )


def test_a_statement_on_a_view_means_what_its_trigger_writes(project: Project) -> None:
    project.script(
        "CREATE VIEW v AS SELECT * FROM users; CREATE TRIGGER v_delete INSTEAD OF DELETE ON v BEGIN"
        " DELETE FROM usage WHERE user_id = old.id; END;"
    )
    accept(project, "DELETE FROM v WHERE id = 1;\n")
    assert project.query("SELECT count(*) FROM usage") == [(1,)]


def test_deleting_and_inserting_as_many_is_no_loss(project: Project) -> None:
    accept(project, "DELETE FROM usage;\nINSERT INTO usage VALUES (1, 1, 'only');\n")


# -- foreign keys ------------------------------------------------------------------------------------


def test_a_new_orphan_fails_with_foreign_keys_off(project: Project) -> None:
    refuse(
        project,
        OFF + "INSERT INTO usage VALUES (9, 99, 'orphan');\n",
        "1 row of usage refers to users rows that do not exist",
        code=5,
    )


def test_a_new_orphan_fails_with_foreign_keys_on(project: Project) -> None:
    project.add("0002_change", "INSERT INTO usage VALUES (9, 99, 'orphan');\n")
    before = project.data()
    project.run("migrate.up").expect(5, "0002_change failed in statement 1: FOREIGN KEY constraint failed")
    assert project.data() == before


def test_a_deferred_violation_is_found_at_the_end(project: Project) -> None:
    project.add("0002_change", "PRAGMA defer_foreign_keys = on;\nINSERT INTO usage VALUES (9, 99, 'orphan');\n")
    before = project.data()
    project.run("migrate.up").expect(5, "0002_change", "usage")
    assert project.data() == before
    assert project.states()[2] == "failed"


def test_orphans_that_were_there_stay_and_do_not_stop_anything(project: Project) -> None:
    project.script("PRAGMA foreign_keys = off; INSERT INTO usage VALUES (9, 99, 'orphan');")
    project.add("0002_change", OFF + REBUILD + OBJECTS)
    project.up()
    assert project.query("SELECT id FROM usage WHERE user_id = 99") == [(9,)]


# -- the way back ------------------------------------------------------------------------------------


def test_down_is_guarded_the_same_way(project: Project) -> None:
    before = project.data()
    project.run("migrate.down").expect(
        6,
        "0001_base would lose data",
        "table users is dropped with 3 rows",
        "migrations/0001_base.rollback.sql",
        *(f"table {t} loses 3 rows of 3" for t in CHILDREN),
    )
    assert project.data() == before
    assert project.states() == {1: "applied"}
    project.run("migrate.down", "--allow-data-loss").expect(0, "lost, as allowed: table users is dropped with 3 rows")


def test_down_after_up_restores_schema_and_rows(project: Project) -> None:
    before = project.data()
    project.add("0002_change", OFF + REBUILD + OBJECTS, OFF + REBUILD.replace(" NOT NULL", "") + OBJECTS)
    project.up()
    assert project.data() != before
    project.run("migrate.down").expect(0)
    schema, rows = project.data()
    assert rows == before[1]
    assert "NOT NULL" not in str(schema)


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX elder_code;\n",
        "ALTER TABLE elder RENAME TO older;\nDROP INDEX elder_code;\n",
        "DROP INDEX elder_name;\nDROP INDEX elder_code;\n",
        "DROP INDEX elder_code;\nCREATE INDEX elder_code ON elder (code);\n",
    ],
)
def test_a_unique_index_that_a_foreign_key_names_is_missed(change: str, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add(
        "0001_base",
        "CREATE TABLE elder (id INTEGER PRIMARY KEY, code TEXT, name TEXT);\n"
        "CREATE UNIQUE INDEX elder_code ON elder (code);\nCREATE INDEX elder_name ON elder (name);\n"
        "CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES elder (code));\n",
    )
    project.add("0002_change", change)
    project.run("migrate.up").expect(5, "PRIMARY KEY or UNIQUE index any more")
