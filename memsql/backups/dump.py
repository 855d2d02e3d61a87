"""A database as SQL text that loads into sqlite3, Python and a libSQL server alike, full-text indexes included."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from memsql.backups.connections import file_connection
from memsql.backups.digest import TableSelect
from memsql.backups.literal import literal
from memsql.backups.rows import DumpObject, all_selects, dump_objects, read_rows, sequence_statements
from memsql.db.copying import Omitted
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, DiskFull, FileError, Location, StatementError
from memsql.fts import FtsTable, discover, guarded
from memsql.progress import Progress
from memsql.sqltext import pieces, quote, skip_to_code
from memsql.sqltext.tokens import without_tail
from memsql.storage import regular, space
from memsql.storage.leftovers import remove_file
from memsql.storage.new_files import open_new

_STATEMENT_CHARACTERS = 100_000
"""The length of an INSERT with many rows; one large row may be longer."""
_BATCH_BYTES = 1 << 19
_CHUNK = 1 << 20
_SPARE = 64 << 20
_ROOM, _GROWTH = 64 << 20, 16
"""The database may have so many bytes, and so many times the size of the text."""
_HEAD = "-- A database as SQL, written by memsql. Its last line says how many statements there are.\n"
_END_LINE = re.compile(rb"(?:^|\n)-- memsql: the end, (\d+) statements\n\Z")


def write_sql(copy: Path, out: Path, progress: Progress, *, omitted: Sequence[Omitted] = ()) -> None:
    """Write the SQLite file ``copy`` as SQL into the new file ``out``, in bounded memory; the caller syncs it.

    The text is one transaction: tables, rows with their rowids, indexes, views, full-text indexes, triggers. What a
    full-text index keeps about rows that lie elsewhere is built anew when the text is loaded; the tables behind other
    virtual tables are written as they are. ``omitted`` becomes comments.
    """
    with (
        file_connection(copy, copy.name) as conn,
        os.fdopen(open_new(out), "w", encoding="utf-8", newline="") as file,
    ):
        size = max(1, copy.stat().st_size)
        # How long the text gets nobody knows; but a disk that is full stops whatever else writes there.
        watch = space.SpaceWatch(0, out.parent, "the text", "make room there", spare=_SPARE)
        number = done = 0
        file.write(_HEAD)
        for object_ in omitted:
            sql, reason = object_.sql.replace("\n", "\n--     "), " ".join(object_.reason.split())
            file.write(f"-- left out: the {object_.type} {object_.name!r}: {reason}\n")
            if sql:
                file.write(f"--     {sql};\n")
        for statement in _Writer(conn, progress).statements():
            file.write(statement)
            file.write(";\n")
            number += 1
            done += len(statement)
            watch.tick(done)
            progress.tick(min(1.0, done / size))
        file.write(f"-- memsql: the end, {number} statements\n")


def load_sql(text: Path, into: Path, progress: Progress) -> None:
    """Load what write_sql() wrote into the new SQLite file ``into``, in bounded memory.

    Raises CheckFailed where the text is cut off or a statement does not run, and FileError where it cannot be read.
    After an error there is no file.
    """
    expected, size, done, number = _statement_count(text), max(1, text.stat().st_size), 0, 0
    progress.start(f"loading {text.name}")
    try:
        with file_connection(into, into.name, "rwc") as conn:
            for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -50000"):
                conn.execute(f"PRAGMA {pragma}")
            page = int(str(conn.execute("PRAGMA page_size").one()))
            conn.execute(f"PRAGMA max_page_count = {(_ROOM + _GROWTH * size) // page}")
            # The seal of a manifest proves that nobody changed it by chance; whoever means to can seal it again.
            conn.confine()
            for number, statement in enumerate(_statements(text), 1):
                try:
                    conn.execute(statement)
                except StatementError as e:
                    raise _not_loaded(text, into, number, statement, error=e) from e
                done += len(statement)
                progress.tick(min(1.0, done / size))
            if number != expected or conn.in_transaction:
                raise CheckFailed(
                    f"{text.name} has {number} statements instead of {expected}",
                    where=Location(text.name),
                    hint="it was changed after it was written: use another backup",
                )
            conn.execute("PRAGMA journal_mode = delete")
    except BaseException:
        remove_file(into)
        raise


class _Writer:
    """The statements that create a SQLite file again."""

    def __init__(self, conn: SQLiteConnection, progress: Progress) -> None:
        self._conn = conn
        self._progress = progress
        self._objects = dump_objects(conn)
        self._selects = all_selects(conn)
        names = {o.name.lower() for o in self._objects}
        # The full-text indexes that are built anew. One whose content does not exist cannot be, and 'rebuild' would put
        # every row into one of a part of the rows.
        self._fts = {
            table.name: table
            for table in discover(conn)
            if table.kind == "own"
            or (table.kind == "external" and (table.content or "").lower() in names and guarded(table) is None)
        }

    def statements(self) -> Iterator[str]:
        """All statements in order, each without its semicolon."""
        # The sqlite3 program of SQLite 3.53 lets nobody write the tables behind virtual tables, unless a text begins
        # with exactly these two lines, as those of its own .dump do.
        yield "PRAGMA foreign_keys=OFF"
        yield "BEGIN TRANSACTION"
        yield from self._create("table")
        for table in self._fts.values():
            yield from self._options(table)
        built = {
            f"{name}_{end}".lower() for name in self._fts for end in ("data", "idx", "docsize", "config", "content")
        }
        shadows = [o.name for o in self._objects if o.kind == "shadow" and o.name.lower() not in built]
        yield from (f"DELETE FROM {quote(name)}" for name in shadows)
        for name, select in self._selects.items():
            if name != "sqlite_sequence" and name.lower() not in built:
                yield from self._rows(select)
        for table in self._fts.values():
            if table.kind == "own":
                yield from self._rows(own_rows(self._conn, table))
        yield from sequence_statements(self._objects, self._selects)
        if "sqlite_sequence" in self._selects:
            yield from self._rows(self._selects["sqlite_sequence"])
        yield from self._create("index")
        yield from self._create("view")
        for table in self._fts.values():
            if table.kind == "external":
                yield f"INSERT INTO {quote(table.name)} ({quote(table.name)}) VALUES ('rebuild')"
        yield from self._create("trigger")
        yield f"PRAGMA user_version = {self._conn.execute('PRAGMA user_version').one()!r}"
        yield "COMMIT"
        if application := self._conn.execute("PRAGMA application_id").one():
            # It comes after the end, because a libSQL server refuses it.
            yield f"PRAGMA application_id = {application!r}"

    def _create(self, type_: str) -> Iterator[str]:
        """The statements that create the objects of one type."""
        for object_ in self._objects:
            if object_.type == type_ and object_.kind != "shadow":
                yield _statement(object_)

    def _options(self, table: FtsTable) -> Iterator[str]:
        """The options that were set with special commands of FTS5, such as its ranking function."""
        name, config = quote(table.name), quote(f"{table.name}_config")
        for row in self._conn.execute(f"SELECT k, v FROM {config} WHERE k <> 'version'").rows:
            yield f"INSERT INTO {name} ({name}, rank) VALUES ({', '.join(map(literal, row))})"

    def _rows(self, select: TableSelect) -> Iterator[str]:
        self._progress.start(f"writing {select.name}")
        yield from insert_statements(self._conn, select)


def insert_statements(conn: SQLiteConnection, select: TableSelect) -> Iterator[str]:
    """The INSERTs, without semicolons, that make the rows again that ``select`` reads, with their rowids."""
    skip = _repeats_rowid(conn, select)
    columns = select.columns[skip:]
    head = f"INSERT INTO {quote(select.name)} ({', '.join(map(quote, columns))}) VALUES\n"
    rows: list[str] = []
    length = 0
    for batch in read_rows(conn, select.sql, _BATCH_BYTES):
        for row in batch.rows:
            text = f"({', '.join([literal(value) for value in row[skip:]])})"
            if rows and length + len(text) > _STATEMENT_CHARACTERS:
                yield head + ",\n".join(rows)
                rows, length = [], 0
            rows.append(text)
            length += len(text)
    if rows:
        yield head + ",\n".join(rows)


def own_rows(conn: SQLiteConnection, table: FtsTable) -> TableSelect:
    """How to read the rows of an FTS5 table that keeps its content itself."""
    columns = ["rowid", *(str(r[0]) for r in conn.execute(load("engine/columns"), (table.name,)).rows)]
    listed = ", ".join(map(quote, columns))
    return TableSelect(table.name, tuple(columns), f"SELECT {listed} FROM {quote(table.name)} ORDER BY rowid")


def _repeats_rowid(conn: SQLiteConnection, select: TableSelect) -> int:
    """1 where the first selected column is the rowid and another column has the same value; otherwise 0."""
    stored = conn.execute(load("engine/columns"), (select.name,)).rows
    alias = conn.execute(load("backups/rowid_alias"), (select.name,)).one()
    return int(bool(alias) and len(select.columns) > len(stored))


def _not_loaded(
    text: Path, into: Path, number: int, statement: str, *, error: StatementError
) -> DiskFull | CheckFailed:
    """What to raise where the statement with this number does not run."""
    problem = f"does not run: {error.message}"
    if error.code == "SQLITE_FULL":
        left = space.free(into.parent)
        if left is None or left <= _ROOM:
            return space.full(into.parent, f"the database in {text.name}", error.message, "make room, and run it again")
        problem = f"makes the database {_GROWTH} times as large as the text, which no text of memsql does"
    return CheckFailed(
        f"statement {number} of {text.name} {problem}",
        where=Location(text.name),
        statement=statement[:500],
    )


def _statement(object_: DumpObject) -> str:
    # A comment after the last word would swallow the semicolon.
    tail = object_.sql[len(without_tail(object_.sql)) :]
    return object_.sql + ("\n" if "--" in tail.rpartition("\n")[2] else "")


def _statement_count(text: Path) -> int:
    """How many statements ``text`` has, as its last line says."""
    try:
        with regular.open_binary(text) as file:
            file.seek(max(0, text.stat().st_size - 100))
            end = _END_LINE.search(file.read())
    except OSError as e:
        raise FileError(f"{text.name} cannot be read: {e.strerror}", where=Location(text.name)) from None
    if end is None:
        raise CheckFailed(
            f"{text.name} is cut off: its last line does not say that it is the end",
            where=Location(text.name),
            hint="use another backup",
        )
    return int(end[1])


def _statements(text: Path) -> Iterator[str]:
    """The statements of a text of any size. Raises CheckFailed where it is not UTF-8."""
    rest, length = "", _CHUNK
    try:
        with text.open(encoding="utf-8", newline="") as file:
            while chunk := file.read(length):
                cuts = pieces(rest + chunk)
                # The last statement may go on. A long one is split again only after it has doubled.
                rest = cuts.pop() if cuts else ""
                length = max(_CHUNK, len(rest))
                yield from cuts
    except UnicodeDecodeError:
        raise CheckFailed(
            f"{text.name} is no UTF-8: it was changed after it was written", where=Location(text.name)
        ) from None
    yield from (cut for cut in pieces(rest) if skip_to_code(cut, 0) < len(cut))
