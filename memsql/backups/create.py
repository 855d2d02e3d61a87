"""Make a backup: copy, prove, give it a name that nobody has, and write down what it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import memsql
from memsql.backups import names, zstd
from memsql.backups.catalogue import Backup
from memsql.backups.copied import Copied
from memsql.backups.copy_file import copy_file
from memsql.backups.manifest import Manifest, Proof, manifest_path, to_text
from memsql.backups.proof import Observed, prove
from memsql.backups.workplace import CHUNK, place, sync, workplace, writing
from memsql.config import Settings
from memsql.errors import CheckFailed, DamagedError, Interrupted, MemsqlError
from memsql.ledger import utc_text
from memsql.progress import SILENT, Progress

Format = Literal["sqlite", "sql"]

_SHOWN = 50
_STATE = "no backup was kept; the database was only read"


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy as a SQLite file. ``lost`` is empty, or says what a damaged source could not give."""

    path: Path
    copied: Copied
    observed: Observed
    lost: tuple[str, ...] = ()


def create(
    settings: Settings,
    *,
    format: Format = "sqlite",
    compress: bool = False,
    salvage: bool = False,
    progress: Progress = SILENT,
) -> Backup:
    """Back up the database of ``settings`` into its folder of backups, which is made where it is missing.

    Only a proven copy is kept, or with ``salvage``, where the source is damaged, what could be read of it, marked as
    not proven. Raises ConnectError, LockedError, DamagedError, and CheckFailed where the copy is not proven; then nothing is
    left behind.
    """
    if compress:
        zstd.require()
    try:
        return _create(settings, format, compress, salvage, progress)
    except KeyboardInterrupt:
        raise Interrupted("the backup was stopped", state=_STATE, hint="run it again") from None
    except MemsqlError as e:
        e.state = _STATE
        raise


def _create(settings: Settings, format: Format, compress: bool, salvage: bool, progress: Progress) -> Backup:
    begun, started = datetime.now(UTC), time.monotonic()
    shown = settings.show(settings.backups)
    with writing(shown):
        settings.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    with workplace(settings.backups, shown) as work:
        copy = _proven_copy(settings, work, salvage, progress)
        made, proofs = copy.path, copy.observed.proofs
        if format == "sql":
            made, proof = _as_text(copy, work, progress)
            proofs += (proof,)
        plain = packed = _size_and_hash(made, progress)
        if compress:
            made, proof = _compressed(made, plain[1], progress)
            proofs += (proof,)
            packed = _size_and_hash(made, progress)
        made.chmod(0o600)
        sync(made)
        manifest = Manifest(
            file="",
            created_at=utc_text(begun),
            tool=f"memsql {memsql.__version__}",
            source=copy.copied.source,
            content=format,
            compression="zstd" if compress else None,
            bytes=packed[0],
            sha256=packed[1],
            plain_bytes=plain[0],
            plain_sha256=plain[1],
            version=copy.observed.version,
            applied=copy.observed.applied,
            schema_sha256=copy.observed.schema_sha256,
            tables=copy.observed.tables,
            omitted=copy.copied.omitted,
            proofs=proofs,
            findings=copy.lost + copy.observed.findings,
            proven=not copy.lost and all(p.ok for p in proofs),
            salvaged=bool(copy.lost),
            seconds=round(time.monotonic() - started, 3),
        )
        ending = (".sql" if format == "sql" else ".db") + (zstd.ENDING if compress else "")
        path, manifest = _publish(made, manifest, names.candidates(settings, begun, ending))
    return Backup(path, manifest, None if manifest.proven else "it was never proven")


def _proven_copy(settings: Settings, work: Path, salvage: bool, progress: Progress) -> _Copy:
    path, target = work / "copy.db", settings.target
    problem: MemsqlError
    try:
        copied = _copied(settings, path, progress)
        observed = prove(path, copied.tables, progress, shadows=copied.shadows)
        if observed.ok:
            return _Copy(path, copied, observed)
        problem = CheckFailed(
            f"the copy of {target} is not proven: {'the database is damaged' if target.path else 'it is not what the server holds'}",
            details=tuple(observed.problems[:_SHOWN]),
            hint="restore a backup; keep what can still be read with: invoke backup --salvage",
        )
    except (DamagedError, CheckFailed) as e:
        problem = e
    if not salvage:
        raise problem
    path = work / "salvaged.db"
    if target.path is None:
        from memsql.backups.copy_server import copy_server

        copied = copy_server(target, path, settings.busy_timeout, progress, salvage=True)
        return _Copy(path, copied, prove(path, copied.tables, progress), (problem.message,))
    from memsql.backups.salvage import salvage_file

    copied, lost = salvage_file(target, work, path, settings.busy_timeout, progress)
    return _Copy(path, copied, prove(path, copied.tables, progress), (problem.message, *lost))


def _copied(settings: Settings, path: Path, progress: Progress) -> Copied:
    if settings.target.path is not None:
        return copy_file(settings.target, path, settings.busy_timeout, progress)
    from memsql.backups.copy_server import copy_server

    return copy_server(settings.target, path, settings.busy_timeout, progress)


def _as_text(copy: _Copy, work: Path, progress: Progress) -> tuple[Path, Proof]:
    """The copy as SQL text, and the proof that loading it gives the copy again."""
    from memsql.backups.dump import load_sql, write_sql

    text, again = work / "copy.sql", work / "again.db"
    write_sql(copy.path, text, progress, omitted=copy.copied.omitted)
    load_sql(text, again, progress)
    found = prove(again, copy.observed.tables, progress)
    again.unlink()
    messages = found.problems + [f for f in found.findings if f not in copy.observed.findings]
    if found.schema_sha256 != copy.observed.schema_sha256:
        messages.append("the schema is not the same")
    return text, _required(
        Proof("sql", not messages, tuple(messages)), "the SQL text does not load as the database that was copied"
    )


def _compressed(plain: Path, sha256: str, progress: Progress) -> tuple[Path, Proof]:
    progress.start("compressing")
    made = plain.with_name(plain.name + zstd.ENDING)
    zstd.compress(plain, made, progress)
    progress.start("decompressing again")
    messages = () if zstd.plain_sha256(made, progress) == sha256 else ("decompressing gives other bytes",)
    return made, _required(
        Proof("compression", not messages, messages), "the compressed copy is not what was compressed"
    )


def _required(proof: Proof, message: str) -> Proof:
    if not proof.ok:
        raise CheckFailed(
            message, details=proof.messages[:_SHOWN], hint="run it again; the disk or the memory may be faulty"
        )
    return proof


def _size_and_hash(path: Path, progress: Progress) -> tuple[int, str]:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while some := file.read(CHUNK):
            sha.update(some)
            progress.tick()
        return file.tell(), sha.hexdigest()


def _publish(made: Path, manifest: Manifest, wanted: Callable[[int], Path]) -> tuple[Path, Manifest]:
    """Give ``made`` the first of the ``wanted`` names that is free, its manifest before it: a backup that is seen has one."""
    number = 1
    while True:
        final = wanted(number)
        number += 1
        named = replace(manifest, file=final.name)
        text = made.with_name("manifest.json")
        _write_private(text, to_text(named))
        if final.exists():
            continue
        try:
            place(text, manifest_path(final))
        except FileExistsError:
            continue
        try:
            place(made, final)
        except FileExistsError:
            manifest_path(final).unlink()
            continue
        except BaseException:
            manifest_path(final).unlink()
            raise
        sync(final.parent)
        return final, named


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(
        os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8", errors="surrogatepass"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
