"""The content of a table as a number of rows and a SHA-256, which is the same wherever the rows lie.

The hashed bytes are those of SQLite's own ``.sha3sum`` and ``dbhash``: for each row ``R``, then for each value one of

- ``N`` for NULL,
- ``I`` or ``F`` and 8 bytes, big-endian, for a number,
- ``T`` or ``B``, the length in bytes in decimal, a colon, and the bytes, for text and blobs

(https://sqlite.org/src/file/ext/misc/shathree.c). The first value is the rowid, where the table has one. Rows are in
the order of the rowid, or of the primary key.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.fts.discover import parse
from memsql.progress import SILENT, Progress
from memsql.schema import Schema, Table, is_internal, read
from memsql.sqltext import free_rowid, quote
from memsql.sqltext.internal import ENGINES, VECTOR_INDEX, module_of

Cell = Value | bytearray
"""A value. Text may be a bytearray of its bytes, which need not be UTF-8."""

_PIECE = 1 << 16
"""Bytes that are hashed together, because that is faster than value by value."""
_MOST_COLUMNS = 2000
"""SQLite's limit of the columns of a table and of a result (https://sqlite.org/limits.html#max_column)."""
_INTEGER = struct.Struct(">q").pack
_REAL = struct.Struct(">d").pack
_INDEX_SHADOWS = ("data", "idx", "docsize", "config")
_STATISTICS = "sqlite_stat"


@dataclass(frozen=True, slots=True)
class TableDigest:
    """A table with its rows counted and hashed; ``sha256`` in hexadecimal."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TableSelect:
    """How a table is read: ``sql`` selects ``columns``, in this order."""

    name: str
    columns: tuple[str, ...]
    sql: str


class Hasher:
    """Hashes the rows of one table as they arrive; ``bytes`` is how many bytes it hashed so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = 0
        self._sha = hashlib.sha256()
        self.bytes = 0

    def add(self, rows: Iterable[Sequence[Cell]], progress: Progress = SILENT) -> None:
        """Hash the next rows. Only their order matters, not how many there are in a call. Of rows that are read as they
        are asked for, no more are in memory than ``_PIECE`` holds, and the last one."""
        piece = bytearray()
        for row in rows:
            piece += b"R"
            for value in row:
                piece += _encoded(value)
            self._rows += 1
            if len(piece) >= _PIECE:
                self._hash(piece)
                piece = bytearray()
                progress.tick()
        self._hash(piece)

    def _hash(self, piece: bytearray) -> None:
        self._sha.update(piece)
        self.bytes += len(piece)

    def digest(self) -> TableDigest:
        """The digest of all rows so far."""
        return TableDigest(self._name, self._rows, self._sha.hexdigest())


def content_selects(schema: Schema) -> list[TableSelect]:
    """How to read the tables whose rows are content, by name.

    These are the tables of the user and of the ledger, sqlite_sequence, and those shadow tables of virtual tables that
    cannot be built anew. What an FTS5 index keeps about rows that lie elsewhere is proven by its own check instead.
    ``schema`` must include internal tables.
    """
    virtual = _virtual(schema)
    vectors = {f"{o.name}_shadow".lower() for o in schema.objects if o.type == "index" and VECTOR_INDEX in o.sql}
    return _selects(
        table
        for table in schema.tables.values()
        if table.kind == "table" and table.name.lower() not in vectors and _is_content(table.name.lower(), virtual)
    )


def shadow_selects(schema: Schema) -> list[TableSelect]:
    """How to read the tables in which FTS5 indexes keep what they know about rows that lie elsewhere, by name.

    They are no content, but they are the same in a copy of the pages.
    """
    virtual = _virtual(schema)
    return _selects(
        table
        for table in schema.tables.values()
        if table.kind == "table"
        and not _is_nobodys(table.name.lower())
        and not _is_content(table.name.lower(), virtual)
    )


def digests(
    conn: Connection,
    progress: Progress = SILENT,
    *,
    choose: Callable[[Schema], list[TableSelect]] = content_selects,
) -> list[TableDigest]:
    """Count and hash the rows of every table with content, or of the tables that ``choose`` picks.

    Where others may write meanwhile, the caller holds a transaction.
    """
    tables = []
    for select in choose(read(conn, internal=True)):
        progress.start(f"hashing {select.name}")
        tables.append(digest_of(conn, select, progress))
    return tables


