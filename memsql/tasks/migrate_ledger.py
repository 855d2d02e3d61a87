"""memsql migrate.history, .repair and .baseline: read the ledger, correct it, or write it where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.gate import CHANGE_HELP, LEDGER_HELP, admit
from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_NEWEST = 20


@task(
    "migrate.repair",
    help={
        **CHANGE_HELP,
        "version": "the migration to accept as it now is: edited, renamed or missing",
        "from": "accept an edit where the text at this commit, replayed on made-up rows, does the same",
        "accept": "accept an edit for this reason, which the history keeps",
        "dry-run": "say what would be changed, and change nothing",
    },
)
def repair(
    settings: Settings,
    progress: Bar,
    *,
    version: str | None = None,
    from_: str | None = None,
    accept: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Make the ledger agree with the files again, and say what was changed.

    By itself only what is certain: files that differ by line endings, comments or white space, edited
    rollbacks, files with another number, and ledger rows for what yoyo did by itself. --version N accepts another name
    of the same content, and forgets a migration whose file is gone. Where the content differs, --from REV takes the old
    text from git and accepts the new one if a replay shows the same schema and rows; --accept "reason" takes your word.

    Examples:  memsql migrate.repair     memsql migrate.repair --version 3 --from v1.4
               memsql migrate.repair --version 3 --accept "a default that no row had"
    Exit codes: 0 done, 2 it has to be said why, 6 the old text does something else.
    """
    from memsql.actions.edits import Choice
    from memsql.actions.repair import repair_ledger
    from memsql.errors import UsageError
    from memsql.report.repair import data, text

    if from_ is not None and accept is not None:
        raise UsageError("--from and --accept do not go together: the one proves it, the other takes your word")
    if accept is not None and (not accept.strip() or len(accept.splitlines()) > 1):
        raise UsageError("--accept takes a reason of one line that a reviewer can judge")
    choice = Choice(None if version is None else number("--version", version), from_, accept)

    def gate(what: str) -> None:
        admit(settings, what, yes=yes)

    repaired = repair_ledger(settings, choice, dry_run=dry_run, gate=gate)
    return Outcome(text(repaired, dry_run=dry_run), data(repaired, dry_run=dry_run))


@task(
    "migrate.baseline",
    new_file=True,
    help={
        **CHANGE_HELP,
        "version": "the version that the database is at: the migrations up to it count as applied",
        "accept-drift": "do it although the schema differs from what they make, and say how",
        "dry-run": "compare, say what would count as applied, and change nothing",
        "take-over": LEDGER_HELP["take-over"],
    },
)
def baseline(
    settings: Settings,
    progress: Bar,
    *,
    version: str,
    accept_drift: bool = False,
    take_over: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> Outcome:
    """Say at which version a database is that has no ledger: what comes up to it counts as applied.

    Nothing runs. The schema must hold what these migrations make, and nothing of what later ones make; what it has
    besides is kept. The ledger is written in one transaction, and migrate.up then applies what comes after.

    Examples:  memsql migrate.baseline --version 12     memsql migrate.baseline --version 12 --dry-run
    Exit codes: 0 done, 2 no such version, 6 the schema differs, the database is empty or has a ledger.
    """
    from memsql.db import connection
    from memsql.legacy.baseline import last_shape, look, shape_at, write
    from memsql.project.load import load_project, refuse_stale_sum
    from memsql.report.legacy import baseline_data, baseline_text

    project = load_project(settings)
    refuse_stale_sum(project)
    shape = shape_at(project, number("--version", version))
    last = None if accept_drift else last_shape(project)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        result = look(conn, project, shape, last=last, take_over=take_over)
    if result.ids and not dry_run:
        admit(settings, f"count {', '.join(result.ids)} as applied, without running it", yes=yes)
        result = write(settings, project, shape, last=last, take_over=take_over)
    return Outcome(baseline_text(result, dry_run=dry_run), baseline_data(result, dry_run=dry_run))


@task(
    "migrate.history",
    reads_only=True,
    help={"limit": "the newest so many (default 20, 0 for all; with --json all)"},
    bare_number="--limit",
)
def history(settings: Settings, progress: Bar, *, limit: str | None = None, json: bool = False) -> Outcome:
    """Show what happened to this database, the newest first: when, what, by whom and how long it took.

    Every attempt that the history has: up, down, failed, adopted, repaired, verified, legacy upgrades, and what was
    imported from another tool. Where yoyo alone ran here, its log. Reads only.

    Examples:  memsql migrate.history     memsql migrate.history 5     memsql migrate.history --json
    """
    from memsql.db import connection
    from memsql.ledger.attempts import read_attempts
    from memsql.report.attempts import data, text

    most = number("--limit", limit) if limit is not None else 0 if json else _NEWEST
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        events = read_attempts(conn, most or None)
    target = str(settings.target)
    return Outcome(text(events, target), data(events, target))
