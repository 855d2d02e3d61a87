"""Databases of other tools: their ledgers say how far they are, and migrate.up goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from either import Place
from other_ledgers import TABLES

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
RED = f"{TEAM}INSERT INTO team VALUES (1, 'red');\n"
D1 = "INSERT INTO d1_migrations (name, applied_at) VALUES ('0001_base.sql', '2024-01-31 12:00:00'), "
D1 += "('0002_rows.sql', '2024-02-29 12:00:00');"


def furnished(place: Place) -> Place:
    place.project.add("0001_base", f"-- base\n{TEAM}", "DROP TABLE team;\n")
    place.project.add("0002_rows", "-- rows\nINSERT INTO team VALUES (1, 'red');\n", "DELETE FROM team WHERE id = 1;\n")
    place.project.add(
        "0003_more", "-- more\nINSERT INTO team VALUES (2, 'blue');\n", "DELETE FROM team WHERE id = 2;\n"
    )
    return place


@pytest.fixture
def place(place: Place) -> Place:
    return furnished(place)


@pytest.fixture
def on_file(tmp_path: Path) -> Place:
    """For what is decided from what was read, no matter where."""
    project = Project(tmp_path)
    return furnished(Place(project, str(project.db)))


def begin(place: Place, tool: str, rows: str = "", schema: str = RED) -> None:
    place.script("".join(f"{statement};\n" for statement in TABLES[tool]) + rows + schema)


def refused(place: Place, *words: str, says: tuple[str, ...]) -> None:
    """``migrate.up`` ends with 6, says so, and changes nothing."""
    before = place.rows("SELECT * FROM sqlite_schema")
    place.run("migrate.up", *words).expect(6, *says, "nothing was changed")
    assert place.rows("SELECT * FROM sqlite_schema") == before


def test_the_rest_is_applied_and_the_ledger_says_who_and_when(place: Place) -> None:
    begin(place, "d1", D1)
    before = place.rows("SELECT * FROM d1_migrations")
    place.run("migrate.up", "--dry-run").expect(0, "0003_more")
    assert "_yoyo_migration" not in place.tables()
    done = place.run("migrate.up")
    done.expect(0, "took over the ledger d1_migrations of Wrangler (D1)", "another tool: d1_migrations", "0003_more")
    assert place.applied() == ["0001_base", "0002_rows", "0003_more"]
    assert place.rows("SELECT id FROM team ORDER BY id") == [(1,), (2,)]
    assert place.rows("SELECT * FROM d1_migrations") == before
    assert place.rows("SELECT applied_at, applied_by FROM schema_migrations WHERE version < 3 ORDER BY version") == [
        ("2024-01-31T12:00:00.000Z", "Wrangler (D1)"),
        ("2024-02-29T12:00:00.000Z", "Wrangler (D1)"),
    ]
    assert place.rows("SELECT migration_id, message FROM memsql_history WHERE operation = 'adopt' ORDER BY id") == [
        ("0001_base", "applied by Wrangler (D1), says d1_migrations"),
        ("0002_rows", "applied by Wrangler (D1), says d1_migrations"),
        ("adopt", "the ledger d1_migrations of Wrangler (D1) was taken over up to 0002_rows"),
    ]
    assert "d1_migrations" not in place.run("schema.dump").expect(0).out
    place.run("verify").expect(0)
    place.run("migrate.to", "0").expect(0)
    place.run("migrate.up").expect(0, "applied 0001_base", "3 migrations applied")


def test_a_table_with_the_name_of_ours_is_renamed_where_a_person_says_so(place: Place) -> None:
    begin(place, "golang-migrate", "INSERT INTO schema_migrations VALUES (2, 0);")
    refused(place, says=("--take-over", "schema_migrations_of_golang_migrate"))
    place.run("migrate.status").expect(0)
    place.run("migrate.up", "--take-over", "--dry-run").expect(0, "0003_more")
    place.run("migrate.up", "--take-over").expect(0, "to schema_migrations_of_golang_migrate", "0003_more")
    assert place.rows("SELECT version, dirty FROM schema_migrations_of_golang_migrate") == [(2, 0)]
    place.run("verify").expect(0)


def test_dirty_is_dirty(place: Place) -> None:
    begin(place, "golang-migrate", "INSERT INTO schema_migrations VALUES (2, 1);")
    refused(place, "--take-over", says=("2 is dirty", "golang-migrate", "migrate.baseline"))
    for words in ([], ["--dry-run"]):
        place.run("migrate.baseline", "--version", "1", *words).expect(6, "migrate.baseline --version 1 --take-over")
    place.run("migrate.baseline", "--version", "1", "--take-over").expect(0, "schema_migrations_of_golang_migrate")
    assert place.applied() == ["0001_base"]


def test_what_fits_no_file_and_gaps_are_named(on_file: Place) -> None:
    begin(on_file, "d1", D1 + "INSERT INTO d1_migrations (name) VALUES ('0009_gone.sql'), ('it''s\n\x1b[31m\"x');")
    refused(on_file, says=("2 rows that no file", "0009_gone.sql is about no file", r"it's\n\x1b[31m"))
    on_file.script("DELETE FROM d1_migrations WHERE id > 1; INSERT INTO d1_migrations (name) VALUES ('0003_more.sql');")
    refused(on_file, says=("0003_more is applied, and not 0002_rows before it",))


def test_the_schema_has_to_prove_it(on_file: Place) -> None:
    on_file.project.add("0004_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\n")
    on_file.project.add("0005_coach", "CREATE TABLE coach (id INTEGER PRIMARY KEY);\n")
    begin(
        on_file, "goose", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1), (2, 1), (3, 1), (4, 1);"
    )
    refused(on_file, says=("says that 0004_motto is applied", "missing: column team.motto", "--accept-drift"))
    on_file.script("ALTER TABLE team ADD COLUMN motto TEXT; CREATE TABLE coach (id INTEGER PRIMARY KEY);")
    refused(on_file, says=("has what migrations after 0004_motto make", "table coach"))
    on_file.script("DROP TABLE coach; CREATE TABLE beside (x);")
    refused(on_file, "--to", "3", says=("beyond version 3", "name 4 or a later version, or apply all that wait: "))
    on_file.run("migrate.down").expect(0, "goose_db_version of goose says what is applied: first memsql legacy.adopt")
    on_file.run("migrate.up").expect(0, "kept, though no migration made it: table beside", "applied 0005_coach")
    on_file.run("schema.diff").expect(0)


def test_two_ledgers(on_file: Place) -> None:
    begin(on_file, "d1", D1)
    begin(on_file, "goose", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1);", "")
    refused(on_file, says=("ledgers of 2 tools", "d1_migrations of Wrangler (D1)", "goose_db_version of goose"))
    on_file.run("migrate.up", "--ledger", "knex").expect(2, "no ledger of knex", "d1, goose")
    on_file.run("migrate.up", "--ledger", "gooose").expect(2, "no ledger of that name")
    on_file.run("migrate.up", "--ledger", "d1").expect(0, "applied 0003_more")


def test_a_ledger_without_rows(on_file: Place) -> None:
    begin(on_file, "d1")
    refused(on_file, says=("d1_migrations of Wrangler (D1) says that no migration is applied", "migrate.baseline"))
    on_file.script("DROP TABLE team;")
    on_file.run("migrate.up").expect(0, "3 migrations applied")


def test_a_name_alone_is_taken_over(on_file: Place) -> None:
    begin(on_file, "dbmate", "", "")
    refused(on_file, says=("--take-over",))
    on_file.run("migrate.up", "--take-over").expect(0, "schema_migrations_of_dbmate", "3 migrations applied")


def test_a_ledger_of_an_empty_database_is_not_believed(on_file: Place) -> None:
    begin(on_file, "d1", D1, "")
    refused(on_file, says=("missing: table team",))


def test_a_lock_of_the_tool(on_file: Place) -> None:
    begin(on_file, "knex", "INSERT INTO knex_migrations (name) VALUES ('0001_base.js'), ('0002_rows.js');")
    on_file.script("UPDATE knex_migrations_lock SET is_locked = 1")
    on_file.run("migrate.up").expect(4, "Knex holds its lock", "knex migrate:unlock")
    on_file.script("UPDATE knex_migrations_lock SET is_locked = 0")
    on_file.run("migrate.up").expect(0, "applied 0003_more")


def test_a_table_that_is_no_ledger(on_file: Place) -> None:
    on_file.script(f"{RED} CREATE TABLE schema_migrations (version TEXT, note TEXT);")
    refused(on_file, says=("a table of another tool", "version, note", "--take-over"))
    on_file.run("migrate.baseline", "--version", "2", "--take-over").expect(0, "schema_migrations_of_another_tool")
    on_file.run("migrate.up").expect(0, "applied 0003_more")


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("a view", "CREATE VIEW schema_migrations AS SELECT 1 AS version"),
        ("an index", "CREATE INDEX schema_migrations ON beside (x)"),
    ],
)
def test_what_cannot_be_renamed_has_the_name(place: Place, kind: str, sql: str) -> None:
    place.project.remove("0002_rows")
    place.project.remove("0003_more")
    place.script(f"{TEAM} CREATE TABLE beside (x); {sql};")
    before = place.rows("SELECT * FROM sqlite_schema")
    for words in (["migrate.up", "--take-over"], ["migrate.baseline", "--version", "1"]):
        place.run(*words).expect(6, f"{kind} of this database has it", "another name")
    assert place.rows("SELECT * FROM sqlite_schema") == before


def test_a_migration_may_drop_the_table_of_the_tool_with_a_permit(place: Place) -> None:
    begin(place, "d1", D1)
    drop = "DROP TABLE IF EXISTS d1_migrations;\n"
    place.project.add("0004_drop", drop)
    place.run("migrate.up").expect(6, "d1_migrations is dropped with 2 rows", "-- allow: data-loss d1_migrations")
    place.project.add("0004_drop", f"-- allow: data-loss d1_migrations memsql keeps the ledger now\n{drop}")
    place.run("migrate.up").expect(0, "applied 0004_drop")
    assert "d1_migrations" not in place.tables()
    place.run("verify").expect(0)
