"""memsql backup.*"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoke import Collection

from memsql.tasks.gate import CHANGE_HELP, admit
from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from memsql.backups.catalogue import Backup
    from memsql.backups.manifest import Content
    from memsql.config import Settings
    from memsql.report.progress import Bar

_ALL = "backups of other databases in the folder too"
_FORMATS: dict[str, Content] = {"sqlite": "sqlite", "sql": "sql"}


@task(
    "backup.create",
    default=True,
    help={
        "format": "sqlite (a database file, the default) or sql (a text that sqlite3 and libSQL servers load)",
        "compress": "compress with zstd",
        "salvage": "where the database is damaged, keep what can be read of it, marked as not proven",
    },
)
def create(
    settings: Settings, progress: Bar, *, format: str = "sqlite", compress: bool = False, salvage: bool = False
) -> Outcome:
    """Make a backup, proven to be what the database holds, while others go on using it.

    One consistent state is copied into the folder of backups; then its pages, references, full-text indexes and
    the hash of every table are compared with the source. Only a proven copy is kept, with a manifest
    beside it. A damaged database gives no backup; --salvage keeps what can still be read.

    Examples:  memsql backup     memsql backup --compress     memsql backup --format sql
    Exit codes: 0 proven, 1 not proven, 3 cannot be read or written, 4 locked.
    """
    from memsql.backups.create import BackupOptions, create
    from memsql.errors import UsageError
    from memsql.report.backup import create_data, create_text

    if format not in _FORMATS:
        raise UsageError(f"--format {format}: give sqlite or sql")
    created = create(settings, BackupOptions(_FORMATS[format], compress=compress, salvage=salvage), progress)
    is_proven = created.manifest is not None and created.manifest.proven
    return Outcome(create_text(settings, created), create_data(settings, created), int(not is_proven))


@task("backup.list", reads_only=True, new_file=True, help={"all": _ALL})
def list_(settings: Settings, progress: Bar, *, all: bool = False) -> Outcome:
    """List the backups of this database, the newest first: age, ledger version, size, and whether they are proven.

    Reads the manifests only; backup.verify reads the backups themselves.
    """
    from datetime import UTC, datetime

    from memsql.backups.catalogue import backups
    from memsql.report.backup import list_data, list_text

    listed, now = backups(settings, every_source=all), datetime.now(UTC)
    newer = _newer(settings, listed)
    return Outcome(
        list_text(settings, listed, newer, now=now, every_source=all), list_data(settings, listed, newer, now=now)
    )


@task(
    "backup.verify",
    new_file=True,
    reads_only=True,
    bare_word="--file",
    help={
        "file": "name or path of a backup (default: the newest proven one of this database)",
        "all": "every backup in the folder",
    },
)
def verify(settings: Settings, progress: Bar, *, file: str | None = None, all: bool = False) -> Outcome:
    """Read a backup from beginning to end and prove it again.

    The seal of its manifest, its bytes, then the whole proof on a copy in the temporary folder, with every table's
    hash against the manifest. Exit code 1 when something is not as it was.

    Examples:  memsql backup.verify     memsql backup.verify memory-20260131T120000Z.db     memsql backup.verify --all
    """
    from memsql.backups import verify
    from memsql.backups.catalogue import backups, find
    from memsql.errors import UsageError
    from memsql.report.backup import verify_data, verify_text

    if all and file is not None:
        raise UsageError("--all and the name of a backup do not go together", hint="leave one of them out")
    chosen = backups(settings, every_source=True) if all else [find(settings, file)]
    results = [verify.verify(backup, progress) for backup in chosen]
    is_bad = any(not result.ok for result in results)
    return Outcome(verify_text(settings, results), verify_data(settings, results), int(is_bad))


@task(
    "backup.prune",
    new_file=True,
    help={
        "keep": "keep this many proven backups, the newest",
        "keep-days": "keep what is not older than this many days",
        "all": _ALL,
        "dry-run": "say what would go, and remove nothing",
    },
)
def prune(
    settings: Settings,
    progress: Bar,
    *,
    keep: str | None = None,
    keep_days: str | None = None,
    all: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Remove old backups of this database: those that neither --keep nor --keep-days keeps.

    The newest proven backup is never removed, nor a file whose manifest cannot be read: it may be somebody else's.
    What interrupted runs left behind goes too.

    Example:  memsql backup.prune --keep 7 --keep-days 30
    """
    from datetime import UTC, datetime

    from memsql.backups.catalogue import backups
    from memsql.backups.prune import Retention, decide, remove
    from memsql.errors import UsageError
    from memsql.report.backup import prune_data, prune_text

    if keep is None and keep_days is None:
        raise UsageError("say what to keep", state="nothing was removed", hint="for example: --keep 7 --keep-days 30")
    retention = Retention(_number("--keep", keep), _number("--keep-days", keep_days))
    decisions = decide(backups(settings, every_source=all), retention, datetime.now(UTC))
    if not dry_run:
        remove(settings, decisions)
    return Outcome(prune_text(settings, decisions, dry_run), prune_data(settings, decisions, dry_run))


