"""Migrations of a table with a partial index, on a file and on a server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import servers
from cli import Done, Project
from partial import INDEX, ROWS, STYLES, TABLE, triggers

from memsql.db import Value, connect
from memsql.server import Running

MIGRATED = ("a guard on each trigger", "select where", "select from the table", "values emptied", "a view")
FOUND = "SELECT rowid FROM f WHERE f MATCH 'moss OR fern OR lichen OR alga' ORDER BY rowid"


@dataclass(frozen=True)
class Place:
    """A project whose database is a file or on a server."""

    project: Project
    database: str

    def run(self, *words: str) -> Done:
        return self.project.run(*words, "--database", self.database)

    def ask(self, sql: str) -> list[tuple[Value, ...]]:
        with closing(connect(servers.target(self.database), "rw")) as conn:
            return conn.execute(sql).rows

    def script(self, sql: str) -> None:
        with closing(connect(servers.target(self.database), "rw")) as conn:
            conn.script(sql)


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.server)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    """Makes a place whose first migration has a text, and applies it."""

    def maker(text: str) -> Place:
        project = Project(tmp_path / "project")
        database = str(project.db)
        if request.param == "server":
            server: Running = request.getfixturevalue("empty_server")
            database = server.url
        place = Place(project, database)
        project.add("0001_base", text)
        place.run("migrate.up").expect(0)
        return place

    return maker


@pytest.mark.parametrize("style", MIGRATED)
def test_a_migration_of_the_rows_is_proven_against_the_guard(make: Callable[[str], Place], style: str) -> None:
    place = make(STYLES[style] + ROWS)
    place.project.add(
        "0002_more", "UPDATE t SET body = 'an alga' WHERE id = 1;\nUPDATE t SET gone_at = 'x' WHERE id = 5;\n"
    )
    place.run("migrate.up").expect(0, "applied 0002_more")
    assert place.ask(FOUND) == [(-7,), (1,)]
    place.run("fts.check").expect(0, "ok       f")
    assert place.ask("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql_fts%'") == []


@pytest.mark.parametrize("style", MIGRATED)
def test_an_index_that_is_left_behind_is_refused(make: Callable[[str], Place], style: str) -> None:
    place = make(STYLES[style] + ROWS)
    dropped = "DROP TRIGGER t_in;\nINSERT INTO t (id, body) VALUES (50, 'an alga');\n"
    place.project.add("0002_more", dropped)
    place.run("migrate.up").expect(5, "f does not agree with", "its proof failed")
    assert place.ask("SELECT count(*) FROM t WHERE id = 50") == [(0,)]


@pytest.mark.parametrize("style", MIGRATED)
def test_a_rebuild_that_the_header_asks_for_fills_in_the_rows_of_the_guard(
    make: Callable[[str], Place], style: str
) -> None:
    place = make(STYLES[style] + ROWS)
    before = place.ask(FOUND)
    place.script("INSERT INTO f (f) VALUES ('delete-all')")
    place.project.add("0002_more", "-- More\n-- fts_rebuild: f\nUPDATE t SET n = 3 WHERE gone_at = 'none';\n")
    place.run("migrate.up").expect(0, "applied 0002_more")
    assert place.ask(FOUND) == before
    place.run("fts.check").expect(0, "ok       f")
    assert place.ask("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql_fts%'") == []


def test_fts_rebuild_fills_in_the_rows_of_the_guard(make: Callable[[str], Place]) -> None:
    place = make(TABLE + INDEX + triggers() + ROWS)
    before = place.ask(FOUND)
    place.script("INSERT INTO f (f) VALUES ('rebuild')")
    assert place.ask(FOUND) != before
    place.run("fts.check").expect(1, "f does not agree with the rows that its triggers put in", "memsql fts.rebuild")
    place.run("fts.rebuild", "--online").expect(0, "f: partial, cannot be rebuilt online; left alone")
    place.run("fts.rebuild", "--online", "--table", "f").expect(2, "f is partial", "memsql fts.rebuild --table f")
    place.run("fts.rebuild").expect(0, "f: rebuilt (proven)")
    assert place.ask(FOUND) == before
    place.script("UPDATE t SET gone_at = 'x'; DELETE FROM t")
    place.run("fts.check").expect(0, "ok       f")


def test_a_rebuilt_table_keeps_its_partial_index(make: Callable[[str], Place]) -> None:
    place = make(TABLE + INDEX + triggers() + ROWS)
    before = place.ask(FOUND)
    place.project.add(
        "0002_rebuild",
        "-- Rebuild\n-- foreign_keys: off\n"
        + TABLE.replace("TABLE t ", "TABLE t2 ").replace("n INTEGER", "n INTEGER NOT NULL DEFAULT 0")
        + "INSERT INTO t2 SELECT id, body, tags, gone_at, kind, coalesce(n, 0) FROM t;\n"
        + "DROP TABLE t;\nALTER TABLE t2 RENAME TO t;\n"
        + triggers(),
    )
    place.run("migrate.up").expect(0, "applied 0002_rebuild")
    assert place.ask(FOUND) == before


def test_a_guard_that_the_migration_changes_needs_a_rebuild(make: Callable[[str], Place]) -> None:
    place = make(TABLE + INDEX + triggers() + ROWS)
    drops = "".join(f"DROP TRIGGER {name};\n" for name in ("t_in", "t_out", "t_old", "t_new"))
    wider = drops + triggers("@.gone_at IS NULL OR @.kind = 'note'") + "UPDATE t SET n = 1 WHERE id = 3;\n"
    place.project.add("0002_wider", wider)
    place.run("migrate.up").expect(5, "f does not agree with the rows that its triggers put in", "fts_rebuild")
    place.project.remove("0002_wider")
    place.project.add("0002_wider", f"-- Wider\n-- fts_rebuild: f\n{wider}")
    place.run("migrate.up").expect(0, "applied 0002_wider")
    place.run("fts.check").expect(0, "gone_at IS NULL OR kind='note'")
    assert (4,) in place.ask("SELECT rowid FROM f WHERE f MATCH 'gone'")


def test_a_guard_that_reads_other_tables_is_said_to_be_unproven(make: Callable[[str], Place]) -> None:
    shared = "CREATE TABLE hidden (kind TEXT);\n"
    place = make(shared + TABLE + INDEX + triggers("@.kind NOT IN (SELECT kind FROM hidden)") + ROWS)
    place.run("fts.check").expect(0, "partial: the rows of t for which kind NOT IN")
    place.project.add("0002_hide", "INSERT INTO hidden VALUES ('x');\nUPDATE t SET body = 'an alga' WHERE id = 1;\n")
    place.run("migrate.up").expect(0, "applied 0002_hide", "not proven: f differs from the rows for which now kind")
    place.run("fts.check").expect(0, "unproven f differs", "depends on more than the row")
    place.run("verify").expect(0, "not proven: f differs")


def test_verify_and_a_backup_accept_it(make: Callable[[str], Place]) -> None:
    place = make(TABLE + INDEX + triggers() + ROWS)
    place.run("verify").expect(0)
    place.run("backup.create").expect(0)
    place.run("backup.verify").expect(0)


def test_a_guard_with_a_function_of_the_application_is_not_proven(make: Callable[[str], Place]) -> None:
    place = make(TABLE + INDEX + triggers())
    place.script("INSERT INTO t (id, body) VALUES (1, 'moss')")
    place.script(
        "DROP TRIGGER t_in; CREATE TRIGGER t_in AFTER INSERT ON t WHEN is_live(new.gone_at) BEGIN "
        "INSERT INTO f (rowid, body, tags) VALUES (new.id, new.body, new.tags); END;"
    )
    place.run("fts.check").expect(0, "unproven f uses the function is_live, which is unknown here")
