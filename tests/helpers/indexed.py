"""Databases with one table of documents and its full-text index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from memsql.config import parse_target
from memsql.db import Connection, connect
from memsql.fts import check_in_transaction, discover
from memsql.fts.diagnose import right_trigger

TABLE = "CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT);"
INDEX = "CREATE VIRTUAL TABLE docs_fts USING fts5(title, body, content='docs', content_rowid='id');"


def make(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(sql)
    return path


def open_(path: Path) -> Connection:
    return connect(parse_target(str(path), Path("/")), "rw")


def right(path: Path) -> str:
    conn = open_(path)
    table = discover(conn)[0]
    conn.close()
    return "\n".join(right_trigger(table, event) for event in ("insert", "delete", "update"))


def fill(path: Path, rows: int = 300) -> None:
    make(path, TABLE + INDEX)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(right(path))
        db.executemany(
            "INSERT INTO docs VALUES (?, ?, ?)",
            [(n * 3 - 200, f"title {n}", None if n % 7 == 0 else f"word{n % 13} body") for n in range(rows)],
        )
        db.commit()


def matches(path: Path) -> list[list[int]]:
    with closing(sqlite3.connect(path)) as db:
        return [
            [r[0] for r in db.execute("SELECT rowid FROM docs_fts WHERE docs_fts MATCH ? ORDER BY rowid", (w,))]
            for w in ("title", "body", "word3", "fresh", "moved")
        ]


def prove(path: Path, name: str) -> bool:
    conn = open_(path)
    conn.begin()
    problems = check_in_transaction(conn, [name])
    conn.rollback()
    conn.close()
    return not problems


def make_triggers(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").fetchall()
