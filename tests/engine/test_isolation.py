"""A migration means the same alone and in a run of a hundred: what it sets and makes for its own use ends with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import servers
from cli import Project, run

from memsql.db import connect
from memsql.server import Running

pytestmark = pytest.mark.slow

TEAM = """CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE member (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES team (id) ON DELETE CASCADE, name TEXT);
INSERT INTO team VALUES (1, 'red'), (2, 'blue');
INSERT INTO member VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
"""
REBUILD = """CREATE TABLE team_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO team_new (id, name) SELECT id, name FROM team;
DROP TABLE team;
ALTER TABLE team_new RENAME TO team;
"""
WAYS = [("migrate.up",), ("migrate.up", "--all-or-nothing")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_team", TEAM, "DROP TABLE member;\nDROP TABLE team;\n")
    project.up()
    return project


def rows(project: Project, table: str) -> list[tuple[object, ...]]:
    return project.query(f"SELECT * FROM {table} ORDER BY 1")


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=["shared", "whole"])
def test_legacy_alter_table_ends_with_its_file(project: Project, way: tuple[str, ...]) -> None:
    project.add("0002_other", "PRAGMA legacy_alter_table = ON;\nCREATE TABLE other (id INTEGER PRIMARY KEY);\n")
    project.add("0003_crews", "ALTER TABLE team RENAME TO crew;\n")
    project.run(*way).expect(0)
    assert project.one("SELECT \"table\" FROM pragma_foreign_key_list('member')") == "crew"


def test_legacy_alter_table_works_within_its_file(project: Project) -> None:
    project.add(
        "0002_rebuild",
        "-- foreign_keys: off\nPRAGMA legacy_alter_table = ON;\nALTER TABLE team RENAME TO team_old;\n"
        "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
        "INSERT INTO team (id, name) SELECT id, name FROM team_old;\nDROP TABLE team_old;\n",
    )
    project.up()
    assert project.one("SELECT \"table\" FROM pragma_foreign_key_list('member')") == "team"
    assert len(rows(project, "member")) == 3
    project.run("lint", "--path", "migrations").expect(0)


@pytest.mark.parametrize("way", WAYS, ids=["shared", "whole"])
def test_recursive_triggers_end_with_their_file(project: Project, way: tuple[str, ...]) -> None:
    project.add(
        "0002_log",
        "PRAGMA recursive_triggers = ON;\nCREATE TABLE log (id INTEGER);\nCREATE TABLE tag (name TEXT PRIMARY KEY);\n"
        "CREATE TRIGGER gone AFTER DELETE ON tag BEGIN INSERT INTO log VALUES (1); END;\n"
        "INSERT INTO tag VALUES ('a');\nREPLACE INTO tag VALUES ('a');\n",
    )
    project.add("0003_again", "REPLACE INTO tag VALUES ('a');\n")
    project.run(*way).expect(0)
    assert rows(project, "log") == [(1,)]


@pytest.mark.parametrize("end", ["", "PRAGMA defer_foreign_keys = OFF;\n"], ids=["left on", "switched off"])
@pytest.mark.parametrize("way", WAYS, ids=["shared", "whole"])
def test_deferred_keys_are_checked_although_sqlite_forgets_them(
    project: Project, way: tuple[str, ...], end: str
) -> None:
    project.add("0002_move", "PRAGMA defer_foreign_keys = ON;\nUPDATE member SET team_id = 9 WHERE id = 3;\n" + end)
    project.add("0003_tag", "CREATE TABLE tag (name TEXT PRIMARY KEY);\n")
    project.run(*way).expect(5, "0002_move", "member", "team")
    assert project.query("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("way", WAYS, ids=["shared", "whole"])
def test_deferred_keys_end_with_their_file(project: Project, way: tuple[str, ...]) -> None:
    project.add(
        "0002_swap",
        "PRAGMA defer_foreign_keys = ON;\nUPDATE member SET team_id = 3 WHERE id = 3;\n"
        "INSERT INTO team VALUES (3, 'green');\n",
    )
    project.add("0003_wrong", "UPDATE member SET team_id = 4 WHERE id = 1;\nINSERT INTO team VALUES (4, 'grey');\n")
    project.run(*way).expect(5, "0003_wrong", "FOREIGN KEY constraint failed")


def test_settings_are_set_back_after_a_failure_too(project: Project) -> None:
    project.add("0002_bad", "PRAGMA recursive_triggers = ON;\nINSERT INTO nowhere VALUES (1);\n")
    project.run("migrate.up").expect(5, "no such table: nowhere")


@pytest.mark.parametrize("pragma", ["user_version = 7", "application_id(7)"])
def test_what_belongs_to_the_database_stays(project: Project, pragma: str) -> None:
    project.add("0002_number", f"PRAGMA {pragma};\n", f"PRAGMA {pragma.replace('7', '0')};\n")
    project.up()
    name = pragma.split("(")[0].split()[0]
    assert project.one(f"PRAGMA {name}") == 7
    project.run("migrate.down").expect(0)
    assert project.one(f"PRAGMA {name}") == 0


@pytest.mark.parametrize(
    "pragma",
    ["writable_schema = ON", "ignore_check_constraints(1)", "journal_mode = OFF", "synchronous = OFF", "query_only = 1",
     "schema_version = 3", "case_sensitive_like = 1", "locking_mode = exclusive", "no_such_thing = 1"],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["PRAGMA ", "explain pragma ", "PRAGMA/**/main."])
def test_what_goes_round_the_proof_is_refused(project: Project, pragma: str, prefix: str) -> None:
    project.add("0002_first", "CREATE TABLE first (x);\n")
    project.add("0003_set", f"INSERT INTO team VALUES (7, 'x');\n{prefix}{pragma};\n")
    before = project.files()
    name = pragma.split("(")[0].split()[0]
    project.run("migrate.up").expect(2, f"PRAGMA {name}", "migrations/0003_set.sql:2", "nothing was changed")
    assert project.files() == before


def test_reading_a_setting_is_no_setting(project: Project) -> None:
    text = "".join(f"PRAGMA {name};\n" for name in ("writable_schema", "journal_mode", "foreign_keys", "page_size"))
    project.add("0002_look", text + "PRAGMA table_info(team);\nPRAGMA foreign_key_check('member');\n")
    project.up()


# -- foreign keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ("PRAGMA foreign_keys = OFF;\n", "PRAGMA foreign_keys = ON;\n"),
        ("PRAGMA foreign_keys=0;", "PRAGMA foreign_key_check;\nPRAGMA foreign_keys=1;\n"),
        ("pragma main.foreign_keys('no');\n", "pragma foreign_keys(yes);\nCREATE INDEX team_name ON team (name);\n"),
        (
            "CREATE TABLE IF NOT EXISTS more (x);\nPRAGMA defer_foreign_keys=ON;\nPRAGMA foreign_keys=OFF;\n",
            "PRAGMA foreign_keys=ON;\nPRAGMA defer_foreign_keys=OFF;\n",
        ),
    ],
)
def test_off_and_on_around_the_statements_is_the_directive(project: Project, off: str, on: str) -> None:
    project.add(
        "0002_rebuild",
        off + REBUILD + on,
        off + "DROP TABLE IF EXISTS none;" + on.replace("INDEX", "INDEX IF NOT EXISTS"),
    )
    project.up()
    assert len(rows(project, "member")) == 3
    project.run("migrate.down").expect(0)
    assert len(rows(project, "member")) == 3


def test_with_foreign_keys_off_an_orphan_is_still_found(project: Project) -> None:
    project.add(
        "0002_move",
        "PRAGMA foreign_keys = OFF;\nUPDATE member SET team_id = 9 WHERE id = 3;\nPRAGMA foreign_keys = ON;\n",
    )
    project.run("migrate.up").expect(5, "member", "team")


def test_off_does_not_reach_the_next_file(project: Project) -> None:
    project.add("0002_rebuild", "PRAGMA foreign_keys = OFF;\n" + REBUILD + "PRAGMA foreign_keys = ON;\n")
    project.add("0003_wrong", "UPDATE member SET team_id = 9 WHERE id = 3;\n")
    project.run("migrate.up").expect(5, "0003_wrong", "FOREIGN KEY constraint failed", "finished 0002_rebuild")


def test_on_alone_is_harmless(project: Project) -> None:
    project.add("0002_tag", "PRAGMA foreign_keys = ON;\nCREATE TABLE tag (name TEXT PRIMARY KEY);\n")
    project.add("0003_vacuum", "-- transactional: false\nPRAGMA foreign_keys = ON;\nVACUUM;\n")
    project.up()


def test_off_alone_is_refused_but_beside_the_directive(project: Project) -> None:
    project.add("0002_rebuild", "PRAGMA foreign_keys = OFF;\n" + REBUILD)
    project.run("migrate.up").expect(2, "migrations/0002_rebuild.sql:1", "`-- foreign_keys: off`")
    project.add("0002_rebuild", "-- foreign_keys: off\nPRAGMA foreign_keys = OFF;\n" + REBUILD)
    project.up()
    assert len(rows(project, "member")) == 3


def test_off_without_a_transaction_does_not_reach_the_next_file(project: Project) -> None:
    project.add(
        "0002_vacuum",
        "-- transactional: false\nPRAGMA foreign_keys = ON;\nPRAGMA foreign_keys = OFF;\nVACUUM;\n"
        "PRAGMA foreign_keys = ON;\n",
    )
    project.add("0003_wrong", "UPDATE member SET team_id = 9 WHERE id = 3;\n")
    project.run("migrate.up").expect(5, "0003_wrong", "FOREIGN KEY constraint failed")


# -- TEMP objects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=["shared", "whole"])
def test_temp_objects_end_with_their_file(project: Project, way: tuple[str, ...]) -> None:
    project.add(
        "0002_temp",
        "CREATE TEMP TABLE kept AS SELECT * FROM team;\n"
        "CREATE TABLE temp.other (x INTEGER PRIMARY KEY AUTOINCREMENT);\n"
        "INSERT INTO other DEFAULT VALUES;\nCREATE TEMP VIEW looks AS SELECT * FROM kept;\n"
        "CREATE TEMP TRIGGER watches AFTER UPDATE ON member BEGIN INSERT INTO kept VALUES (9, new.name); END;\n"
        "CREATE VIRTUAL TABLE temp.words USING fts5(body);\nINSERT INTO words VALUES ('a');\n",
    )
    project.add(
        "0003_kept", "CREATE TABLE kept (x);\nCREATE TABLE words (y);\nUPDATE member SET name = 'z' WHERE id > 0;\n"
    )
    project.add("0004_more", "INSERT INTO kept VALUES (1);\n")
    project.run(*way).expect(0)
    assert rows(project, "kept") == [(1,)]
    project.run("lint", "--path", "migrations").expect(0)


@pytest.mark.parametrize("kind", ["TABLE Team AS SELECT * FROM team", "VIEW team AS SELECT 1 AS id, 2 AS name"])
@pytest.mark.parametrize("end", ["", "DROP {} temp.team;\n"])
def test_a_temp_object_must_not_hide_a_table(project: Project, kind: str, end: str) -> None:
    text = f"CREATE TEMP {kind};\nDELETE FROM main.team WHERE id = 2;\n" + end.format(kind.split()[0])
    project.add("0002_hide", text)
    project.add("0003_next", "UPDATE team SET name = 'x';\n")
    before = project.data()
    project.run("migrate.up").expect(2, "0002_hide", "hides the table team")
    assert project.data() == before


# -- the ledger --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("DELETE FROM memsql_history", "memsql_history"),
        ("insert into main.[Schema_Migrations] (version, name) values (9, 'x')", "schema_migrations"),
        ("UPDATE OR IGNORE _yoyo_migration SET applied_at = 1", "_yoyo_migration"),
        ("DROP TABLE IF EXISTS yoyo_lock", "yoyo_lock"),
        ("WITH a AS (SELECT 1) REPLACE INTO \"_yoyo_version\" SELECT * FROM a", "_yoyo_version"),
        ("ALTER TABLE memsql_history RENAME TO history", "memsql_history"),
        ("CREATE TRIGGER t AFTER INSERT ON team BEGIN SELECT 1; DELETE FROM _yoyo_log; END", "_yoyo_log"),
        ("CREATE TRIGGER t AFTER INSERT ON schema_migrations BEGIN SELECT 1; END", "schema_migrations"),
        ("CREATE TEMP TABLE schema_migrations (x)", "schema_migrations"),
        ("ALTER TABLE team RENAME TO _Litestream_seq", "_litestream_seq"),
        ("ALTER TABLE team RENAME TO libsql_wasm_func_table", "libsql_wasm_func_table"),
        ("CREATE TABLE [libsql_vector_meta_shadow] AS SELECT * FROM team", "libsql_vector_meta_shadow"),
        ("DELETE FROM libsql_vector_meta_shadow", "belongs to libSQL"),
        ("ALTER TABLE team RENAME TO memsql_fts_team", "memsql_fts_team"),
    ],
)  # fmt: skip
def test_nobody_else_writes_the_ledger(project: Project, statement: str, table: str) -> None:
    project.add("0002_change", f"CREATE TABLE tag (name TEXT);\n{statement};\n")
    before = project.files()
    project.run("migrate.up").expect(2, table, "migrations/0002_change.sql:2", "nothing was changed")
    assert project.files() == before
    project.run("lint", "--path", "migrations").expect(1, "MS32")


def test_rows_of_litestream_are_accounted_for(project: Project) -> None:
    project.script("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    project.script("INSERT INTO _litestream_seq VALUES (1, 5)")
    project.add("0002_change", "DROP TABLE _litestream_seq;\n")
    project.run("migrate.up").expect(6, "_litestream_seq")


def test_reading_the_ledger_is_fine(project: Project) -> None:
    project.add(
        "0002_look",
        "CREATE TABLE seen AS SELECT version FROM schema_migrations;\n"
        "CREATE VIEW applied AS SELECT name FROM schema_migrations;\nINSERT INTO team VALUES (7, 'memsql_history');\n",
    )
    project.up()
    assert rows(project, "seen") == [(1,)]


def test_a_trigger_from_elsewhere_that_writes_the_ledger_is_noticed(project: Project) -> None:
    project.script("CREATE TRIGGER t AFTER INSERT ON team BEGIN DELETE FROM memsql_history; END")
    project.add("0002_team", "INSERT INTO team VALUES (3, 'green');\n")
    project.run("migrate.up").expect(6, "memsql_history")
    assert project.one("SELECT count(*) FROM memsql_history WHERE version = 1") == 1
    assert len(rows(project, "team")) == 2


def test_a_table_schema_migrations_of_the_application(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", "CREATE TABLE item (x);\nCREATE TABLE schema_migrations (version TEXT PRIMARY KEY);\n")
    project.run("migrate.up").expect(2, "schema_migrations", "that name is taken", "another name")
    assert not project.db.exists()


# -- files that do nothing ---------------------------------------------------------------------------------------------


def test_a_file_of_comments_does_nothing(project: Project) -> None:
    project.add("0002_taken", "-- This number was taken by a branch that was given up.\n", None)
    project.add("0003_also", "/* nothing */\n;\n", "-- nothing to undo\n")
    project.add("0004_tag", "CREATE TABLE tag (x);\n", "DROP TABLE tag;\n")
    assert "MS27" not in project.run("lint", "--path", "migrations").out
    project.up()
    assert project.states() == dict.fromkeys((1, 2, 3, 4), "applied")
    project.run("migrate.down", "--steps", "3").expect(0)
    assert project.applied() == ["0001_team"]
    project.up()
    project.run("verify").expect(0)


def test_a_rollback_of_comments_is_no_way_back(project: Project) -> None:
    project.add("0002_tag", "CREATE TABLE tag (x);\n", "-- not yet\n")
    project.up()
    project.run("migrate.down").expect(6, "no way back")


# -- on a server -------------------------------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("PRAGMA legacy_alter_table = ON;\n", "PRAGMA legacy_alter_table"),
        ("PRAGMA optimize;\n", "PRAGMA optimize"),
        ("CREATE TEMP TABLE t (x);\n", "TEMP object t"),
        ("PRAGMA writable_schema = ON;\n", "PRAGMA writable_schema"),
        ("DELETE FROM memsql_history;\n", "memsql_history"),
    ],
)
def test_a_server_refuses_before_anything_runs(empty_server: Running, project: Project, text: str, word: str) -> None:
    project.add("0002_other", text)
    run("migrate.up", "--database", empty_server.url, cwd=project.root).expect(2, word, "nothing was changed")
    for option in ([], ["--with-data"], ["--on-server"]):
        run("migrate.up", "--dry-run", *option, "--database", empty_server.url, cwd=project.root).expect(2, word)
    with connect_to(empty_server) as conn:
        assert conn.execute("SELECT count(*) FROM sqlite_schema").one() == 0


@pytest.mark.server
def test_on_a_server(empty_server: Running, project: Project) -> None:
    url = empty_server.url

    def up(*words: str) -> None:
        run("migrate.up", *words, "--database", url, cwd=project.root).expect(0)

    up()
    project.add("0002_note", "-- nothing to do here\n", None)
    project.add("0003_rebuild", "PRAGMA foreign_keys = OFF;\n" + REBUILD + "PRAGMA foreign_keys = ON;\n")
    project.add("0004_number", "PRAGMA user_version = 4;\nPRAGMA foreign_keys = ON;\n")
    up()
    with connect_to(empty_server) as conn:
        assert conn.execute("SELECT count(*) FROM member").one() == 3
        assert conn.execute("PRAGMA user_version").one() == 4
    project.add(
        "0005_swap",
        "PRAGMA defer_foreign_keys = ON;\nUPDATE member SET team_id = 3 WHERE id = 3;\n"
        "INSERT INTO team VALUES (3, 'green');\n",
    )
    project.add("0006_wrong", "UPDATE member SET team_id = 4 WHERE id = 1;\nINSERT INTO team VALUES (4, 'grey');\n")
    run("migrate.up", "--all-or-nothing", "--database", url, cwd=project.root).expect(5, "0006_wrong")
    run("migrate.up", "--database", url, cwd=project.root).expect(5, "0006_wrong", "finished 0005_swap")
    project.remove("0006_wrong")
    project.add(
        "0006_orphan",
        "PRAGMA defer_foreign_keys = ON;\nUPDATE member SET team_id = 9 WHERE id = 3;\n"
        "PRAGMA defer_foreign_keys = OFF;\n",
    )
    run("migrate.up", "--database", url, cwd=project.root).expect(5, "0006_orphan", "member")
    with connect_to(empty_server) as conn:
        conn.execute("CREATE TRIGGER t AFTER INSERT ON team BEGIN DELETE FROM memsql_history; END")
    project.remove("0006_orphan")
    project.add("0006_team", "INSERT INTO team VALUES (8, 'x');\n")
    run("migrate.up", "--database", url, cwd=project.root).expect(6, "memsql_history")


def connect_to(running: Running):  # type: ignore[no-untyped-def]
    from contextlib import closing

    return closing(connect(servers.target(running.url), "rw", 1000))


# -- files that were applied long ago ----------------------------------------------------------------------------------


def test_what_was_applied_under_older_rules_is_still_replayed(project: Project) -> None:
    old = {
        "0002_seed": "-- transactional: false\nINSERT INTO team VALUES (5, 'old');\n",
        "0003_check": "PRAGMA ignore_check_constraints = ON;\nCREATE TABLE tag (x);\n",
        "0004_temp": "CREATE TEMP TABLE team AS SELECT 1 AS id;\n",
        "0005_history": "UPDATE memsql_history SET message = NULL;\n",
    }
    for name in old:
        project.add(name, "SELECT 1;\n" if name != "0003_check" else "CREATE TABLE tag (x);\n")
    project.up()
    project.script("INSERT INTO team VALUES (5, 'old')")
    for name, text in old.items():
        project.add(name, text)
        project.run("migrate.repair", "--version", name[3], "--accept", "a test").expect(0)
    project.run("verify").expect(0)
    project.run("schema.dump", "--write").expect(0)
    project.add("0006_new", "PRAGMA ignore_check_constraints = ON;\n")
    project.run("migrate.up").expect(2, "0006_new")
