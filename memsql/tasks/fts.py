"""invoke fts.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection, Context, task

from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.fts import FtsTable
    from memsql.progress import Progress

_TABLE = {**COMMON_HELP, "table": "only this FTS5 table (default: all of them)"}
_CHANGED_TABLE = {**_TABLE, **CHANGE_HELP}


@task(help={**_TABLE, "check": "exit with 1 when something is wrong"}, auto_shortflags=False)
def status(
    c: Context,
    table: str | None = None,
    check: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """List the FTS5 tables: what they index, how they are kept, and what is wrong with their triggers.

    Finds triggers that leave old words behind (DELETE FROM the index instead of the 'delete' command), that
    are missing, or that miss columns, and prints the right ones. Reads only; whether the index agrees with
    its content now is what fts.check proves.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.db import connect
        from memsql.fts import all_findings, unfinished
        from memsql.report import fts as report

        conn = connect(settings.target, "ro", settings.busy_timeout)
        try:
            tables = _tables(conn, table)
            found = list(zip(tables, all_findings(conn, tables), strict=True))
            begun = unfinished(conn)
        finally:
            conn.close()
        bad = check and any(f.severity == "error" for _, fs in found for f in fs)
        return Outcome(report.status_text(found, begun), report.status_data(found, begun), int(bad))

    run("fts.status", Options(project, env, database, json), work)


