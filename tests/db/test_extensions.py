"""Databases that need an extension of SQLite: with the setting everything works, without it the message says what is
missing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project
from extensions import ENTRY_POINT, library
from repositories import library as library_repository

from memsql import extensions
from memsql.config import Target
from memsql.db import connect, libraries
from memsql.db.protocol import Script
from memsql.errors import ConfigError, LockedError, StatementError, UsageError
from memsql.extensions import Choice, Extension

apsw = pytest.importorskip("apsw")
FIRST = """
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE LENGTH,
    price INTEGER NOT NULL CHECK (half(price) > 0),
    halved INTEGER AS (half(price)) STORED,
    half_name TEXT AS (half(name)) VIRTUAL
);
CREATE INDEX items_half ON items (half(price));
CREATE INDEX items_name ON items (name);
CREATE VIEW cheap AS SELECT id, half(price) AS price FROM items WHERE half(price) < 10;
CREATE VIRTUAL TABLE numbers USING counting(5);
CREATE TRIGGER items_ai AFTER INSERT ON items BEGIN SELECT half(new.price); END;
INSERT INTO items (name, price) VALUES ('long name', 10), ('short', 20), ('x', 7);
"""
BACK = """
-- allow: data-loss items the first migration makes it
-- allow: data-loss numbers it has no rows of its own
DROP VIEW cheap; DROP TABLE numbers; DROP TABLE items;
"""
MORE = """
UPDATE items SET price = price + (SELECT max(number) FROM numbers) WHERE half(price) < 5;
ALTER TABLE items ADD COLUMN note TEXT COLLATE LENGTH;
CREATE INDEX items_note ON items (half(note));
"""
LESS = "DROP INDEX items_note; ALTER TABLE items DROP COLUMN note; UPDATE items SET price = 7 WHERE name = 'x';\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shop = library()
    project = Project(tmp_path / "my project", settings=f"extensions = lib/shop:{ENTRY_POINT}\n")
    (project.root / "lib").mkdir()
    shutil.copy(shop, project.root / "lib" / shop.name)
    project.add("0001_first", FIRST, BACK)
    project.add("0002_more", MORE, LESS)
    project.check(
        "halves", "SELECT id FROM items WHERE halved <> half(price) OR id > (SELECT max(number) FROM numbers)"
    )
    return project


@pytest.fixture
def bare(project: Project) -> Project:
    """The project with its database, and without the setting."""
    project.up()
    project.run("backup").expect(0)
    project.configure("[memsql]\ndatabase = memory.db\n")
    return project


@pytest.fixture(params=["", "apsw"])
def opening(request: pytest.FixtureRequest) -> Iterator[Choice]:
    """Both libraries, chosen for this process."""
    choice = Choice(request.param)
    before = extensions.chosen()
    extensions.use(choice if request.param else extensions.NONE)
    yield choice
    extensions.use(before)


def test_everything_works_with_it(project: Project) -> None:
    project.run("migrate.up", "--dry-run").expect(0)
    project.up()
    project.run("verify", "--deep").expect(0, "halves", "0 warnings")
    project.run("migrate.test").expect(0)
    for words in (
        ("backup",),
        ("backup", "--format", "sql"),
        ("backup.verify",),
        ("backup.restore",),
        ("backup.drill",),
        ("schema.diff", "--check"),
        ("schema.dump", "--write"),
        ("schema.stats",),
        ("schema.info",),
        ("schema.docs",),
        ("schema.diagram",),
        ("schema.types",),
        ("maintain.reindex",),
        ("maintain.vacuum",),
        ("migrate.down", "--steps", "2"),
        ("migrate.up",),
        ("verify",),
    ):
        project.run(*words).expect(0)
    snapshot = project.root / "sql" / "schema.sql"
    text = snapshot.read_text().replace("note TEXT COLLATE LENGTH", "note TEXT COLLATE LENGTH, more INTEGER")
    snapshot.write_text(text + "\nCREATE INDEX items_more ON items (half(more));\n")
    project.run("migrate.create", "more", "--from", str(snapshot)).expect(0, "proven: up, down and up again")


@pytest.mark.parametrize(
    ("words", "code", "missing"),
    [
        (("migrate.up",), 5, "the function half"),
        (("migrate.up", "--dry-run"), 5, "the function half"),
        (("migrate.up", "--database", "new.db"), 5, "the collation LENGTH"),
        (("migrate.down",), 5, "the collation LENGTH"),
        (("schema.diff",), 2, "the collation LENGTH"),
        (("backup",), 3, "the function half"),
        (("maintain.reindex",), 3, "the function half"),
    ],
)
def test_without_it_the_message_says_what_is_missing(
    bare: Project, words: tuple[str, ...], code: int, missing: str
) -> None:
    bare.add("0003_rows", "INSERT INTO items (name, price) VALUES ('a', 9);\n", "DELETE FROM items WHERE name = 'a';\n")
    if words == ("migrate.down",):
        bare.remove("0003_rows")
    before = bare.db.read_bytes()
    bare.run(*words).expect(
        code, f"where an extension of SQLite has {missing}, name it in setup.cfg: extensions = PATH"
    )
    # A failed migration is in the history.
    assert words[0].startswith("migrate.") or bare.db.read_bytes() == before


def test_a_module_that_is_missing_is_named(bare: Project) -> None:
    bare.add("0003_copy", "CREATE TABLE copied AS SELECT number FROM numbers;\n", "DROP TABLE copied;\n")
    bare.run("migrate.up").expect(5, "where an extension of SQLite has the module counting, name it in setup.cfg")
    bare.run("backup.restore").expect(3, "the function half")


def test_what_cannot_be_proven_without_it_is_said(bare: Project) -> None:
    bare.run("verify").expect(1, "table items uses the function half, which is unknown here")
    for words in (("migrate.status",), ("schema.dump",), ("schema.stats",)):
        bare.run(*words).expect(0)


def test_statements_can_load_nothing(project: Project) -> None:
    project.add("0003_load", f"SELECT load_extension('lib/shop', '{ENTRY_POINT}');\n", None)
    project.run("migrate.up").expect(5, "load_extension")
    choice = extensions.read("apsw", f"lib/shop:{ENTRY_POINT}", project.root)
    before = extensions.chosen()
    extensions.use(choice)
    try:
        with closing(connect(Target(path=project.db, display="memory.db"), "rw")) as conn:
            assert conn.execute("SELECT half(8)").one() == 4
            with pytest.raises(StatementError, match="not authorized"):
                conn.execute("SELECT load_extension(?, ?)", (str(project.root / "lib" / "shop"), ENTRY_POINT))
    finally:
        extensions.use(before)


def test_what_runs_the_sql_of_a_stranger_loads_nothing(tmp_path: Path) -> None:
    """Who wrote the migrations of a branch may have written its settings."""
    project = library_repository(tmp_path / "repo")
    project.configure("[memsql]\ndatabase = memory.db\nextensions = ./evil.so\n")
    project.add("0003_half", "-- Half\nALTER TABLE books ADD COLUMN half AS (half(id));\n", "SELECT 1;\n")
    for words in (("lint", "migrations"), ("review", "--no-fail")):
        done = project.run(*words)
        assert done.code in (0, 1), done.err
        assert "evil" not in done.out + done.err
    project.run("migrate.up").expect(2, "the extension ./evil.so cannot be loaded", "setup.cfg")
    assert not project.db.exists()


def test_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert extensions.read("", "  ", tmp_path) is extensions.NONE
    choice = extensions.read("", "a/b.so:begin, spatialite\n/usr/lib/x:c ,C:\\x.dll", tmp_path)
    assert choice.extensions == (
        Extension(str(tmp_path / "a/b.so"), "begin", "a/b.so:begin"),
        Extension("spatialite", None, "spatialite"),
        Extension("/usr/lib/x", "c", "/usr/lib/x:c"),
        Extension("C:\\x.dll", None, "C:\\x.dll"),
    )
    with pytest.raises(ConfigError, match="engine = turso: not a library"):
        extensions.read("turso", "", tmp_path)
    monkeypatch.setattr(libraries, "find_spec", lambda _: None)
    monkeypatch.setattr(extensions, "_choice", Choice("apsw"))
    with pytest.raises(UsageError, match="apsw is not installed") as caught:
        libraries.connect(":memory:", 0, uri=False)
    assert caught.value.hint == "python3 -m pip install 'memsql-migrate[apsw]'"


def test_python_loads_them_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every Python is built so: what is called, and that loading ends with it."""
    calls: list[object] = []

    class Loading(sqlite3.Connection):
        def enable_load_extension(self, enabled: bool, /) -> None:
            calls.append(enabled)

        def load_extension(self, *words: object, **entry: object) -> None:
            calls.append((*words, *entry.values()))

    monkeypatch.setattr(sqlite3, "Connection", Loading)
    monkeypatch.setattr(extensions, "_choice", Choice("", (Extension("/lib/x", None, "x"),)))
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *words, **more: real(*words, factory=Loading, **more))
    libraries.connect(":memory:", 0, uri=False).close()
    assert calls == [True, ("/lib/x",), False]


