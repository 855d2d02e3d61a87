"""Real libSQL servers for the tests. Only processes started here are ended, and nothing but 127.0.0.1 is asked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from memsql import server
from memsql.config import Target, parse_target
from memsql.db import connect
from memsql.errors import MemsqlError
from memsql.server import Keys, Running


@dataclass(frozen=True)
class Guarded:
    """A server with namespaces that lets nobody in without a token of ``keys``. Where a URL names no other
    database, 127.0.0.1 itself names the namespace ``127``, which exists."""

    server: Running
    keys: Keys


# Whether the test that runs now says by its marker that it needs a server; conftest.py sets it.
marked = False
# Parameters of a test that is tried on a server alone, and of one that is tried on a file as well.
KINDS = ["http", "ws"]
FILE_AND_KINDS = ["file", *(pytest.param(kind, marks=pytest.mark.server) for kind in KINDS)]


@cache
def _installed() -> Path | str:
    try:
        return server.find() or server.install()
    except MemsqlError as e:
        return f"no libSQL server: {e.message}"


def binary() -> Path:
    """The path of sqld, which is installed if need be.

    Where that is impossible the test fails in CI and is skipped elsewhere. Fails for a test without the marker
    ``server``, so that ``invoke test --fast`` starts none.
    """
    if not marked:
        pytest.fail("this test starts a libSQL server: mark it with pytest.mark.server")
    program = _installed()
    if isinstance(program, str):
        if os.environ.get("CI"):
            pytest.fail(program)
        pytest.skip(program)
    return program


@contextmanager
def fresh(folder: Path, *, keys: server.Keys | None = None, namespaces: bool = False) -> Iterator[server.Running]:
    """A server with an empty database of its own; it starts within hundredths of a second."""
    with server.running(binary(), folder, keys=keys, namespaces=namespaces) as running:
        yield running
        # Nobody reads its files again, and one that has hardly started may not notice a polite request to end.
        running.process.kill()


def create_namespace(running: server.Running, name: str) -> None:
    """Through the admin address."""
    assert running.admin_url is not None
    connection = HTTPConnection(urlsplit(running.admin_url).netloc, timeout=10)
    connection.request("POST", f"/v1/namespaces/{name}/create", "{}", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def target(url: str, token: str | None = None) -> Target:
    """``url`` as the command line would read it."""
    return parse_target(url, Path("."), token)


def load(path: Path, url: str) -> None:
    """Make the empty database at ``url`` what the SQLite file ``path`` is: rowids and full-text shadows too, so that a
    broken index arrives as broken as it is."""
    with closing(sqlite3.connect(path)) as source, closing(connect(target(url), "rw")) as server_:
        objects = source.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        tables = [(name, sql) for kind, name, sql in objects if kind == "table" and not name.startswith("sqlite_")]
        server_.execute("PRAGMA foreign_keys = off")
        server_.begin()
        created = _create(tables, lambda sql: server_.execute(sql))
        for name, sql in tables:
            if not sql.upper().startswith("CREATE VIRTUAL"):
                if name not in created:
                    server_.execute(f'DELETE FROM "{name}"')
                columns, key = _columns(source, name, sql)
                marks = ", ".join("?" * (columns.count(",") + 1))
                rows = source.execute(f'SELECT {columns} FROM "{name}" ORDER BY {key}')
                server_.executemany(f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', rows)
        server_.batch([(sql, ()) for kind, _, sql in objects if kind != "table"])
        server_.commit()


def save(url: str, path: Path) -> Path:
    """Write the database at ``url`` into the SQLite file ``path``, and return ``path``.

    Indexes, triggers and views are left out.
    """
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as copy, closing(connect(target(url), "ro")) as server_:
        rows = server_.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid").rows
        tables = [(str(name), str(sql)) for name, sql in rows if not str(name).startswith(("sqlite_", "libsql_"))]
        created = _create(tables, lambda sql: copy.execute(sql))
        for name, sql in tables:
            if name in created and not sql.upper().startswith("CREATE VIRTUAL"):
                columns, key = _columns(copy, name, sql)
                marks = ", ".join("?" * (columns.count(",") + 1))
                copy.executemany(
                    f'INSERT INTO "{name}" ({columns}) VALUES ({marks})',
                    server_.execute(f'SELECT {columns} FROM "{name}" ORDER BY {key}').rows,
                )
        copy.commit()
    return path


def _create(tables: list[tuple[str, str]], run: Callable[[str], object]) -> set[str]:
    """Create ``tables`` but those that a virtual table makes for itself; return the names of what was created."""
    virtual = [name for name, sql in tables if sql.upper().startswith("CREATE VIRTUAL")]
    shadows = {f"{name}_{suffix}" for name in virtual for suffix in ("data", "idx", "content", "docsize", "config")}
    for name, sql in tables:
        if name not in shadows:
            run(sql)
    return {name for name, _ in tables} - shadows


def _columns(conn: sqlite3.Connection, table: str, sql: str) -> tuple[str, str]:
    """What to copy of ``table`` and in which order, the rowid included where it has one of its own."""
    names = [f'"{row[0]}"' for row in conn.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    if "WITHOUT ROWID" in sql.upper():
        return ", ".join(names), "1"
    own = conn.execute("SELECT 1 FROM pragma_table_info(?) WHERE pk AND upper(type) = 'INTEGER'", (table,)).fetchone()
    return ", ".join(names if own else ["rowid", *names]), "rowid"
