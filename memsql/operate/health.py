"""The daily check of a database: is it whole, is it backed up, does a migration wait, does it grow. Reads only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memsql import hints, ledger, words
from memsql.actions.verify import Finding
from memsql.backups import catalogue
from memsql.backups.catalogue import Backup
from memsql.config import Settings
from memsql.db import Connection, Value, connection, litestream, queries
from memsql.db.sizes import database_bytes
from memsql.engine.state import State, read_state
from memsql.errors import MemsqlError
from memsql.operate import wal_reset
from memsql.progress import Progress
from memsql.project import load, plan

Level = Literal["ok", "warning", "error"]

_LITTLE_SPACE = 100 << 20
_GROWTH_DAYS = 30
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sign:
    """The result of one check: how bad it is, and a sentence about it; ``details`` are further sentences."""

    name: str
    level: Level
    message: str
    details: tuple[str, ...] = ()


def health(settings: Settings, *, verify: bool, days: int, progress: Progress) -> list[Sign]:
    """Check everything. With ``verify`` the database is verified too, which reads all of it; ``days`` is how far back
    failed attempts count.

    Raises FileError where the project's files, and ConnectError where the database cannot be read at all.
    """
    now = datetime.now(UTC)
    project = load.load_project(settings)
    backups = catalogue.backups(settings)
    backup = of_backups(settings, backups, now)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        size = database_bytes(conn)
        signs = [
            _tried("verify", lambda: _verification(settings, progress)) if verify else None,
            of_migrations(state),
            _tried("history", lambda: _failures(conn, state, now - timedelta(days=days), days)),
            backup,
            of_growth(size, backups, now),
            _space(settings, size),
            _engine(settings, conn),
        ]
    return [sign for sign in signs if sign is not None]


def of_verification(findings: Sequence[Finding]) -> Sign:
    """The result of a verification."""
    errors = [f for f in findings if not f.ok and f.severity == "error"]
    warnings = [f for f in findings if not f.ok and f.severity != "error"]
    return Sign(
        "verify",
        "error" if errors else "warning" if warnings else "ok",
        f"{words.count(len(findings), 'check')}, {len(errors)} failed, {words.count(len(warnings), 'warning')}",
        tuple(f"{f.name}: {f.messages[0]}" for f in [*errors, *warnings][:_SHOWN]),
    )


def of_migrations(state: State) -> Sign:
    """Whether files and ledger agree, and what waits."""
    problems = [f"memsql.sum: {p}" for p in state.project.sum_problems]
    # Where late migrations may be applied they only wait.
    late = {plan.OUT_OF_ORDER} if state.project.settings.out_of_order else set()
    problems += [
        f"{s.version:04d}_{s.name} is {s.state.replace('_', ' ')}" + (f": {s.note}" if s.note else "")
        for s in state.statuses
        if s.state in {plan.EDITED, plan.MISSING, plan.FAILED, plan.OUT_OF_ORDER} - late
    ]
    waits = late | {plan.PENDING, plan.ROLLED_BACK}
    waiting = [f"{s.version:04d}_{s.name}" for s in state.statuses if s.state in waits]
    others = [f"{s.version:04d}_{s.name}: {s.note}" for s in state.statuses if s.incomplete]
    others += [f"script {s.name}: {s.note or 'it has not run here yet'}" for s in state.scripts if s.state != "applied"]
    if state.is_legacy:
        others.append(f"a legacy database that was never adopted; see: {hints.command('legacy.status')}")
    applied = sum(1 for s in state.statuses if s.is_applied)
    message = f"{applied} applied, {len(waiting)} pending"
    level: Level = "error" if problems else "warning" if waiting or others else "ok"
    return Sign("migrations", level, message, (*problems, *others, *(f"{w} is pending" for w in waiting))[:_SHOWN])


def of_failures(rows: Sequence[tuple[Value, ...]], days: int) -> Sign:
    """The failed attempts of the last ``days``; ``rows`` are (time, operation, id, message), the newest first."""
    if not rows:
        return Sign("history", "ok", f"no failed attempt in {words.count(days, 'day')}")
    shown = tuple(
        f"{str(started)[:19]} {operation!s} {id!s}: {message!s}" for started, operation, id, message in rows[:_SHOWN]
    )
    return Sign(
        "history", "warning", f"{words.count(len(rows), 'failed attempt')} in {words.count(days, 'day')}", shown
    )


def of_backups(settings: Settings, backups: Sequence[Backup], now: datetime) -> Sign:
    """How old the newest proven backup is. One that is too old is an error where the database is protected, otherwise a
    warning; ``backups`` has the newest first."""
    bad: Level = "error" if settings.protected else "warning"
    newest = catalogue.newest_of(backups)
    doubtful = tuple(f"{b.path.name}: {b.problem}" for b in backups if not b.proven)[:_SHOWN]
    if newest is None:
        return Sign("backup", bad, f"there is no proven backup; make one: {hints.command('backup')}", doubtful)
    too_old = newest.is_too_old(settings, now)
    message = f"the newest proven one, {newest.path.name}, {newest.age_in_words(now)}"
    if too_old:
        message += f"; backup_max_age is {words.age(settings.backup_max_age / 1000)}"
    return Sign("backup", bad if too_old else "warning" if doubtful else "ok", message, doubtful)


def of_growth(size: int, backups: Sequence[Backup], now: datetime) -> Sign:
    """How the database, which has ``size`` bytes now, grew since its earlier backups; ``backups`` has the newest first.

    It is a warning where the size doubled within thirty days.
    """
    earlier = [
        (b.created, b.manifest.plain_bytes)
        for b in backups
        if b.proven and b.manifest and b.manifest.content == "sqlite"
    ]
    if not earlier:
        return Sign("growth", "ok", f"{words.size(size)}; no earlier backup to compare it with")
    recent = [e for e in earlier if now - e[0] <= timedelta(days=_GROWTH_DAYS)]
    doubled = any(size > 2 * before for _, before in recent[-1:])
    # The newest backup, the oldest of the last thirty days, and the oldest of all.
    shown = dict.fromkeys([earlier[0], *recent[-1:], earlier[-1]])
    sizes = dict.fromkeys(
        f"{words.size(before)} on {created:%Y-%m-%d} ({_percent(before, size)})" for created, before in shown
    )
    more = "; it more than doubled within a month" if doubled else ""
    return Sign("growth", "warning" if doubled else "ok", f"{words.size(size)}; {', '.join(sizes)}{more}")


def of_space(free: int, size: int) -> Sign:
    """Whether ``free`` bytes are enough for a file of ``size`` bytes: a rebuild, a rehearsal and a backup each need as
    many."""
    level: Level = "error" if free < size else "warning" if free < max(2 * size, _LITTLE_SPACE) else "ok"
    return Sign("disk", level, f"{words.size(free)} are free, the database has {words.size(size)}")


def of_engine(version: str, journal_mode: str, *, replicated: bool = False) -> Sign:
    """Whether the SQLite of this machine, ``version``, may damage a database of this ``journal_mode``. ``replicated``:
    whether Litestream replicates it."""
    more = ", replicated by Litestream" if replicated else ""
    if journal_mode != "wal" or not wal_reset.is_affected(version):
        return Sign("engine", "ok", f"SQLite {version}, journal mode {journal_mode}{more}")
    text = f"SQLite {version} of memsql and {wal_reset.WARNING}{more}"
    return Sign("engine", "warning", text, wal_reset.REMEDIES)


def _tried(name: str, check: Callable[[], Sign]) -> Sign:
    """The sign of ``check``; where it cannot be done, that is a sign too."""
    try:
        return check()
    except MemsqlError as e:
        return Sign(name, "error", e.message)


def _verification(settings: Settings, progress: Progress) -> Sign:
    from memsql.actions.verify import verify as prove

    return of_verification(prove(settings, deep=False, progress=progress))


def _failures(conn: Connection, state: State, since: datetime, days: int) -> Sign:
    if "memsql_history" not in state.ledger.tables:
        return Sign("history", "ok", "there is no history yet")
    return of_failures(conn.execute(queries.load("operate/failures"), (ledger.utc_text(since),)).rows, days)


def free_space(settings: Settings) -> int | None:
    """How many bytes the disk of the database has left; None for a server."""
    return None if settings.target.path is None else shutil.disk_usage(settings.target.path.parent).free


def _space(settings: Settings, size: int) -> Sign | None:
    free = free_space(settings)
    return None if free is None else of_space(free, size)


def _engine(settings: Settings, conn: Connection) -> Sign | None:
    if settings.target.path is None:
        return None
    version, journal = (r.one() for r in conn.batch([("SELECT sqlite_version()", ()), ("PRAGMA journal_mode", ())]))
    return of_engine(str(version), str(journal), replicated=litestream.is_replicated(conn))


def _percent(before: int, now: int) -> str:
    return f"{(now - before) * 100 / before:+.0f} %" if before else "was empty"
