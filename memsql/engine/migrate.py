"""Up and down: what a task calls."""

from __future__ import annotations

from memsql import plan
from memsql.config import Settings
from memsql.db import connect
from memsql.engine import project as projects
from memsql.engine.state import Report, Watcher, Wish, read_state, unchanged


def up(settings: Settings, wish: Wish, watcher: Watcher) -> Report:
    """Apply every waiting migration up to ``wish.to``; adopt a legacy database first.

    Raises any MemsqlError; its ``state`` says what the database holds.
    """
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
    finally:
        conn.close()
    waiting = []
    if not state.is_legacy:
        waiting = plan.to_apply(state.statuses, to=wish.to, out_of_order=wish.out_of_order)
        if not waiting and not any(s.incomplete for s in state.statuses):
            return unchanged(state)
    # Imported only where there is work, for an idle run is as quick as a status.
    from memsql.engine.conduct import up_on
    from memsql.engine.jobs import up_jobs

    jobs = up_jobs(project, waiting)
    conn = connect(settings.target, "rwc", settings.busy_timeout)
    try:
        return up_on(conn, project, wish, watcher, jobs=jobs)
    finally:
        conn.close()


def down(settings: Settings, wish: Wish, watcher: Watcher) -> Report:
    """Roll back ``wish.steps`` migrations, or all above ``wish.to``, latest first."""
    project = projects.load(settings)
    projects.refuse_stale_sum(project)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
        leaving = plan.to_roll_back(state.statuses, steps=wish.steps, to=wish.to)
        if not leaving:
            return unchanged(state)
        from memsql.engine.conduct import down_on
        from memsql.engine.jobs import down_jobs

        jobs = down_jobs(leaving)
    finally:
        conn.close()
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        return down_on(conn, project, wish, watcher, jobs=jobs)
    finally:
        conn.close()
