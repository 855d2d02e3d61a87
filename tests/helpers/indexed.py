"""Databases with one table of documents and its full-text index."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

from cli import clean_environment
from places import ROOT
from watching import Watching

from memsql.config import parse_target
from memsql.db import Connection, connect
from memsql.fts import check, check_in_transaction, discover, rebuild, rebuild_online
from memsql.fts.fixes import right_trigger

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


LONG = "replace(hex(zeroblob(2000)), '0', 'long ')"


def write(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        # Nobody pulls the plug here, and waiting for the disk is most of what these tests would do.
        db.executescript("PRAGMA synchronous = off;" + sql)
        db.commit()


def leftovers(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'")]


def clean(path: Path) -> bool:
    conn = open_(path)
    try:
        return all(check(conn, table).ok for table in discover(conn)) and leftovers(path) == []
    finally:
        conn.close()


def online(
    path: Path,
    *,
    chunk: int = 100,
    after: dict[int, str] | None = None,
    after_proof: str = "",
    proofs: list[bool] | None = None,
) -> int:
    """Rebuild the only index; run SQL on another connection after the n-th chunk and after the first proof."""
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        write(path, (after or {}).get(calls, ""))
        calls += 1

    seen = [] if proofs is None else proofs

    def proven(name: str) -> bool:
        ok = prove(path, name)
        if len(seen) == 0:
            write(path, after_proof)
        seen.append(ok)
        return ok

    conn = open_(path)
    conn.execute("PRAGMA synchronous = off")
    try:
        return rebuild_online(conn, discover(conn)[0], chunk=chunk, progress=Watching(ticked=progress), prove=proven)
    finally:
        conn.close()


def as_fresh(path: Path) -> bool:
    """Whether the index is clean and finds what one that was rebuilt at once finds."""
    if not clean(path):
        return False
    before = matches(path)
    conn = open_(path)
    conn.execute("PRAGMA synchronous = off")
    rebuild(conn, discover(conn)[0])
    conn.close()
    return matches(path) == before


DRIVER = """
    import os, sys
    from pathlib import Path
    from memsql.config import parse_target
    from memsql.db import connect
    from memsql.fts import discover, rebuild_online

    conn = connect(parse_target(sys.argv[1], Path("/")), "rw")
    where, count = sys.argv[2], int(sys.argv[3])

    def step(*_):
        global count
        count -= 1
        if count < 0:
            os.kill(os.getpid(), 9)
        return True

    def nothing(*_):
        return True

    class Steps:
        start, tick = nothing, staticmethod(step if where == "chunk" else nothing)

    rebuild_online(conn, discover(conn)[0], chunk=60, progress=Steps,
                   prove=step if where == "proof" else nothing)
"""


def kill(path: Path, where: str, count: int) -> int:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(path), where, str(count)],
        cwd=ROOT,
        check=False,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
    ).returncode