@task(
    "backup.restore",
    new_file=True,
    bare_word="--file",
    help={
        **CHANGE_HELP,
        "file": "name or path of a backup (default: the newest proven one of this database)",
        "to": "restore into this file instead of the database itself",
        "replace": "a server that is not empty: back it up, then replace everything it holds",
        "unproven": "restore what was never proven: a salvaged backup, or what sqlite3, VACUUM INTO or Turso saved",
        "allow-newer": "restore a backup that has migrations which are not among the files here",
    },
)
def restore(
    settings: Settings,
    progress: Bar,
    *,
    file: str | None = None,
    to: str | None = None,
    replace: bool = False,
    unproven: bool = False,
    allow_newer: bool = False,
    yes: bool = False,
) -> Outcome:
    """Bring the database back from a backup: proven before, and again in its place.

    A file is replaced in one step, and what lay there is kept beside it as NAME.replaced-TIME. Refused (code 4) while
    another process has it open, even one that does nothing. A server must be empty; with --replace it is backed up
    first.

    With --unproven also a bare SQLite file (.backup, VACUUM INTO) or the text of .dump, of sqlite3 and of the Turso
    shell: after quick_check, and what could not be taken is named.

    Examples:  memsql backup.restore     memsql backup.restore --to /tmp/look.db
               memsql backup.restore memory-20260131T120000Z.db     memsql backup.restore dump.sql --unproven
    Exit codes: 0 restored and proven, 1 the backup is not proven, 3 cannot be read or written, 4 in use, 6 refused.
    """
    from memsql.backups.catalogue import find
    from memsql.backups.restore import RestoreOptions, restore, to_path
    from memsql.report.backup import restore_data, restore_text

    target = settings if to is None else to_path(settings, to)
    backup = find(settings, file)
    if target.target.identity == settings.target.identity:
        # No other backup is required: what is replaced is kept, and may be past saving.
        admit(settings, f"replace what it holds by {backup.path.name}", yes=yes, backup="needless")
    restored = restore(
        target, backup, RestoreOptions(replace_server=replace, unproven=unproven, allow_newer=allow_newer), progress
    )
    return Outcome(restore_text(settings, restored), restore_data(settings, restored))


@task(
    "backup.drill",
    new_file=True,
    reads_only=True,
    bare_word="--file",
    help={
        "file": "the backup to try (default: the newest proven one of this database)",
        "record": "add the result as a line to the history file, for monitor.dashboard",
    },
)
def drill(settings: Settings, progress: Bar, *, file: str | None = None, record: bool = False) -> Outcome:
    """Prove that a backup restores: into a scratch database, verified, its last migration rolled back and \
applied again.

    The database itself is not touched, and need not be there any more. Run it once a month.

    Examples:  memsql backup.drill     memsql backup.drill memory-20260131T120000Z.db
    Exit codes: 0 it restores, 1 something failed, 2 there is no such backup.
    """
    from memsql.operate.drill import drill
    from memsql.report.drill import data, text

    drilled = drill(settings, file, progress)
    outcome = Outcome(text(drilled), data(drilled), int(not drilled.ok))
    if not record:
        return outcome
    from memsql.operate.history import append

    shown = append(settings, "drill", {**outcome.data, "ok": drilled.ok})
    return replace(outcome, text=f"{outcome.text}\nrecorded in {shown}")


def _newer(settings: Settings, backups: Sequence[Backup]) -> set[Path]:
    """Return the paths of those ``backups`` that hold migrations which are not among the files of the project."""
    from memsql.backups.restore import newer_migrations
    from memsql.errors import FileError
    from memsql.project.files import read_folder

    try:
        migrations = read_folder(settings.migrations, settings.show(settings.migrations))
    except FileError:
        return set()
    return {b.path for b in backups if b.manifest is not None and newer_migrations(b.manifest, migrations)}


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    return number(option, text, most=999_999, problem="give a number, 0 or more", state="nothing was removed")


ns = Collection("backup", create, list_, verify, restore, drill, prune)
