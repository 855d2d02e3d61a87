"""From a backup back to a database file that is proven to be what was copied: restore, drill and verify build on it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from memsql.backups import zstd
from memsql.backups.catalogue import Backup
from memsql.backups.manifest import Manifest
from memsql.backups.proof import Observed, prove
from memsql.backups.workplace import CHUNK, refuse_without_space, sync, writing
from memsql.errors import CheckFailed, ConnectError, DamagedError
from memsql.progress import Progress

_OTHER = "use another backup: invoke backup.list"


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup that was read again from beginning to end. ``problems`` is empty where it still is what it was."""

    backup: Backup
    problems: tuple[str, ...]
    findings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def unpack(backup: Backup, into: Path, progress: Progress) -> Manifest:
    """Make the database of ``backup`` the new SQLite file ``into``, which others cannot read.

    Raises CheckFailed where manifest, size, SHA-256 or compression are not as they were, ConnectError where
    the backup cannot be read or ``into`` cannot be written. The tables are proven by ``prove``.
    """
    manifest = backup.manifest
    if manifest is None:
        raise CheckFailed(backup.problem or f"{backup.path.name} has no manifest", hint=_OTHER)
    progress.start(f"reading {backup.path.name}")
    as_text = manifest.content == "sql"
    refuse_without_space(
        manifest.plain_bytes * (2 if as_text else 1),
        into.parent,
        f"the content of {backup.path.name}",
        "make room there, or point TMPDIR at a larger disk",
    )
    plain = into.with_name(into.name + ".sql") if as_text else into
    _write(backup.path, manifest, plain, progress)
    if as_text:
        from memsql.backups.dump import load_sql

        load_sql(plain, into, progress)
        plain.unlink()
    into.chmod(0o600)
    return manifest


def verify(backup: Backup, progress: Progress) -> Verified:
    """Read ``backup`` from beginning to end and prove it again, on a copy in the temporary folder. Raises ConnectError where
    it may not be read, or there is no room for the copy."""
    folder = Path(tempfile.mkdtemp(prefix="memsql-verify-"))
    try:
        manifest = unpack(backup, folder / "copy.db", progress)
        observed = prove(folder / "copy.db", manifest.tables, progress)
    except (CheckFailed, DamagedError) as e:
        return Verified(backup, (e.message, *e.details))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Verified(backup, tuple(problems(manifest, observed)), observed.findings)


def problems(manifest: Manifest, observed: Observed) -> list[str]:
    """In sentences, where a database that was proven again is not what ``manifest`` says."""
    found = observed.problems
    if observed.applied != manifest.applied or observed.version != manifest.version:
        found.append(f"ledger: version {observed.version}, and the manifest says {manifest.version}")
    if observed.schema_sha256 != manifest.schema_sha256:
        found.append("schema: not the one that was copied")
    found += [f"new since it was made: {finding}" for finding in observed.findings if finding not in manifest.findings]
    if manifest.salvaged:
        found.append("it holds what could be salvaged from a damaged database, and was never proven")
    elif not manifest.proven:
        found.append("it was never proven")
    return found


class _Hashing:
    """A file that is hashed and counted as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        some = self._file.read(size)
        self._sha.update(some)
        self.size += len(some)
        return some

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def _write(path: Path, manifest: Manifest, plain: Path, progress: Progress) -> None:
    sha, done = hashlib.sha256(), 0
    try:
        file = path.open("rb")
    except OSError as e:
        raise ConnectError(f"{path.name} cannot be read: {e.strerror}") from None
    with file:
        source = _Hashing(file)
        with writing(str(plain.parent)), plain.open("xb") as out:
            for some in _pieces(source, manifest, path.name):
                sha.update(some)
                out.write(some)
                done += len(some)
                progress.tick(done / manifest.plain_bytes if manifest.plain_bytes else None)
        while source.read(CHUNK):
            pass
    if (source.size, source.hexdigest()) != (manifest.bytes, manifest.sha256):
        raise CheckFailed(
            f"{path.name} was changed after it was written: its bytes are not those of the manifest", hint=_OTHER
        )
    if (done, sha.hexdigest()) != (manifest.plain_bytes, manifest.plain_sha256):
        raise CheckFailed(f"{path.name} does not hold what its manifest says", hint=_OTHER)
    with writing(str(plain.parent)):
        sync(plain)


def _pieces(source: _Hashing, manifest: Manifest, name: str) -> Iterator[bytes]:
    if manifest.compression not in (None, "zstd"):
        raise CheckFailed(f"{name} is compressed with {manifest.compression}, which this memsql does not know")
    try:
        if manifest.compression == "zstd":
            yield from zstd.decompress(source, name)  # type: ignore[arg-type]
            return
        while some := source.read(CHUNK):
            yield some
    except OSError as e:
        raise ConnectError(f"{name} cannot be read: {e.strerror}", hint=_OTHER) from None
