"""Opens the databases of a benchmark: as files, or each behind a libSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from memsql import hints, server
from memsql.advise import bench_databases as databases
from memsql.config import Target
from memsql.db import Connection, client, connection
from memsql.errors import UsageError
from memsql.storage.new_files import make_folder

# Where sqld has the file of its only database. It serves one that it finds there.
_SERVED = Path("data", "dbs", "default", "data")


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that can be read: its target, a connection that stays open, and the file in which its rows are."""

    target: Target
    conn: Connection
    file: Path


Pair = tuple[Opened, Opened]
"""The databases before and after."""


@contextmanager
def opened(paths: tuple[Path, Path], program: Path | None) -> Iterator[Pair]:
    """Both files, open for reading; each behind a server of its own where ``program`` is the one to run. A file that is
    served is moved."""
    with ExitStack() as stack:
        before, after = (stack.enter_context(_opened(path, program)) for path in paths)
        yield before, after


@contextmanager
def cold(one: Opened) -> Iterator[Connection]:
    """A new connection to the database of ``one``, after the system was asked to forget the pages of its file."""
    databases.forget_pages(one.file)
    with connection(one.target, "ro", 0) as conn:
        if one.target.is_server:
            # A connection to a server is made by its first statement; this one reads no page.
            conn.execute("SELECT 1")
        yield conn


def server_program() -> Path:
    """The program of the libSQL server. Raises UsageError where it is not installed, or the libraries for servers are
    not."""
    client.refuse_missing("sqld")
    program = server.find()
    if program is None:
        raise UsageError(
            "--server: there is no libSQL server on this machine",
            state="nothing was run",
            hint=f"{hints.command('server.install')}, or put a sqld binary on PATH",
        )
    return program


@contextmanager
def _opened(path: Path, program: Path | None) -> Iterator[Opened]:
    if program is None:
        target = Target(path=path, display=path.stem)
        with connection(target, "ro", 0) as conn:
            yield Opened(target, conn, path)
        return
    folder = path.with_suffix("")
    file = folder / _SERVED
    make_folder(file.parent)
    with databases.writable(path) as writing:
        # The mode in which the server keeps it.
        writing.execute("PRAGMA journal_mode = wal")
    path.rename(file)
    with server.running(program, folder) as running:
        target = Target(url=running.url, display=path.stem)
        with connection(target, "ro", 0) as conn:
            # The server reads the whole file once before it answers for the first time.
            conn.execute("SELECT count(*) FROM sqlite_schema")
            yield Opened(target, conn, file)
