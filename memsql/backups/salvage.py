"""What a damaged SQLite file still gives: into a new, clean file goes every row that can be read.

Rows are copied inside SQLite, in ranges of rowids. A range that meets a damaged page is halved; the widest comes first, so that
whatever the damage, most of a table is there before the number of attempts runs out.
"""

from __future__ import annotations

import heapq
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as url_quote

from memsql.backups.copied import Copied
from memsql.backups.copy_file import copy_pages, describe, open_source
from memsql.backups.digest import digests
from memsql.backups.manifest import Source
from memsql.backups.workplace import writing
from memsql.config import Target
from memsql.db import connect
from memsql.db.queries import load
from memsql.errors import DamagedError
from memsql.fts.discover import arguments_of, parse
from memsql.progress import SILENT, Progress
from memsql.schema import is_internal
from memsql.schema.internal import module_of
from memsql.sqltext import free_rowid, quote

_ATTEMPTS = 20_000
_FIRST, _LAST = -(2**63), 2**63 - 1
_KEPT_PRAGMAS = ("user_version", "application_id")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_INTERRUPT")


@dataclass(frozen=True, slots=True)
class _Thing:
    """An object of the damaged schema."""

    type: str
    name: str
    table: str
    sql: str


def salvage_file(
    target: Target, work: Path, into: Path, busy_timeout: int, progress: Progress
) -> tuple[Copied, tuple[str, ...]]:
    """Make ``into`` of what can be read of ``target``, and say in sentences what was lost and how much is kept.

    ``work`` is a folder for a copy of the damaged pages; the database itself is only read. Raises DamagedError where
    nothing can be read at all.
    """
    damaged = work / "damaged.db"
    source = _take(target, damaged, busy_timeout, progress)
    lost: list[str] = []
    with closing(sqlite3.connect(_uri(into, "rwc"), uri=True, isolation_level=None)) as db:
        try:
            _like(db, damaged)
            # Lets SQLite open a file that is shorter than it says, and pass over an object it cannot read.
            db.execute("PRAGMA writable_schema = on")
            db.execute("ATTACH ? AS damaged", (_uri(damaged, "ro"),))
            lost += _fill(db, progress)
        except sqlite3.Error as e:
            if getattr(e, "sqlite_errorname", "") in _FULL:
                with writing(str(work)):
                    raise OSError(0, str(e)) from e
            raise DamagedError(
                f"{target} is damaged so that nothing of it can be read: {e}", hint="restore a backup"
            ) from e
    with closing(connect(Target(path=into, display="the salvaged copy"), "ro", 0)) as made:
        tables = digests(made, progress)
    return Copied(source, tuple(tables)), tuple(lost)


def _take(target: Target, damaged: Path, busy_timeout: int, progress: Progress) -> Source:
    """Copy the pages as they are; where SQLite cannot do it, the files."""
    damaged.unlink(missing_ok=True)
    try:
        with closing(open_source(target, busy_timeout)) as source:
            copy_pages(source, damaged, progress)
            return describe(source)
    except DamagedError:
        assert target.path is not None
        for ending in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{target.path}{ending}", f"{damaged}{ending}")
        return Source(str(target), target.identity, "sqlite", sqlite3.sqlite_version, "unknown")


def _uri(path: Path, mode: str) -> str:
    return f"file:{url_quote(os.fsencode(path))}?mode={mode}"


def _like(db: sqlite3.Connection, damaged: Path) -> None:
    """Page size, encoding and the numbers of the header, as the damaged file has them."""
    with closing(sqlite3.connect(_uri(damaged, "rw"), uri=True)) as old:
        old.execute("PRAGMA writable_schema = on")
        with suppress(sqlite3.Error):
            old.execute("PRAGMA journal_mode = delete")
        read = {
            name: old.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "encoding", "auto_vacuum", *_KEPT_PRAGMAS)
        }
    db.execute(f"PRAGMA page_size = {read['page_size']:d}")
    db.execute(f"PRAGMA encoding = '{read['encoding']}'")
    db.execute(f"PRAGMA auto_vacuum = {read['auto_vacuum']:d}")
    db.execute("PRAGMA synchronous = off")
    db.execute("PRAGMA ignore_check_constraints = on")
    for name in _KEPT_PRAGMAS:
        db.execute(f"PRAGMA {name} = {read[name]:d}")


