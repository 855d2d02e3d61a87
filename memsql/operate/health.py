"""The daily look at a database: is it whole, is it backed up, does anything wait, does it grow. Reads only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memsql import ledger as books
from memsql.actions.verify import Finding, failed
from memsql.backups.catalogue import Backup, backups
from memsql.config import Settings
from memsql.db import Connection, Value, connection
from memsql.db.queries import load
from memsql.engine.state import State, read_state
from memsql.errors import MemsqlError
from memsql.progress import Progress
from memsql.project import load as projects
from memsql.project import plan
from memsql.words import age, count, size

Level = Literal["ok", "warning", "error"]

_LITTLE_SPACE = 100 << 20
_GROWTH_DAYS = 30
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at, in a sentence; ``details`` are further ones."""

    name: str
    level: Level
    message: str
    details: tuple[str, ...] = ()


def health(settings: Settings, *, verify: bool, days: int, progress: Progress) -> list[Sign]:
    """Look at everything; with ``verify`` prove the database too, which reads all of it. Failures of the last ``days`` count.

    Raises FileError where the project's files, and ConnectError where the database cannot be read at all.
    """
    now = datetime.now(UTC)
    project = projects.load(settings)
    saved = backups(settings)
    backup = of_backups(settings, saved, now)
    if settings.target.path is not None and not settings.target.path.exists():
        return [Sign("database", "error", f"{settings.target} does not exist"), backup]
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        bytes_ = _bytes(conn)
        signs = [
            _tried("verify", lambda: _verification(settings, progress)) if verify else None,
            of_migrations(state),
            _tried("history", lambda: _failures(conn, state, now - timedelta(days=days), days)),
            backup,
            of_growth(bytes_, saved, now),
            _space(settings, bytes_),
        ]
    return [sign for sign in signs if sign is not None]


def of_verification(found: Sequence[Finding]) -> Sign:
    """What a verification comes to."""
    bad = [f for f in found if not f.ok and f.severity == "error"]
    warned = [f for f in found if not f.ok and f.severity != "error"]
    return Sign(
        "verify",
        "error" if failed(list(found)) else "warning" if warned else "ok",
        f"{count(len(found), 'check')}, {len(bad)} failed, {count(len(warned), 'warning')}",
        tuple(f"{f.name}: {f.messages[0]}" for f in [*bad, *warned][:_SHOWN]),
    )


def of_migrations(state: State) -> Sign:
    """How files and ledger stand to each other."""
    problems = [f"memsql.sum: {p}" for p in state.project.sum_problems]
    problems += [
        f"{s.version:04d}_{s.name} is {s.state.replace('_', ' ')}" + (f": {s.note}" if s.note else "")
        for s in state.statuses
        if s.state in (plan.EDITED, plan.MISSING, plan.FAILED, plan.OUT_OF_ORDER)
    ]
    waiting = [f"{s.version:04d}_{s.name}" for s in state.statuses if s.state in (plan.PENDING, plan.ROLLED_BACK)]
    others = [f"{s.version:04d}_{s.name}: {s.note}" for s in state.statuses if s.incomplete]
    if state.is_legacy:
        others.append("a legacy database that was never adopted; see: invoke legacy.status")
    applied = sum(1 for s in state.statuses if s.is_applied)
    message = f"{applied} applied, {len(waiting)} pending"
    level: Level = "error" if problems else "warning" if waiting or others else "ok"
    return Sign("migrations", level, message, (*problems, *others, *(f"{w} is pending" for w in waiting))[:_SHOWN])


def of_failures(rows: Sequence[tuple[Value, ...]], days: int) -> Sign:
    """What the failed attempts of the last ``days`` come to; ``rows`` are (when, operation, id, message), newest first."""
    if not rows:
        return Sign("history", "ok", f"no failed attempt in {count(days, 'day')}")
    shown = tuple(
        f"{str(when)[:19]} {operation!s} {name!s}: {message!s}" for when, operation, name, message in rows[:_SHOWN]
    )
    return Sign("history", "warning", f"{count(len(rows), 'failed attempt')} in {count(days, 'day')}", shown)


def of_backups(settings: Settings, saved: Sequence[Backup], now: datetime) -> Sign:
    """How old the newest proven backup is. Too old is an error where the database is protected, and a warning elsewhere."""
    bad: Level = "error" if settings.protected else "warning"
    newest = next((b for b in saved if b.proven), None)
    doubtful = tuple(f"{b.path.name}: {b.problem}" for b in saved if not b.proven)[:_SHOWN]
    if newest is None:
        return Sign("backup", bad, "there is no proven backup; make one: invoke backup", doubtful)
    old = (now - newest.created).total_seconds()
    late = old * 1000 > settings.backup_max_age
    message = f"the newest proven one, {newest.path.name}, is {age(old)} old"
    if late:
        message += f"; backup_max_age is {age(settings.backup_max_age / 1000)}"
    return Sign("backup", bad if late else "warning" if doubtful else "ok", message, doubtful)


def of_growth(bytes_: int, saved: Sequence[Backup], now: datetime) -> Sign:
    """How the database grew since its earlier backups. A warning where it doubled within thirty days."""
    earlier = [
        (b.created, b.manifest.plain_bytes) for b in saved if b.proven and b.manifest and b.manifest.content == "sqlite"
    ]
    if not earlier:
        return Sign("growth", "ok", f"{size(bytes_)}; no earlier backup to compare it with")
    newest, recent = earlier[0], [e for e in earlier if now - e[0] <= timedelta(days=_GROWTH_DAYS)]
    chosen = dict.fromkeys([newest, *recent[-1:], earlier[-1]])
    doubled = any(bytes_ > 2 * was for _, was in recent[-1:])
    said = ", ".join(dict.fromkeys(f"{size(was)} on {when:%Y-%m-%d} ({_percent(was, bytes_)})" for when, was in chosen))
    more = "; it more than doubled within a month" if doubled else ""
    return Sign("growth", "warning" if doubled else "ok", f"{size(bytes_)}; {said}{more}")


def of_space(free: int, bytes_: int) -> Sign:
    """Whether there is room beside a file of ``bytes_``: a rebuild, a rehearsal and a backup each want as much again."""
    level: Level = "error" if free < bytes_ else "warning" if free < max(2 * bytes_, _LITTLE_SPACE) else "ok"
    return Sign("disk", level, f"{size(free)} are free, the database has {size(bytes_)}")


def _tried(name: str, look: Callable[[], Sign]) -> Sign:
    """What ``look`` sees; where it cannot, that is an error among the others."""
    try:
        return look()
    except MemsqlError as e:
        return Sign(name, "error", e.message)


def _verification(settings: Settings, progress: Progress) -> Sign:
    from memsql.actions.verify import verify as prove

    return of_verification(prove(settings, deep=False, note=progress.start))


def _failures(conn: Connection, state: State, since: datetime, days: int) -> Sign:
    if "memsql_history" not in state.ledger.tables:
        return Sign("history", "ok", "there is no history yet")
    return of_failures(conn.execute(load("operate/failures"), (books.utc_text(since),)).rows, days)


def _space(settings: Settings, bytes_: int) -> Sign | None:
    if settings.target.path is None:
        return None
    return of_space(shutil.disk_usage(settings.target.path.parent).free, bytes_)


def _bytes(conn: Connection) -> int:
    pages, page = (r.one() for r in conn.batch([("PRAGMA page_count", ()), ("PRAGMA page_size", ())]))
    return pages * page if isinstance(pages, int) and isinstance(page, int) else 0


def _percent(was: int, now: int) -> str:
    return f"{(now - was) * 100 / was:+.0f} %" if was else "was empty"
