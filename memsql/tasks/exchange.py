"""invoke import: take over the migrations of another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.gate import CHANGE_HELP, LEDGER_HELP, admit
from memsql.tasks.task import Outcome, task
from memsql.visible import page

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "import",
    new_file=True,
    help={
        **CHANGE_HELP,
        "tool": "alembic, d1, dbmate, diesel, drizzle, flyway, golang-migrate, goose, prisma, sql-migrate, sqlx, yoyo",
        "dir": "the folder with its migrations; of Alembic the file that `alembic upgrade base:head --sql` printed",
        "dry-run": "list what would be written, and write nothing",
        "database": "a database of the tool: its ledger says what is applied there, once the schema proves it",
        "env": "the same for the database of the environment NAME",
        "take-over": LEDGER_HELP["take-over"],
    },
)
def import_(
    settings: Settings,
    progress: Bar,
    *,
    tool: str,
    dir: str,
    dry_run: bool = False,
    database: str | None = None,
    env: str | None = None,
    take_over: bool = False,
    yes: bool = False,
) -> Outcome:
    """Take over the migrations of another tool as pairs of memsql.

    Ways up and down become two files, transactions go, PRAGMA foreign_keys becomes a directive, whole numbers stay as
    versions. All of it runs on an empty database in memory: what the tool lost there gets a narrow permit, and a
    missing rollback is derived where it can be proven. The folder of the tool is not touched, nothing is overwritten,
    and a second import takes what is new. With --database or --env the ledger of the tool there becomes that of memsql.

    Examples:  invoke import dbmate db/migrations     invoke import goose goose --dry-run
               invoke import drizzle drizzle --database app.db
    Exit codes: 0 done, 2 files that cannot be taken over; then nothing is written. 6 the ledger does not fit.
    """
    import os
    from pathlib import Path

    from memsql.author.import_ledger import Wishes, take_over_ledger
    from memsql.author.importing import import_set
    from memsql.exchange.tools import tool_of
    from memsql.report.importing import data, text

    folder = Path(os.path.abspath(Path.cwd() / dir))
    opens = database is not None or env is not None
    if opens:
        settings.target.expect_file()
    imported = import_set(settings, tool_of(tool), folder, dry_run=dry_run, progress=progress)
    shown, fields = text(imported, dry_run=dry_run), data(imported, dry_run=dry_run)
    if not opens:
        return Outcome(shown, fields)

    def gate(what: str) -> None:
        admit(settings, what, yes=yes)

    wishes = Wishes(dry_run=dry_run, take_over=take_over)
    lines = take_over_ledger(settings, imported, wishes, progress=progress, gate=gate)
    return Outcome(page([*shown.split("\n"), *lines]), {**fields, "adopted": list(lines)})