def test_both_libraries_answer_the_same(opening: Choice, tmp_path: Path) -> None:
    """The suite of connections tries Python's library; here what apsw does in another way."""
    target = Target(path=tmp_path / "a.db", display="a.db")
    with closing(connect(target, "rwc", 100)) as conn, closing(connect(target, "rw", 100)) as other:
        version = conn.execute("SELECT sqlite_version()").one()
        assert version == (apsw.sqlite_lib_version() if opening.library else sqlite3.sqlite_version)
        conn.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)")
        assert conn.execute("SELECT a, b AS x FROM t WHERE 0").columns == ("a", "x")
        assert conn.execute("WITH n (i) AS (VALUES ('x'), ('y')) INSERT INTO t (b) SELECT i FROM n").changes == 2
        assert conn.execute("UPDATE t SET b = b || '!' RETURNING b").rows == [("x!",), ("y!",)]
        with pytest.raises(StatementError, match=r"UNIQUE constraint failed: t\.b") as caught:
            conn.execute("INSERT INTO t (b) VALUES ('x!')")
        assert caught.value.code == "SQLITE_CONSTRAINT_UNIQUE"
        for several in ("SELECT 1; SELECT 2", "DELETE FROM t; SELECT 1"):
            with pytest.raises((StatementError, sqlite3.Warning), match="one statement at a time"):
                conn.execute(several)
        assert conn.execute("SELECT ';', count(*) FROM t; -- one").rows == [(";", 2)]
        conn.begin()
        conn.batch([Script("INSERT INTO t (b) VALUES (';'); UPDATE t SET a = a + 10;"), ("SELECT 1", ())])
        with pytest.raises(LockedError):
            other.begin()
        with conn.observe() as touched, pytest.raises(StatementError, match="not authorized"):
            conn.script("DELETE FROM t WHERE a = 11; COMMIT;")
        assert touched is not None
        assert (touched.deleted, touched.forbidden, conn.in_transaction) == ({"t"}, "COMMIT", True)
        conn.rollback()
        with pytest.raises(StatementError, match="interrupted"), conn.observe(lambda: True):
            conn.execute("WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        assert other.execute("SELECT count(*) FROM t").one() == 2


def test_texts_that_are_not_utf8_are_copied_exactly(opening: Choice, tmp_path: Path) -> None:
    project = Project(tmp_path / "my project", settings=f"engine = {opening.library}\n" if opening.library else "")
    project.add("0001_first", "CREATE TABLE t (a INTEGER PRIMARY KEY, b);\n", "DROP TABLE t;\n")
    project.up()
    project.script("INSERT INTO t (b) VALUES ('ok'), (CAST(x'ff41' AS TEXT)), (x'ff41'), (7), (0.5), (NULL), ('ü');")
    project.run("backup").expect(0)
    project.run("backup", "--format", "sql").expect(0)
    project.run("backup.restore").expect(0)
    assert project.query("SELECT hex(b), typeof(b) FROM t WHERE a IN (2, 3)") == [("FF41", "text"), ("FF41", "blob")]
