"""What VACUUM would give back, what it needs for that, and whether there is as much: the forecast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql import hints
from memsql.backups.connections import file_connection
from memsql.db import litestream
from memsql.db.queries import load
from memsql.db.sizes import database_bytes
from memsql.db.sqlite import SQLiteConnection
from memsql.db.temporary import temporary_folder
from memsql.errors import DiskFull, MemsqlError, Refused, StatementError
from memsql.fts import discover
from memsql.schema import Schema, read
from memsql.sqltext import fold
from memsql.storage import space as storage_space
from memsql.storage import work_folders
from memsql.words import size

_SECONDS = 10.0
_SAMPLE_ROWS = 20_000
_SAMPLE = (
    "PRAGMA journal_mode = {}",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x)",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    " INSERT INTO t SELECT i, hex(randomblob(80)) FROM n",
    "CREATE INDEX t_x ON t (x)",
)


@dataclass(frozen=True, slots=True)
class FolderNeed:
    """Space that is needed in ``folder`` for ``what``; ``device`` is the number of its file system."""

    folder: Path
    device: int
    what: str
    bytes: int
    free: int


@dataclass(frozen=True, slots=True)
class VacuumForecast:
    """The figures in bytes. ``free``: pages that hold nothing; ``unused``: what pages that hold something have left,
    None where this SQLite cannot tell, or not in ten seconds. ``expected``: the size afterwards, and ``most`` what it
    is at most. ``seconds``: how long it takes at the rate that a small VACUUM had just now in the temporary folder.

    ``renumbered``: tables whose rowids a VACUUM in place may change; ``bound``: full-text indexes that know their
    rows by these rowids. ``replicated``: whether Litestream replicates the file.
    """

    size: int
    free: int
    unused: int | None
    expected: int
    most: int
    seconds: float
    needs: tuple[FolderNeed, ...]
    journal_mode: str
    auto_vacuum: int
    page_size: int
    renumbered: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    replicated: bool = False


def forecast(conn: SQLiteConnection, into: Path | None) -> VacuumForecast:
    """The forecast for a VACUUM of ``conn`` in place, or into the new file ``into``. Reads the whole file once, for
    at most ten seconds, and writes a few megabytes into the temporary folder."""
    names = ("page_size", "page_count", "freelist_count", "auto_vacuum")
    page_size, pages, free, automatic = (int(str(conn.execute(f"PRAGMA {name}").one())) for name in names)
    journal = str(conn.execute("PRAGMA journal_mode").one())
    most = (pages - free) * page_size
    rows = page_use(conn)
    expected = min(most, expected_size(rows, page_size)) if rows else most
    schema = read(conn, internal=True)
    changes = renumbered(schema)
    folded = {fold(name) for name in changes}
    rate = measured_rate(journal, into is not None)
    assert conn.target.path is not None
    return VacuumForecast(
        pages * page_size,
        free * page_size,
        sum(int(str(unused)) for _, _, _, unused in rows) if rows else None,
        expected,
        most,
        most / rate,
        needs(conn, most, into),
        journal,
        automatic,
        page_size,
        changes,
        tuple(t.name for t in discover(conn) if not folded.isdisjoint({fold(t.content or ""), fold(t.source or "")})),
        litestream.is_replicated(conn),
    )


def expected_size(rows: Sequence[Sequence[object]], page_size: int) -> int:
    """The size after VACUUM, which fills pages: ``rows`` are the answer to sql/upkeep/pages.sql."""
    total = 0
    for _, is_rest, weight, unused in rows:
        used = int(str(weight)) - (0 if is_rest else int(str(unused)))
        total += max(1, -(-used // page_size)) * page_size
    return total


def renumbered(schema: Schema) -> tuple[str, ...]:
    """The tables whose rowids VACUUM may change: they have neither an INTEGER PRIMARY KEY nor any index. VACUUM INTO
    keeps them (https://sqlite.org/lang_vacuum.html speaks of all tables without such a key; those with an index keep
    theirs)."""
    indexed = {fold(o.table) for o in schema.objects if o.type == "index"}
    return tuple(
        table.name
        for table in schema.tables.values()
        if table.kind == "table"
        and not table.without_rowid
        and not table.primary_key
        and fold(table.name) not in indexed
        and not fold(table.name).startswith("sqlite_")
    )


def needs(conn: SQLiteConnection, most: int, into: Path | None) -> tuple[FolderNeed, ...]:
    """Where how much space is needed at most."""
    assert conn.target.path is not None
    if into is not None:
        return (_need(into.parent, "the new file", most),)
    folder = temporary_folder(conn)
    journal = str(conn.execute("PRAGMA journal_mode").one())
    size_now = conn.target.path.stat().st_size
    parts = [] if folder is None else [_need(folder, "the copy that SQLite makes", most)]
    beside = conn.target.path.absolute().parent
    if journal == "wal":
        parts.append(_need(beside, "the write-ahead log", most))
    elif journal not in ("memory", "off"):
        parts.append(_need(beside, "the rollback journal", size_now))
    return tuple(parts)


def lacking(parts: Sequence[FolderNeed]) -> list[str]:
    """A sentence for each file system that has less free space than ``parts`` need on it together."""
    devices: dict[int, list[FolderNeed]] = {}
    for part in parts:
        devices.setdefault(part.device, []).append(part)
    return [_sentence(some) for some in devices.values() if _bytes(some) > _free(some)]


def filled(conn: SQLiteConnection, error: StatementError) -> DiskFull:
    """The error of a VACUUM of ``conn`` for which a disk had no room after all: somebody else filled it meanwhile."""
    most = database_bytes(conn)
    return DiskFull(
        f"no space for the VACUUM: {error.message}",
        details=tuple(_sentence([part]) for part in needs(conn, most, None)),
        hint="free space, and run it again",
    )


def _bytes(parts: Sequence[FolderNeed]) -> int:
    return sum(part.bytes for part in parts)


def _free(parts: Sequence[FolderNeed]) -> int:
    return min(part.free for part in parts)


def _sentence(parts: Sequence[FolderNeed]) -> str:
    """What ``parts``, on one file system, need together."""
    folders, lack = " and ".join(dict.fromkeys(str(part.folder) for part in parts)), _bytes(parts) - _free(parts)
    return (
        f"{folders}: {' and '.join(part.what for part in parts)} may need {size(_bytes(parts))}, "
        f"{size(_free(parts))} are free" + (f", {size(lack)} are missing" if lack > 0 else "")
    )


def refuse_without_space(outlook: VacuumForecast) -> None:
    """Raise Refused where the disk has not what ``outlook`` needs."""
    problems = lacking(outlook.needs)
    if problems:
        raise Refused(
            "there is not enough space for a VACUUM",
            details=tuple(problems),
            state="nothing was changed",
            hint="free space; or point SQLITE_TMPDIR at a larger disk; or write the new file to another disk:"
            f" {hints.command('maintain.vacuum --into FILE')}",
        )


def measured_rate(journal_mode: str, into: bool) -> float:
    """How many bytes a second a VACUUM of a small database in the temporary folder works through."""
    with work_folders.temporary("vacuum") as folder:
        path = folder / "sample.db"
        with file_connection(path, "a sample", "rwc") as conn:
            mode = journal_mode if journal_mode in ("wal", "delete", "truncate", "persist") else "delete"
            for sql in _SAMPLE:
                conn.execute(sql.format(mode), (_SAMPLE_ROWS,) if "?" in sql else ())
            weight = database_bytes(conn)
            started = time.perf_counter()
            conn.execute(*(("VACUUM INTO ?", (str(path.with_name("copy.db")),)) if into else ("VACUUM",)))
            return weight / (time.perf_counter() - started)


def page_use(conn: SQLiteConnection) -> list[tuple[object, ...]]:
    """The answer to sql/upkeep/pages.sql: name, whether it is about the rest of long rows, bytes, unused bytes. Reads
    the whole file for at most ten seconds; nothing where that is not enough, or this SQLite has no dbstat."""
    ends = time.monotonic() + _SECONDS
    try:
        with conn.observe(lambda: time.monotonic() > ends):
            return list(conn.execute(load("upkeep/pages")).rows)
    except StatementError:
        return []


def _need(folder: Path, what: str, amount: int) -> FolderNeed:
    folder = folder.absolute()
    try:
        there = storage_space.free(folder)
        # Where nobody knows it is tried.
        return FolderNeed(folder, folder.stat().st_dev, what, amount, amount if there is None else there)
    except OSError as e:
        raise MemsqlError(f"{folder} cannot be read: {e.strerror}", state="nothing was changed") from None
