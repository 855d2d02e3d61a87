"""Files of other tools that lie in the folder of memsql."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

from memsql.errors import FileError
from memsql.exchange.recognising import foreign_path, foreign_text, may_be_foreign, telling_marks
from memsql.exchange.tools import all_tools
from memsql.project.files import read_folder

MARKS = {
    "-- +goose Up": "goose",
    "--  +goose  down": "goose",
    "-- +GOOSE UP": "goose",
    "-- +goose StatementBegin": "goose",
    "-- +goose NO TRANSACTION": "goose",
    "-- +goose ENVSUB ON": "goose",
    "-- +migrate Up notransaction": "sql-migrate",
    "-- +migrate Down": "sql-migrate",
    "-- migrate:up": "dbmate",
    "-- migrate:down transaction:false": "dbmate",
    "-- no-transaction": "sqlx",
}


@pytest.mark.parametrize("comment", sorted(MARKS))
def test_marks(comment: str) -> None:
    foreign = foreign_text(f"-- A\nCREATE TABLE a (x);\n{comment}\nDROP TABLE a;\n".encode())
    assert foreign is not None
    assert (foreign.words, foreign.line) == ((MARKS[comment],), 3)


@pytest.mark.parametrize(
    "text",
    [
        "-- Up\nCREATE TABLE a (x);\n\n-- Down\nDROP TABLE a;",
        "-- rambler up\nCREATE TABLE a (x);\n-- rambler down\nDROP TABLE a;",
        "CREATE TABLE a (x);\n---- create above / drop below ----\nDROP TABLE a;",
        "-- !Ups\nCREATE TABLE a (x);\n--- !Downs\nDROP TABLE a;",
    ],
)
def test_both_ways_in_one_file(text: str) -> None:
    foreign = foreign_text(text.encode())
    assert foreign is not None
    assert "memsql would run both" in foreign.what


def test_every_tool_with_marks_is_tried() -> None:
    assert {tool.word for tool in all_tools() if telling_marks(tool)} == set(MARKS.values())
    assert all(may_be_foreign(comment.encode()) for comment in MARKS)


@pytest.mark.parametrize(
    "text",
    [
        "-- Posts, as they were under goose: up and down are two files now\nSELECT 1;",
        "INSERT INTO a VALUES ('-- +goose Down'), ('\n-- migrate:down\n');",
        "-- the tool wrote `-- +goose Up` here\nSELECT 1;",
        "SELECT 1; --> statement-breakpoint\nSELECT 2;",
        "-- no-transaction is needed for this\nSELECT 1;",
        "-- Running upgrade a -> b\nSELECT 1;",
        "UPDATE a SET x = 1;\n-- down\nUPDATE a SET x = 2;",
        "-- up\nUPDATE a SET x = 1;\n-- down",
    ],
)
def test_prose_and_values_are_no_marks(text: str) -> None:
    assert foreign_text(text.encode()) is None


@pytest.mark.parametrize(
    ("text", "is_foreign"),
    [
        ("CREATE TABLE a (x);\n-- rollback\nDROP TABLE a;\n", True),
        ("CREATE TABLE A (x);\nCREATE INDEX i ON a (x);\n-- undo\nDROP INDEX i;\nDROP TABLE IF EXISTS a;\n", True),
        ("CREATE TABLE a (x);\n-- rollback\nDROP TABLE b;\n", False),
        ("CREATE TABLE n (x);\n-- undo\nDROP TABLE n;\nCREATE TABLE b (x);\n", False),
        ("-- Revert\nDROP TABLE a;\n", False),
    ],
)
def test_a_lone_heading_above_what_takes_back(text: str, is_foreign: bool) -> None:
    assert (foreign_text(text.encode()) is not None) == is_foreign


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("000001_team.up.sql", ("golang-migrate", "sqlx")),
        ("000001_team.down.sql", ("golang-migrate", "sqlx")),
        ("V1_2__team.sql", ("flyway",)),
        ("R__views.sql", ("flyway",)),
        ("0002_fill.py", ("yoyo",)),
        ("0002_fill.go", ("goose",)),
        ("20240101120000_init/migration.sql", ("prisma",)),
        ("migration_lock.toml", ("prisma",)),
        ("2024-01-01-120000_team/up.sql", ("diesel",)),
        ("meta/_journal.json", ("drizzle",)),
        ("versions/ae10_team.py", ("alembic",)),
        ("0001_team.UP.SQL", ("golang-migrate", "sqlx")),
        ("v1__team.SQL", ("flyway",)),
        ("0001_team/UP.sql", ("diesel",)),
        ("0001_team/Migration.SQL", ("prisma",)),
        ("0002_fill.PY", ("yoyo",)),
        *((name, ()) for name in ("0001_team.SQL", "0001_team.rollback.Sql", "notes.SQL")),
        *((name, ()) for name in ("0002_b.ts", "20240101120000_b.rb", "2014_10_12_000000_b.php", "2_b.js", "2_b.mjs")),
        *((name, ()) for name in ("1700000000000-B.TS", "m150101_b.php", "20240101_b.exs", "V2__b.rs", "2_b.yaml")),
        *((name, None) for name in ("0001_team.sql", "0001_v1.2.rollback.sql", "memsql.sum", "README.md", ".gitkeep")),
        *((name, None) for name in ("__init__.py", "meta/0000_snapshot.json", "archive/old.sql")),
        *((name, None) for name in ("0002_b.md", "0002_b.sql.orig", "0002_b.txt", "index.ts", "archive/0002_b.ts")),
    ],
)
def test_names(path: str, words: tuple[str, ...] | None) -> None:
    foreign = foreign_path(path)
    assert (foreign and foreign.words) == words


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("0001_a.sql", "-- +goose Up\nSELECT 1;", "migrations/0001_a.sql has `-- +goose Up`"),
        ("0001_a.rollback.sql", "-- migrate:down\nSELECT 1;", "migrations/0001_a.rollback.sql has `-- migrate:down`"),
        ("2_b/migration.sql", "SELECT 1;", "migrations/2_b/migration.sql is a file of Prisma"),
        ("2_b.py", "", "migrations/2_b.py is a migration in Python"),
        ("2_b.ts", "", "migrations/2_b.ts is named like a migration, and is no SQL"),
        ("2_b.SQL", "SELECT 1;", "migrations/2_b.SQL ends in .SQL, and memsql runs files that end in .sql"),
        ("2_b/UP.sql", "SELECT 1;", "migrations/2_b/UP.sql is a file of Diesel"),
    ],
)
def test_the_folder_is_refused(tmp_path: Path, path: str, text: str, said: str) -> None:
    (tmp_path / "0001_a.sql").write_text("-- A\nSELECT 1;")
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    with pytest.raises(FileError) as caught:
        read_folder(tmp_path, "migrations")
    assert said in caught.value.message


def test_what_would_be_passed_over_stops_commands(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "-- A\nCREATE TABLE a (x);", None)
    for name, hint in (("0002_b.rb", "write what it does as SQL"), ("0002_b.SQL", "rename it to 0002_b.sql")):
        (project.migrations / name).write_text("SELECT 1;")
        for words in (("migrate.up",), ("migrate.status",)):
            project.run(*words).expect(2, name, hint, "nothing was changed")
        (project.migrations / name).unlink()
    assert not project.db.exists()


def test_a_name_in_another_case_is_to_be_written_as_the_tool_reads_it(tmp_path: Path) -> None:
    for name, said in (("0001_a.UP.SQL", "in the case of the tool, then move it"), ("0001_a.up.sql", ": move it to")):
        (tmp_path / name).write_text("SELECT 1;")
        with pytest.raises(FileError) as caught:
            read_folder(tmp_path, "migrations")
        assert said in f": {caught.value.hint}"
        (tmp_path / name).unlink()


def test_commands_name_the_tool_and_the_import(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "-- +goose Up\nCREATE TABLE a (x);\n-- +goose Down\nDROP TABLE a;", None)
    for words in (("migrate.up",), ("migrate.status",), ("migrate.create", "b"), ("migrate.sum",)):
        project.run(*words).expect(2, "goose", "mv migrations goose && memsql import goose goose")
    project.run("lint").expect(1, "MS40", "memsql import goose DIR")
    assert not project.db.exists()