def digest_of(conn: Connection, select: TableSelect, progress: Progress = SILENT) -> TableDigest:
    """Count and hash the rows of one table, without holding all of them in memory."""
    if not isinstance(conn, SQLiteConnection):
        return _digest_on_server(conn, select)
    hasher = Hasher(select.name)
    with rows_as_bytes(conn, select.sql) as rows:
        hasher.add(rows, progress)
    return hasher.digest()


def _digest_on_server(conn: Connection, select: TableSelect) -> TableDigest:
    from memsql.db.exact import exact_lists
    from memsql.db.libsql import LibsqlConnection

    assert isinstance(conn, LibsqlConnection)
    hasher = Hasher(select.name)
    try:
        for rows in conn.stream_lists(select.sql):
            hasher.add(rows)
    except StatementError as e:
        if e.code != "MEMSQL_VALUE":
            raise
        # There is an infinite number, which a server cannot send as it is.
        hasher = Hasher(select.name)
        for exact_rows in exact_lists(conn, select.sql, select.columns):
            hasher.add(exact_rows)
    return hasher.digest()


def differences(expected: Iterable[TableDigest], actual: Iterable[TableDigest]) -> list[str]:
    """A sentence for each table that is not as ``expected``.

    An empty sqlite_sequence counts as none: SQLite keeps it after the last AUTOINCREMENT table is dropped, and nobody
    can drop it.
    """
    left, right = (
        {table.name: table for table in tables if table.rows or table.name != "sqlite_sequence"}
        for tables in (expected, actual)
    )
    lines = []
    for name in sorted(left.keys() | right.keys()):
        before, now = left.get(name), right.get(name)
        if before is None or now is None:
            lines.append(f"{name} is {'missing' if now is None else 'too many'}")
        elif before.rows != now.rows:
            lines.append(f"{name} has {now.rows} rows instead of {before.rows}")
        elif before != now:
            lines.append(f"{name} has {before.rows} rows, but not the same ones")
    return lines


def _virtual(schema: Schema) -> dict[str, Table]:
    """The virtual tables by name in lower case."""
    return {table.name.lower(): table for table in schema.tables.values() if table.kind == "virtual"}


def _selects(tables: Iterable[Table]) -> list[TableSelect]:
    return [select_of(table) for table in sorted(tables, key=lambda table: table.name)]


def _is_nobodys(name: str) -> bool:
    return name.startswith(_STATISTICS) or name in ENGINES


def _is_content(name: str, virtual: dict[str, Table]) -> bool:
    """Whether the rows of the table ``name``, in lower case, are content."""
    if _is_nobodys(name):
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


def select_of(table: Table, highest: int | None = None) -> TableSelect:
    """How to read the rows of ``table``; those alone whose rowid is at most ``highest``, where that is not None and the
    table has rowids. A table of as many columns as there may be is read without its rowids, though in their order."""
    columns = [column.name for column in table.columns if column.hidden == 0]
    if table.name == "sqlite_sequence":
        order = columns[:1]
    elif table.without_rowid:
        order = [*table.primary_key]
    else:
        rowid = free_rowid(column.name for column in table.columns)
        order = [rowid] if rowid else []
        if len(columns) < _MOST_COLUMNS:
            columns = [*order, *columns]
    sql = f"SELECT {', '.join(map(quote, columns))} FROM {quote(table.name)}"
    if highest is not None and order and not table.without_rowid:
        sql += f" WHERE {quote(order[0])} <= {highest}"
    if order:
        sql += f" ORDER BY {', '.join(map(quote, order))}"
    return TableSelect(table.name, tuple(columns), sql)


@contextmanager
def rows_as_bytes(conn: SQLiteConnection, sql: str) -> Iterator[Iterator[Sequence[Cell]]]:
    """The rows that ``sql`` selects, for a Hasher. While open, nothing else may run on ``conn``.

    Text is a bytearray: that is quicker, and the text need not be UTF-8. A blob is bytes, so the two stay apart.
    """
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
