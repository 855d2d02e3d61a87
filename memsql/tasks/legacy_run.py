"""What the tasks that change a legacy database share: rehearsal, maintenance window, gate, run, before and after."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from memsql import hints
from memsql.interrupts import untouched
from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.task import Outcome, refuse_without_dry_run
from memsql.visible import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from memsql.config import Settings
    from memsql.db import Connection
    from memsql.engine.job import Job
    from memsql.engine.session import Session
    from memsql.legacy.upgrades import Nothing
    from memsql.operate.stats import Stats
    from memsql.operate.window import Estimate
    from memsql.report.progress import Bar

HELP = {
    **CHANGE_HELP,
    "dry-run": "do it on a clone, report what happened there, change nothing",
    "with-data": "with --dry-run on a server: on a clone with all rows, not on one of the schema alone",
    "allow-data-loss": "go on where rows would be lost, and say which",
    "disk-check": "--no-disk-check: go on although the disk seems to have no room for what would be written",
    "maintenance-window": (
        "minutes: rehearse on a clone with the data first, and do not begin what will not end in time"
    ),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a task is about to do."""

    what: str
    """Completes the sentence "memsql will"."""
    is_needed: Callable[[Connection], bool]
    """Whether there is something to do in this database."""
    run: Callable[[Session], tuple[str, ...] | Nothing]
    """Does it, and returns a line about each step."""
    jobs: Callable[[Connection], Sequence[Job]] | None = None
    """What it runs in this database, as far as that is known before."""


