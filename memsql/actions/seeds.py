"""Proves that seeds change nothing when they run again, on databases in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from memsql.db import transaction
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import Location, MemsqlError, Refused
from memsql.project.load import Project
from memsql.project.seeds import Seed
from memsql.schema import read
from memsql.scratch.database import contents_of
from memsql.scratch.fitting import populate
from memsql.sqltext import quote, statements

_ROWS = 10


def refuse_repeating(project: Project, waiting: Sequence[str]) -> tuple[str, ...]:
    """Raise Refused where one of the seeds called ``waiting`` would change something if it ran twice.

    It is tried behind the migrations and the seeds before it, on an empty database and on one with made-up rows, on
    which a statement that copies rows finds some. Returns a sentence for each that runs on neither of the two.
    """
    failed: dict[str, str] = {}
    for rows in (0, _ROWS):
        with closing(memory()) as conn:
            run_on(conn, replace(project, seeds=()), "up", RunOptions())
            if rows:
                populate(conn, read(conn), None, rows=rows, seed=1)
            for seed in project.seeds:
                before = contents_of(conn)
                error = _run(conn, seed)
                if error is not None:
                    if not rows:
                        failed[seed.name] = error.message
                    continue
                if contents_of(conn).digests != before.digests:
                    # Else a made-up row had its key, and it did nothing.
                    failed.pop(seed.name, None)
                problem = _again(conn, seed) if seed.name in waiting else None
                if problem is not None:
                    raise problem
    return tuple(
        f"{name}: that it changes nothing when it runs again was not proven, because it does not run on a new "
        f"database: {message}"
        for name, message in failed.items()
        if name in waiting
    )


def _again(conn: SQLiteConnection, seed: Seed) -> Refused | None:
    """Why ``seed``, which ran, must not run: what it does when it runs again."""
    before, counts = contents_of(conn), _counts(conn)
    error = _run(conn, seed)
    if error is not None:
        return _refusal(seed, f"it fails: {error.message}")
    after, later = contents_of(conn), _counts(conn)
    changed = [name for name in sorted(after.digests) if before.digests.get(name) != after.digests[name]]
    if not changed:
        return None
    lines = [
        f"{later[name] - counts[name]} rows more in {name}" if later[name] != counts[name] else f"other rows in {name}"
        for name in changed
    ]
    return _refusal(seed, ", ".join(lines))


def _refusal(seed: Seed, what: str) -> Refused:
    return Refused(
        f"{seed.file.path} would not be the same twice: when it runs again, {what}",
        where=Location(seed.file.path),
        state="nothing was changed",
        hint="give its rows their keys, and write ON CONFLICT DO NOTHING, or WHERE NOT EXISTS behind a SELECT",
    )


def _run(conn: SQLiteConnection, seed: Seed) -> MemsqlError | None:
    conn.execute("PRAGMA foreign_keys = on")
    try:
        with transaction(conn):
            for statement in statements(seed.file.text()):
                conn.execute(statement.text)
    except MemsqlError as e:
        return e
    return None


def _counts(conn: SQLiteConnection) -> dict[str, int]:
    names = list(read(conn).tables)
    return {name: int(str(conn.execute(f"SELECT count(*) FROM {quote(name)}").one())) for name in names}