@task(help=_TABLE, auto_shortflags=False)
def check(
    c: Context,
    table: str | None = None,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Prove that each full-text index agrees with its content (integrity-check at rank 1).

    Runs on a clone, because SQLite takes the write lock for it. Exit code 1 where an index is broken.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.db.clone import clone
        from memsql.fts import check as prove
        from memsql.fts import rows_for
        from memsql.report import fts as report
        from memsql.report.progress import Bar

        choice = rows_for([table] if table else None)
        with Bar() as bar, clone(settings.target, settings.busy_timeout, bar, choice=choice) as copy:
            results = []
            for one in _tables(copy.connection, table):
                bar.start(f"checking {one.name}")
                results.append(prove(copy.connection, one))
        return Outcome(report.check_text(results), report.check_data(results), int(not all(r.ok for r in results)))

    run("fts.check", Options(project, env, database, json), work)


@task(
    help={
        **_CHANGED_TABLE,
        "online": "in chunks, beside the old index, while others go on writing; then swap",
        "chunk": "rows a transaction with --online (default 5000)",
        "abort": "give up an online rebuild that was interrupted and remove what it left",
    },
    auto_shortflags=False,
)
def rebuild(
    c: Context,
    table: str | None = None,
    online: bool = False,
    chunk: str = "5000",
    abort: bool = False,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Build full-text indexes anew from their content, proven before it counts.

    Without --online each is one statement in one transaction, which holds the write lock meanwhile; a server takes
    the lock away after 5 seconds when somebody else wants it, and the rebuild is rolled back. With
    --online rows are copied in chunks and changes made meanwhile are included; it may be interrupted at any
    time and goes on when run again. Wrong triggers are not mended: see fts.status for the right ones.

    Examples:  invoke fts.rebuild     invoke fts.rebuild --table memories_fts --online
    """

    def work(settings: Settings) -> Outcome:
        from memsql.db import connect
        from memsql.errors import UsageError
        from memsql.fts import rebuild as at_once
        from memsql.report.progress import Bar

        if not chunk.isdecimal() or not 1 <= int(chunk) < 2**63:
            raise UsageError(f"--chunk {chunk}: give a number of rows, 1 or more")

        def chosen(looking: Connection) -> list[str]:
            if abort:
                return _begun(looking, table)
            return [one.name for one in _tables(looking, table) if table or _left_alone(one, online) is None]

        _ask_first(settings, "give the online rebuild up of" if abort else "rebuild", chosen, yes)
        conn = connect(settings.target, "rw", settings.busy_timeout)
        lines: list[str] = []
        done: list[str] = []
        try:
            if abort:
                done, lines = _abort(conn, table)
                return Outcome("\n".join(lines), {"tables": done, "online": online, "lines": lines})
            with Bar() as bar:
                for one in _tables(conn, table):
                    bar.start(f"rebuilding {one.name}")
                    left = None if table else _left_alone(one, online)
                    if left:
                        lines.append(f"{one.name}: {left}; left alone")
                        continue
                    if online:
                        lines.append(f"{one.name}: {_online(settings, conn, one, int(chunk), bar)}")
                    else:
                        at_once(conn, one)
                        lines.append(f"{one.name}: rebuilt (proven)")
                    done.append(one.name)
        finally:
            conn.close()
        return Outcome("\n".join(lines) or "there is no FTS5 table", {"tables": done, "online": online, "lines": lines})

    run("fts.rebuild", Options(project, env, database, json), work)


@task(help=_CHANGED_TABLE, auto_shortflags=False)
def optimize(
    c: Context,
    table: str | None = None,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Merge each full-text index into one segment: smaller and quicker to search; one transaction each."""

    def work(settings: Settings) -> Outcome:
        from memsql.db import connect
        from memsql.fts import optimise
        from memsql.report.progress import Bar

        _ask_first(settings, "optimise", lambda looking: [one.name for one in _tables(looking, table)], yes)
        conn = connect(settings.target, "rw", settings.busy_timeout)
        try:
            tables = _tables(conn, table)
            with Bar() as bar:
                for one in tables:
                    bar.start(f"optimising {one.name}")
                    optimise(conn, one)
        finally:
            conn.close()
        lines = [f"{one.name}: optimised" for one in tables] or ["there is no FTS5 table"]
        return Outcome("\n".join(lines), {"tables": [one.name for one in tables]})

    run("fts.optimize", Options(project, env, database, json), work)


def _ask_first(settings: Settings, verb: str, chosen: Callable[[Connection], list[str]], yes: bool) -> None:
    """Where the database is protected, let somebody agree to what will be done to the tables that ``chosen`` names."""
    if not settings.protected:
        return
    from memsql.db import connect

    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        names = chosen(conn)
    finally:
        conn.close()
    if names:
        admit(settings, f"{verb} {', '.join(names)}", yes=yes)


def _left_alone(table: FtsTable, online: bool) -> str | None:
    """Why ``table`` is passed over when no table was asked for by name."""
    if table.kind == "contentless":
        return "contentless, cannot be rebuilt"
    if online and table.kind == "own":
        return "keeps its own copy of the text, cannot be rebuilt online"
    return None


def _abort(conn: Connection, name: str | None) -> tuple[list[str], list[str]]:
    """Names given up, and what to say. By what was begun, for the index itself may be gone."""
    from memsql.fts import abort

    begun = _begun(conn, name)
    if not begun:
        names = [table.name for table in _tables(conn, name)]
        return [], [f"{one}: no rebuild was on its way" for one in names] or ["no rebuild was on its way"]
    for one in begun:
        abort(conn, one)
    return begun, [f"{one}: gave the rebuild up" for one in begun]


def _begun(conn: Connection, name: str | None) -> list[str]:
    """The indexes, or the one of this ``name``, whose online rebuild was begun and not ended."""
    from memsql.fts import unfinished

    return [one for one in unfinished(conn) if name is None or one.lower() == name.lower()]


def _online(settings: Settings, conn: Connection, table: FtsTable, chunk: int, progress: Progress) -> str:
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


def _tables(conn: Connection, name: str | None) -> list[FtsTable]:
    from memsql.errors import UsageError
    from memsql.fts import discover

    found = discover(conn)
    if name is None:
        return found
    chosen = [t for t in found if t.name.lower() == name.lower()]
    if not chosen:
        raise UsageError(
            f"there is no FTS5 table {name}", hint="there are: " + (", ".join(t.name for t in found) or "none")
        )
    return chosen


ns = Collection("fts")
for one_task in (status, check, rebuild, optimize):
    ns.add_task(one_task)
