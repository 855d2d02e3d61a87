"""memsql seed"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.gate import CHANGE_HELP
from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "seed",
    bare_word="--name",
    help={
        **CHANGE_HELP,
        "name": "the folder below sql/seeds (default: the setting `seeds` of the environment)",
        "dry-run": "run them on a clone, and change nothing",
    },
)
def seed(
    settings: Settings, progress: Bar, *, name: str | None = None, dry_run: bool = False, yes: bool = False
) -> Outcome:
    """Insert the rows that an environment begins with: each file of sql/seeds/NAME that has not run here.

    A seed only inserts, is proven as a migration is, and runs once. Before, it is tried twice on a database in memory:
    one that would change something the second time is refused. `migrate.up` does the same where the environment has
    the setting `seeds` and is not protected.

    Examples:  memsql seed demo     memsql seed --env staging --dry-run
    Exit codes: 0 done, 2 no such seeds or a migration waits, 5 one failed and was rolled back, 6 one could not run
    twice.
    """
    from dataclasses import replace

    from memsql.engine.state import RunOptions
    from memsql.errors import UsageError
    from memsql.tasks.manner import Manner
    from memsql.tasks.migrate_run import run

    chosen = name or settings.seeds
    if not chosen:
        raise UsageError(
            "no seeds are named",
            state="nothing was changed",
            hint="name a folder below sql/seeds, as in: memsql seed demo; or set `seeds` for the environment",
        )
    options = RunOptions(seeds="only")
    return run("up", replace(settings, seeds=chosen), options, progress, manner=Manner.plain(dry_run=dry_run, yes=yes))
