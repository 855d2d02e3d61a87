"""Copy what can still be read of a damaged SQLite file into a new, clean one.

SQLite copies the rows itself, in ranges of rowids. A range that meets a damaged page is halved. The widest range comes
first, so that most of a table is copied before the number of attempts runs out, whatever the damage is.
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

from memsql.backups.connections import file_connection
from memsql.backups.copied import Copied
from memsql.backups.copy_file import copy_pages, describe, open_source
from memsql.backups.digest import digests
from memsql.backups.manifest import Source
from memsql.backups.workplace import CHUNK, writing
from memsql.config import Target
from memsql.db.copying import Stored
from memsql.db.queries import load
from memsql.errors import DamagedError
from memsql.fts.discover import arguments_of, parse, with_triggers
from memsql.fts.filling import rebuild_statements
from memsql.fts.triggers import Trigger
from memsql.progress import Progress
from memsql.schema import is_internal
from memsql.sqltext import free_rowid, quote
from memsql.sqltext.internal import module_of, not_shadows
from memsql.storage import regular
from memsql.storage.new_files import create_empty, open_new

_ATTEMPTS = 20_000
"""How many ranges of one table may fail."""
_FIRST, _LAST = -(2**63), 2**63 - 1
_KEPT_PRAGMAS = ("user_version", "application_id")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_INTERRUPT")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table to copy: its name quoted, and its columns quoted and joined."""

    name: str
    columns: str

    @property
    def insert(self) -> str:
        """The statement that copies all rows that the new table does not have yet."""
        return f"INSERT OR IGNORE INTO main.{self.name} ({self.columns}) SELECT {self.columns} FROM damaged.{self.name}"


def salvage_file(
    target: Target, into: Path, *, busy_timeout: int, progress: Progress
) -> tuple[Copied, tuple[str, ...]]:
    """Fill the new file ``into`` with what can be read of ``target``; return that, and a sentence for everything lost.

    The folder of ``into`` also gets a copy of the damaged pages; the database itself is only read. Raises DamagedError
    where nothing can be read at all.
    """
    damaged = into.with_name("damaged.db")
    source = _copy_damaged(target, damaged, busy_timeout, progress)
    lost: list[str] = []
    create_empty(into)
    with closing(sqlite3.connect(_uri(into, "rwc"), uri=True, isolation_level=None)) as db:
        try:
            _set_pragmas(db, damaged)
            # Lets SQLite open a file that is shorter than its header says, and skip an object that it cannot read.
            db.execute("PRAGMA writable_schema = on")
            db.execute("ATTACH ? AS damaged", (_uri(damaged, "ro"),))
            lost += _fill(db, progress)
        except sqlite3.Error as e:
            if getattr(e, "sqlite_errorname", "") in _FULL:
                with writing(str(into.parent)):
                    raise OSError(0, str(e)) from e
            raise DamagedError(
                f"{target} is damaged so that nothing of it can be read: {e}", hint="restore a backup"
            ) from e
    with file_connection(into, "the salvaged copy", "ro", 0) as conn:
        tables = digests(conn, progress)
    return Copied(source, tuple(tables)), tuple(lost)


def _copy_damaged(target: Target, damaged: Path, busy_timeout: int, progress: Progress) -> Source:
    """Copy the pages as they are; where SQLite cannot do that, copy the files."""
    damaged.unlink(missing_ok=True)
    try:
        with open_source(target, busy_timeout) as source:
            copy_pages(source, damaged, progress)
            return describe(source)
    except DamagedError:
        assert target.path is not None
        for ending in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                _copy_private(f"{target.path}{ending}", f"{damaged}{ending}")
        return Source(str(target), target.identity, "sqlite", sqlite3.sqlite_version, "unknown")


def _copy_private(source: str, into: str) -> None:
    with regular.open_binary(source) as old, os.fdopen(open_new(into), "wb") as new:
        shutil.copyfileobj(old, new, CHUNK)


def _uri(path: Path, mode: str) -> str:
    return f"file:{url_quote(os.fsencode(path))}?mode={mode}"


