"""The backups in a folder, by their manifests. Of the backups themselves only the size is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memsql import hints, words
from memsql.backups.manifest import SUFFIX, Manifest, manifest_path, read_manifest
from memsql.config import Settings
from memsql.errors import ConnectError, FileError, UsageError

_SHOWN = 20
ENDINGS = (".db", ".sql", ".db.zst", ".sql.zst")
_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as the folder shows it. ``problem`` says why it must not be trusted; ``manifest`` is None where none can
    be read."""

    path: Path
    manifest: Manifest | None
    problem: str | None = None

    @property
    def proven(self) -> bool:
        """Whether it was proven when it was made, and has the size that it had then. Only backup.verify reads it
        again."""
        return self.problem is None and self.manifest is not None and self.manifest.proven

    @property
    def replaced_by(self) -> str | None:
        """The name of the backup that a restore put in its place: this is a copy that the restore made for safety."""
        return None if self.manifest is None else self.manifest.replaced_by

    @property
    def kept(self) -> str | None:
        """Why there is such a copy for safety, in a sentence; None for every other backup."""
        return self.replaced_by and f"a restore kept it, when it put {self.replaced_by} in its place"

    @property
    def is_foreign(self) -> bool:
        """Whether no manifest lies beside it: another program wrote it, or somebody lost the manifest."""
        return not manifest_path(self.path).exists()

    @property
    def created(self) -> datetime:
        """When it was made; without a manifest, when the file was last written."""
        if self.manifest is not None:
            return datetime.fromisoformat(self.manifest.created_at)
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    def age(self, now: datetime) -> float:
        """How many seconds ago it was made."""
        return (now - self.created).total_seconds()

    def is_of_the_future(self, now: datetime) -> bool:
        """Whether its date lies ahead, by more than clocks of several machines differ: nobody knows how old it is."""
        return self.created - now > _CLOCKS_DIFFER

    def is_too_old(self, settings: Settings, now: datetime) -> bool:
        """Whether it is older than ``backup_max_age``, or may be."""
        return self.is_of_the_future(now) or self.age(now) * 1000 > settings.backup_max_age

    def age_in_words(self, now: datetime) -> str:
        """``is 3 hours old``, as the end of a sentence that begins with its name."""
        if self.is_of_the_future(now):
            return f"is dated in the future, {self.created:%Y-%m-%d %H:%M} UTC, so that nobody knows how old it is"
        return f"is {words.age(self.age(now))} old"


def backups(settings: Settings, *, every_source: bool = False) -> list[Backup]:
    """The backups of the database of ``settings``, or with ``every_source`` of all databases; the newest first.

    A file whose manifest cannot be read may be of any database, so it is always included. Raises ConnectError where the
    folder cannot be read.
    """
    folder = settings.backups
    try:
        paths = [path for path in folder.iterdir() if path.name.endswith(ENDINGS) and not path.name.startswith(".")]
        all_backups = [read_backup(path, settings.show(path)) for path in paths if path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise ConnectError(
            f"{settings.show(folder)} cannot be read: {e.strerror}", hint="check its permissions"
        ) from None
    identity = settings.target.identity
    own = [b for b in all_backups if every_source or b.manifest is None or b.manifest.source.identity == identity]
    # What a wrong clock dated is never the newest.
    now = datetime.now(UTC)
    return sorted(own, key=lambda b: (not b.is_of_the_future(now), b.created, b.path.name), reverse=True)


def read_backup(path: Path, shown: str) -> Backup:
    """The backup ``path``, which errors call ``shown``, with its manifest."""
    try:
        manifest = read_manifest(manifest_path(path), shown + SUFFIX)
    except FileError as e:
        return Backup(path, None, e.message)
    try:
        size = path.stat().st_size
    except OSError as e:
        return Backup(path, manifest, f"it cannot be read: {e.strerror}")
    if size != manifest.bytes:
        return Backup(path, manifest, f"the file has {size} bytes instead of {manifest.bytes}")
    return Backup(path, manifest, None if manifest.proven else "it was never proven")


def newest_proven(settings: Settings) -> Backup | None:
    """The newest proven backup of the database of ``settings``, if there is one."""
    return newest_of(backups(settings))


def newest_of(listed: Sequence[Backup]) -> Backup | None:
    """The first proven backup of ``listed``, which has the newest first.

    Never a copy that a restore made for safety: it holds what somebody wanted to be rid of, so it must be named.
    """
    return next((b for b in listed if b.proven and b.replaced_by is None), None)


def find(settings: Settings, name: str | None) -> Backup:
    """The backup ``name``, which is a file name in the folder of backups or a path. Without a name, the newest proven
    backup, which is never a copy that a restore made for safety.

    Raises UsageError where there is none.
    """
    if name is None:
        listed = backups(settings)
        newest = newest_of(listed)
        if newest is None:
            raise UsageError(
                f"there is no proven backup of {settings.target} in {settings.show(settings.backups)}",
                details=tuple(f"{b.path.name}: {b.kept or b.problem}" for b in listed if b.kept or b.problem)[:_SHOWN],
                hint=f"make one: {hints.command('backup')}; or name a file: "
                f"{hints.command('backup.list --all')} shows them",
            )
        return newest
    path = next((p for p in (settings.backups / name, Path.cwd() / name) if p.is_file()), None)
    if path is None:
        raise UsageError(f"there is no backup {name}", hint=f"see: {hints.command('backup.list')}")
    return read_backup(path, settings.show(path))
