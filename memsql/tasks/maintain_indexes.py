"""memsql maintain.reindex and .optimize"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.interrupts import untouched
from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_DRY_RUN = {"dry_run": "change nothing: say what would be done"}
_SAMPLE = "1000"


@task(
    "maintain.reindex",
    help={
        "index": "only this index",
        "table": "only the indexes of this table",
        "expressions": "only those whose entries depend on a function, a condition or a collation of somebody's own",
        "check": "change nothing, and exit with 1 where an index disagrees with its table",
        **_DRY_RUN,
        **CHANGE_HELP,
    },
)
def reindex(
    settings: Settings,
    progress: Bar,
    *,
    index: str | None = None,
    table: str | None = None,
    expressions: bool = False,
    check: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Build indexes anew (default: all), each in a transaction of its own, and say which had disagreed with its table.

    Before and afterwards integrity_check holds each against its table, which reads both and takes no lock. A server
    builds indexes too, and gives the lock away after 5 seconds when somebody else wants it.
    Exit codes: 1 an index could not be built or is still wrong, or with --check is wrong; 6 more is damaged than that.

    Examples:  memsql maintain.reindex --expressions     memsql maintain.reindex --index idx_users_email
    """
    from memsql.db import connection
    from memsql.errors import UsageError
    from memsql.report import reindex as report
    from memsql.upkeep import reindex as upkeep

    if index is not None and (table is not None or expressions):
        raise UsageError("--index names one index: give it without --table and --expressions")
    settings.target.expect_file()
    only_looks = dry_run or check
    with untouched(), connection(settings.target, "ro", settings.busy_timeout) as conn:
        chosen = upkeep.choose(upkeep.candidates(conn), index, table, expressions=expressions)
        if only_looks or not chosen:
            seen, notes = upkeep.look(conn, chosen, progress)
            result = upkeep.Reindexing(tuple(seen), notes, 0.0)
    if chosen and not only_looks:
        indexes = "1 index" if len(chosen) == 1 else f"{len(chosen)} indexes"
        admit(settings, f"build {indexes} anew: {', '.join(c.name for c in chosen[:10])}", yes=yes)
        with connection(settings.target, "rw", settings.busy_timeout) as conn:
            result = upkeep.reindex(conn, chosen, progress)
    target = str(settings.target)
    return Outcome(
        report.text(result, target, dry_run=only_looks),
        report.data(result, target, dry_run=only_looks),
        int(any(i.before for i in result.indexes) if check else not result.ok),
    )


@task(
    "maintain.optimize",
    help={
        "full": "ANALYZE: gather all statistics anew, not only those that are missing or far off",
        "limit": "entries of each index to read at most, 0 for all (default 1000; with --full 0)",
        **_DRY_RUN,
        **CHANGE_HELP,
    },
)
def optimize(
    settings: Settings,
    progress: Bar,
    *,
    full: bool = False,
    limit: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Gather the statistics by which SQLite chooses indexes, and say which plans of the hot queries changed by them.

    Runs PRAGMA optimize. --dry-run does it on a copy. A libSQL server refuses both ANALYZE and PRAGMA optimize (exit
    code 2). Full-text indexes have an optimisation of their own: fts.optimize.

    Examples:  memsql maintain.optimize --dry-run     memsql maintain.optimize --full --limit 10000
    """
    from memsql.db import connection
    from memsql.db.clone import clone
    from memsql.project.named_queries import hot_queries
    from memsql.report import optimize as report
    from memsql.upkeep import optimize as upkeep

    entries = number("--limit", limit or ("0" if full else _SAMPLE), most=2**31 - 1, problem="give a number of entries")
    settings.target.expect_file()
    queries = hot_queries(settings)
    if settings.target.is_server:
        raise upkeep.refusal(settings.target)
    if dry_run:
        with clone(settings.target, settings.busy_timeout, progress) as copy:
            result = upkeep.optimize(copy.connection, queries, progress, full=full, limit=entries)
    else:
        admit(settings, "gather the statistics of indexes anew", yes=yes)
        with connection(settings.target, "rw", settings.busy_timeout) as conn:
            result = upkeep.optimize(conn, queries, progress, full=full, limit=entries)
    target = str(settings.target)
    return Outcome(report.text(result, target, dry_run=dry_run), report.data(result, target, dry_run=dry_run))
