"""Whether two texts of one migration do the same: both run on the same databases in memory, empty and with made-up
rows, and what they leave is compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from zlib import crc32

from memsql.backups.digest import differences
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import CheckFailed, MemsqlError, StatementError
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, diff, read
from memsql.scratch.database import Contents, contents_of, copy_of, project_of, try_run
from memsql.scratch.fitting import concerned, destination, populate

_ROWS = 100


def unlike(settings: Settings, earlier: Sequence[Migration], old: Migration, new: Migration) -> tuple[str, ...]:
    """What the text ``new`` does otherwise than the text ``old``, in sentences, or why that cannot be seen; empty where
    both do the same.

    Both run behind the migrations ``earlier``. Raises MemsqlError where those do not run on an empty database.
    """
    # Checks judge a result and do not make it.
    settings = replace(settings, sql=settings.sql / "without checks")
    # Under one name, so that the ledger of both is the same.
    old = replace(old, version=new.version, name=new.name, id=new.id)
    pair = (project_of(settings, (*earlier, old)), project_of(settings, (*earlier, new)))
    with closing(memory()) as base:
        error = try_run(base, project_of(settings, earlier), "up", allow=True)
        if error is not None:
            raise error
        lines = _compared(base, pair)
        if lines:
            return lines
        before = read(base)
        with copy_of(base) as trial:
            try_run(trial, pair[0], "up", allow=True)
            after = read(trial)
        unfilled = _fill(base, before, after, (old, new))
        return tuple(f"on made-up rows: {line}" for line in (*unfilled, *_compared(base, pair)))


def _compared(base: SQLiteConnection, pair: tuple[Project, Project]) -> tuple[str, ...]:
    """What differs after each project of ``pair`` ran on a copy of ``base``, or which of them does not run."""
    with copy_of(base) as one, copy_of(base) as two:
        errors = [try_run(conn, project, "up", allow=True) for conn, project in zip((one, two), pair, strict=True)]
        if any(errors):
            return tuple(
                f"the {which} text {'runs' if error is None else f'does not run: {_said(error)}'}"
                for which, error in zip(("old", "new"), errors, strict=True)
            )
        contents = contents_of(one)
        return (*_content_lines(contents, contents_of(two, contents)), *_marks(one, two))


def _said(error: MemsqlError) -> str:
    return "; ".join((error.message, *error.details[:2]))


def _content_lines(old: Contents, new: Contents) -> list[str]:
    lines = [f"schema: {line}" for line in diff(old.schema, new.schema).lines()]
    if not lines:
        lines = differences(old.digests.values(), new.digests.values())
    if old.sequences != new.sequences:
        lines.append("the next keys of AUTOINCREMENT are others")
    lines += [line for line in new.broken if line not in old.broken]
    return lines


def _marks(one: SQLiteConnection, two: SQLiteConnection) -> list[str]:
    """Differences in the numbers that an application keeps in the header of the file."""
    lines = []
    for pragma in ("user_version", "application_id"):
        old, new = (conn.execute(f"PRAGMA {pragma}").one() for conn in (one, two))
        if old != new:
            lines.append(f"PRAGMA {pragma} is {new!s} instead of {old!s}")
    return lines


def _fill(conn: SQLiteConnection, before: Schema, after: Schema, texts: tuple[Migration, Migration]) -> list[str]:
    """Make up rows that fit the schema ``before`` the migration and the one ``after`` it; return a sentence for each
    table that has none, on whose rows nothing can be seen."""
    try:
        part = concerned(before, "\n".join(m.up.text() for m in texts))
        seed = crc32(texts[1].id.encode())
        counts = populate(conn, part, destination(part, after), rows=_ROWS, seed=seed)
    except (StatementError, CheckFailed) as e:
        return [f"none could be made: {e.message}"]
    return [f"none that were made satisfy the constraints of {table}" for table, n in sorted(counts.items()) if not n]
