"""invoke import: take over the migrations of another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import PROJECT_OPTIONS, Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "import",
    help={
        "tool": "alembic, d1, dbmate, diesel, drizzle, flyway, golang-migrate, goose, prisma, sql-migrate, sqlx, yoyo",
        "dir": "the folder with its migrations; of Alembic the file that `alembic upgrade base:head --sql` printed",
        "dry-run": "list what would be written, and write nothing",
    },
    common=PROJECT_OPTIONS,
)
def import_(settings: Settings, progress: Bar, *, tool: str, dir: str, dry_run: bool = False) -> Outcome:
    """Take over the migrations of another tool as pairs of memsql.

    Ways up and down become two files, transactions go, PRAGMA foreign_keys becomes a directive, whole numbers stay as
    versions. All of it runs on an empty database in memory: what the tool lost there gets a narrow permit, and a
    missing rollback is derived where it can be proven. The folder of the tool is not touched, nothing is overwritten,
    and a second import takes what is new.

    Examples:  invoke import dbmate db/migrations     invoke import goose goose --dry-run
    Exit codes: 0 done, 2 files that cannot be taken over; then nothing is written.
    """
    import os
    from pathlib import Path

    from memsql.author.importing import import_set
    from memsql.exchange.tools import tool_of
    from memsql.report.importing import data, text

    folder = Path(os.path.abspath(Path.cwd() / dir))
    imported = import_set(settings, tool_of(tool), folder, dry_run=dry_run, progress=progress)
    return Outcome(text(imported, dry_run=dry_run), data(imported, dry_run=dry_run))
