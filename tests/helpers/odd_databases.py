"""Databases with everything that is hard to carry elsewhere, and all that one holds as one value to compare."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from memsql.db import Connection, Value
from memsql.server import Running

ODD = """
CREATE TABLE "it's ""odd"" 😀" ("a b" TEXT, "select" INTEGER, "é" BLOB);
INSERT INTO "it's ""odd"" 😀" (rowid, "a b", "select", "é") VALUES (-5, 'x', 9223372036854775807, x'00ff00'),
    (-9223372036854775808, 'nul' || char(0) || 'nul', -9223372036854775808, x''), (7, '', 0.1, NULL);
CREATE TABLE hidden_rowid (rowid TEXT, oid TEXT, _rowid_ TEXT, v);
INSERT INTO hidden_rowid VALUES ('a', 'b', 'c', 1), ('d', 'e', 'f', 2);
CREATE TABLE one_rowid (rowid TEXT, v);
INSERT INTO one_rowid (_rowid_, rowid, v) VALUES (40, 'not', 1), (20, 'the', -0.0);
CREATE TABLE generated (id INTEGER PRIMARY KEY, a INTEGER, v AS (a * 2), s TEXT AS ('<' || a || '>') STORED, z TEXT);
INSERT INTO generated (id, a, z) VALUES (-1, 21, 'z'), (3, 4, 'y');
CREATE TABLE pairs (k TEXT, n INTEGER, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('b', 1, 1e300), ('a', 2, 5e-324);
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, v);
INSERT INTO descending (rowid, id, v) VALUES (10, 2, 'two'), (11, 1, 'one');
CREATE TABLE strictly (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT, a ANY, r REAL) STRICT;
INSERT INTO strictly VALUES (100, 't', '123', 3), (101, NULL, 123, NULL);
DELETE FROM strictly WHERE id = 101;
CREATE TABLE infinite (id INTEGER PRIMARY KEY, r REAL, t TEXT);
INSERT INTO infinite VALUES (1, 9e999, 'Inf'), (2, -9e999, NULL), (3, 1.5, 'x');
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE, CHECK (p > 0));
CREATE TABLE seen (x);
CREATE UNIQUE INDEX "odd index" ON generated (v, z COLLATE NOCASE) WHERE a > 0;
CREATE VIEW "a view" AS SELECT a, z FROM generated;
CREATE TRIGGER noticed AFTER INSERT ON generated BEGIN INSERT INTO seen VALUES (new.id); END;
CREATE TRIGGER through INSTEAD OF INSERT ON "a view" BEGIN INSERT INTO generated (a) VALUES (new.a); END;
CREATE TABLE empty_one (a, b);
CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT);
INSERT INTO schema_migrations VALUES (1, 'baseline');
PRAGMA user_version = 42;
"""
ORPHAN = "PRAGMA foreign_keys = off; INSERT INTO child VALUES (1, 77); PRAGMA foreign_keys = on;"
FTS = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');
CREATE VIRTUAL TABLE own USING fts5(a, b UNINDEXED);
CREATE VIRTUAL TABLE bare USING fts5(a, content='');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
INSERT INTO docs VALUES (1, 'stale words'), (2, 'kept');
INSERT INTO docs_fts (docs_fts) VALUES ('rebuild');
INSERT INTO docs_fts (docs_fts, rank) VALUES ('rank', 'bm25(5.0)');
INSERT INTO own VALUES ('hello', 'there');
INSERT INTO bare (rowid, a) VALUES (9, 'nowhere');
INSERT INTO boxes VALUES (1, 0.5, 2), (2, 1, 3);
"""
HARD = """
CREATE TABLE odd_values (id INTEGER PRIMARY KEY, v);
INSERT INTO odd_values VALUES (1, CAST(x'ff00fe' AS TEXT)), (2, 9e999), (3, -9e999), (4, -9223372036854775808),
    (5, x''), (6, -0.0),
    (7, 'a' || char(0) || 'b'), (8, NULL), (9, 9223372036854775807), (10, '😀'), (11, 1e-320), (12, x'ff00fe'),
        (13, char(13, 10));
CREATE TABLE more_odd (t); INSERT INTO more_odd VALUES (CAST(x'80' AS TEXT));
CREATE TABLE other_odd (t, n); INSERT INTO other_odd VALUES ('x', 1), (CAST(x'C0' AS TEXT), -9223372036854775808);
CREATE TABLE long_text (t TEXT);
INSERT INTO long_text VALUES (printf('%.*c', 1000000, 'x')), (hex(zeroblob(400000)));
"""
State = tuple[list[tuple[Value, ...]], dict[str, list[tuple[Value, ...]]]]


def make(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(sql)
        conn.commit()
    return path


def url_of(server: Running, kind: str) -> str:
    return server.url.replace("http", kind)


def state(conn: Connection) -> State:
    """Every object with its text, and every row of every table with its rowid and the types of its values."""
    objects = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").rows
    kinds = conn.execute(
        "SELECT name, wr FROM pragma_table_list WHERE type IN ('table', 'shadow') AND schema = 'main'"
    ).rows
    rows = {}
    for name, without_rowid in kinds:
        if name in ("sqlite_schema", "sqlite_temp_schema"):
            continue
        columns = [str(r[0]) for r in conn.execute("SELECT name FROM pragma_table_xinfo(?)", (name,)).rows]
        quoted = ['"' + c.replace('"', '""') + '"' for c in columns]
        free = [r for r in ("rowid", "oid", "_rowid_") if r not in columns]
        shown = [f"quote({c}), typeof({c})" for c in quoted] + (free[:1] if free and not without_rowid else [])
        table = '"' + str(name).replace('"', '""') + '"'
        stored = conn.execute(f"SELECT {', '.join(shown)} FROM {table}").rows
        rows[str(name)] = sorted((_with_numbers(row) for row in stored), key=repr)
    return objects, rows


def _with_numbers(row: tuple[Value, ...]) -> tuple[Value, ...]:
    """``row`` of pairs of what quote() and typeof() say, with each real number as such.

    quote() writes Inf in one version of SQLite and 9.0e+999 in another one, and 15 to 17 digits.
    """
    reals = {i for i, text in enumerate(row) if i % 2 and text == "real"}
    return tuple(float(str(text)) if i + 1 in reals else text for i, text in enumerate(row))
