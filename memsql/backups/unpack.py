"""Turn a backup into a database file again, whatever its form: restore, drill and verify begin with that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from memsql import hints
from memsql.backups import zstd
from memsql.backups.catalogue import Backup
from memsql.backups.manifest import Manifest
from memsql.backups.workplace import CHUNK, writing
from memsql.errors import CheckFailed, ConnectError
from memsql.progress import Progress
from memsql.storage import regular, space
from memsql.storage.leftovers import remove_file
from memsql.storage.new_files import open_new
from memsql.storage.syncing import sync

_ROOM = "make room there, or point TMPDIR at a larger disk"


def unpack(backup: Backup, into: Path, progress: Progress) -> Manifest:
    """Write the database of ``backup`` into the new SQLite file ``into``, which only this user can read.

    Returns the manifest, with which the caller proves the tables of the file. Raises CheckFailed where manifest, size,
    SHA-256 or compression are not as they were, and ConnectError where the backup cannot be read or ``into`` cannot be
    written; then there is no file.
    """
    manifest = backup.manifest
    if manifest is None:
        raise CheckFailed(backup.problem or f"{backup.path.name} has no manifest", hint=_other())
    progress.start(f"reading {backup.path.name}")
    is_text = manifest.content == "sql"
    size = manifest.plain_bytes * (2 if is_text else 1)
    space.refuse_without(size, into.parent, f"the content of {backup.path.name}", _ROOM)
    plain = into.with_name(into.name + ".sql") if is_text else into
    try:
        _write_plain(backup.path, manifest, plain, progress)
        if is_text:
            from memsql.backups.dump import load_sql

            load_sql(plain, into, progress)
    except BaseException:
        remove_file(plain)
        raise
    if is_text:
        remove_file(plain)
    return manifest


class _Hashing:
    """A file that is hashed and counted while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes."""
        chunk = self._file.read(size)
        self._sha.update(chunk)
        self.size += len(chunk)
        return chunk

    def hexdigest(self) -> str:
        """The SHA-256 of what was read so far."""
        return self._sha.hexdigest()


def _write_plain(path: Path, manifest: Manifest, plain: Path, progress: Progress) -> None:
    """Write the decompressed bytes of the backup ``path`` into the new file ``plain``."""
    sha, done = hashlib.sha256(), 0
    try:
        file = regular.open_binary(path)
    except OSError as e:
        raise ConnectError(f"{path.name} cannot be read: {e.strerror}") from None
    with file:
        source = _Hashing(file)
        watch = space.SpaceWatch(manifest.plain_bytes, plain.parent, f"the content of {path.name}", _ROOM)
        with writing(str(plain.parent)), os.fdopen(open_new(plain), "wb") as out:
            for chunk in _plain_chunks(source, manifest, path.name):
                done += len(chunk)
                if done > manifest.plain_bytes:
                    raise CheckFailed(
                        f"{path.name} holds more than the {manifest.plain_bytes:,} bytes that its manifest says",
                        hint=_other(),
                    )
                sha.update(chunk)
                out.write(chunk)
                watch.tick(done)
                progress.tick(done / manifest.plain_bytes if manifest.plain_bytes else None)
        while source.read(CHUNK):
            pass
    if (source.size, source.hexdigest()) != (manifest.bytes, manifest.sha256):
        raise CheckFailed(
            f"{path.name} was changed after it was written: its bytes are not those of the manifest", hint=_other()
        )
    if (done, sha.hexdigest()) != (manifest.plain_bytes, manifest.plain_sha256):
        raise CheckFailed(f"{path.name} does not hold what its manifest says", hint=_other())
    with writing(str(plain.parent)):
        sync(plain)


def _plain_chunks(source: _Hashing, manifest: Manifest, name: str) -> Iterator[bytes]:
    """The decompressed bytes of ``source``, in pieces."""
    if manifest.compression not in (None, "zstd"):
        raise CheckFailed(f"{name} is compressed with {manifest.compression}, which this memsql does not know")
    try:
        if manifest.compression == "zstd":
            yield from zstd.decompress(source, name)  # type: ignore[arg-type]
            return
        while chunk := source.read(CHUNK):
            yield chunk
    except OSError as e:
        raise ConnectError(f"{name} cannot be read: {e.strerror}", hint=_other()) from None


def _other() -> str:
    """What to do where a backup cannot be used."""
    return f"use another backup: {hints.command('backup.list')}"
