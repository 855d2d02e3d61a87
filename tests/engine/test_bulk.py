"""Large files of INSERTs take a shorter way: what they reach is seen all the same, and a wrong cut does no harm."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project

from memsql.db.sqlite import memory
from memsql.engine.analysis import analyse
from memsql.engine.session import SchemaCache, Session
from memsql.engine.signals import Stop
from memsql.engine.state import RunOptions
from memsql.engine.statements import cut_wrongly, run_quickly
from memsql.errors import StatementError
from memsql.progress import Silent
from memsql.project.files import SqlFile
from memsql.sqltext import bulk_table

pytestmark = pytest.mark.slow

LONG = "x" * 1000
LOG = "CREATE TABLE log (x);\nINSERT INTO log VALUES (1);\n"
CHILD = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT);\nINSERT INTO t VALUES (0, 'old');\n"
    "CREATE TABLE c (t REFERENCES t (id) ON UPDATE CASCADE);\nINSERT INTO c VALUES (0);\n"
    + LOG
    + "CREATE TRIGGER cu AFTER UPDATE ON c BEGIN DELETE FROM log; END;\n"
)
PARENT = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY{}, x TEXT);\nINSERT INTO t VALUES (0, 'old');\n"
    "CREATE TABLE c (t REFERENCES t (id) ON DELETE CASCADE);\nINSERT INTO c VALUES (0);\n"
)
DOCS = (
    "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);\n"
    "CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');\n"
)


def rows(table: str, values: str = "NULL, '{}'", count: int = 5000) -> str:
    """More than four megabytes of INSERTs into ``table``."""
    return "".join(f"INSERT INTO {table} VALUES ({values.format(LONG)});\n" for _ in range(count))


REFUSED = {
    "an upsert at the end, and a cascade of the key": (
        CHILD,
        rows("t") + "INSERT INTO t VALUES (0, 'x') ON CONFLICT (id) DO UPDATE SET id = 7777777;\n",
    ),
    "a constraint that replaces": (
        PARENT.format(" ON CONFLICT REPLACE"),
        rows("t") + "INSERT INTO t VALUES (0, 'new');\n",
    ),
    "a trigger": (
        "CREATE TABLE t (y, x);\n"
        + LOG
        + "CREATE TRIGGER ti AFTER INSERT ON t WHEN new.x = 'x' BEGIN DELETE FROM log; END;\n",
        rows("t") + "INSERT INTO t VALUES (1, 'x');\n",
    ),
    "a trigger made on the way": (
        "CREATE TABLE t (y, x);\n" + LOG,
        rows("t")
        + "CREATE TRIGGER ti AFTER INSERT ON t WHEN new.x = 'x' BEGIN DELETE FROM log; END;\n"
        + rows("t")
        + "INSERT INTO t VALUES (1, 'x');\n",
    ),
    "a trigger behind a view": (
        "CREATE TABLE y (y, x);\nCREATE VIEW t AS SELECT * FROM y;\n"
        + LOG
        + "CREATE TRIGGER ti INSTEAD OF INSERT ON t BEGIN INSERT INTO y VALUES (new.y, new.x); END;\n"
        + "CREATE TRIGGER yi AFTER INSERT ON y WHEN new.x = 'x' BEGIN DELETE FROM log; END;\n",
        rows("t") + "INSERT INTO t VALUES (1, 'x');\n",
    ),
    "REPLACE among them": (PARENT.format(""), rows("t") + "INSERT OR REPLACE INTO t VALUES (0, 'new');\n" + rows("t")),
    "DELETE behind a comment": (
        "CREATE TABLE t (y, x);\n" + LOG + "CREATE TRIGGER td DELETE ON t BEGIN DELETE FROM log; END;\n"
        "INSERT INTO t VALUES (1, 1);\n",
        rows("t") + "/* ; */ DELETE FROM t WHERE y = 1;\n" + rows("t"),
    ),
}
FAILED = {
    "an index whose content has no triggers": (DOCS, rows("docs")),
    "rows that refer to nothing": (
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE t (p REFERENCES p (id), x);\n",
        "-- foreign_keys: off\n" + rows("t") + "INSERT INTO t VALUES (99, 1);\n",
    ),
    "COMMIT in the middle": ("CREATE TABLE t (y, x);\n", rows("t") + "COMMIT;\n" + rows("t")),
    "the function that looks away": (
        "CREATE TABLE t (y, x);\n" + LOG,
        "SELECT memsql_unwatch();\nDELETE FROM log WHERE x = 1;\n" + rows("t"),
    ),
}


@pytest.mark.parametrize(
    ("base", "text", "codes"),
    [
        *((*texts, (6,)) for texts in REFUSED.values()),
        *((*texts, (2, 5)) for texts in FAILED.values()),
    ],
    ids=[*REFUSED, *FAILED],
)
def test_what_it_reaches_is_seen(tmp_path: Path, base: str, text: str, codes: Sequence[int]) -> None:
    project = Project(tmp_path)
    project.add("0001_base", base)
    project.up()
    before = project.data()
    project.add("0002_bulk", text)
    assert project.run("migrate.up").code in codes
    assert project.data() == before


ODD = {
    "a string of statements": "INSERT INTO t VALUES (1, '" + "DELETE FROM log;\n" * 90_000 + "');\n",
    "a string of statements like the others": "INSERT INTO t VALUES (1, '"
    + "INSERT INTO log VALUES (0);\n" * 50_000
    + "');\n",
    "a comment with DELETE in it": "/*\n" + "DELETE FROM log;\n" * 90_000 + "*/\n",
    "a trigger of many lines": "CREATE TRIGGER tu AFTER UPDATE ON t BEGIN\n"
    + "INSERT INTO log VALUES (0);\n" * 50_000
    + "END;\n",
    "comments with a semicolon": "INSERT INTO t -- so;\nVALUES (3, 4);\n" * 40_000
    + "DELETE FROM t -- all;\nWHERE y = 3;\n" * 3,
    "a quoted name of statements": 'CREATE TABLE "' + "x;\n" * 400_000 + '" (y);\n',
}


@pytest.mark.parametrize(
    ("odd", "wrong"), [(odd, "of statements" in name or "trigger" in name) for name, odd in ODD.items()], ids=ODD
)
def test_a_wrong_cut_does_no_harm(tmp_path: Path, odd: str, wrong: bool) -> None:
    text = "CREATE TABLE t (y, x);\n" + LOG + rows("t", count=1500) + odd + rows("t", count=3000)
    with closing(sqlite3.connect(tmp_path / "plain.db")) as db:
        db.executescript(f"BEGIN;{text}COMMIT;")
    assert cut_wrongly(SqlFile("x.sql", "x.sql", text.encode())) is wrong
    project = Project(tmp_path / "project", database="memory.db")
    project.add("0001_odd", text)
    project.up()
    assert _everything(project.db) == _everything(tmp_path / "plain.db")


def _everything(database: Path) -> list[object]:
    with closing(sqlite3.connect(database)) as db:
        schema = db.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name IN ('t', 'log', 'tu') OR name LIKE 'x%'"
        ).fetchall()
        return [schema, db.execute("SELECT rowid, * FROM t").fetchall(), db.execute("SELECT * FROM log").fetchall()]


def test_a_failure_in_the_middle_has_its_line(tmp_path: Path) -> None:
    project = Project(tmp_path)
    text = rows("t", "NULL, '{}'") + "INSERT INTO t VALUES (1, 'twice');\n" + rows("t", "NULL, '{}'", 100)
    project.add("0001_bulk", "CREATE TABLE t (id INTEGER PRIMARY KEY, x);\n" + text)
    project.run("migrate.up").expect(
        5, "UNIQUE constraint failed: t.id", "0001_bulk.sql:5002", "INSERT INTO t VALUES (1, 'twice')", "rolled back"
    )
    assert project.applied() == []


class StopsAfter(Silent):
    """Sets ``stop`` when it is told for the third time that the work goes on."""

    def __init__(self, stop: Stop) -> None:
        self.stop, self.ticks = stop, 0

    def tick(self, fraction: float | None = None) -> None:
        self.ticks += fraction is None
        self.stop.name = "Ctrl-C" if self.ticks > 2 else None


def test_it_stops_between_two_pieces() -> None:
    file = SqlFile("x.sql", "x.sql", ("CREATE TABLE t (y, x);\n" + rows("t")).encode())
    conn, stop = memory(), Stop()
    conn.begin()
    session = Session(conn, stop, RunOptions(), StopsAfter(stop), SchemaCache(conn))
    with conn.observe() as touched, pytest.raises(StatementError):
        run_quickly(conn, file, analyse(file).bulk, interrupted=session.interrupted, progress=session.progress)
    assert touched is not None
    assert "t" in touched.inserted
    assert 0 < int(str(conn.execute("SELECT count(*) FROM t").one())) < 5000
    assert conn.in_transaction


@pytest.mark.parametrize(("end", "updates"), [("", False), (" ON CONFLICT DO UPDATE SET x = 1", True)])
def test_only_an_upsert_counts_as_an_update(end: str, updates: bool) -> None:
    text = "CREATE TABLE t (y PRIMARY KEY, x);\n" + rows("t") + f"INSERT INTO t VALUES (1, 2){end};\n"
    file = SqlFile("x.sql", "x.sql", text.encode())
    conn, stop = memory(), Stop()
    conn.begin()
    session = Session(conn, stop, RunOptions(), Silent(), SchemaCache(conn))
    with conn.observe() as touched:
        run_quickly(conn, file, analyse(file).bulk, interrupted=session.interrupted, progress=session.progress)
    assert touched is not None
    assert ("t" in {table for _, table, _, _ in touched.writes}) is updates


def test_most_of_a_load_is_not_watched() -> None:
    file = SqlFile("x.sql", "x.sql", ("CREATE TABLE t (y, x);\n" + rows("t")).encode())
    assert not cut_wrongly(file)
    assert len(file.likely_cuts) == 5
    assert list(analyse(file).bulk.values()) == ["t"] * 4


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n", "t"),
        ("\n-- first\nINSERT INTO t (a, b) VALUES (1, '; it is; so');\n  INSERT INTO t (a, b) SELECT 1, 2", "t"),
        ('INSERT INTO "my t" VALUES(1);INSERT INTO "my t" VALUES(2);', '"my t"'),
        ("INSERT INTO t VALUES (1);\nINSERT INTO u VALUES (2);\n", None),
        ("INSERT INTO t VALUES (1);\ninsert into t VALUES (2);\n", None),
        ("INSERT INTO t VALUES (1);\n-- note\nINSERT INTO t VALUES (2);\n", None),
        ("INSERT INTO t VALUES (1);\n\ufeffDELETE FROM t;\n", None),
        ("INSERT INTO t VALUES (1);;\x0cDELETE FROM t;\n", None),
        ("INSERT INTO t VALUES (1);\nWITH x AS (SELECT 1) DELETE FROM t;\n", None),
        ("INSERT INTO t VALUES (1);\nexplain DELETE FROM t;\n", None),
        ("INSERT INTO t VALUES (1);END", None),
        ("INSERT INTO t.u VALUES (1);\n", None),
        ("INSERT INTO t . u VALUES (1);\n", None),
        ('INSERT INTO "t"."u" VALUES (1);\n', None),
        ('INSERT INTO "t""u" VALUES (1);\n', None),
        ("INSERT OR REPLACE INTO t VALUES (1);\n", None),
        ("DELETE FROM t;\nINSERT INTO t VALUES (1);\n", None),
        ("", None),
    ],
)
def test_one_table_or_not(text: str, table: str | None) -> None:
    assert bulk_table(text) == table
