"""A few tables of different kinds with a row or two, in memory."""

from __future__ import annotations

from memsql.db.sqlite import SQLiteConnection, memory

TABLES = """
CREATE TABLE a (x INT, y INT, z TEXT); CREATE INDEX by_x ON a (x); CREATE UNIQUE INDEX by_x_and_y ON a (x, y);
CREATE TABLE b (x INT PRIMARY KEY) WITHOUT ROWID; CREATE VIEW v AS SELECT x FROM a;
CREATE VIRTUAL TABLE f USING fts5(q); INSERT INTO a VALUES (1, 2, 'three'), (4, 5, 'six'); INSERT INTO f VALUES ('word')
"""


def filled() -> SQLiteConnection:
    """A connection to the tables."""
    conn = memory()
    for sql in TABLES.split(";"):
        conn.execute(sql)
    return conn