def _fill(db: sqlite3.Connection, progress: Progress) -> Iterator[str]:
    things = []
    try:
        for row in db.execute(load("backups/damaged_objects")):
            things.append(_Thing(*map(str, row)))
    except sqlite3.Error as e:
        if not things:
            raise
        yield f"the schema cannot be read to its end ({e}): what comes later in it is lost"
    virtual = {
        t.name.lower(): module_of(t.sql) for t in things if t.type == "table" and t.sql[:14].lower() == "create virtual"
    }
    plain = [
        t
        for t in things
        if t.type == "table" and t.name.lower() not in virtual and not _made_by_others(t.name, virtual)
    ]
    for thing in plain:
        progress.start(f"salvaging {thing.name}")
        yield from _made(db, thing) or _rows(db, thing.name, progress)
    yield from _sequence(db)
    for kind in ("index", "view", "virtual", "trigger"):
        for thing in things:
            if kind == "virtual" and thing.type == "table" and thing.name.lower() in virtual:
                progress.start(f"salvaging {thing.name}")
                yield from _made(db, thing) or _virtual(db, thing)
            elif thing.type == kind:
                yield from _made(db, thing)


def _made_by_others(name: str, virtual: dict[str, str]) -> bool:
    lower = name.lower()
    if lower.startswith("sqlite_"):
        return True
    owner = lower.rpartition("_")[0]
    return owner in virtual and is_internal(lower, {owner: virtual[owner]})


def _made(db: sqlite3.Connection, thing: _Thing) -> list[str]:
    """Create it; a sentence where that fails."""
    try:
        db.execute(thing.sql)
    except sqlite3.Error as e:
        _refuse_full(e)
        return [f"{thing.type} {thing.name} is lost: {e}"]
    return []


def _rows(db: sqlite3.Connection, name: str, progress: Progress) -> list[str]:
    """Copy the rows of one table."""
    described = db.execute(load("backups/columns"), (name,)).fetchall()
    columns = [str(n) for n, _, _, hidden in described if hidden == 0]
    keys = [(str(n), str(t)) for n, t, pk, _ in sorted(described, key=lambda d: int(d[2])) if pk]
    ordinary = db.execute(load("backups/has_rowid"), (name,)).fetchone()[0]
    rowid = free_rowid(str(d[0]) for d in described) if ordinary else None
    if rowid is None:
        complete = _from_both_ends(db, name, columns, [k for k, _ in keys])
    else:
        alias = keys[0][0] if len(keys) == 1 and keys[0][1].upper() == "INTEGER" else None
        complete = _by_ranges(db, name, [rowid, *(c for c in columns if c != alias)], rowid, progress)
    if complete:
        return []
    kept = db.execute(f"SELECT count(*) FROM main.{quote(name)}").fetchone()[0]
    return [f"{name}: {kept:,} rows were kept; others lay on damaged pages and are lost"]


def _by_ranges(db: sqlite3.Connection, name: str, columns: Sequence[str], rowid: str, progress: Progress) -> bool:
    """Copy by ranges of rowids; whether every row was reached."""
    listed, quoted = ", ".join(map(quote, columns)), quote(name)
    sql = (
        f"INSERT OR IGNORE INTO main.{quoted} ({listed}) SELECT {listed} FROM damaged.{quoted} "
        f"WHERE {quote(rowid)} BETWEEN ? AND ?"
    )
    low, high = (_end(db, quoted, quote(rowid), order) for order in ("ASC", "DESC"))
    waiting = [(0, _FIRST if low is None else low, _LAST if high is None else high)]
    failed, complete = 0, True
    while waiting:
        _, first, last = heapq.heappop(waiting)
        progress.tick()
        try:
            db.execute(sql, (first, last))
        except sqlite3.Error as e:
            _refuse_full(e)
            failed += 1
            if first == last or failed > _ATTEMPTS:
                complete = False
                if failed > _ATTEMPTS:
                    break
                continue
            middle = (first + last) // 2
            for some in ((first, middle), (middle + 1, last)):
                heapq.heappush(waiting, (some[0] - some[1], *some))
    return complete


