"""Which version a database without a ledger is at: what is recognised, what is refused, and what a person says."""

from __future__ import annotations

import pytest
from either import Place

TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
SEED = "INSERT INTO team VALUES (7, 'spare');\n"
RED = f"{TEAM}INSERT INTO team VALUES (1, 'red');"


@pytest.fixture
def place(place: Place) -> Place:
    place.project.add("0001_base", TEAM, "DROP TABLE team;\n")
    return place


def test_versions_that_differ_by_rows_are_not_guessed(place: Place) -> None:
    place.project.add("0002_seed", SEED)
    place.script(RED)
    for words in (["migrate.up"], ["migrate.up", "--to", "1"], ["legacy.adopt"], ["migrate.up", "--dry-run"]):
        place.run(*words).expect(
            6, "fits 2 versions equally well", "0001_base", "0002_seed", "migrate.baseline --version 1"
        )
    place.run("legacy.status").expect(1, "0001_base", "0002_seed", "legacy.adopt --version N")
    report = place.run("legacy.status", "--json").expect(1).json()
    assert (report["era"], report["rivals"]) == (None, ["migration 0001_base", "migration 0002_seed"])
    assert place.tables() == {"team"}


def test_a_baseline_says_which_one_and_the_rest_is_applied(place: Place) -> None:
    place.project.add("0002_seed", SEED)
    place.script(RED)
    before = place.rows("SELECT * FROM sqlite_schema")
    report = place.run("migrate.baseline", "--version", "1", "--dry-run", "--json").expect(0).json()
    assert (report["dry_run"], report["marked"]) == (True, ["0001_base"])
    assert place.rows("SELECT * FROM sqlite_schema") == before
    report = place.run("migrate.baseline", "--version", "1", "--json").expect(0).json()
    assert (report["ok"], report["version"], report["marked"]) == (True, 1, ["0001_base"])
    assert place.applied() == ["0001_base"]
    assert place.rows("SELECT operation, status FROM memsql_history") == [("baseline", "ok")]
    place.run("migrate.baseline", "--version", "1").expect(0, "nothing to do")
    place.run("migrate.up").expect(0, "applied 0002_seed")
    assert place.rows("SELECT id FROM team ORDER BY id") == [(1,), (7,)]
    place.run("verify").expect(0)
    place.run("migrate.baseline", "--version", "1").expect(6, "has a ledger", "0002_seed")


def test_an_adoption_takes_the_version_that_is_named(place: Place) -> None:
    place.project.add("0002_seed", SEED)
    place.script(RED)
    place.run("legacy.adopt", "--accept-drift").expect(2, "--version N")
    place.run("legacy.adopt", "--version", "9").expect(2, "there is no migration 9")
    place.run("legacy.adopt", "--version", "2").expect(0, "0001_base, 0002_seed count as applied")
    assert place.rows("SELECT id FROM team") == [(1,)]


def test_a_baseline_compares_the_schema(place: Place) -> None:
    place.project.add("0002_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\nCREATE INDEX team_name ON team (name);\n")
    place.script(RED)
    place.run("migrate.baseline", "--version", "2").expect(6, "missing: column team.motto", "--accept-drift")
    place.run("legacy.adopt", "--version", "2").expect(6, "team.motto")
    assert place.tables() == {"team"}
    place.script("ALTER TABLE team ADD COLUMN motto TEXT; CREATE TABLE extra (x);")
    place.run("migrate.baseline", "--version", "2").expect(6, "missing: index team_name")
    done = place.run("migrate.baseline", "--version", "2", "--accept-drift")
    done.expect(0, "accepted as it is: missing: index team_name", "kept", "table extra")
    assert place.applied() == ["0001_base", "0002_motto"]
    assert ("accepted as it is: missing: index team_name",) in place.rows("SELECT message FROM memsql_history")


def test_what_later_migrations_make_must_not_be_there(place: Place) -> None:
    place.project.add("0002_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\nCREATE INDEX team_name ON team (name);\n")
    place.project.add("0003_coach", "CREATE TABLE coach (id INTEGER PRIMARY KEY);\n")
    place.script(f"{RED} ALTER TABLE team ADD COLUMN motto TEXT; CREATE TABLE extra (x);")
    for task in ("migrate.baseline", "legacy.adopt"):
        place.run(task, "--version", "1").expect(6, "has what migrations after 0001_base make", "team.motto")
    assert place.tables() == {"team", "extra"}
    done = place.run("migrate.baseline", "--version", "1", "--accept-drift")
    done.expect(0, "0001_base counts as applied", "column team.motto")


def test_an_adoption_accepts_drift_too(place: Place) -> None:
    place.project.add("0002_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\n")
    place.script("CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT, motto TEXT);")
    place.run("migrate.up").expect(6, "different: column team.name")
    place.run("legacy.adopt", "--version", "2", "--accept-drift").expect(0, "different: column team.name")
    assert place.applied() == ["0001_base", "0002_motto"]


