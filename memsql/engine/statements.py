"""Running the text of a migration: many statements in one call, and one by one where a time or a place is asked for.

The text is cut into chunks at ends of statements, so that memory stays near the size of the file and progress can
be shown. The engine runs a chunk in one call. Only where that fails the file runs again, a statement at a time, to
name the statement.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from memsql.db import Connection, Result
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.errors import INTERRUPT, Location, StatementError
from memsql.progress import SILENT, Progress
from memsql.project.files import SqlFile
from memsql.sqltext import Statement, quote, split
from memsql.sqltext.shapes import inserts_values, shape

if TYPE_CHECKING:
    from memsql.engine.loss.account import Accountant

Execute = Callable[[str], Result]
_GUARD = re.compile(r"^[ \t]*--[ \t]*when:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole statements that follow each other in a file.

    ``line``: the number of the first line in the file, from 1. ``end``: the byte of the file behind the last statement.
    """

    text: str
    line: int
    end: int


@dataclass(frozen=True, slots=True)
class StatementTiming:
    """One statement that ran: its ``number`` and ``line`` in the file, from 1, ``ms`` milliseconds, changed
    ``rows``."""

    number: int
    line: int
    text: str
    ms: float
    rows: int


def texts(file: SqlFile, *, likely: bool = False) -> Iterator[tuple[str, int, int]]:
    """The text of ``file`` in runs of whole statements: (text, first byte, byte behind it).

    ``likely``: cut where a statement probably ends (SqlFile.likely_cuts), which is quicker. Raises FileError where
    the text is not UTF-8.
    """
    start, view = 0, memoryview(file.data)
    for end in file.likely_cuts if likely else file.cuts:
        try:
            text = str(view[start:end], "utf-8")
        except UnicodeDecodeError:
            text = file.text()  # raises FileError with the line
        if "\0" in text:
            file.text()
        yield text, start, end
        start = end


def chunks(file: SqlFile) -> Iterator[Chunk]:
    """texts() with line numbers."""
    line = 1
    for text, _, end in texts(file):
        yield Chunk(text, line, end)
        line += text.count("\n")


def run(conn: Connection, file: SqlFile, progress: Progress) -> None:
    """Run all of ``file`` in the open transaction.

    Raises StatementError without a place; locate() names the statement.
    """
    total = len(file.data) or 1
    for text, _, end in texts(file):
        conn.script(text)
        progress.tick(end / total)


def run_quickly(
    conn: Connection,
    file: SqlFile,
    bulk: Mapping[int, str],
    *,
    interrupted: Callable[[], bool],
    progress: Progress,
) -> None:
    """Like run(), with as few questions to the observer as possible.

    SQLite calls the authorizer for each statement that it prepares, which costs a tenth of the time of a plain
    INSERT. But what an INSERT into an ordinary table without triggers can reach is the same for all of them, so one
    is enough. ``bulk``: as Analysis.bulk. ``interrupted`` says whether somebody asked to stop.

    Raises StatementError without a place: a statement failed, or somebody asked to stop, or the text was cut where no
    statement ends (see cut_wrongly()).
    """
    total = len(file.data) or 1
    observed: set[tuple[str, bool]] = set()
    for text, _, end in texts(file, likely=True):
        table = bulk.get(end)
        upserts = table is not None and "conflict" in text.lower()
        if table is None:
            observed.clear()
        elif (table, upserts) not in observed and _observe_insert(conn, table, upserts=upserts):
            observed.add((table, upserts))
        conn.script(text, watched=table is None or (table, upserts) not in observed)
        if interrupted():
            raise StatementError("interrupted", code=INTERRUPT)
        progress.tick(end / total)


def run_measured(accountant: Accountant, file: SqlFile, progress: Progress) -> None:
    """Run all of ``file`` so that ``accountant`` accounts for every value.

    Statements that only insert run together, and neighbours of one shape. Raises StatementError, with its place unless
    it ran together with others.
    """
    total = len(file.data) or 1
    before = 0
    for chunk in chunks(file):
        chunk_statements = split(chunk.text)
        for run in _runs(chunk_statements):
            texts = [statement.text for statement in run]
            if inserts_values(texts[0]):
                accountant.script(chunk.text[run[0].start : run[-1].end] + ";", texts)
                continue
            try:
                accountant.run_all(texts)
            except StatementError as e:
                if e.index is None:
                    raise
                statement = run[e.index]
                where = Location(file.path, chunk.line + statement.line - 1)
                raise located(e, statement, before + statement.number, where) from e
        before += len(chunk_statements)
        progress.tick(chunk.end / total)


