"""invoke backup.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection, Context, task

from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run
from memsql.tasks.program.bare_words import BareWords, MemsqlTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from memsql.backups.catalogue import Backup
    from memsql.config import Settings

_FILE = BareWords("--file")
_ALL = "backups of other databases in the folder too"


@task(
    help={
        **COMMON_HELP,
        "format": "sqlite (a database file, the default) or sql (a text that sqlite3 and libSQL servers load)",
        "compress": "compress with zstd",
        "salvage": "where the database is damaged, keep what can be read of it, marked as not proven",
    },
    auto_shortflags=False,
)
def create(
    c: Context,
    format: str = "sqlite",
    compress: bool = False,
    salvage: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Make a backup, proven to be what the database holds, while others go on using it.

    One consistent state is copied into the folder of backups; then its pages, references, full-text indexes and
    the hash of every table are compared with the source. Only a proven copy is kept, with a manifest
    beside it. A damaged database gives no backup; --salvage keeps what can still be read.

    Examples:  invoke backup     invoke backup --compress     invoke backup --format sql
    Exit codes: 0 proven, 1 not proven, 3 cannot be read or written, 4 locked.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.backups.create import create as make
        from memsql.errors import UsageError
        from memsql.report import backup as report
        from memsql.report.progress import Bar

        if format not in ("sqlite", "sql"):
            raise UsageError(f"--format {format}: give sqlite or sql")
        with Bar() as bar:
            made = make(
                settings,
                format="sql" if format == "sql" else "sqlite",
                compress=compress,
                salvage=salvage,
                progress=bar,
            )
        proven = made.manifest is not None and made.manifest.proven
        return Outcome(report.create_text(settings, made), report.create_data(settings, made), int(not proven))

    run("backup.create", Options(project, env, database, json), work)


@task(name="list", help={**COMMON_HELP, "all": _ALL}, auto_shortflags=False)
def list_(
    c: Context,
    all: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """List the backups of this database, the newest first: age, ledger version, size, and whether they are proven.

    Reads the manifests only; backup.verify reads the backups themselves.
    """

    def work(settings: Settings) -> Outcome:
        from datetime import UTC, datetime

        from memsql.backups.catalogue import backups
        from memsql.report import backup as report

        found, now = backups(settings, every_source=all), datetime.now(UTC)
        newer = _newer(settings, found)
        return Outcome(
            report.list_text(settings, found, newer, now=now, every_source=all),
            report.list_data(settings, found, newer, now=now),
        )

    run("backup.list", Options(project, env, database, json), work)


@task(
    klass=MemsqlTask,
    bare_words=_FILE,
    help={
        **COMMON_HELP,
        "file": "name or path of a backup (default: the newest proven one of this database)",
        "all": "every backup in the folder",
    },
    auto_shortflags=False,
)
def verify(
    c: Context,
    file: str | None = None,
    all: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Read a backup from beginning to end and prove it again.

    The seal of its manifest, its bytes, then the whole proof on a copy in the temporary folder, with every table's
    hash against the manifest. Exit code 1 when something is not as it was.

    Examples:  invoke backup.verify     invoke backup.verify memory-20260131T120000Z.db     invoke backup.verify --all
    """

    def work(settings: Settings) -> Outcome:
        from memsql.backups.catalogue import backups, find
        from memsql.backups.prove import verify as prove
        from memsql.errors import UsageError
        from memsql.report import backup as report
        from memsql.report.progress import Bar

        if all and file is not None:
            raise UsageError("--all and the name of a backup do not go together", hint="leave one of them out")
        chosen = backups(settings, every_source=True) if all else [find(settings, file)]
        with Bar() as bar:
            results = [prove(one, bar) for one in chosen]
        bad = any(not r.ok for r in results)
        return Outcome(report.verify_text(settings, results), report.verify_data(settings, results), int(bad))

    run("backup.verify", Options(project, env, database, json), work)


