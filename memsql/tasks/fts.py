"""memsql fts.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.task import Outcome, number, task
from memsql.visible import page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.fts import FtsTable
    from memsql.progress import Progress
    from memsql.report.progress import Bar

_TABLE = {"table": "only this FTS5 table (default: all of them)"}
_LARGEST_INTEGER = 2**63 - 1


@task("fts.status", reads_only=True, help={**_TABLE, "check": "exit with 1 when something is wrong"})
def status(settings: Settings, progress: Bar, *, table: str | None = None, check: bool = False) -> Outcome:
    """List the FTS5 tables: what they index, how they are kept, and what is wrong with their triggers.

    Finds triggers that leave old words behind (DELETE FROM the index instead of the 'delete' command), that
    are missing, or that miss columns, and prints the right ones. Reads only; whether the index agrees with
    its content now is what fts.check proves.
    """
    from memsql.db import connection
    from memsql.fts import all_problems, unfinished
    from memsql.report.fts import status_data, status_text

    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        tables = _tables(conn, table)
        findings = list(zip(tables, all_problems(conn, tables), strict=True))
        rebuilds = unfinished(conn)
    is_wrong = any(finding.severity == "error" for _, of_table in findings for finding in of_table)
    return Outcome(status_text(findings, rebuilds), status_data(findings, rebuilds), int(check and is_wrong))


@task("fts.check", reads_only=True, help=_TABLE)
def check(settings: Settings, progress: Bar, *, table: str | None = None) -> Outcome:
    """Prove that each full-text index agrees with its content (integrity-check at rank 1).

    A partial index, whose triggers have a guard, is compared with the rows that they let in.
    Runs on a clone, because SQLite takes the write lock for it. Exit code 1 where an index is broken.
    """
    from memsql.db.clone import clone
    from memsql.fts import check, rows_for
    from memsql.report.fts import check_data, check_text

    choice = rows_for([table] if table else None)
    results = []
    with clone(settings.target, settings.busy_timeout, progress, choice=choice) as copy:
        for index in _tables(copy.connection, table):
            progress.start(f"checking {index.name}")
            results.append(check(copy.connection, index))
    return Outcome(check_text(results), check_data(results), int(not all(result.ok for result in results)))


@task(
    "fts.rebuild",
    help={
        **_TABLE,
        **CHANGE_HELP,
        "online": "in chunks, beside the old index, while others go on writing; then swap",
        "chunk": "rows a transaction with --online (default 5000)",
        "abort": "give up an online rebuild that was interrupted and remove what it left",
    },
)
def rebuild(
    settings: Settings,
    progress: Bar,
    *,
    table: str | None = None,
    online: bool = False,
    chunk: str = "5000",
    abort: bool = False,
    yes: bool = False,
) -> Outcome:
    """Build full-text indexes anew from their content, proven before it counts.

    Without --online each is one statement in one transaction, which holds the write lock meanwhile; a server takes
    the lock away after 5 seconds when somebody else wants it, and the rebuild is rolled back. With
    --online rows are copied in chunks and changes made meanwhile are included; it may be interrupted at any
    time and goes on when run again. Wrong triggers are not mended: see fts.status for the right ones.

    Examples:  memsql fts.rebuild     memsql fts.rebuild --table memories_fts --online
    """
    from memsql.db import connection

    rows = number("--chunk", chunk, least=1, most=_LARGEST_INTEGER, problem="give a number of rows, 1 or more")
    if abort:
        _admit(settings, "give the online rebuild up of", lambda conn: _unfinished(conn, table), yes=yes)
        with connection(settings.target, "rw", settings.busy_timeout) as conn:
            names, lines = _abort(conn, table)
        return Outcome(page(lines), {"tables": names, "online": online, "lines": lines})

    def will_be_rebuilt(conn: Connection) -> list[str]:
        return [index.name for index in _tables(conn, table) if table or _reason_to_skip(index, online=online) is None]

    _admit(settings, "rebuild", will_be_rebuilt, yes=yes)
    names, lines = [], []
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        for index in _tables(conn, table):
            progress.start(f"rebuilding {index.name}")
            reason = None if table else _reason_to_skip(index, online=online)
            if reason is not None:
                lines.append(f"{index.name}: {reason}; left alone")
                continue
            rebuilt = (
                _rebuild_online(settings, conn, index, chunk=rows, progress=progress)
                if online
                else _rebuild(conn, index)
            )
            lines.append(f"{index.name}: {rebuilt}")
            names.append(index.name)
    return Outcome(page(lines) or "there is no FTS5 table", {"tables": names, "online": online, "lines": lines})


@task("fts.optimize", help={**_TABLE, **CHANGE_HELP})
def optimize(settings: Settings, progress: Bar, *, table: str | None = None, yes: bool = False) -> Outcome:
    """Merge each full-text index into one segment: smaller and quicker to search; one transaction each."""
    from memsql.db import connection
    from memsql.fts import optimise

    _admit(settings, "optimise", lambda conn: [index.name for index in _tables(conn, table)], yes=yes)
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        indexes = _tables(conn, table)
        for index in indexes:
            progress.start(f"optimising {index.name}")
            optimise(conn, index)
    lines = [f"{index.name}: optimised" for index in indexes] or ["there is no FTS5 table"]
    return Outcome(page(lines), {"tables": [index.name for index in indexes]})


def _admit(settings: Settings, verb: str, names: Callable[[Connection], Sequence[str]], *, yes: bool) -> None:
    """Where the database is protected, let a person agree to what will be done to the tables that ``names`` returns;
    where there is a command ``notify``, tell it."""
    if not (settings.protected or settings.notify):
        return
    from memsql.db import connection

    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        tables = names(conn)
    if tables:
        admit(settings, f"{verb} {', '.join(tables)}", yes=yes)


def _reason_to_skip(table: FtsTable, *, online: bool) -> str | None:
    """Say why ``table`` is not rebuilt where the person has named no table; None where it is rebuilt."""
    from memsql.fts import guarded

    if table.kind == "contentless":
        return "contentless, cannot be rebuilt"
    if online and table.kind == "own":
        return "keeps its own copy of the text, cannot be rebuilt online"
    if online and guarded(table):
        return "partial, cannot be rebuilt online"
    return None


def _rebuild(conn: Connection, table: FtsTable) -> str:
    from memsql.fts import rebuild

    rebuild(conn, table)
    return "rebuilt (proven)"


def _rebuild_online(settings: Settings, conn: Connection, table: FtsTable, *, chunk: int, progress: Progress) -> str:
    from memsql.db.clone import clone
    from memsql.engine.signals import listening
    from memsql.fts import check_in_transaction, rebuild_online, rows_for

    def prove(name: str) -> bool:
        with clone(settings.target, settings.busy_timeout, choice=rows_for([name])) as copy:
            copy.connection.begin()
            return not check_in_transaction(copy.connection, [name])

    with listening() as stop:
        rows = rebuild_online(conn, table, chunk=chunk, progress=progress, prove=prove, stopped=lambda: bool(stop))
    return f"rebuilt online, {rows:,} rows copied (proven)"


def _abort(conn: Connection, name: str | None) -> tuple[list[str], list[str]]:
    """Give up the unfinished online rebuilds, or that of the index ``name``; return the indexes' names and the lines to
    print.

    The unfinished rebuilds have a list of their own, for an index may itself be gone.
    """
    from memsql.fts import abort

    names = _unfinished(conn, name)
    for index in names:
        abort(conn, index)
    if names:
        return names, [f"{index}: gave the rebuild up" for index in names]
    idle = [f"{table.name}: no rebuild was on its way" for table in _tables(conn, name)]
    return [], idle or ["no rebuild was on its way"]


def _unfinished(conn: Connection, name: str | None) -> list[str]:
    """Return the indexes, or the one called ``name``, whose online rebuild has not ended."""
    from memsql.fts import unfinished

    return [index for index in unfinished(conn) if name is None or index.lower() == name.lower()]


def _tables(conn: Connection, name: str | None) -> list[FtsTable]:
    """Return the FTS5 tables, or the one called ``name``. Raises UsageError where there is none of this name."""
    from memsql.errors import UsageError
    from memsql.fts import discover

    tables = discover(conn)
    if name is None:
        return tables
    chosen = [table for table in tables if table.name.lower() == name.lower()]
    if not chosen:
        names = ", ".join(table.name for table in tables) or "none"
        raise UsageError(f"there is no FTS5 table {name}", hint=f"there are: {names}")
    return chosen


ns = Collection("fts", status, check, rebuild, optimize)
