"""status(), plan(), verify() and backup(): what does not change a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from memsql.config import Settings
from memsql.db import Visit
from memsql.db.borrowed import MEMORY, BorrowedConnection, BorrowedVisit
from memsql.engine.state import RunOptions, State, read_state, takes_late
from memsql.errors import UsageError
from memsql.library import calls
from memsql.library.calls import Listener, ProgressCallback
from memsql.library.migrating import Database, access
from memsql.library.results import (
    BackupReport,
    Finding,
    MigrationState,
    MigrationStatus,
    PlanReport,
    Rehearsal,
    StatusReport,
    VerifyReport,
)
from memsql.library.source import Project, StrPath
from memsql.project import plan as planning
from memsql.project.load import load_project, refuse_stale_sum

if TYPE_CHECKING:
    from memsql.project.plan import Status

_NOTHING = "nothing was changed"


def status(
    database: Database | None = None,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
) -> StatusReport:
    """The state of every migration. Reads only: a file that does not exist reads as an empty database, and is not made.

    ``database``, ``project``, ``env`` and ``token`` as for migrate(). Raises ConnectError, LockedError, FileError,
    ConfigError, UsageError.
    """
    source = Project.of(project, env)
    return calls.run(lambda _: _status(database, source, token), here=isinstance(database, sqlite3.Connection))


def _status(database: Database | None, project: Project, token: str | None) -> StatusReport:
    with access(database, project, token) as (settings, conn):
        state = _read(settings, conn)
    return StatusReport(str(settings.target), tuple(map(_migration, state.statuses)), state.is_legacy)


def plan(
    database: Database | None = None,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
    to: int | None = None,
    out_of_order: bool = False,
    beside: bool = False,
    rehearse: bool = False,
    progress: ProgressCallback | None = None,
) -> PlanReport:
    """What migrate() would do now. Changes nothing.

    ``rehearse``: run it on a clone, which is thrown away, and report what that did, as ``--dry-run`` does; a server is
    cloned without its rows. What would stop the run is in the report; what keeps the files from being used at all is
    raised, as by migrate(): FileError, ConfigError, UsageError, ConnectError.
    """
    source, options = Project.of(project, env), RunOptions(to=to, out_of_order=out_of_order, beside=beside)
    here = isinstance(database, sqlite3.Connection)
    return calls.run(
        lambda stop: _plan(database, source, token, options, Listener(progress, stop) if rehearse else None), here=here
    )


def _plan(
    database: Database | None,
    project: Project,
    token: str | None,
    options: RunOptions,
    trial: Listener | None,
) -> PlanReport:
    """``trial``: who hears of the rehearsal; None for none."""
    with access(database, project, token) as (settings, conn):
        if trial is not None and settings.target.path == MEMORY:
            raise UsageError("a database in memory cannot be cloned", state=_NOTHING, hint="migrate another one")
        state = _read(settings, conn, beside=options.beside)
        refuse_stale_sum(state.project)
        adopts = state.must_be_adopted
        statuses = state.statuses
        if not adopts:
            late = takes_late(options, settings)
            ids = {m.id for m in planning.to_apply(statuses, to=options.to, out_of_order=late)}
            statuses = tuple(s for s in statuses if s.id in ids)
        rehearsal = None if trial is None else _rehearse(settings, options, trial)
        return PlanReport(str(settings.target), tuple(map(_migration, statuses)), adopts, rehearsal)


def _rehearse(settings: Settings, options: RunOptions, listener: Listener) -> Rehearsal:
    from memsql.actions.rehearse import place_for, rehearse

    options = replace(options, server_copy_rows=settings.server_copy_rows)
    result = rehearse(settings, "up", options, listener, place=place_for(settings.target, frozenset()))
    problem = result.problem
    return Rehearsal(
        ok=problem is None,
        problem=() if problem is None else (problem.message, *problem.details),
        schema=tuple(result.schema.lines()),
        rows=tuple((table, before, after) for table, (before, after) in result.rows.items()),
        plans=result.plans,
        seconds=result.run_seconds,
    )


def verify(
    database: Database | None = None,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
    deep: bool = False,
    progress: ProgressCallback | None = None,
) -> VerifyReport:
    """Prove everything that can be proven about a database: pages, foreign keys, full-text indexes, ledger, schema and
    the checks of the project. Reads only. ``deep``: read every page in full, with SQLite's integrity_check.

    What is wrong is in the report. Raises ConnectError where the database cannot be read at all, and FileError,
    ConfigError, UsageError.
    """
    source = Project.of(project, env)
    here = isinstance(database, sqlite3.Connection)
    return calls.run(lambda stop: _verify(database, source, token, deep, Listener(progress, stop)), here=here)


def _verify(
    database: Database | None, project: Project, token: str | None, deep: bool, listener: Listener
) -> VerifyReport:
    from memsql.actions import verify as proving

    with access(database, project, token) as (settings, conn):
        if conn is None:
            settings.target.expect_file()
        findings = proving.verify(settings, deep=deep, progress=listener, visit=_visit(settings, conn))
        results = tuple(Finding(f.name, f.severity, f.messages, f.why, f.unproven) for f in findings)
        return VerifyReport(str(settings.target), results)


def backup(
    database: Database | None = None,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
    folder: StrPath | None = None,
    compress: bool = False,
    progress: ProgressCallback | None = None,
) -> BackupReport:
    """Copy a database, prove the copy, and keep it with a manifest, while others go on writing.

    ``folder``: where it is to be; by default that of the settings. ``compress``: pack it with zstd. Raises
    ConnectError, LockedError, DamagedError, and CheckFailed where the copy is not proven; then nothing is kept.
    """
    source = Project.of(project, env)
    into = None if folder is None else Path(folder).absolute()
    here = isinstance(database, sqlite3.Connection)
    return calls.run(
        lambda stop: _backup(database, source, token, into, (compress, Listener(progress, stop))), here=here
    )


def _backup(
    database: Database | None,
    project: Project,
    token: str | None,
    folder: Path | None,
    manner: tuple[bool, Listener],
) -> BackupReport:
    from memsql.backups.create import BackupOptions, create

    compress, listener = manner
    with access(database, project, token) as (settings, _):
        if settings.target.path == MEMORY:
            raise UsageError("a database in memory cannot be backed up here", state=_NOTHING)
        settings = settings if folder is None else replace(settings, backups=folder)
        made = create(settings, BackupOptions(compress=compress), listener)
    manifest = made.manifest
    assert manifest is not None
    return BackupReport(
        path=made.path,
        bytes=manifest.bytes,
        sha256=manifest.sha256,
        created_at=made.created,
        version=manifest.version,
        tables=tuple((table.name, table.rows) for table in manifest.tables),
    )


def _read(settings: Settings, conn: BorrowedConnection | None, *, beside: bool = False) -> State:
    project = load_project(settings)
    with closing(_visit(settings, conn)) as visit, visit.open("ro") as reading:
        return read_state(project, reading, beside=beside)


def _visit(settings: Settings, conn: BorrowedConnection | None) -> Visit:
    return Visit(settings.target, settings.busy_timeout) if conn is None else BorrowedVisit(conn)


def _migration(status: Status) -> MigrationStatus:
    return MigrationStatus(
        id=status.id,
        version=status.version,
        name=status.name,
        state=cast("MigrationState", status.state),
        applied_at=_time(status.applied_at),
        applied_by=status.applied_by,
        duration_ms=status.duration_ms,
        note=status.note,
    )


def _time(text: str | None) -> datetime | None:
    """The time of ``text``, as the ledger or yoyo writes it, in UTC; None for what is none."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
