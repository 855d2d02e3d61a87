"""Restore a database from a backup, onto a file or a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from memsql import hints
from memsql.address import refuse_word
from memsql.backups.catalogue import Backup
from memsql.backups.create import BackupOptions, create
from memsql.backups.foreign import unpack_foreign
from memsql.backups.manifest import Manifest
from memsql.backups.restore_file import restore_file
from memsql.backups.restored import Restored, Unpack, unpack_proven
from memsql.config import Settings, is_url, parse_target
from memsql.db import connection
from memsql.errors import CheckFailed, Interrupted, MemsqlError, Refused, UsageError
from memsql.ledger import version_of
from memsql.progress import SILENT, Progress
from memsql.project.files import Migration, read_folder
from memsql.schema import read
from memsql.storage import work_folders


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What a restore may do. ``replace_server``: a server that is not empty is backed up and then replaced.
    ``unproven``: a backup that was never proven may be restored. ``allow_newer``: so may one with migrations that are
    not among the files here."""

    _: KW_ONLY
    replace_server: bool = False
    unproven: bool = False
    allow_newer: bool = False


def restore(
    settings: Settings, backup: Backup, options: RestoreOptions = RestoreOptions(), progress: Progress = SILENT
) -> Restored:
    """Restore ``backup`` onto the database of ``settings`` and prove it there.

    A file that lies there is kept under another name. Raises Refused for what ``options`` do not allow, CheckFailed,
    LockedError and ConnectError.
    """
    target = settings.target
    _refuse_untrusted(settings, backup, options)
    _refuse_itself(settings, backup)

    def unpack(into: Path) -> Backup:
        if not backup.is_foreign:
            unpack_proven(backup, into, target, progress)
            return backup
        unpacked = unpack_foreign(backup, settings.show(backup.path), into, progress)
        _refuse_newer(settings, unpacked, options)
        return unpacked

    try:
        if target.path is None:
            return _onto_server(settings, unpack, replace_server=options.replace_server, progress=progress)
        return restore_file(unpack, target, settings.busy_timeout, progress)
    except KeyboardInterrupt:
        if target.path is None:
            raise
        raise Interrupted("the restore was stopped", state=f"{target} was not touched", hint="run it again") from None
    except MemsqlError as e:
        e.state = e.state or f"{target} was not touched"
        raise


def _refuse_untrusted(settings: Settings, backup: Backup, options: RestoreOptions) -> None:
    """Raise CheckFailed or Refused where ``backup`` may not be restored here."""
    manifest, state = backup.manifest, f"{settings.target} was not touched"
    shown = settings.show(backup.path)
    if backup.is_foreign:
        if options.unproven:
            return
        raise CheckFailed(
            f"{shown} cannot be trusted: {backup.problem}",
            state=state,
            hint=f"use another backup: {hints.command('backup.list')}; or restore what another program "
            f"saved: --unproven",
        )
    if manifest is None or (manifest.proven and backup.problem):
        raise CheckFailed(
            f"{shown} cannot be trusted: {backup.problem}",
            state=state,
            hint=f"use another backup: {hints.command('backup.list')}",
        )
    if not manifest.proven and not options.unproven:
        what = "holds what could be salvaged from a damaged database" if manifest.salvaged else "was never proven"
        raise Refused(
            f"{shown} {what}",
            details=manifest.findings[:20],
            state=state,
            hint="use a proven backup, or say --unproven if this is meant",
        )
    _refuse_newer(settings, backup, options)


def _refuse_newer(settings: Settings, backup: Backup, options: RestoreOptions) -> None:
    """Raise Refused where ``backup`` has migrations that are not among the files of the project."""
    manifest = backup.manifest
    if options.allow_newer or manifest is None or manifest.version is None:
        return
    unknown = newer_migrations(manifest, read_folder(settings.migrations, settings.show(settings.migrations)))
    if unknown:
        raise Refused(
            f"{settings.show(backup.path)} has migrations that are not among the files here: {', '.join(unknown[:5])}",
            state=f"{settings.target} was not touched",
            hint="check out the files that belong to it, or say --allow-newer if this is meant",
        )


def _refuse_itself(settings: Settings, backup: Backup) -> None:
    """Raise UsageError where the file to restore is the database itself."""
    path = settings.target.path
    if path is not None and path.exists() and path.samefile(backup.path):
        raise UsageError(
            f"{settings.show(backup.path)} is the database itself",
            state="nothing was changed",
            hint="name the file that is to take its place",
        )


def newer_migrations(manifest: Manifest, migrations: Sequence[Migration]) -> list[str]:
    """The ids of the applied migrations of a backup that are later than all of ``migrations``."""
    ids = {migration.id for migration in migrations}
    last = max((migration.version for migration in migrations), default=0)
    if manifest.version is None or manifest.version <= last:
        return []
    return [id_ for id_ in manifest.applied if id_ not in ids and (version_of(id_) or 0) > last]


def to_path(settings: Settings, path: str) -> Settings:
    """The same settings with the file ``path`` as the database.

    Raises UsageError where ``path`` is a URL or the name of an environment, or looks like no file.
    """
    target = parse_target(path, Path.cwd())
    if target.path is None:
        raise UsageError(
            f"--to {target}: give the path of a file", hint="for a server: --database URL with the name of a backup"
        )
    if not is_url(path):
        try:
            refuse_word(path, target.display, Path.cwd(), settings.environments, origin="--to")
        except UsageError as e:
            e.hint = (
                "--to names a file; for an environment write --env NAME with the name of a backup, "
                f"for a server --database URL, for a new file --to ./{target.display}"
            )
            raise
    return replace(settings, target=target)


def _onto_server(settings: Settings, unpack: Unpack, *, replace_server: bool, progress: Progress) -> Restored:
    from memsql.backups.restore_server import MADE_BY_SERVER, restore_server

    target = settings.target
    with work_folders.temporary("restore") as folder:
        plain = folder / "restored.db"
        backup = unpack(plain)
        assert backup.manifest is not None
        kept = None
        if replace_server and _holds_something(settings):
            kept = create(settings, BackupOptions(replaced_by=backup.path.name), progress).path
        tables = restore_server(
            plain,
            backup.manifest,
            target,
            busy_timeout=settings.busy_timeout,
            replace=replace_server,
            progress=progress,
        )
    # The server makes what a SQLite file could not hold.
    omitted = tuple(o for o in backup.manifest.omitted if not o.sql or o.type.rpartition(" ")[2] not in MADE_BY_SERVER)
    return Restored(backup, str(target), tables, kept, omitted=omitted)


def _holds_something(settings: Settings) -> bool:
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        return bool(read(conn).objects)