def _set_pragmas(db: sqlite3.Connection, damaged: Path) -> None:
    """Give ``db`` the page size, the encoding and the numbers in the header of the file ``damaged``."""
    with closing(sqlite3.connect(_uri(damaged, "rw"), uri=True)) as old:
        # Lets SQLite read the header of a file that is shorter than it says.
        old.execute("PRAGMA writable_schema = on")
        with suppress(sqlite3.Error):
            # Merge a log, so that the copy can be opened for reading alone.
            old.execute("PRAGMA journal_mode = delete")
        values = {
            name: old.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "encoding", "auto_vacuum", *_KEPT_PRAGMAS)
        }
    db.execute(f"PRAGMA page_size = {values['page_size']:d}")
    db.execute(f"PRAGMA encoding = '{values['encoding']}'")
    db.execute(f"PRAGMA auto_vacuum = {values['auto_vacuum']:d}")
    db.execute("PRAGMA synchronous = off")
    db.execute("PRAGMA ignore_check_constraints = on")
    for name in _KEPT_PRAGMAS:
        db.execute(f"PRAGMA {name} = {values[name]:d}")


def _fill(db: sqlite3.Connection, progress: Progress) -> Iterator[str]:
    """Create and fill everything that can be read, and yield a sentence for everything that is lost."""
    objects: list[Stored] = []
    try:
        for row in db.execute(load("backups/damaged_objects")):
            objects.append(Stored(*map(str, row)))
    except sqlite3.Error as e:
        if not objects:
            raise
        yield f"the schema cannot be read to its end ({e}): what comes later in it is lost"
    tables = [o for o in objects if o.type == "table"]
    virtual = {t.name.lower(): module_of(t.sql) for t in tables if t.virtual}
    own = frozenset[str]().union(*(not_shadows(t.name, t.sql) for t in tables if t.virtual))
    for table in tables:
        name = table.name.lower()
        if name not in virtual and (name in own or not _is_internal(name, virtual)):
            progress.start(f"salvaging {table.name}")
            yield from _create(db, table) or _copy_table(db, table.name, progress)
    yield from _copy_sequences(db)
    for kind in ("index", "view", "virtual", "trigger"):
        for object_ in objects:
            if kind == "virtual" and object_.type == "table" and object_.name.lower() in virtual:
                progress.start(f"salvaging {object_.name}")
                triggers = [Trigger(o.name, o.table, o.sql) for o in objects if o.type == "trigger"]
                yield from _create(db, object_) or _fill_virtual(db, object_, triggers, progress)
            elif object_.type == kind:
                yield from _create(db, object_)


def _is_internal(name: str, virtual: dict[str, str]) -> bool:
    """Whether SQLite or one of the ``virtual`` tables creates the table ``name`` itself."""
    lower = name.lower()
    if lower.startswith("sqlite_"):
        return True
    owner = lower.rpartition("_")[0]
    return owner in virtual and is_internal(lower, {owner: virtual[owner]})


def _create(db: sqlite3.Connection, object_: Stored) -> list[str]:
    """Create an object. Returns a sentence where that fails."""
    try:
        db.execute(object_.sql)
    except sqlite3.Error as e:
        _refuse_full(e)
        return [f"{object_.type} {object_.name} is lost: {e}"]
    return []


def _copy_table(db: sqlite3.Connection, name: str, progress: Progress) -> list[str]:
    """Copy the rows of one table. Returns a sentence where not all could be read."""
    columns = db.execute(load("backups/columns"), (name,)).fetchall()
    stored = [str(column) for column, _, _, hidden in columns if hidden == 0]
    keys = [(str(n), str(type_)) for n, type_, pk, _ in sorted(columns, key=lambda column: int(column[2])) if pk]
    has_rowid = db.execute(load("backups/has_rowid"), (name,)).fetchone()[0]
    rowid = free_rowid(str(column[0]) for column in columns) if has_rowid else None
    if rowid is None:
        complete = _copy_from_both_ends(db, _table(name, stored), [key for key, _ in keys])
    else:
        alias = keys[0][0] if len(keys) == 1 and keys[0][1].upper() == "INTEGER" else None
        table = _table(name, [rowid, *(column for column in stored if column != alias)])
        complete = _copy_by_ranges(db, table, quote(rowid), progress)
    if complete:
        return []
    kept = db.execute(f"SELECT count(*) FROM main.{quote(name)}").fetchone()[0]
    return [f"{name}: {kept:,} rows were kept; others lay on damaged pages and are lost"]


