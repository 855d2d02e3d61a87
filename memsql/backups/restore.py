"""Bring a database back from a backup, onto a file or a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.backups.catalogue import Backup
from memsql.backups.create import create
from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Manifest
from memsql.backups.proof import prove, require
from memsql.backups.prove import unpack
from memsql.backups.restore_file import restore_file
from memsql.config import Settings, parse_target
from memsql.db import connect
from memsql.errors import CheckFailed, Interrupted, MemsqlError, Refused, UsageError
from memsql.ledger import version_of
from memsql.progress import SILENT, Progress
from memsql.project.files import Migration, read_folder
from memsql.schema import read


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: which backup, onto what, and the tables as they were proven there. ``kept`` is what lay there
    before: a file beside the new one, or a backup of a server."""

    backup: Backup
    target: str
    tables: tuple[TableDigest, ...]
    kept: Path | None
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def restore(
    settings: Settings,
    backup: Backup,
    *,
    replace_server: bool = False,
    unproven: bool = False,
    allow_newer: bool = False,
    progress: Progress = SILENT,
) -> Restored:
    """Restore ``backup`` onto the database of ``settings`` and prove it there.

    A file that lies there is kept under another name. A server must be empty, or, with ``replace_server``, is
    backed up first. Raises Refused for what was never proven without ``unproven``, and for a ledger that is newer than
    the migrations without ``allow_newer``; CheckFailed, LockedError and ConnectError.
    """
    manifest = refuse(settings, backup, unproven=unproven, allow_newer=allow_newer)
    try:
        if settings.target.path is None:
            return _onto_server(settings, backup, manifest, replace_server, progress)
        done = restore_file(backup, settings.target, settings.busy_timeout, progress)
        return Restored(backup, str(settings.target), done.tables, done.kept, done.warnings)
    except KeyboardInterrupt:
        if settings.target.path is None:
            raise
        raise Interrupted(
            "the restore was stopped", state=f"{settings.target} was not touched", hint="run it again"
        ) from None
    except MemsqlError as e:
        e.state = e.state or f"{settings.target} was not touched"
        raise


def _onto_server(
    settings: Settings, backup: Backup, manifest: Manifest, replace_server: bool, progress: Progress
) -> Restored:
    from memsql.backups.restore_server import restore_server

    folder = Path(tempfile.mkdtemp(prefix="memsql-restore-"))
    try:
        plain = folder / "restored.db"
        unpack(backup, plain, progress)
        require(
            prove(plain, manifest.tables, progress),
            f"{backup.path.name} is not what it was",
            state=f"{settings.target} was not touched",
            hint="use another backup: invoke backup.list",
        )
        kept = create(settings, progress=progress).path if replace_server and _holds_something(settings) else None
        tables = restore_server(
            plain, manifest, settings.target, settings.busy_timeout, progress, replace=replace_server
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Restored(backup, str(settings.target), tuple(tables), kept)


def refuse(settings: Settings, backup: Backup, *, unproven: bool, allow_newer: bool) -> Manifest:
    """The manifest of ``backup``, if it may be restored here."""
    manifest, state = backup.manifest, f"{settings.target} was not touched"
    if manifest is None or (manifest.proven and backup.problem):
        raise CheckFailed(
            f"{settings.show(backup.path)} cannot be trusted: {backup.problem}",
            state=state,
            hint="use another backup: invoke backup.list",
        )
    if not manifest.proven and not unproven:
        what = "holds what could be salvaged from a damaged database" if manifest.salvaged else "was never proven"
        raise Refused(
            f"{settings.show(backup.path)} {what}",
            details=manifest.findings[:20],
            state=state,
            hint="use a proven backup, or say --unproven if this is meant",
        )
    if allow_newer or manifest.version is None:
        return manifest
    unknown = newer(manifest, read_folder(settings.migrations, settings.show(settings.migrations)))
    if unknown:
        raise Refused(
            f"{settings.show(backup.path)} has migrations that are not among the files here: {', '.join(unknown[:5])}",
            state=state,
            hint="check out the files that belong to it, or say --allow-newer if this is meant",
        )
    return manifest


def newer(manifest: Manifest, migrations: Sequence[Migration]) -> list[str]:
    """The applied migrations of a backup that are later than every file here."""
    known = {migration.id for migration in migrations}
    last = max((migration.version for migration in migrations), default=0)
    if manifest.version is None or manifest.version <= last:
        return []
    return [one for one in manifest.applied if one not in known and _version(one) > last]


def to_path(settings: Settings, path: str) -> Settings:
    """The same settings with the file ``path`` as database; raises UsageError for what is no file."""
    target = parse_target(path, Path.cwd())
    if target.path is None:
        raise UsageError(
            f"--to {target}: give the path of a file", hint="for a server: --database URL with the name of a backup"
        )
    return replace(settings, target=target)


def _version(migration_id: str) -> int:
    return version_of(migration_id) or 0


def _holds_something(settings: Settings) -> bool:
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        return bool(read(conn).objects)
    finally:
        conn.close()
