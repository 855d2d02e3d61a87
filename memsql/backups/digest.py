"""What a table holds, as a number of rows and a SHA-256 that is the same wherever the rows lie.

The bytes under the hash are those of SQLite's own ``.sha3sum`` and ``dbhash``: for each row ``R``, then for each
value ``N``, or ``I`` and 8 bytes, or ``F`` and 8 bytes (both big-endian), or ``T`` or ``B``, the length in bytes in
decimal, a colon, and the bytes (https://sqlite.org/src/file/ext/misc/shathree.c). The first value is the rowid, where
the table has one; rows come in its order, or in that of the primary key.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice

from memsql.db import Connection, Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.fts.discover import parse
from memsql.progress import SILENT, Progress
from memsql.schema import Schema, Table, is_internal, read
from memsql.schema.internal import VECTOR_INDEX, module_of
from memsql.sqltext import free_rowid, quote

Cell = Value | bytearray
"""A value, or text as its bytes, which need not be UTF-8."""

_AT_ONCE = 500
_INTEGER = struct.Struct(">q").pack
_REAL = struct.Struct(">d").pack
_INDEX_SHADOWS = ("data", "idx", "docsize", "config")
_NEVER = ("sqlite_stat", "libsql_", "_litestream_")


@dataclass(frozen=True, slots=True)
class TableDigest:
    """A table with its rows counted and hashed; ``sha256`` in hexadecimal."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read for its hash: the columns that ``sql`` yields, in order."""

    name: str
    columns: tuple[str, ...]
    sql: str


