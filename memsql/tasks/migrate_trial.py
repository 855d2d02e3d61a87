"""memsql migrate.permits and migrate.test, which run the migrations on scratch databases alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import FOLDER_OPTIONS, Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "migrate.permits",
    new_file=True,
    help={"rewrite": "write the proposals into the files, and memsql.sum anew"},
)
def permits(settings: Settings, progress: Bar, *, rewrite: bool = False) -> Outcome:
    """List what the files may lose (`-- allow: data-loss`) and break, and propose names for permits that have none.

    A permit names a table or a column. For one that names neither, the migrations run in memory on made-up rows, and
    what is lost there is proposed. No database is opened.

    Example:  memsql migrate.permits --rewrite
    """
    from memsql.author import permits
    from memsql.report.permits import data, text

    listed = permits.list_permits(settings, progress)
    rewritten = permits.rewrite(settings, listed) if rewrite else ()
    return Outcome(text(listed, rewritten), data(listed, rewritten))


@task(
    "migrate.test",
    reads_only=True,
    help={"strict": "exit with 1 too where a rollback or a check is missing"},
    common=FOLDER_OPTIONS,
)
def round_trip(settings: Settings, progress: Bar, *, strict: bool = False) -> Outcome:
    """Try every migration on scratch databases: dry run, up, verify, down and up again; and print the coverage.

    From a fresh database and from one of each release in sql/legacy, whose legacy upgrades are tried too, without rows.
    Four things can be covered of each: it has a rollback, it has a check in sql/checks, its dry run works, and its
    round trip leaves schema and rows as they were. No database of yours is opened.

    Examples:  memsql migrate.test     memsql migrate.test --strict --json
    Exit codes: 0 all that was tried works, 1 one of them fails (with --strict: or is not covered), 2 files.
    """
    from memsql.author.round_trips import round_trips
    from memsql.report.round_trips import data, text

    result = round_trips(settings, progress)
    return Outcome(text(result), data(result), int(result.failed or (strict and not result.complete)))