def _end(db: sqlite3.Connection, table: str, rowid: str, order: str) -> int | None:
    """The first or last rowid; None where the way there is damaged."""
    try:
        row = db.execute(f"SELECT {rowid} FROM damaged.{table} ORDER BY {rowid} {order} LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    return int(row[0]) if row else 0


def _from_both_ends(db: sqlite3.Connection, name: str, columns: Sequence[str], keys: Sequence[str]) -> bool:
    """Copy as many rows as can be read from the first on, and from the last back; whether that was all."""
    listed, quoted = ", ".join(map(quote, columns)), quote(name)
    sql = f"INSERT OR IGNORE INTO main.{quoted} ({listed}) SELECT {listed} FROM damaged.{quoted}"
    if _works(db, sql):
        return True
    orders = ["ORDER BY " + ", ".join(quote(k) + way for k in keys) for way in ("", " DESC")] if keys else [""]
    for order in orders:
        good, bad = 0, 1
        while _works(db, f"{sql} {order} LIMIT {bad}") and bad < 2**40:
            good, bad = bad, bad * 2
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if _works(db, f"{sql} {order} LIMIT {middle}") else (good, middle)
    return False


def _works(db: sqlite3.Connection, sql: str) -> bool:
    try:
        db.execute(sql)
    except sqlite3.Error as e:
        _refuse_full(e)
        return False
    return True


def _sequence(db: sqlite3.Connection) -> list[str]:
    """The counters of AUTOINCREMENT, so that no number is given twice."""
    if not db.execute(load("backups/has_sequence")).fetchone():
        return []
    if not _works(db, load("backups/add_sequence")):
        return ["sqlite_sequence: the counters of AUTOINCREMENT are those of the rows that were kept"]
    with suppress(sqlite3.Error):
        db.execute(load("backups/raise_sequence"))
    return []


def _virtual(db: sqlite3.Connection, thing: _Thing) -> list[str]:
    """Fill a virtual table that was made anew: an index of other rows from them, another from what it kept itself."""
    name, quoted = thing.name, quote(thing.name)
    if not arguments_of(thing.sql):
        return (
            []
            if _works(db, f"INSERT INTO main.{quoted} SELECT * FROM damaged.{quoted}")
            else [f"{name}: its rows are lost"]
        )
    table = parse(name, thing.sql)
    if table.kind == "contentless":
        return [f"{name} is empty: it indexed text that is not in the database"]
    if table.kind == "external":
        return (
            []
            if _works(db, f"INSERT INTO main.{quoted} ({quoted}) VALUES ('rebuild')")
            else [f"{name} cannot be rebuilt"]
        )
    # It keeps its text in a table of its own, which is filled, and indexed after that.
    content = quote(f"{name}_content")
    if not _works(db, f"INSERT INTO main.{content} SELECT * FROM damaged.{content}"):
        lost = _rows(db, f"{name}_content", SILENT)
    else:
        lost = []
    return (
        lost
        if _works(db, f"INSERT INTO main.{quoted} ({quoted}) VALUES ('rebuild')")
        else [*lost, f"{name} cannot be rebuilt"]
    )


def _refuse_full(error: sqlite3.Error) -> None:
    """Raise what is no fault of the damaged file."""
    if getattr(error, "sqlite_errorname", "") in _FULL:
        raise error
