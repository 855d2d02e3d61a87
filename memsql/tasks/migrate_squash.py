"""memsql migrate.squash"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import FOLDER_OPTIONS, Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "migrate.squash",
    common=FOLDER_OPTIONS,
    help={
        "to": "fold the migrations up to this version",
        "keep-values": "keep what a clock or chance gave to rows, as it is now, for new databases",
        "dry-run": "prove it, say what would be written, and write nothing",
    },
)
def squash(settings: Settings, progress: Bar, *, to: str, keep_values: bool = False, dry_run: bool = False) -> Outcome:
    """Fold the migrations up to a version into one, which makes the same schema and the same rows.

    It keeps number and name of the last of them, so that what depends on that stays true. It is proven on databases in
    memory: alone, up and down, and with all migrations behind it. The old files are moved to sql/squashed. No database
    is changed: one that has all of them lets its ledger follow at the next migrate.up, one that has some of them is
    refused there and says what it lacks, and a new one gets the new file.

    Examples:  memsql migrate.squash --to 20 --dry-run     memsql migrate.squash --to 20
    Exit codes: 0 done, 2 no such version or a file that cannot be used, 6 something counts on a folded migration, or
    rows hold what a clock or chance gave, 1 the proof failed. Then nothing was changed.
    """
    from memsql.author import squash as author
    from memsql.author import squash_files
    from memsql.report import squash as report

    if not dry_run and squash_files.put_back(settings):
        progress.start("putting back the files of a squash that was interrupted")
    proven = author.squash(settings, number("--to", to), keep_values=keep_values, progress=progress)
    if not dry_run:
        author.write(settings, proven)
    return Outcome(report.text(proven, dry_run=dry_run), report.data(proven, dry_run=dry_run))