def test_no_version_and_no_database(place: Place) -> None:
    place.run("migrate.baseline", "--version", "1", "--accept-drift").expect(6, "the database is empty")
    place.run("migrate.baseline", "--version", "x").expect(2, "not a number")
    place.run("migrate.baseline", "--version", "0").expect(2, "there is no migration 0")
    place.run("migrate.baseline").expect(2)


def test_up_to_a_version_marks_no_more(place: Place) -> None:
    place.project.add("0002_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\n")
    place.script(f"{TEAM}ALTER TABLE team ADD COLUMN motto TEXT;")
    place.run("migrate.up", "--to", "1").expect(6, "0002_motto", "beyond version 1")
    assert place.tables() == {"team"}
    place.run("migrate.up", "--to", "2").expect(0, "0001_base, 0002_motto count as applied")


def test_one_column_made_and_taken_away_again_is_not_guessed(place: Place) -> None:
    place.project.add("0002_motto", "ALTER TABLE team ADD COLUMN motto TEXT;\n")
    place.project.add("0003_no_motto", "ALTER TABLE team DROP COLUMN motto;\n")
    place.script(RED)
    place.run("migrate.up").expect(6, "0001_base", "0003_no_motto")


@pytest.mark.parametrize("last", ["", "DROP TABLE team;\n"])
def test_an_empty_shape_recognises_nothing(place: Place, last: str) -> None:
    place.project.remove("0001_base")
    place.project.add("0001_marker", f"PRAGMA user_version = 3;\n{TEAM if last else ''}{last}")
    place.project.add("0002_invoice", "CREATE TABLE invoice (id INTEGER PRIMARY KEY);\n")
    place.script("CREATE TABLE planet (id INTEGER PRIMARY KEY);")
    place.run("migrate.up").expect(6, "not made by these migrations")
    assert place.tables() == {"planet"}


def test_a_ledger_of_another_tool_says_which_version_it_is(place: Place) -> None:
    place.project.add("0002_seed", SEED)
    place.project.add("0003_more", "INSERT INTO team VALUES (8, 'more');\n")
    place.script(
        f"{RED} CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, description TEXT,"
        " applied_at TEXT, applied_by TEXT, duration_ms INTEGER, checksum TEXT, status TEXT);"
        "INSERT INTO schema_migrations VALUES (1, 'base', NULL, '2020-01-02T03:04:05Z', 'ann', 1, NULL, 'applied'),"
        "(2, 'seed', NULL, '2020-01-02T03:04:06Z', 'ann', 1, NULL, 'applied');"
    )
    place.run("migrate.up").expect(0, "0001_base, 0002_seed count as applied", "applied 0003_more")
    assert place.rows("SELECT id FROM team ORDER BY id") == [(1,), (8,)]
    assert place.rows("SELECT applied_by FROM schema_migrations WHERE version < 3") == [("ann",), ("ann",)]


def test_a_baseline_beside_a_ledger_of_another_tool_keeps_its_dates(place: Place) -> None:
    place.project.add("0002_seed", SEED)
    place.script(
        f"{RED} CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, description TEXT,"
        " applied_at TEXT, applied_by TEXT, duration_ms INTEGER, checksum TEXT, status TEXT);"
        "INSERT INTO schema_migrations VALUES (7, 'other', NULL, '2020-01-02T03:04:05Z', 'ann', 1, NULL, 'applied'),"
        "(1, 'base', NULL, '2020-01-02T03:04:05Z', 'ann', 1, NULL, 'applied');"
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER);"
    )
    place.run("migrate.up").expect(6, "fits 2 versions")
    place.run("migrate.baseline", "--version", "2").expect(0, "0002_seed counts as applied", "goose_db_version")
    rows = place.rows("SELECT version, applied_by = 'ann' FROM schema_migrations ORDER BY version")
    assert rows[:2] == [(1, 1), (2, 0)]


def test_to_0_is_before_the_first_even_where_that_is_0(place: Place) -> None:
    place.project.remove("0001_base")
    place.project.add("0000_base", TEAM, "DROP TABLE team;\n")
    place.project.add("0001_more", "CREATE TABLE more (id INTEGER PRIMARY KEY);\n", "DROP TABLE more;\n")
    place.run("migrate.up").expect(0)
    place.run("migrate.to", "0", "--dry-run").expect(0, "0000_base")
    place.run("migrate.to", "0").expect(0, "rolled back 0001_more", "rolled back 0000_base")
    assert not {"team", "more"} & place.tables()
    place.run("migrate.up").expect(0)
    place.run("migrate.down", "--to", "0").expect(0, "rolled back 0000_base")