class Hasher:
    """Takes the rows of one table as they come by; ``bytes`` is how much that was."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = 0
        self._sha = hashlib.sha256()
        self.bytes = 0

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """The next rows, in order; how they are divided into calls makes no difference."""
        out: list[bytes | bytearray] = []
        for row in rows:
            out.append(b"R")
            out += [_encoded(value) for value in row]
        encoded = b"".join(out)
        self._sha.update(encoded)
        self.bytes += len(encoded)
        self._rows += len(rows)

    def digest(self) -> TableDigest:
        return TableDigest(self._name, self._rows, self._sha.hexdigest())


def readings(schema: Schema) -> list[Reading]:
    """The tables whose rows are content, by name: the user's, the ledger's, sqlite_sequence, and the shadows of virtual
    tables that cannot be built anew. ``schema`` includes internal tables. What an FTS5 index keeps about rows
    that are elsewhere is proven by its own check instead.
    """
    virtual = _virtual(schema)
    vectors = {f"{o.name}_shadow".lower() for o in schema.objects if o.type == "index" and VECTOR_INDEX in o.sql}
    found = [
        t
        for t in schema.tables.values()
        if t.kind == "table" and t.name.lower() not in vectors and _is_content(t.name.lower(), virtual)
    ]
    return [_reading(table) for table in sorted(found, key=lambda t: t.name)]


def shadow_readings(schema: Schema) -> list[Reading]:
    """The tables in which FTS5 indexes keep what they know about rows that are elsewhere: no content, but the same in a
    copy of the pages."""
    virtual = _virtual(schema)
    found = [
        t
        for t in schema.tables.values()
        if t.kind == "table" and not t.name.lower().startswith(_NEVER) and not _is_content(t.name.lower(), virtual)
    ]
    return [_reading(table) for table in sorted(found, key=lambda t: t.name)]


def digests(
    conn: Connection,
    progress: Progress = SILENT,
    *,
    choose: Callable[[Schema], list[Reading]] = readings,
) -> list[TableDigest]:
    """Count and hash every content table, or those that ``choose`` picks. The caller holds a transaction where others
    may write meanwhile."""
    found = []
    for reading in choose(read(conn, internal=True)):
        progress.start(f"hashing {reading.name}")
        found.append(digest_of(conn, reading, progress))
    return found


def digest_of(conn: Connection, reading: Reading, progress: Progress = SILENT) -> TableDigest:
    """Count and hash the rows of one table, without holding them all."""
    if not isinstance(conn, SQLiteConnection):
        return _digest_on_server(conn, reading)
    hasher = Hasher(reading.name)
    with _rows(conn, reading.sql) as rows:
        while some := list(islice(rows, _AT_ONCE)):
            hasher.add(some)
            progress.tick()
    return hasher.digest()


def _digest_on_server(conn: Connection, reading: Reading) -> TableDigest:
    from memsql.db.exact import exact_lists
    from memsql.db.libsql import LibsqlConnection

    assert isinstance(conn, LibsqlConnection)
    hasher = Hasher(reading.name)
    try:
        for rows in conn.stream_lists(reading.sql):
            hasher.add(rows)
    except StatementError as e:
        if e.code != "MEMSQL_VALUE":
            raise
        # An infinite number, which a server cannot send as it is.
        hasher = Hasher(reading.name)
        for exact in exact_lists(conn, reading.sql, reading.columns):
            hasher.add(exact)
    return hasher.digest()


def differences(wanted: Iterable[TableDigest], found: Iterable[TableDigest]) -> list[str]:
    """In sentences, a table each, where ``found`` is not ``wanted``. An empty sqlite_sequence, which remains of a table that
    is gone and which nobody can drop, is as good as none."""
    one, other = ({d.name: d for d in some if d.rows or d.name != "sqlite_sequence"} for some in (wanted, found))
    lines = []
    for name in sorted(one.keys() | other.keys()):
        a, b = one.get(name), other.get(name)
        if a is None or b is None:
            lines.append(f"{name} is {'missing' if b is None else 'too many'}")
        elif a.rows != b.rows:
            lines.append(f"{name} has {b.rows} rows instead of {a.rows}")
        elif a != b:
            lines.append(f"{name} has {a.rows} rows, but not the same ones")
    return lines


def _virtual(schema: Schema) -> dict[str, Table]:
    return {t.name.lower(): t for t in schema.tables.values() if t.kind == "virtual"}


def _is_content(name: str, virtual: dict[str, Table]) -> bool:
    if name.startswith(_NEVER):
        return False
    owner, _, suffix = name.rpartition("_")
    table = virtual.get(owner)
    if table is None or not is_internal(name, {owner: module_of(table.sql)}):
        return True
    return (
        module_of(table.sql) != "fts5"
        or suffix not in _INDEX_SHADOWS
        or parse(table.name, table.sql).kind == "contentless"
    )


def _reading(table: Table) -> Reading:
    columns = [c.name for c in table.columns if c.hidden == 0]
    keys = [c.name for c in sorted(table.columns, key=lambda c: c.pk) if c.pk]
    if table.name == "sqlite_sequence":
        order = columns[:1]
    elif table.without_rowid:
        order = keys
    else:
        rowid = free_rowid(c.name for c in table.columns)
        order = [rowid] if rowid else []
        columns = [*order, *columns]
    listed, by = ", ".join(map(quote, columns)), ", ".join(map(quote, order))
    return Reading(
        table.name, tuple(columns), f"SELECT {listed} FROM {quote(table.name)}" + (f" ORDER BY {by}" if by else "")
    )


@contextmanager
def _rows(conn: SQLiteConnection, sql: str) -> Iterator[Iterator[Sequence[Cell]]]:
    # Text as its bytes: quicker, and it need not be UTF-8. A blob is bytes, so the two stay apart.
    conn.raw.text_factory = bytearray
    try:
        with closing(conn.stream_rows(sql)) as rows:
            yield rows
    finally:
        conn.raw.text_factory = str


def _encoded(value: Cell) -> bytes | bytearray:
    kind = type(value)
    if kind is str:
        text = value.encode("utf-8", "surrogatepass")  # type: ignore[union-attr]
        return b"T%d:%b" % (len(text), text)
    if value is None:
        return b"N"
    if kind is bytearray:
        return b"T%d:%b" % (len(value), value)  # type: ignore[arg-type, str-format]
    if kind is int:
        return b"I" + _INTEGER(value)
    if kind is float:
        return b"F" + _REAL(value)
    return b"B%d:%b" % (len(value), value)  # type: ignore[arg-type, str-format]
