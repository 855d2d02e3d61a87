"""What the ways of restoring share: the backup as a proven file, and the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memsql import hints
from memsql.backups.catalogue import Backup
from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Manifest
from memsql.backups.proof import prove, require
from memsql.backups.unpack import unpack
from memsql.config import Target
from memsql.db.copying import Omitted
from memsql.progress import Progress

Unpack = Callable[[Path], Backup]
"""Writes a backup into the new file of that path, and proves it there as far as it can be proven. Returns the backup,
whose manifest says what the file holds."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored onto the database ``target``, and the tables as they were proven there.

    ``kept`` is what the database held before: a file beside the new one, or a backup of a server. ``warnings`` are
    sentences for the person who restores, ``omitted`` what the backup holds and the database does not.
    """

    backup: Backup
    target: str
    tables: tuple[TableDigest, ...]
    kept: Path | None
    warnings: tuple[str, ...] = ()
    omitted: tuple[Omitted, ...] = ()

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables)


def unpack_proven(backup: Backup, into: Path, target: Target, progress: Progress) -> Manifest:
    """Write ``backup``, which is to be restored onto ``target``, into the new file ``into``, and prove it there.

    Raises what unpack() raises, and CheckFailed where the file is not what the manifest says.
    """
    manifest = unpack(backup, into, progress)
    require(
        prove(into, manifest.tables, progress),
        f"{backup.path.name} is not what it was",
        state=f"{target} was not touched",
        hint=f"use another backup: {hints.command('backup.list')}",
    )
    return manifest
