"""memsql migrate.renumber"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "migrate.renumber",
    new_file=True,
    bare_word="--version",
    help={
        "version": "what moves: 7, 7..9, or 0007_name where two have that number (default: what the base lacks)",
        "to": "the version that it gets (default: the next free one)",
        "base": "the branch that keeps its numbers (default: origin/main, main, origin/master or master)",
        "dry-run": "say what would be renamed, and change nothing",
    },
)
def renumber(
    settings: Settings,
    progress: Bar,
    *,
    version: str | None = None,
    to: str | None = None,
    base: str | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Give migrations the next free numbers, where two branches took the same, or the base went on behind them.

    What the base branch has keeps its number. With the pair go its rollback, its checks, `-- depends:` of others, the
    `-- needs:` of smoke tests and comments that name it, and memsql.sum is written anew, also where git left a conflict
    in it: all of it or nothing. No database is changed: one that has the migration is recognised by the content, and
    its ledger follows at its next migrate.up. Where it could not, nothing is moved.

    Examples:  memsql migrate.renumber     memsql migrate.renumber 7 --dry-run
               memsql migrate.renumber 0007_add_notes --to 12
    Exit codes: 0 done or nothing to do, 2 it is not clear what to move, or a file cannot be used, 6 the database could
    not follow. Then nothing was changed.
    """
    from memsql.author import renumber as author
    from memsql.author import renumber_files
    from memsql.report import renumber as report

    if not dry_run and renumber_files.put_back(settings):
        progress.start("putting back the files of a renumbering that was interrupted")
    target = None if to is None else number("--to", to)
    planned = author.renumber(settings, version, to=target, base_name=base)
    if planned is not None and not dry_run:
        renumber_files.exchange(settings, planned.before, planned.after)
    return Outcome(report.text(planned, str(settings.target), dry_run=dry_run), report.data(planned, dry_run=dry_run))
