"""init --from: the first migration of a database that was there before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from cli import Done, content, files_below, run
from odd_databases import FTS, ODD
from permissions import mode

from memsql import config
from memsql.author import from_database
from memsql.config import parse_target
from memsql.db import Script, connect
from memsql.errors import Refused
from memsql.project.additions import Addition
from memsql.schema import read
from memsql.server import Running

LIVE = (
    ODD.replace("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT);", "").replace(
        "INSERT INTO schema_migrations VALUES (1, 'baseline');", ""
    )
    + FTS
)
HARDER = """
CREATE TABLE "two
lines" ("a;b" TEXT DEFAULT 'x;y' /* c */ -- tail
);
CREATE INDEX "an ""index" ON "two
lines" (lower("a;b") DESC) WHERE "a;b" IS NOT NULL;
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER REFERENCES egg (id));
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER REFERENCES hen (id));
INSERT INTO hen VALUES (1, NULL); INSERT INTO egg VALUES (1, 1); UPDATE hen SET egg = 1;
CREATE VIEW a_view AS SELECT * FROM "z view"; CREATE VIEW "z view" AS SELECT id FROM hen;
CREATE VIEW broken AS SELECT * FROM nowhere;
CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER);
CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);
INSERT INTO d1_migrations (name) VALUES ('0001_a.sql');
ANALYZE;
"""
LEDGER = {"schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version"}


def make(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(sql)
    return path


def init(folder: Path, source: str, *words: str) -> Done:
    return run("init", "--from", source, *words, cwd=folder)


def test_the_baseline_makes_all_of_it_and_the_database_is_adopted(tmp_path: Path) -> None:
    app = make(tmp_path / "app.db", LIVE + HARDER)
    before = content(app)
    planned = init(tmp_path, "app.db", "--dry-run", "--json").expect(0).json()
    assert content(app) == before
    assert {path.name for path in tmp_path.iterdir()} == {"app.db"}
    report = init(tmp_path, "app.db", "--json").expect(0).json()
    assert {**planned, "dry_run": False} == report
    assert report["left_out"] == ["_litestream_lock", "_litestream_seq", "d1_migrations"]
    assert report["next"] == ["memsql migrate.status", "memsql verify", "memsql migrate.create NAME"]
    assert content(app, without=frozenset(LEDGER)) == before
    run("migrate.status", cwd=tmp_path).expect(0, "1 migration: 1 applied")
    run("migrate.sum", "--check", cwd=tmp_path).expect(0)
    run("verify", cwd=tmp_path).expect(0)
    run("migrate.up", "--database", "fresh.db", cwd=tmp_path).expect(0)
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as fresh, closing(sqlite3.connect(app)) as live:
        query = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT GLOB '_litestream*' AND tbl_name NOT IN "
        query += "('sqlite_stat1', 'sqlite_stat4', 'd1_migrations') ORDER BY 1, 2"
        assert fresh.execute(query).fetchall() == live.execute(query).fetchall()
        assert fresh.execute("PRAGMA user_version").fetchone() == (42,)
    run("migrate.down", "--database", "fresh.db", cwd=tmp_path).expect(0)
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as fresh:
        tables = {name for (name,) in fresh.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert tables - LEDGER == {"sqlite_sequence"}
    init(tmp_path, "app.db").expect(2, "migrations/ is not empty", "migrate.baseline --version N")


def test_comments_at_the_end_of_a_text_stay(tmp_path: Path) -> None:
    sql = "CREATE TABLE a (x) -- t\n; CREATE VIEW v AS SELECT 1 -- c\n; CREATE INDEX i ON a (x) WHERE x > 1 -- z\n ;"
    make(tmp_path / "app.db", sql)
    init(tmp_path, "app.db").expect(0)
    run("migrate.up", "--database", "fresh.db", cwd=tmp_path).expect(0)
    run("verify", "--database", "fresh.db", cwd=tmp_path).expect(0)


def test_it_goes_on_where_init_has_been(tmp_path: Path) -> None:
    run("init", cwd=tmp_path).expect(0)
    make(tmp_path / "app.db", "CREATE TABLE a (x);")
    init(tmp_path, "app.db").expect(0, "added to migrations/memsql.sum", "    memsql verify --database app.db\n")
    assert (tmp_path / "setup.cfg").read_text() == "[memsql]\ndatabase = memory.db\n"
    run("migrate.sum", "--check", cwd=tmp_path).expect(0)
    run("migrate.status", "--database", "app.db", cwd=tmp_path).expect(0, "1 migration: 1 applied")


def test_what_a_stopped_init_left_is_gone_on_with(tmp_path: Path) -> None:
    source = make(tmp_path / "app.db", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);")
    before = source.read_bytes()
    init(tmp_path, "app.db").expect(0)
    after = files_below(tmp_path)
    source.write_bytes(before)
    up = tmp_path / "migrations" / "0001_baseline.sql"
    up.write_bytes(up.read_bytes()[:20])
    (tmp_path / "migrations" / "memsql.sum").unlink()
    (tmp_path / "migrations" / "0001_baseline.sql0123abcd.tmp").touch()
    init(tmp_path, "app.db").expect(0, "0001_baseline")
    assert {**files_below(tmp_path), "app.db": b""} == {**after, "app.db": b""}
    source.write_bytes(before)
    up.write_text("-- of somebody else\nSELECT 1;\n")
    init(tmp_path, "app.db").expect(2, "migrations/ is not empty", "nothing was changed")


@pytest.mark.parametrize(
    ("sql", "code", "parts"),
    [
        ("SELECT 1;", 6, ("app.db is empty",)),
        ("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);", 6, ("app.db is empty",)),
        ("CREATE TABLE a (x); CREATE TABLE schema_migrations (version TEXT);", 6, ("schema_migrations",)),
        (
            "CREATE TABLE a (x); PRAGMA writable_schema = on; INSERT INTO sqlite_schema VALUES"
            " ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nobody_has_this(a)');",
            6,
            ("cannot be made again here: virtual odd", "nobody_has_this"),
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused_before_any_file(
    tmp_path: Path, sql: str, code: int, parts: tuple[str, ...]
) -> None:
    make(tmp_path / "app.db", sql)
    before = files_below(tmp_path)
    init(tmp_path, "app.db").expect(code, *parts)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    ("columns", "owner"),
    [("version varchar(128) primary key", "dbmate"), ("version uint64, dirty bool", "golang-migrate")],
)
def test_a_table_of_another_tool_with_the_name_of_ours(tmp_path: Path, columns: str, owner: str) -> None:
    make(tmp_path / "app.db", f"CREATE TABLE a (x); CREATE TABLE schema_migrations ({columns});")
    before = files_below(tmp_path)
    run("init", "--take-over", cwd=tmp_path).expect(2, "add --from FILE_OR_URL")
    init(tmp_path, "app.db").expect(6, f"a table of {owner}", "memsql init --from app.db --take-over")
    assert files_below(tmp_path) == before
    new = f"schema_migrations_of_{owner.replace('-', '_')}"
    done = init(tmp_path, "app.db", "--take-over").expect(0, f"which {owner} made, to {new}", "schema_migrations")
    assert "left out, because others keep them for themselves: schema_migrations" in done.out
    run("migrate.status", cwd=tmp_path).expect(0, "1 migration: 1 applied")
    run("verify", cwd=tmp_path).expect(0)
    assert "schema_migrations" not in (tmp_path / "migrations" / "0001_baseline.sql").read_text()


def test_a_database_with_a_ledger_or_without_a_file_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "app.db", "CREATE TABLE a (x);")
    init(tmp_path, "app.db").expect(0)
    other = tmp_path / "other"
    other.mkdir()
    init(other, "../app.db").expect(6, "has a ledger already", "nothing was changed")
    init(other, "typo.db").expect(3, "there is no file typo.db", "nothing was changed")
    init(other, "mydb.turso.io").expect(2, "--from mydb.turso.io", "libsql://")
    init(other, "*.db").expect(2, "--from *.db")
    (other / "text.db").write_text("no database at all, but a text that is long enough to look at\n" * 20)
    init(other, "text.db").expect(3)
    assert {path.name for path in other.iterdir()} == {"text.db"}


def test_a_database_that_somebody_writes_keeps_its_folder_as_it_is(tmp_path: Path) -> None:
    app = make(tmp_path / "app.db", "CREATE TABLE a (x);")
    (tmp_path / "setup.cfg").write_text("[memsql]\nbusy_timeout = 50\n")
    with closing(sqlite3.connect(app)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        init(tmp_path, "app.db").expect(4, "nothing was changed")
        assert {path.name for path in tmp_path.iterdir()} <= {"app.db", "app.db-journal", "setup.cfg"}


def test_a_database_that_may_only_be_read_gets_no_files(tmp_path: Path, bound: Callable[[], None]) -> None:
    app = make(tmp_path / "app.db", "CREATE TABLE a (x);")
    with mode(app, 0o444):
        done = run("init", "--from", "app.db", cwd=tmp_path, preexec_fn=bound)
        done.expect(3, "readonly database", "nothing was changed", "check the permissions")
        run("init", "--from", "app.db", "--dry-run", cwd=tmp_path, preexec_fn=bound).expect(0, "would adopt app.db")
    assert {path.name for path in tmp_path.iterdir()} == {"app.db"}


def test_files_are_taken_away_again_where_the_adoption_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "app.db", "CREATE TABLE a (x);")
    (tmp_path / ".gitignore").write_text("mine\n")
    before = files_below(tmp_path)
    target = parse_target("app.db", tmp_path)
    settings = replace(config.defaults(tmp_path), target=target)
    draft = from_database.draft(settings)
    # Somebody else changes it between the look and the adoption.
    with closing(sqlite3.connect(tmp_path / "app.db")) as conn:
        conn.execute("ALTER TABLE a RENAME TO b")
    changed = files_below(tmp_path)
    line = Addition(tmp_path / ".gitignore", ".gitignore", b"ours\n", size=5)
    with pytest.raises(Refused, match="not what the migrations") as error:
        from_database.write(settings, draft, [line, *draft.additions])
    assert error.value.state == "the database is as it was, and the files were taken away again"
    assert files_below(tmp_path) == changed
    assert set(changed) == set(before)


@pytest.mark.server
def test_a_server(tmp_path: Path, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rwc")) as conn:
        conn.batch([Script(LIVE.replace("PRAGMA user_version = 42;", ""))])
        before = read(conn)
    report = init(tmp_path, empty_server.url, "--json").expect(0).json()
    assert report["next"][1] == f"memsql verify --database {empty_server.url}"
    run("migrate.status", "--database", empty_server.url, cwd=tmp_path).expect(0, "1 migration: 1 applied")
    run("migrate.up", cwd=tmp_path).expect(0)
    with closing(connect(servers.target(empty_server.url), "ro")) as conn:
        assert read(conn) == before
        assert conn.execute("SELECT count(*) FROM infinite").one() == 3
    with closing(sqlite3.connect(tmp_path / "memory.db")) as conn:
        assert conn.execute("SELECT count(*) FROM docs").fetchone() == (0,)
