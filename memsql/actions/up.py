"""Up and down: what a task calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memsql.config import Settings
from memsql.db import connect
from memsql.engine.state import Intent, Report, State, Watcher, Wish, read_state, unchanged
from memsql.project import load as projects
from memsql.project import plan
from memsql.project.files import Migration

_SHOWN = 10

Ready = Callable[[Intent], None]


def up(settings: Settings, wish: Wish, watcher: Watcher, ready: Ready = lambda _: None) -> Report:
    """Apply every waiting migration up to ``wish.to``; adopt a legacy database first.

    ``ready`` is told what will be done, before anything is, and only where there is something to do; what it raises stops
    the run. Raises any MemsqlError; its ``state`` says what the database holds.
    """
    project = projects.load(settings)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
    finally:
        conn.close()
    waiting = []
    if not state.is_legacy:
        waiting = plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order)
        if not waiting and not any(s.incomplete for s in state.statuses):
            projects.refuse_stale_sum(project)
            return unchanged(state)
    for migration in waiting:
        migration.up.hash_beside()
    # Imported only where there is work, for an idle run is as quick as a status.
    from memsql.engine.jobs import up_jobs
    from memsql.engine.pending import up_on

    jobs = up_jobs(project, waiting)
    projects.refuse_stale_sum(project)
    ready(_going_up(state, waiting))
    conn = connect(settings.target, "rwc", settings.busy_timeout)
    try:
        return up_on(conn, project, wish, watcher, jobs=jobs)
    finally:
        conn.close()


def down(settings: Settings, wish: Wish, watcher: Watcher, ready: Ready = lambda _: None) -> Report:
    """Roll back ``wish.steps`` migrations, or all above ``wish.to``, latest first; ``ready`` as for up()."""
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
        leaving = plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to)
        if not leaving:
            return unchanged(state)
        from memsql.engine.jobs import down_jobs
        from memsql.engine.pending import down_on

        jobs = down_jobs(leaving)
    finally:
        conn.close()
    ready(Intent("down", f"roll back {_counted(leaving)}"))
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        return down_on(conn, project, wish, watcher, jobs=jobs)
    finally:
        conn.close()


def _going_up(state: State, waiting: Sequence[Migration]) -> Intent:
    if state.is_legacy:
        return Intent("up", "adopt it, a legacy database, and apply what waits then")
    if not waiting:
        return Intent("up", "complete the ledger for what yoyo did by itself")
    return Intent("up", f"apply {_counted(waiting)}", empty=not state.has_tables)


def _counted(migrations: Sequence[Migration]) -> str:
    names = ", ".join(m.id for m in migrations[:_SHOWN])
    more = f" and {len(migrations) - _SHOWN} more" if len(migrations) > _SHOWN else ""
    return f"{len(migrations)} migration{'s' if len(migrations) > 1 else ''}: {names}{more}"