@dataclass(frozen=True, slots=True)
class Manner:
    """The options that say how a change is done."""

    _: KW_ONLY
    dry_run: bool
    with_data: bool
    allow_data_loss: bool
    yes: bool
    disk_check: bool
    maintenance_window: str | None
    """In minutes, as it was typed."""
    take_over: bool = False
    ledger: str | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run did, in lines, the figures of the database around it, and how many seconds it took alone."""

    steps: tuple[str, ...]
    before: Stats
    after: Stats
    seconds: float


def outcome(settings: Settings, change: Change, manner: Manner, progress: Bar) -> Outcome:
    """Do ``change``, on a clone with --dry-run, and say what was done. Raises any MemsqlError."""
    from memsql.db import connection
    from memsql.report import before_after, window

    if manner.dry_run:
        return _rehearse(settings, change, manner, progress)
    refuse_without_dry_run(with_data=manner.with_data)
    with untouched():
        if manner.disk_check and change.jobs is not None:
            from memsql.advise.room import refuse_adoption_without_room

            refuse_adoption_without_room(settings, change.jobs)
        estimate = _admitted(settings, change, manner, progress)
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        run = _run(conn, settings, change, manner, progress)
    figures = before_after.compare(run.before, run.after)
    text = [*(window.text(estimate) if estimate else ()), *run.steps, *before_after.text(figures)]
    data = {"dry_run": False, "steps": list(run.steps), **before_after.data(figures)}
    if estimate is not None:
        data["window"] = window.data(estimate)
    return Outcome(page(text), data, headline=run.steps[-1] if run.steps else "")


def _admitted(settings: Settings, change: Change, manner: Manner, progress: Bar) -> Estimate | None:
    """Let a person agree where the database is protected, and return the estimate for the window, if there is one and
    something to do. Raises Refused where the change would not end within it."""
    from memsql.db import connection
    from memsql.operate.window import parse_window
    from memsql.report import window

    window_ms = None if manner.maintenance_window is None else parse_window(manner.maintenance_window)
    if not (settings.protected or settings.notify) and window_ms is None:
        return None
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        if not change.is_needed(conn):
            return None
    estimates: list[Estimate] = []

    def line_about_the_window() -> str:
        if window_ms is not None:
            estimates.append(_estimate(settings, change, manner, progress, window_ms=window_ms))
        # The question comes next.
        progress.clear()
        return f"\n  {window.text(estimates[0])[0]}" if estimates else ""

    admit(settings, change.what, yes=manner.yes, before_asking=line_about_the_window)
    return estimates[0] if estimates else None


def _estimate(settings: Settings, change: Change, manner: Manner, progress: Bar, *, window_ms: float) -> Estimate:
    """Do ``change`` on a clone with all rows, and return the estimate. Raises Refused where it does not fit."""
    from memsql.actions.rehearse import copy_for
    from memsql.operate.window import estimate_run, refusal
    from memsql.report import window

    with copy_for(settings, progress, rows=True) as copy, _told_as_rehearsal(settings):
        run = _run(copy.connection, settings, change, manner, progress)
    estimate = estimate_run("up", (), run.seconds * 1000, window_ms)
    refused = refusal(estimate, window.text(estimate))
    if refused is not None:
        raise refused
    return estimate


def _run(
    conn: Connection, settings: Settings, change: Change, manner: Manner, progress: Bar, *, without_rows: bool = False
) -> _Run:
    from memsql.engine.session import session_on, trial_on
    from memsql.engine.state import RunOptions
    from memsql.errors import Interrupted
    from memsql.legacy.upgrades import Nothing
    from memsql.operate.stats import stats

    options = RunOptions(
        allow_data_loss=manner.allow_data_loss,
        server_copy_rows=settings.server_copy_rows,
        without_rows=without_rows,
        take_over=manner.take_over,
        ledger=manner.ledger,
        trial_ms=settings.rehearsal_timeout,
    )
    with untouched():
        before = stats(conn)
    with (session_on if conn.target == settings.target else trial_on)(conn, options, progress) as session:
        began = time.perf_counter()
        result = change.run(session)
        seconds = time.perf_counter() - began
    if isinstance(result, Nothing):
        # What another process did since the first look is none of this run's.
        now = stats(conn)
        return _Run((result.reason,), now, now, seconds)
    steps = result
    try:
        return _Run(steps, before, stats(conn), seconds)
    except KeyboardInterrupt as e:
        raise Interrupted(
            f"{e.args[0] if e.args else 'Ctrl-C'} came when it was done, and before it was counted",
            state="; ".join(steps),
            hint=f"see: {hints.command('schema.stats')}",
        ) from None


@contextmanager
def _told_as_rehearsal(settings: Settings) -> Iterator[None]:
    """Let every error of the block say that it comes of a clone."""
    from memsql.actions.rehearse import of_a_clone
    from memsql.errors import MemsqlError

    try:
        yield
    except MemsqlError as e:
        error = of_a_clone(e, settings.target)
        error.state = "nothing was changed: this was a rehearsal on a clone"
        raise error from e.__cause__


def _rehearse(settings: Settings, change: Change, manner: Manner, progress: Bar) -> Outcome:
    from memsql.actions.rehearse import copy_for, place_for, row_counts
    from memsql.errors import UsageError
    from memsql.report import before_after
    from memsql.report.rehearsal import PLACES, shown_rows
    from memsql.schema import diff, read

    if manner.maintenance_window is not None:
        raise UsageError(
            "--maintenance-window and --dry-run do not go together: both rehearse, and one goes on afterwards",
            state="nothing was changed",
            hint="leave one of them out",
        )
    place = place_for(settings.target, frozenset({"with-data"} if manner.with_data else ()))
    with copy_for(settings, progress, rows=place == "clone") as copy:
        conn = copy.connection
        schema_before, rows_before = read(conn), row_counts(conn)
        with _told_as_rehearsal(settings):
            run = _run(conn, settings, change, manner, progress, without_rows=place == "schema")
        schema, rows_after = diff(schema_before, read(conn)).lines(), row_counts(conn)
    omitted = [str(omission) for omission in copy.omitted]
    rows = [
        f"{table}: {shown_rows(rows_before.get(table))} -> {shown_rows(rows_after.get(table))}"
        for table in sorted(rows_before.keys() | rows_after.keys())
        if rows_before.get(table) != rows_after.get(table) and place != "schema"
    ]
    text = [PLACES[place], *(f"left out: {omission}" for omission in omitted), *run.steps]
    for title, lines in (("schema", schema), ("rows", rows)):
        if lines:
            text += ["", f"{title}:", *("  " + line for line in lines)]
    figures = before_after.compare(run.before, run.after, without_rows=place == "schema")
    text += ["", *before_after.text(figures)]
    data = {"place": place, "omitted": omitted, "steps": list(run.steps), "schema": schema, "rows": rows}
    return Outcome(page(text), {"dry_run": True, **data, **before_after.data(figures)})
