"""The databases in which a benchmark keeps embeddings: a file for Python's SQLite or for sqlite-vec, or a server."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memsql import hints, server
from memsql.advise.embeddings.forms import Engine
from memsql.config import Target, parse_target
from memsql.db import Connection, Params, Value, client, connection
from memsql.db.sizes import database_bytes
from memsql.errors import StatementError

if TYPE_CHECKING:
    import apsw

Row = Sequence[Value]
ENGINES: tuple[Engine, ...] = ("sqlite", "sqlite-vec", "libsql")
_FILE = "vectors.db"


class OverTimeError(Exception):
    """A search did not end in its time."""


class Store(Protocol):
    """A database in one engine."""

    def run(self, sql: str) -> None:
        """Run one statement, or a text of several."""

    def insert(self, statements: Sequence[str], rows: Sequence[Params]) -> None:
        """Run each statement once for each row, in one transaction."""

    def read(self, sql: str, params: Params, ends: float) -> Iterator[Row]:
        """The rows of a query. Raises OverTimeError after the moment ``ends`` of time.perf_counter()."""

    def bytes(self) -> int:
        """The size of the database."""


class Place:
    """A folder with one database, and how each engine gets to it; ``close`` ends all of it, a server too."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack, self._stores = folder, ExitStack(), dict[Engine, Store]()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def store(self, engine: Engine) -> Store:
        """The database in ``engine``, which has to be usable."""
        if engine not in self._stores:
            self._stores[engine] = self._stack.enter_context(_opened(engine, self._folder))
        return self._stores[engine]


@cache
def version_of(engine: Engine) -> tuple[str | None, str]:
    """The version of ``engine`` in words, or None and what is missing to use it."""
    if engine == "sqlite":
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version} of Python", ""
    if engine == "libsql":
        if not client.is_installed():
            return None, f"the libraries for servers are not installed: {client.INSTALL}"
        binary = server.find()
        if binary is None:
            return None, f"there is no libSQL server: {hints.command('server.install')} fetches one"
        shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
        return f"libSQL server {' '.join(shown.split()).removeprefix('sqld ') or binary}", ""
    try:
        import apsw
        import sqlite_vec  # noqa: F401
    except ImportError as e:
        return None, f"the Python package {e.name} is not there: pip install 'memsql-migrate[bench]'"
    try:
        conn = _with_vectors(":memory:")
    except (apsw.Error, OSError) as e:
        return None, f"sqlite-vec cannot be loaded: {e}"
    (version,) = next(conn.execute("SELECT vec_version()"))
    conn.close()
    return f"sqlite-vec {version} in SQLite {apsw.sqlite_lib_version()} of apsw", ""


@contextmanager
def _opened(engine: Engine, folder: Path) -> Iterator[Store]:
    if engine == "sqlite-vec":
        conn = _with_vectors(str(folder / _FILE))
        try:
            yield _VecStore(conn)
        finally:
            conn.close()
        return
    with ExitStack() as stack:
        target = Target(path=folder / _FILE, display=_FILE)
        if engine == "libsql":
            binary = server.find()
            assert binary is not None
            running = stack.enter_context(server.running(binary, folder / "server"))
            target = parse_target(running.url, folder)
        yield _ConnectionStore(stack.enter_context(connection(target, "rwc", 0)))


class _ConnectionStore:
    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def run(self, sql: str) -> None:
        self._conn.begin()
        self._conn.script(sql)
        self._conn.commit()

    def insert(self, statements: Sequence[str], rows: Sequence[Params]) -> None:
        self._conn.begin()
        for statement in statements:
            self._conn.executemany(statement, rows)
        self._conn.commit()

    def read(self, sql: str, params: Params, ends: float) -> Iterator[Row]:
        try:
            with self._conn.observe(lambda: time.perf_counter() > ends):
                if self._conn.target.is_server:
                    # A stream of a server does not end at the moment.
                    yield from self._conn.execute(sql, params).rows
                else:
                    yield from self._conn.stream_rows(sql, params)
        except StatementError as e:
            if e.is_interrupt and time.perf_counter() > ends:
                raise OverTimeError from e
            raise

    def bytes(self) -> int:
        return database_bytes(self._conn)


class _VecStore:
    def __init__(self, conn: apsw.Connection) -> None:
        self._conn = conn

    def run(self, sql: str) -> None:
        for _ in self._conn.execute(sql):
            pass

    def insert(self, statements: Sequence[str], rows: Sequence[Params]) -> None:
        with self._conn:
            for statement in statements:
                self._conn.executemany(statement, [tuple(row) for row in rows])

    def read(self, sql: str, params: Params, ends: float) -> Iterator[Row]:
        import apsw

        self._conn.set_progress_handler(lambda: time.perf_counter() > ends, 1000)
        try:
            yield from self._conn.execute(sql, tuple(params))
        except apsw.InterruptError as e:
            raise OverTimeError from e
        finally:
            self._conn.set_progress_handler(None)

    def bytes(self) -> int:
        (pages,), (size,) = (next(self._conn.execute(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
        return int(pages * size)


def _with_vectors(name: str) -> apsw.Connection:
    import apsw
    import sqlite_vec

    conn = apsw.Connection(name)
    conn.enable_load_extension(True)
    conn.load_extension(sqlite_vec.loadable_path())
    conn.enable_load_extension(False)
    return conn