def _table(name: str, columns: Sequence[str]) -> _Table:
    return _Table(quote(name), ", ".join(map(quote, columns)))


def _copy_by_ranges(db: sqlite3.Connection, table: _Table, rowid: str, progress: Progress) -> bool:
    """Copy by ranges of rowids. Returns whether every row was read."""
    sql = f"{table.insert} WHERE {rowid} BETWEEN ? AND ?"
    low, high = (_end(db, table.name, rowid, order) for order in ("ASC", "DESC"))
    # The heap yields the widest range first: its key is the first rowid minus the last.
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
            if failed > _ATTEMPTS:
                return False
            if first == last:
                complete = False
                continue
            middle = (first + last) // 2
            heapq.heappush(waiting, (first - middle, first, middle))
            heapq.heappush(waiting, (middle + 1 - last, middle + 1, last))
    return complete


def _end(db: sqlite3.Connection, table: str, rowid: str, order: str) -> int | None:
    """The first or last rowid, 0 in an empty table; None where the way to it is damaged."""
    try:
        row = db.execute(f"SELECT {rowid} FROM damaged.{table} ORDER BY {rowid} {order} LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    return int(row[0]) if row else 0


def _copy_from_both_ends(db: sqlite3.Connection, table: _Table, keys: Sequence[str]) -> bool:
    """Copy as many rows as can be read from the first on, then from the last back. Returns whether these are all."""
    if _runs(db, table.insert):
        return True
    orders = ["ORDER BY " + ", ".join(quote(key) + way for key in keys) for way in ("", " DESC")] if keys else [""]
    for order in orders:
        # How many rows can be read: doubled until it fails, then searched by halves.
        good, bad = 0, 1
        while _runs(db, f"{table.insert} {order} LIMIT {bad}") and bad < 2**40:
            good, bad = bad, bad * 2
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if _runs(db, f"{table.insert} {order} LIMIT {middle}") else (good, middle)
    return False


def _runs(db: sqlite3.Connection, sql: str) -> bool:
    """Run ``sql``. Returns whether that went well."""
    try:
        db.execute(sql)
    except sqlite3.Error as e:
        _refuse_full(e)
        return False
    return True


def _copy_sequences(db: sqlite3.Connection) -> list[str]:
    """Copy the counters of AUTOINCREMENT, so that no number is used twice."""
    if not db.execute(load("backups/has_sequence")).fetchone():
        return []
    if not _runs(db, load("backups/add_sequence")):
        return ["sqlite_sequence: the counters of AUTOINCREMENT are those of the rows that were kept"]
    with suppress(sqlite3.Error):
        db.execute(load("backups/raise_sequence"))
    return []


def _fill_virtual(
    db: sqlite3.Connection, object_: Stored, triggers: Sequence[Trigger], progress: Progress
) -> list[str]:
    """Fill a new virtual table: an index of other rows from those that its ``triggers`` let in, any other table from
    its own rows."""
    name, quoted = object_.name, quote(object_.name)
    if not arguments_of(object_.sql):
        copied = _runs(db, f"INSERT INTO main.{quoted} SELECT * FROM damaged.{quoted}")
        return [] if copied else [f"{name}: its rows are lost"]
    table = with_triggers(parse(name, object_.sql), triggers)
    if table.kind == "contentless":
        return [f"{name} is empty: it indexed text that is not in the database"]
    lost: list[str] = []
    if table.kind == "own":
        # It keeps its text in a table of its own, which is filled first and indexed then.
        content = f"{name}_content"
        if not _runs(db, f"INSERT INTO main.{quote(content)} SELECT * FROM damaged.{quote(content)}"):
            lost = _copy_table(db, content, progress)
    rebuilt = all(_runs(db, statement) for statement in rebuild_statements(table, temporary=True))
    return lost if rebuilt else [*lost, f"{name} cannot be rebuilt"]


def _refuse_full(error: sqlite3.Error) -> None:
    """Raise an error that does not come from the damage, such as a full disk."""
    if getattr(error, "sqlite_errorname", "") in _FULL:
        raise error