@task(
    help={
        **COMMON_HELP,
        "keep": "keep this many proven backups, the newest",
        "keep-days": "keep what is not older than this many days",
        "all": _ALL,
        "dry-run": "say what would go, and remove nothing",
    },
    auto_shortflags=False,
)
def prune(
    c: Context,
    keep: str | None = None,
    keep_days: str | None = None,
    all: bool = False,
    dry_run: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Remove old backups of this database: those that neither --keep nor --keep-days keeps.

    The newest proven backup is never removed, nor a file whose manifest cannot be read: it may be somebody else's.
    What interrupted runs left behind goes too.

    Example:  invoke backup.prune --keep 7 --keep-days 30
    """

    def work(settings: Settings) -> Outcome:
        from memsql.backups.prune import prune as remove
        from memsql.errors import UsageError
        from memsql.report import backup as report

        if keep is None and keep_days is None:
            raise UsageError(
                "say what to keep", state="nothing was removed", hint="for example: --keep 7 --keep-days 30"
            )
        choices = remove(
            settings,
            keep=_number("--keep", keep),
            keep_days=_number("--keep-days", keep_days),
            every_source=all,
            dry_run=dry_run,
        )
        return Outcome(report.prune_text(settings, choices, dry_run), report.prune_data(settings, choices, dry_run))

    run("backup.prune", Options(project, env, database, json), work)


@task(
    klass=MemsqlTask,
    bare_words=_FILE,
    help={
        **CHANGE_HELP,
        "file": "name or path of a backup (default: the newest proven one of this database)",
        "to": "restore into this file instead of the database itself",
        "replace": "a server that is not empty: back it up, then replace everything it holds",
        "unproven": "restore a backup that was never proven, such as a salvaged one",
        "allow-newer": "restore a backup that has migrations which are not among the files here",
    },
    auto_shortflags=False,
)
def restore(
    c: Context,
    file: str | None = None,
    to: str | None = None,
    replace: bool = False,
    unproven: bool = False,
    allow_newer: bool = False,
    yes: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Bring the database back from a backup: proven before, and again in its place.

    A file is replaced in one step, and what lay there is kept beside it as NAME.replaced-TIME. Refused (code 4) while
    another process has it open, even one that does nothing. A server must be empty; with --replace it is backed up first.

    Examples:  invoke backup.restore     invoke backup.restore --to /tmp/look.db
               invoke backup.restore memory-20260131T120000Z.db
    Exit codes: 0 restored and proven, 1 the backup is not proven, 3 cannot be read or written, 4 in use, 6 refused.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.backups.catalogue import find
        from memsql.backups.restore import restore as bring
        from memsql.backups.restore import to_path
        from memsql.report import backup as report
        from memsql.report.progress import Bar

        backup = find(settings, file)
        onto = settings if to is None else to_path(settings, to)
        if onto.target.identity == settings.target.identity:
            # No backup is asked for: what is replaced is kept, and may be past saving.
            admit(settings, f"replace what it holds by {backup.path.name}", yes=yes, empty=True)
        with Bar() as bar:
            done = bring(
                onto,
                backup,
                replace_server=replace,
                unproven=unproven,
                allow_newer=allow_newer,
                progress=bar,
            )
        return Outcome(report.restore_text(settings, done), report.restore_data(settings, done))

    run("backup.restore", Options(project, env, database, json), work)


@task(
    klass=MemsqlTask,
    bare_words=_FILE,
    help={
        **COMMON_HELP,
        "file": "the backup to try (default: the newest proven one of this database)",
    },
    auto_shortflags=False,
)
def drill(
    c: Context,
    file: str | None = None,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Prove that a backup restores: into a scratch database, verified, its last migration rolled back and applied again.

    The database itself is not touched, and need not be there any more. Run it once a month.

    Examples:  invoke backup.drill     invoke backup.drill memory-20260131T120000Z.db
    Exit codes: 0 it restores, 1 something failed, 2 there is no such backup.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.operate.drill import drill as try_out
        from memsql.report import drill as report
        from memsql.report.progress import Bar

        with Bar() as bar:
            found = try_out(settings, file, bar)
        return Outcome(report.text(found), report.data(found), int(not found.ok))

    run("backup.drill", Options(project, env, database, json), work)


def _newer(settings: Settings, found: Sequence[Backup]) -> set[Path]:
    """The backups that the files of the project do not know."""
    from memsql.backups.restore import newer
    from memsql.errors import FileError
    from memsql.project.files import read_folder

    try:
        migrations = read_folder(settings.migrations, settings.show(settings.migrations))
    except FileError:
        return set()
    return {b.path for b in found if b.manifest is not None and newer(b.manifest, migrations)}


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    from memsql.errors import UsageError

    if not text.isdecimal() or len(text) > 6:
        raise UsageError(f"{option} {text}: give a number, 0 or more", state="nothing was removed")
    return int(text)


ns = Collection("backup")
ns.add_task(create, default=True)
for one_task in (list_, verify, restore, drill, prune):
    ns.add_task(one_task)
