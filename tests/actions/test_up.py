"""What up, down and to can be asked for, and what create, sum and repair write."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project
from either import Place


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four migrations, none applied."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    for n in (2, 3, 4):
        project.add(f"{n:04d}_row", f"INSERT INTO log VALUES ({n});\n", f"DELETE FROM log WHERE n = {n};\n")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


def applied(project: Project) -> list[int]:
    return [v for v, state in project.states().items() if state == "applied"]


# -- how far -----------------------------------------------------------------------------------------


def test_up_to_a_version_and_back(project: Project) -> None:
    project.up("--to", "2")
    assert applied(project) == [1, 2]
    project.run("migrate.up", "--to", "9").expect(2, "there is no migration 9")
    project.up("--to", "1").expect(0, "nothing to do")
    project.up()
    assert applied(project) == [1, 2, 3, 4]
    project.run("migrate.down", "--to", "2").expect(0, "rolled back 0004_row", "rolled back 0003_row")
    assert applied(project) == [1, 2]
    project.run("migrate.down", "--to", "9").expect(2, "there is no migration 9")
    project.run("migrate.down", "--to", "0").expect(0)
    assert applied(project) == []
    project.run("migrate.down").expect(0, "nothing to do")


def test_to_goes_either_way(project: Project) -> None:
    project.run("migrate.to", "3").expect(0, "applied 0003_row")
    assert applied(project) == [1, 2, 3]
    project.run("migrate.to", "1").expect(0, "rolled back 0002_row")
    assert applied(project) == [1]
    project.run("migrate.to", "1").expect(0, "nothing to do")
    project.run("migrate.to", "0").expect(0)
    assert applied(project) == []
    project.run("migrate.to", "7").expect(2, "there is no migration 7")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["migrate.down", "--steps", "0"], "--steps 0: give a number of migrations, 1 or more"),
        (["migrate.down", "--steps", "many"], "--steps many: not a number"),
        (["migrate.down", "--steps=-1"], "--steps -1: not a number"),
        (["migrate.down", "--steps", "1.5"], "--steps 1.5: not a number"),
        (["migrate.down", "--steps", "²"], "not a number"),
        (["migrate.up", "--to", "latest"], "--to latest: not a number"),
        (["migrate.up", "--to="], "not a number"),
        (["migrate.to", "0001_log"], "the version 0001_log: not a number"),
        (["migrate.repair", "--version", "x"], "x: not a number"),
    ],
)
def test_bad_numbers(project: Project, words: list[str], part: str) -> None:
    project.up("--to", "2")
    before = project.files()
    project.run(*words).expect(2, part)
    assert project.files() == before


def test_more_steps_than_there_are(project: Project) -> None:
    project.up("--to", "2")
    project.run("migrate.down", "--steps", "99", "--json").expect(0)
    assert applied(project) == []


def test_json_says_what_was_done(project: Project) -> None:
    report = project.up("--json").json()
    assert (report["ok"], report["command"], report["applied"], report["pending"]) == (True, "migrate.up", 4, 0)
    assert [(d["version"], d["direction"]) for d in report["done"]] == [(1, "up"), (2, "up"), (3, "up"), (4, "up")]
    report = project.run("migrate.down", "--json").expect(0).json()
    assert [(d["id"], d["direction"]) for d in report["done"]] == [("0004_row", "down")]


# -- all or nothing ----------------------------------------------------------------------------------


def test_all_or_nothing_is_all(project: Project) -> None:
    project.up("--all-or-nothing")
    assert applied(project) == [1, 2, 3, 4]
    project.run("migrate.down", "--to", "1", "--all-or-nothing").expect(0)
    assert applied(project) == [1]


@pytest.mark.parametrize("at", [1, 3, 4])
def test_all_or_nothing_is_nothing(project: Project, at: int) -> None:
    name = "0001_log" if at == 1 else f"{at:04d}_row"
    project.add(name, "CREATE TABLE other (x);\nOOPS;\n")
    project.run("migrate.up", "--all-or-nothing").expect(
        5, f"{name} failed in statement 2", f"migrations/{name}.sql:2", "every migration of this run was rolled back"
    )
    assert applied(project) == []
    assert not any(project.data())
    states = project.states()
    assert states.pop(at) == "failed"
    assert set(states.values()) == {"pending"}


def test_down_can_be_all_or_nothing_too(project: Project) -> None:
    project.add("0002_row", "INSERT INTO log VALUES (2);\n", "DELETE FROM nowhere;\n")
    project.up()
    before = project.data()
    project.run("migrate.down", "--to", "0", "--all-or-nothing").expect(
        5, "0002_row failed", "every migration of this run was rolled back"
    )
    assert project.data() == before
    assert applied(project) == [1, 2, 3, 4]
    project.run("migrate.down", "--to", "0").expect(
        5, "0002_row failed", "before it, this run finished 0004_row, 0003_row"
    )
    assert applied(project) == [1, 2]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("-- foreign_keys: off\nINSERT INTO log VALUES (3);\n", "cannot mix 0003_row"),
        ("PRAGMA foreign_keys = off;\nSELECT 3;\nPRAGMA foreign_keys = on;\n", "cannot mix 0003_row"),
        ("-- transactional: false\nVACUUM;\n", "cannot include 0003_row"),
    ],
)
def test_all_or_nothing_refuses_what_one_transaction_cannot_do(project: Project, text: str, part: str) -> None:
    project.add("0003_row", text)
    project.run("migrate.up", "--all-or-nothing").expect(2, part, "nothing was changed", "--to")
    assert not any(project.data())
    project.up("--all-or-nothing", "--to", "2")
    assert applied(project) == [1, 2]


# -- create ------------------------------------------------------------------------------------------


def test_create_in_an_empty_project(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.migrations.rmdir()
    report = project.run("migrate.create", "add users", "--json").expect(0).json()
    assert report["files"] == [
        "migrations/0001_add_users.sql",
        "migrations/0001_add_users.rollback.sql",
        "sql/checks/0001_add_users.sql",
        "migrations/memsql.sum",
    ]
    assert all((tmp_path / f).is_file() for f in report["files"])
    project.run("migrate.create", "add users").expect(0, "migrations/0002_add_users.sql")
    assert "-- depends: 0001_add_users" in project.up_file("0002_add_users").read_text()
    project.run("migrate.sum", "--check").expect(0)
    assert project.states() == {1: "pending", 2: "pending"}
    project.run("migrate.up").expect(2, "migrations/0001_add_users.sql holds no statement")
    assert not project.db.exists()


def test_what_create_wrote_can_be_filled_in(project: Project) -> None:
    project.run("migrate.create", "fill", "--foreign-keys-off").expect(0)
    up, down = project.up_file("0005_fill"), project.down_file("0005_fill")
    assert "-- foreign_keys: off" in up.read_text()
    assert "-- foreign_keys: off" in down.read_text()
    up.write_text(up.read_text() + "INSERT INTO log VALUES (5);\n")
    down.write_text(down.read_text() + "DELETE FROM log WHERE n = 5;\n")
    project.run("migrate.up").expect(2, "memsql.sum does not match")
    project.run("migrate.sum").expect(0)
    project.up().expect(0, "applied 0005_fill")
    project.run("migrate.down").expect(0, "rolled back 0005_fill")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Add Users", "0005_add_users"),
        ("add-users", "0005_add_users"),
        ("  x  ", "0005_x"),
        ("größe", "0005_größe"),
        ("0007_x", "0005_0007_x"),
    ],
)
def test_odd_names_become_file_names(project: Project, name: str, stem: str) -> None:
    project.run("migrate.create", name).expect(0, f"migrations/{stem}.sql")
    assert project.up_file(stem).is_file()
    assert project.states()[5] == "pending"


@pytest.mark.parametrize("name", ["", "  ", "../escape", "a/b", "x.sql", "what?", "drop;table"])
def test_names_that_make_no_file_name(project: Project, name: str) -> None:
    before = project.files()
    project.run("migrate.create", name).expect(2, "makes no migration name")
    assert project.files() == before


# -- sum ---------------------------------------------------------------------------------------------


def test_sum_is_written_and_checked(project: Project) -> None:
    project.run("migrate.sum", "--check").expect(1, "there is no memsql.sum")
    assert not (project.migrations / "memsql.sum").exists()
    project.run("migrate.sum").expect(0, "memsql.sum written")
    project.run("migrate.sum").expect(0, "memsql.sum was up to date")
    project.run("migrate.sum", "--check").expect(0, "memsql.sum is fresh")


def test_sum_is_what_the_format_says(project: Project) -> None:
    project.run("migrate.sum").expect(0)
    lines = (project.migrations / "memsql.sum").read_text().splitlines()
    assert lines[0] == "memsql.sum 1"
    chain = ""
    for line, path in zip(
        lines[1:],
        sorted(project.migrations.glob("*.sql"), key=lambda p: (int(p.name[:4]), ".rollback." in p.name)),
        strict=True,
    ):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        chain = hashlib.sha256(f"{chain}\n{path.name}\n{digest}".encode()).hexdigest()
        assert line == f"{digest} {chain[:32]} {path.name}"


# -- repair ------------------------------------------------------------------------------------------


def test_repair_finds_nothing(project: Project) -> None:
    project.up()
    before = project.files()
    project.run("migrate.repair").expect(0, "nothing to repair")
    assert project.files() == before


def test_an_edit_is_accepted_only_for_a_reason(project: Project) -> None:
    project.up()
    project.add("0002_row", "INSERT INTO log (n) VALUES (2);\n", "DELETE FROM log WHERE n = 2;\n")
    when = project.one("SELECT applied_at FROM schema_migrations WHERE version = 2")
    project.run("migrate.repair").expect(0, "nothing to repair")
    assert project.states()[2] == "edited"
    before = project.files()
    project.run("migrate.repair", "--version", "2", "--dry-run").expect(2, '--accept "reason"')
    words = ("--version", "2", "--accept", "the same row")
    project.run("migrate.repair", *words, "--dry-run").expect(0, "would re-stamp 0002_row", "checksum")
    assert project.files() == before
    project.run("migrate.repair", *words).expect(0, "re-stamp 0002_row")
    assert project.states()[2] == "applied"
    assert project.one("SELECT applied_at FROM schema_migrations WHERE version = 2") == when
    assert project.one("SELECT message FROM memsql_history WHERE operation = 'repair'").startswith("re-stamp 0002_row")
    project.run("migrate.down", "--steps", "3").expect(0)


def test_a_rename_is_accepted_by_name(project: Project) -> None:
    project.up()
    project.rename("0003_row", "0003_third")
    way_on = "if it was only renamed, let the ledger follow with: memsql migrate.repair --version 3"
    project.run("migrate.up").expect(2, way_on)
    project.run("migrate.repair").expect(0, "nothing to repair", f"next: {way_on}")
    assert project.states()[3] == "edited"
    project.run("migrate.repair", "--version", "3").expect(0, "applied under the name 0003_row")
    assert project.states() == dict.fromkeys((1, 2, 3, 4), "applied")
    assert project.applied() == ["0001_log", "0002_row", "0003_third", "0004_row"]
    project.run("migrate.status", "--check").expect(0)
    project.run("migrate.down", "--to", "2").expect(0, "rolled back 0003_third")


def test_a_missing_migration_is_forgotten_by_name(project: Project) -> None:
    project.up()
    project.remove("0003_row")
    rows = project.data()
    project.run("migrate.repair").expect(0, "nothing to repair")
    project.run("migrate.repair", "--version", "3").expect(0, "forget 0003_row: its file is gone")
    assert project.data() == rows
    assert project.states() == dict.fromkeys((1, 2, 4), "applied")
    project.run("migrate.status", "--check").expect(0)


def test_line_endings_of_a_raw_checksum_are_certain(project: Project) -> None:
    project.up()
    raw = project.up_file("0002_row").read_bytes().replace(b"\n", b"\r\n")
    project.script(f"UPDATE schema_migrations SET checksum = '{hashlib.sha256(raw).hexdigest()}' WHERE version = 2;")
    assert project.states()[2] == "edited"
    project.run("migrate.repair").expect(0, "re-stamp the checksum of 0002_row: the texts differ by line endings alone")
    project.run("migrate.status", "--check").expect(0)


def test_repair_of_what_is_not_there(project: Project) -> None:
    project.run("migrate.repair").expect(3, "memory.db does not exist")
    assert not project.db.exists()
    project.up()
    project.run("migrate.repair").expect(0, "nothing to repair")
    project.run("migrate.repair", "--version", "77").expect(2, "there is no migration 77")


def test_a_migration_that_reads_the_ledger_finds_those_before_it(tmp_path: Path) -> None:
    """Though they share a transaction, at whose end their rows are written."""
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.add(
        "0002_seen", "CREATE TABLE seen AS SELECT version FROM \"Schema_Migrations\" WHERE status = 'applied';\n"
    )
    project.add("0003_c", "CREATE TABLE c (x);\n")
    project.add("0004_d", "CREATE TABLE d (x);\n")
    project.check(
        "0004_ledger", "SELECT count(*) FROM schema_migrations WHERE status = 'applied' HAVING count(*) <> 3;"
    )
    project.run("migrate.up").expect(0, "4 migrations applied")
    with closing(sqlite3.connect(project.db)) as db:
        assert db.execute("SELECT version FROM seen").fetchall() == [(1,)]
        assert db.execute("SELECT migration_id, operation FROM memsql_history ORDER BY id").fetchall() == [
            ("0001_a", "apply"),
            ("0002_seen", "apply"),
            ("0003_c", "apply"),
            ("0004_d", "apply"),
        ]


@pytest.mark.parametrize("words", [(), ("--all-or-nothing",)], ids=["one by one", "all or nothing"])
def test_a_failure_after_an_adoption_says_that_the_adoption_stays(place: Place, words: tuple[str, ...]) -> None:
    place.project.add("0001_a", "CREATE TABLE a (x);\n")
    place.project.add("0002_quick", "CREATE TABLE quick (x);\n")
    place.project.add("0003_unique", "CREATE UNIQUE INDEX u ON a (x);\n")
    place.script("CREATE TABLE a (x); INSERT INTO a VALUES (1), (1);")

    done = place.run("migrate.up", *words).expect(
        5, "0003_unique failed", "rolled back", "the adoption before it stays: 0001_a counts as applied"
    )

    assert "everything" not in done.err
    assert place.applied() == (["0001_a"] if words else ["0001_a", "0002_quick"])
    assert ("before it, this run finished 0002_quick" in done.err) is not bool(words)


def test_a_refusal_after_an_adoption_does_not_say_that_nothing_was_changed(project: Project) -> None:
    for n, header in ((2, "-- foreign_keys: off\n"), (3, ""), (4, "")):
        project.add(f"{n:04d}_row", f"{header}CREATE TABLE t{n} (x);\n")
    project.script("CREATE TABLE log (n INTEGER);")
    done = project.run("migrate.up", "--all-or-nothing").expect(2, "cannot mix 0002_row")
    assert "state: nothing else was changed; the adoption before it stays: 0001_log counts as applied" in done.err
    assert applied(project) == [1]
