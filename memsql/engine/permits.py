"""Whether every ``-- allow: data-loss`` of the files to run says which table may lose what, and is spelt right."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memsql import hints, visible
from memsql.db import Connection
from memsql.db.queries import load
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.job import Job
from memsql.errors import FileError, Location
from memsql.project.files import SqlFile
from memsql.sqltext import MigrationHeader, fold, skip_to_code
from memsql.sqltext.names import NAME, WORD_END, keywords, quote_if_needed, unquote
from memsql.sqltext.tokens import QUOTED_NAME, STRING, TRIVIA

_SHOWN = 10
_SPELLED = rf"{NAME}|{QUOTED_NAME}|{STRING}"
_names_a_table = re.compile(
    rf"(?:{keywords('TABLE')}{WORD_END}{TRIVIA}*(?:{keywords('IF')}{TRIVIA}+(?:{keywords('NOT')}{TRIVIA}+)?"
    rf"{keywords('EXISTS')}{WORD_END})?|{keywords('RENAME')}{TRIVIA}+{keywords('TO')}{WORD_END}){TRIVIA}*"
    rf"({_SPELLED})(?:{TRIVIA}*\.{TRIVIA}*({_SPELLED}))?"
).finditer


@dataclass(frozen=True, slots=True)
class _Side:
    """One file of a pair, with its header."""

    file: SqlFile
    header: MigrationHeader


def refuse_unscoped(conn: Connection, jobs: Sequence[Job]) -> None:
    """Raise FileError for the first permit of ``jobs`` that is misspelt or names no table, before any of them runs.

    A table is one of the database, or one that a file up to there creates, drops or renames. The rollback of a
    migration to apply is looked at with it.
    """
    for job in jobs:
        for side in _sides(job):
            _refuse_misspelt(side)
    if not any(header.allows_loss for job in jobs for header in (job.header, job.migration.down_header) if header):
        return
    known = {fold(visible.line(str(row[0]))) for row in conn.execute(load("engine/tables")).rows}
    unread: deque[SqlFile] = deque()
    for job in jobs:
        sides = tuple(_sides(job))
        unread += [side.file for side in sides]
        for side in sides:
            problem = _unscoped(side.header, known, unread)
            if problem is not None:
                raise _refusal(job, side, *problem)


def _refuse_misspelt(side: _Side) -> None:
    """Raise FileError for a permit that would permit nothing, because nobody reads its name."""
    from memsql.sqltext.near_miss import permit_meant

    for allow in side.header.allows:
        meant = permit_meant(allow.rule)
        if meant is not None:
            raise FileError(
                f"`-- allow: {allow.rule}` is not the name of a permit",
                where=Location(side.file.path, allow.line),
                state="nothing was changed",
                hint=f"did you mean `-- allow: {meant} {allow.reason}`?",
            )


def _sides(job: Job) -> Iterator[_Side]:
    yield _Side(job.file, job.header)
    down, header = job.migration.down, job.migration.down_header
    if job.direction == "up" and down is not None and header is not None:
        yield _Side(down, header)


def _unscoped(header: MigrationHeader, known: set[str], unread: deque[SqlFile]) -> tuple[str, int] | None:
    """The first permit of ``header`` that names no table, as its text and its line.

    ``known`` are tables, folded; it grows by those of the files of ``unread`` only where a name is not among them.
    """
    for allow in header.allows:
        if allow.rule == "data-loss":
            return allow.reason, allow.line
    for permit in header.permits:
        while fold(permit.table) not in known and unread:
            known |= set(map(visible.line, tables_in(unread.popleft())))
        if fold(permit.table) not in known:
            name = permit.table if permit.column is None else f"{permit.table}.{permit.column}"
            return f"{name} {permit.reason}", permit.line
    return None


def tables_in(file: SqlFile) -> set[str]:
    """The tables that ``file`` creates, drops, alters or renames, folded, and perhaps words of strings in it."""
    text = file.text()
    return {fold(unquote(m[2] or m[1])) for m in _names_a_table(text, skip_to_code(text, 0))}


def _refusal(job: Job, side: _Side, text: str, line: int) -> FileError:
    analysis = job.analysis if side.file is job.file else analyse(side.file, side.header)
    tables = _changed(analysis)
    shown = ", ".join(quote_if_needed(table) for table in tables[:_SHOWN])
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    name = quote_if_needed(tables[0]) if tables else "TABLE"
    return FileError(
        f"`-- allow: data-loss {text}` does not begin with the name of a table",
        where=Location(side.file.path, line),
        state="nothing was changed",
        details=(f"tables that the file drops, rebuilds or changes: {shown}{more}",) if tables else (),
        hint=f"say what may be lost: `-- allow: data-loss {name} <reason>` for rows of a table, "
        f"`-- allow: data-loss {name}.COLUMN <reason>` for the values of a column, one line for each; "
        f"proposals: {hints.command('migrate.permits')}",
    )


def _changed(analysis: Analysis) -> list[str]:
    """The tables whose rows or values the file may take away, folded."""
    # The table in which a rebuild gathers the rows becomes the one that it drops.
    gathering = {old for old, new in analysis.renames if new in analysis.drops}
    renamed = {old for old, _ in analysis.renames} | {table for table, _, _ in analysis.columns}
    tables = analysis.drops | analysis.strips | analysis.deletes | analysis.updates | renamed
    return sorted(tables - gathering)