def _runs(chunk_statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Neighbours that only insert, neighbours of one shape, and each other statement alone."""

    def kind(statement: Statement) -> object:
        # Nothing is equal to an object of its own.
        return inserts_values(statement.text) or shape(statement.text) or object()

    for _, run in groupby(chunk_statements, key=kind):
        yield list(run)


def cut_wrongly(file: SqlFile) -> bool:
    """Whether run_quickly() cuts ``file`` where no statement ends. Takes as long as run_quickly() saves."""
    return file.likely_cuts != file.cuts


def run_timed(execute: Execute, file: SqlFile, progress: Progress) -> list[StatementTiming]:
    """Like run(), but one statement a call of ``execute``. Returns the time and the changed rows of each."""
    timings: list[StatementTiming] = []
    before = 0
    total = len(file.data) or 1
    for chunk in chunks(file):
        for statement in split(chunk.text):
            number, line = before + statement.number, chunk.line + statement.line - 1
            started = time.perf_counter()
            try:
                result = execute(statement.text)
            except StatementError as e:
                raise located(e, statement, number, Location(file.path, line)) from e
            timings.append(StatementTiming(number, line, statement.text, _ms_since(started), result.changes))
        before = len(timings)
        progress.tick(chunk.end / total)
    return timings


def guarded(file: SqlFile) -> Iterator[tuple[Statement, Sequence[str]]]:
    """The statements of a legacy upgrade, each with the conditions of the lines ``-- when: EXPRESSION`` directly above
    it."""
    text = file.text()
    end = 0
    for statement in split(text):
        guards = _GUARD.findall(text, end, statement.start)
        end = statement.end
        yield statement, guards


def run_guarded(
    conn: Connection, file: SqlFile, progress: Progress, execute: Execute | None = None
) -> list[StatementTiming]:
    """Like run_timed(), for legacy upgrades. ``execute`` runs a statement, by default on ``conn``.

    A statement runs only where ``SELECT EXPRESSION`` is true for all of its guarded() conditions at that moment.
    Returns the statements that ran.
    """
    timings = []
    length = len(file.text())
    for statement, guards in guarded(file):
        started = time.perf_counter()
        try:
            # One by one: a later guard may name a table that the guard before it tests for.
            if not all(conn.execute(question(guard)).one() for guard in guards):
                continue
            result = (execute or conn.execute)(statement.text)
        except StatementError as e:
            raise located(e, statement, statement.number, Location(file.path, statement.line)) from e
        timings.append(
            StatementTiming(statement.number, statement.line, statement.text, _ms_since(started), result.changes)
        )
        progress.tick(statement.end / length)
    return timings


def question(guard: str) -> str:
    """The query whose first value says whether ``guard`` is true."""
    return f"SELECT {guard}"


def locate(conn: Connection, file: SqlFile, error: StatementError) -> StatementError:
    """The statement that raises ``error``, searched by running ``file`` from its beginning, a statement at a time.

    The caller has undone the first run. Where the second one succeeds, returns ``error`` with the file as its place.
    """
    try:
        run_timed(conn.execute, file, SILENT)
    except StatementError as e:
        return e
    error.where = Location(file.path)
    return error


def located(error: StatementError, statement: Statement, number: int, where: Location) -> StatementError:
    """``error`` with its place: ``statement`` is the one of that ``number`` in its file, from 1, and begins at
    ``where``."""
    named = StatementError(error.message, code=error.code, index=number - 1, statement=statement.text)
    named.where = where
    return named


def _observe_insert(conn: Connection, table: str, *, upserts: bool) -> bool:
    """Show the observer everything that an INSERT into ``table`` (quoted where needed) can reach; one that ``upserts``
    may set any column. False where one INSERT might reach more than another."""
    name = table.strip('"')
    if not conn.execute(load("engine/plain_table"), (name,)).rows:
        return False
    columns = [quote(str(row[0])) for row in conn.execute(load("engine/columns"), (name,)).rows]
    try:
        compile_only(conn, f"INSERT INTO {table} ({columns[0]}) VALUES (NULL)")
        if upserts:
            compile_only(conn, f"UPDATE {table} SET {', '.join(f'{c} = {c}' for c in columns)}")
    except StatementError:
        return False
    return True


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
