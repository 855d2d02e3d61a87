"""memsql maintain.vacuum"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.interrupts import untouched
from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.output import write
from memsql.tasks.task import Outcome, number, task
from memsql.visible import page

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "maintain.vacuum",
    help={
        "into": "write a new file, prove that it holds the same, and leave the database as it is",
        "incremental": "only give free pages back, where PRAGMA auto_vacuum is INCREMENTAL",
        "pages": "with --incremental: this many pages at most (default 0, all of them)",
        "dry_run": "change nothing: only the forecast",
        **CHANGE_HELP,
    },
)
def vacuum(
    settings: Settings,
    progress: Bar,
    *,
    into: str | None = None,
    incremental: bool = False,
    pages: str = "0",
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Write the database anew without holes, in place or into a new file, after a forecast of size, space and time.

    In place everybody else waits. A libSQL server refuses VACUUM (exit code 2).
    Exit codes: 4 somebody else uses the database, 6 no space for it, pages are damaged, or full-text indexes would
    lose their rows.

    Examples:  memsql maintain.vacuum --dry-run     memsql maintain.vacuum --into compact.db
    """
    from memsql.backups.connections import file_connection
    from memsql.errors import UsageError
    from memsql.report import vacuum as report
    from memsql.upkeep import space
    from memsql.upkeep import vacuum as upkeep

    most = number("--pages", pages, most=2**31 - 1, problem="give a number of pages")
    if incremental and (into is not None or dry_run):
        raise UsageError("--incremental needs no forecast and no new file: give it alone or with --pages")
    if most and not incremental:
        raise UsageError("--pages is for --incremental")
    settings.target.expect_file()
    if settings.target.path is None:
        raise upkeep.refusal(settings.target)
    path, target = settings.target.path, str(settings.target)
    if incremental:
        with file_connection(path, target, "ro", settings.busy_timeout) as conn:
            upkeep.refuse_without_increments(conn)
        admit(settings, "give free pages back", yes=yes)
        with file_connection(path, target, "rw", settings.busy_timeout) as conn:
            result = upkeep.incremental(conn, most, progress)
        return Outcome(f"{target}: {report.verdict(result)}", report.data(None, result, target))
    new = None if into is None else Path(into)
    if new is not None and not new.absolute().parent.is_dir():
        raise UsageError(f"--into {into}: there is no folder {new.parent}", state="nothing was changed")
    with untouched(), file_connection(path, target, "ro", settings.busy_timeout) as conn:
        progress.start("forecasting")
        outlook = space.forecast(conn, new)
    if dry_run:
        return Outcome(report.text(outlook, None, target), report.data(outlook, None, target))
    space.refuse_without_space(outlook)
    with file_connection(path, target, "ro", settings.busy_timeout) as conn:
        upkeep.refuse_damaged(conn, progress)
    if new is not None:
        result = upkeep.into_file(settings.target, new, settings.busy_timeout, progress)
    else:
        upkeep.refuse_renumbering(outlook)
        admit(settings, f"write {target} anew without holes, while everybody else waits", yes=yes)
        write(sys.stderr, page(report.warnings(outlook)))
        with file_connection(path, target, "rw", settings.busy_timeout) as conn:
            result = upkeep.in_place(conn, progress)
    return Outcome(report.text(outlook, result, target), report.data(outlook, result, target))
