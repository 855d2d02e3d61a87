"""Running the text of a migration: in one go where it works, statement by statement to find out why not.

A text of any size is cut into chunks at statement ends, so that memory stays near the file's own
size and progress can be shown. The engine runs a chunk in one call; only when that fails is the chunk
split and run again to name the statement.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from memsql.db import Connection
from memsql.errors import Location, StatementError
from memsql.project.files import SqlFile
from memsql.sqltext import (
    Statement,
    split,
)

_GUARD = re.compile(r"^[ \t]*--[ \t]*when:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole statements: ``line`` is the first line's number in the file, from 1."""

    text: str
    line: int
    end: int


@dataclass(frozen=True, slots=True)
class Timing:
    """One statement of a rehearsal: position and line in the file, seconds' thousandths, rows."""

    number: int
    line: int
    text: str
    ms: float
    rows: int


def texts(file: SqlFile, *, likely: bool = False) -> Iterator[tuple[str, int, int]]:
    """The text of ``file`` in runs of whole statements, ``likely`` ones where that will do, each with the bytes it starts
    and ends at. Raises FileError where it is not UTF-8."""
    start, view = 0, memoryview(file.data)
    for end in file.likely_cuts if likely else file.cuts:
        try:
            text = str(view[start:end], "utf-8")
        except UnicodeDecodeError:
            text = file.text()  # raises with the place
        if "\0" in text:
            file.text()
        yield text, start, end
        start = end


def chunks(file: SqlFile) -> Iterator[Chunk]:
    """texts() with their lines, for who tells of single statements."""
    line = 1
    for text, _, end in texts(file):
        yield Chunk(text, line, end)
        line += text.count("\n")


def run(conn: Connection, file: SqlFile, at: Callable[[float], None]) -> None:
    """Run all of ``file`` in the open transaction; ``at`` is told the fraction done after each chunk.

    Raises StatementError without a place: locate() finds it.
    """
    total = len(file.data) or 1
    for text, _, end in texts(file):
        conn.script(text)
        at(end / total)


def run_timed(conn: Connection, file: SqlFile, at: Callable[[float], None]) -> list[Timing]:
    """Like run(), a statement at a time, returning each one's time and changed rows."""
    timings = []
    done = 0
    total = len(file.data) or 1
    for chunk in chunks(file):
        for statement in split(chunk.text):
            started = time.perf_counter()
            try:
                result = conn.execute(statement.text)
            except StatementError as e:
                raise failed(e, file, chunk, statement, done + statement.number) from e
            timings.append(
                Timing(
                    done + statement.number,
                    chunk.line + statement.line - 1,
                    statement.text,
                    (time.perf_counter() - started) * 1000,
                    result.changes,
                )
            )
        done = len(timings)
        at(chunk.end / total)
    return timings


def run_guarded(conn: Connection, file: SqlFile, at: Callable[[float], None]) -> list[Timing]:
    """Like run_timed(), for legacy upgrades: a statement directly under ``-- when: EXPRESSION`` lines
    runs only where ``SELECT EXPRESSION`` is true for all of them at that moment."""
    timings = []
    text = file.text()
    found = split(text)
    end = 0
    for statement in found:
        guards = _GUARD.findall(text, end, statement.start)
        end = statement.end
        started = time.perf_counter()
        try:
            # A later guard may name a table that the one before it asked for.
            if not all(conn.execute(f"SELECT {guard}").one() for guard in guards):
                continue
            result = conn.execute(statement.text)
        except StatementError as e:
            raise failed(e, file, Chunk(text, 1, len(text)), statement, statement.number) from e
        elapsed = (time.perf_counter() - started) * 1000
        timings.append(Timing(statement.number, statement.line, statement.text, elapsed, result.changes))
        at(statement.end / len(text))
    return timings


def locate(conn: Connection, file: SqlFile, error: StatementError) -> StatementError:
    """Name the statement behind ``error`` by running ``file`` again, slowly, from its beginning.

    The caller has undone the first run. Where the second one goes through, the error is returned
    with the file alone as its place.
    """
    try:
        run_timed(conn, file, lambda _: None)
    except StatementError as e:
        return e
    error.where = Location(file.path)
    return error


def failed(error: StatementError, file: SqlFile, chunk: Chunk, statement: Statement, number: int) -> StatementError:
    """``error`` as that of ``statement`` of ``chunk``, which is ``number`` in ``file``, from 1."""
    located = StatementError(error.message, code=error.code, index=number - 1, statement=statement.text)
    located.where = Location(file.path, chunk.line + statement.line - 1)
    return located
