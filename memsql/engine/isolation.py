"""What a file sets and makes for its own use does not outlive it, so that a migration means the same alone and in a run
of a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise

from memsql.db import Connection, Item, Touched, Value
from memsql.db.queries import load
from memsql.engine.job import Job
from memsql.errors import ConnectError, FileError, Location, MemsqlError, Refused, UsageError
from memsql.project.admission import in_ledger
from memsql.sqltext import quote
from memsql.sqltext.pragmas import SERVER_SETS, is_settled
from memsql.sqltext.tokens import tokenize

_TRIES = 3


@contextmanager
def isolated(conn: Connection, job: Job) -> Iterator[None]:
    """While open, the statements of ``job`` run on ``conn``, a connection to a file.

    At the end the settings that the file changed are what they were before it, whether it succeeded or not, and, where
    it did, its TEMP objects are gone (a ROLLBACK takes them otherwise). Costs nothing for a file that does neither.
    Raises FileError where a TEMP object hides a table, for then nobody can tell what the file changed; ConnectError
    where a setting cannot be set back.
    """
    analysis = job.analysis
    if not analysis.settings and not analysis.makes_temporary:
        yield
        return
    for name in () if analysis.replayed else sorted(analysis.temporary):
        _refuse_hiding(job, [str(row[0]) for row in conn.execute(load("engine/find_shown"), (name,)).rows])
    with _settings_kept(conn, analysis.settings):
        yield
    if analysis.makes_temporary:
        _drop_temporary(conn, job)


def refuse_ledger_written(job: Job, touched: Touched) -> None:
    """Raise Refused where ``job`` reached a table of the ledger in a way that its text does not show, such as a trigger
    or a view."""
    names = touched.written() | touched.dropped | touched.altered
    written = sorted(name for name in names if in_ledger(name))
    if written and not job.analysis.replayed:
        raise Refused(
            f"{job.migration.id} writes {', '.join(written)}, which belongs to memsql: its records would be wrong",
            where=Location(job.file.path),
            hint="find the trigger or view that does it; a migration may read these tables, and nobody but memsql may "
            "write them",
        )


def refuse_on_server(jobs: Sequence[Job]) -> None:
    """Raise UsageError where one of ``jobs`` needs what no libSQL server has."""
    stepwise = [job.migration.id for job in jobs if not job.header.transactional]
    if stepwise:
        raise UsageError(
            f"{', '.join(stepwise)}: `-- transactional: false` works on SQLite files only",
            state="nothing was changed",
            hint="a libSQL server refuses VACUUM and its like anyway; without the directive it runs in a transaction",
        )
    for job in jobs:
        if _asks(job, frozenset({"total_changes"})):
            raise _not_on_server(
                job,
                "asks total_changes(), which counts there what memsql writes too",
                "use changes() behind each statement, or count the rows",
            )
        unknown = sorted(job.analysis.pragmas - SERVER_SETS)
        if unknown:
            raise _not_on_server(
                job,
                f"sets PRAGMA {unknown[0]}, which a libSQL server refuses",
                "remove it, or keep this migration for SQLite files",
            )
        if job.analysis.temporary:
            raise _not_on_server(
                job,
                f"makes the TEMP object {min(job.analysis.temporary)}, which a libSQL server refuses",
                "make an ordinary table and drop it in the end",
            )


def settings_back(job: Job) -> list[Item]:
    """What sets back, on a server and behind the statements of ``job``, what these set: the next job may share their
    transaction."""
    # The other settings that a server takes are no property of the connection.
    return [("PRAGMA defer_foreign_keys = off", ())] if "defer_foreign_keys" in job.analysis.settings else []


def refuse_counters(job: Job) -> None:
    """Raise UsageError where the text of ``job`` asks last_insert_rowid() or changes(). Call it where memsql writes
    something of its own between its statements on a server."""
    if _asks(job, frozenset({"last_insert_rowid", "changes"})):
        raise _not_on_server(
            job,
            "asks last_insert_rowid() or changes() and drops an AUTOINCREMENT table, whose sequence memsql keeps by "
            "writes of its own there",
            "drop the table in a migration of its own",
        )


def _asks(job: Job, functions: frozenset[str]) -> bool:
    """Whether the text of ``job`` calls one of ``functions``."""
    if not job.analysis.counts or not any(name.encode() in job.file.data.lower() for name in functions):
        return False
    tokens = tokenize(job.file.text())
    return any(token.name in functions and bracket.text == "(" for token, bracket in pairwise(tokens))


def _not_on_server(job: Job, what: str, hint: str) -> UsageError:
    return UsageError(
        f"{job.file.path} {what}",
        where=Location(job.file.path),
        state="nothing was changed",
        hint=hint,
    )


@contextmanager
def _settings_kept(conn: Connection, names: frozenset[str]) -> Iterator[None]:
    """While open, the settings ``names`` may change; at the end they are set back and read back."""
    before = {name: conn.execute(f"PRAGMA {name}").one() for name in sorted(names)}
    try:
        yield
    except BaseException:
        with suppress(MemsqlError):
            _set_back(conn, before)
        raise
    _set_back(conn, before)


def _set_back(conn: Connection, before: dict[str, Value]) -> None:
    for name, value in before.items():
        value = conn.execute(f"PRAGMA {name}").one() if is_settled(name) else value
        conn.execute(f"PRAGMA {name} = {value!s}")
        if conn.execute(f"PRAGMA {name}").one() != value:
            raise ConnectError(
                f"the engine did not set PRAGMA {name} back to {value!s}",
                hint="run what comes after it in a run of its own",
            )


def _drop_temporary(conn: Connection, job: Job) -> None:
    """Drop every TEMP object."""
    if not job.analysis.replayed:
        _refuse_hiding(job, [str(name) for (name,) in conn.execute(load("engine/hidden")).rows])
    # A virtual table takes its shadows with it, a table its triggers.
    for _ in range(_TRIES):
        rows = conn.execute(load("engine/temporary")).rows
        if not rows:
            return
        for kind, name in rows:
            with suppress(MemsqlError):
                conn.execute(f"DROP {kind!s} temp.{quote(str(name))}")
    raise Refused(
        f"{job.migration.id} leaves the TEMP {rows[0][0]!s} {rows[0][1]!s}, which cannot be dropped",
        where=Location(job.file.path),
        hint="drop it in the file itself",
    )


def _refuse_hiding(job: Job, hidden: list[str]) -> None:
    if hidden:
        name = min(hidden)
        raise FileError(
            f"{job.migration.id} makes a TEMP object {name}, which hides the table {name}: what comes behind it would "
            "change the TEMP one",
            where=Location(job.file.path),
            hint="give the TEMP object another name",
        )
