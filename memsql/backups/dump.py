"""A database as SQL text that loads into sqlite3, Python and a libSQL server alike, full-text indexes included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from memsql.backups.digest import Reading
from memsql.backups.literal import literal
from memsql.backups.rows import Thing, all_readings, read_rows, sequence_statements, things
from memsql.config import Target
from memsql.db import connect
from memsql.db.copying import Omitted
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, ConnectError, FileError, Location, StatementError
from memsql.fts import FtsTable, discover
from memsql.progress import Progress
from memsql.sqltext import pieces, quote, skip_to_code
from memsql.sqltext.tokens import without_tail

_STATEMENT_BYTES = 100_000
_AT_ONCE = 1 << 19
_READ = 1 << 20
_HEAD = "-- A database as SQL, written by memsql. Its last line says how many statements there are.\n"
_END_LINE = re.compile(rb"(?:^|\n)-- memsql: the end, (\d+) statements\n\Z")


def write_sql(copy: Path, out: Path, progress: Progress, *, omitted: Sequence[Omitted] = ()) -> None:
    """Write the SQLite file ``copy`` as SQL into the file ``out``, in bounded memory; the caller syncs it.

    One transaction: tables, rows with their rowids, indexes, views, full-text indexes, triggers. What a full-text index
    keeps of rows that are elsewhere is built anew when the text is loaded; the tables behind other virtual tables are
    written as they are. ``omitted`` becomes comments.
    """
    with (
        closing(connect(Target(path=copy, display=copy.name), "ro")) as conn,
        out.open("w", encoding="utf-8", newline="") as file,
    ):
        assert isinstance(conn, SQLiteConnection)
        size = max(1, copy.stat().st_size)
        count = done = 0
        file.write(_HEAD)
        for thing in omitted:
            text, reason = thing.sql.replace("\n", "\n--     "), " ".join(thing.reason.split())
            file.write(
                f"-- left out: the {thing.type} {thing.name!r}: {reason}\n" + (f"--     {text};\n" if text else "")
            )
        for statement in _Writer(conn, progress).statements():
            file.write(statement)
            file.write(";\n")
            count += 1
            done += len(statement)
            progress.tick(min(1.0, done / size))
        file.write(f"-- memsql: the end, {count} statements\n")


def load_sql(text: Path, into: Path, progress: Progress) -> None:
    """Load what write_sql() wrote into the new SQLite file ``into``, in bounded memory.

    Raises CheckFailed where the text is cut off or a statement of it does not run, and FileError where it cannot be read;
    then there is no file.
    """
    wanted, size, done = _promised(text), max(1, text.stat().st_size), 0
    progress.start(f"loading {text.name}")
    try:
        with closing(connect(Target(path=into, display=into.name), "rwc")) as conn:
            conn.execute("PRAGMA journal_mode = off")
            conn.execute("PRAGMA synchronous = off")
            conn.execute("PRAGMA cache_size = -50000")
            count = 0
            for statement in _statements(text):
                count += 1
                try:
                    conn.execute(statement)
                except StatementError as e:
                    if e.code == "SQLITE_FULL":
                        raise ConnectError(
                            f"{text.name} cannot be loaded: the disk is full", hint="free space, and run it again"
                        ) from e
                    raise CheckFailed(
                        f"statement {count} of {text.name} does not run: {e.message}",
                        where=Location(text.name),
                        statement=statement[:500],
                    ) from e
                done += len(statement)
                progress.tick(min(1.0, done / size))
            if count != wanted or conn.in_transaction:
                raise CheckFailed(
                    f"{text.name} has {count} statements instead of {wanted}",
                    where=Location(text.name),
                    hint="it was changed after it was written: use another backup",
                )
            conn.execute("PRAGMA journal_mode = delete")
    except BaseException:
        into.unlink(missing_ok=True)
        raise


class _Writer:
    def __init__(self, conn: SQLiteConnection, progress: Progress) -> None:
        self._conn = conn
        self._progress = progress
        self._things = things(conn)
        self._readings = all_readings(conn)
        names = {t.name.lower() for t in self._things}
        # An index whose content is gone cannot be built anew.
        self._fts = {
            t.name: t
            for t in discover(conn)
            if t.kind == "own" or (t.kind == "external" and (t.content or "").lower() in names)
        }

    def statements(self) -> Iterator[str]:
        """All of them, without the semicolon."""
        # The command line of SQLite 3.53 lets nobody write the tables behind virtual tables, unless a text begins with these
        # two lines, letter by letter, as those of its own .dump do.
        yield "PRAGMA foreign_keys=OFF"
        yield "BEGIN TRANSACTION"
        yield from self._of("table")
        for table in self._fts.values():
            yield from self._options(table)
        built = {
            f"{name}_{end}".lower() for name in self._fts for end in ("data", "idx", "docsize", "config", "content")
        }
        shadows = [t.name for t in self._things if t.kind == "shadow" and t.name.lower() not in built]
        yield from (f"DELETE FROM {quote(name)}" for name in shadows)
        for name, reading in self._readings.items():
            if name != "sqlite_sequence" and name.lower() not in built:
                yield from self._rows(reading)
        for table in self._fts.values():
            if table.kind == "own":
                yield from self._rows(self._own(table))
        yield from sequence_statements(self._things, self._readings)
        if "sqlite_sequence" in self._readings:
            yield from self._rows(self._readings["sqlite_sequence"])
        yield from self._of("index")
        yield from self._of("view")
        for table in self._fts.values():
            if table.kind == "external":
                yield f"INSERT INTO {quote(table.name)} ({quote(table.name)}) VALUES ('rebuild')"
        yield from self._of("trigger")
        yield f"PRAGMA user_version = {self._conn.execute('PRAGMA user_version').one()!r}"
        yield "COMMIT"
        if application := self._conn.execute("PRAGMA application_id").one():
            # Behind the end: a libSQL server refuses it.
            yield f"PRAGMA application_id = {application!r}"

    def _of(self, kind: str) -> Iterator[str]:
        for thing in self._things:
            if thing.type == kind and thing.kind != "shadow":
                yield _statement(thing)

    def _options(self, table: FtsTable) -> Iterator[str]:
        """What was set with the special commands of FTS5, such as its ranking function."""
        name, config = quote(table.name), quote(f"{table.name}_config")
        for row in self._conn.execute(f"SELECT k, v FROM {config} WHERE k <> 'version'").rows:
            yield f"INSERT INTO {name} ({name}, rank) VALUES ({', '.join(map(literal, row))})"

    def _own(self, table: FtsTable) -> Reading:
        columns = ["rowid", *(str(r[0]) for r in self._conn.execute(load("engine/columns"), (table.name,)).rows)]
        listed = ", ".join(map(quote, columns))
        return Reading(table.name, tuple(columns), f"SELECT {listed} FROM {quote(table.name)} ORDER BY rowid")

    def _rows(self, reading: Reading) -> Iterator[str]:
        self._progress.start(f"writing {reading.name}")
        skip = self._superfluous(reading)
        columns = reading.columns[skip:]
        head = f"INSERT INTO {quote(reading.name)} ({', '.join(map(quote, columns))}) VALUES\n"
        some: list[str] = []
        weight = 0
        for found in read_rows(self._conn, reading.sql, _AT_ONCE):
            for row in found.rows:
                text = f"({', '.join([literal(value) for value in row[skip:]])})"
                if some and weight + len(text) > _STATEMENT_BYTES:
                    yield head + ",\n".join(some)
                    some, weight = [], 0
                some.append(text)
                weight += len(text)
        if some:
            yield head + ",\n".join(some)

    def _superfluous(self, reading: Reading) -> int:
        """1 where the rowid that is read first is there under a name of its own too."""
        stored = self._conn.execute(load("engine/columns"), (reading.name,)).rows
        alias = self._conn.execute(load("backups/rowid_alias"), (reading.name,)).one()
        return int(bool(alias) and len(reading.columns) > len(stored))


def _statement(thing: Thing) -> str:
    # A comment behind the last word would swallow the semicolon.
    tail = thing.sql[len(without_tail(thing.sql)) :]
    return thing.sql + ("\n" if "--" in tail.rpartition("\n")[2] else "")


def _promised(text: Path) -> int:
    """How many statements the last line of ``text`` tells of."""
    try:
        with text.open("rb") as file:
            file.seek(max(0, text.stat().st_size - 100))
            found = _END_LINE.search(file.read())
    except OSError as e:
        raise FileError(f"{text.name} cannot be read: {e.strerror}", where=Location(text.name)) from None
    if found is None:
        raise CheckFailed(
            f"{text.name} is cut off: its last line does not say that it is the end",
            where=Location(text.name),
            hint="use another backup",
        )
    return int(found[1])


def _statements(text: Path) -> Iterator[str]:
    """The statements of a text of any size. Raises CheckFailed where it is no UTF-8."""
    rest, at_least = "", _READ
    try:
        with text.open(encoding="utf-8", newline="") as file:
            while chunk := file.read(at_least):
                cuts = pieces(rest + chunk)
                # The last one may go on, and a long one is looked at again only when it has doubled.
                rest = cuts.pop() if cuts else ""
                at_least = max(_READ, len(rest))
                yield from cuts
    except UnicodeDecodeError:
        raise CheckFailed(
            f"{text.name} is no UTF-8: it was changed after it was written", where=Location(text.name)
        ) from None
    yield from (cut for cut in pieces(rest) if skip_to_code(cut, 0) < len(cut))
