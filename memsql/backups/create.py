"""Make a backup: copy the database, prove the copy, give it a free name, and write its manifest."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import memsql
from memsql import hints
from memsql.backups import names, zstd
from memsql.backups.catalogue import Backup
from memsql.backups.copied import Copied
from memsql.backups.copy_file import copy_file
from memsql.backups.manifest import Content, Manifest, Proof, manifest_path, to_text
from memsql.backups.proof import ProofReport, prove
from memsql.backups.workplace import CHUNK, workplace, writing
from memsql.config import Settings
from memsql.errors import CheckFailed, DamagedError, Interrupted, MemsqlError
from memsql.ledger import utc_text
from memsql.progress import SILENT, Progress
from memsql.storage import regular, space
from memsql.storage.leftovers import remove_file
from memsql.storage.new_files import make_folder, open_new, place
from memsql.storage.syncing import sync

_SHOWN = 50
_ROOM = "make room there, or choose another folder for backups"
_STATE = "no backup was kept; the database was only read"


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """How to make a backup. ``content`` is the form: a SQLite file, or SQL text. ``compress`` packs it with zstd. With
    ``salvage`` what can be read of a damaged database is kept, marked as not proven. ``replaced_by``: a restore makes
    it, which will replace the content by the backup of that name."""

    content: Content = "sqlite"
    _: KW_ONLY
    compress: bool = False
    salvage: bool = False
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy as a SQLite file. ``lost`` says what a damaged source could not give; it is empty for a proven copy."""

    path: Path
    copied: Copied
    report: ProofReport
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Packed:
    """The file that becomes the backup. ``plain_bytes`` and ``plain_sha256`` are those before compression."""

    path: Path
    proofs: tuple[Proof, ...]
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str


def create(settings: Settings, options: BackupOptions = BackupOptions(), progress: Progress = SILENT) -> Backup:
    """Back up the database of ``settings`` into its folder of backups, which is created where it is missing.

    Only a proven copy is kept; with ``options.salvage`` also what could be read of a damaged source, marked as not
    proven. Raises ConnectError, LockedError, DamagedError, and CheckFailed where the copy is not proven. After an error
    nothing is left in the folder.
    """
    if options.compress:
        zstd.require()
    try:
        return _create(settings, options, progress)
    except KeyboardInterrupt:
        raise Interrupted("the backup was stopped", state=_STATE, hint="run it again") from None
    except MemsqlError as e:
        e.state = _STATE
        raise


def _create(settings: Settings, options: BackupOptions, progress: Progress) -> Backup:
    created, started = datetime.now(UTC), time.monotonic()
    shown = settings.show(settings.backups)
    with writing(shown):
        make_folder(settings.backups)
    with workplace(settings.backups, shown) as folder:
        copy = _proven_copy(settings, folder, options.salvage, progress)
        packed = _pack(copy, folder, options, progress)
        sync(packed.path)
        proofs = copy.report.proofs + packed.proofs
        manifest = Manifest(
            file="",
            created_at=utc_text(created),
            tool=f"memsql {memsql.__version__}",
            source=copy.copied.source,
            content=options.content,
            compression="zstd" if options.compress else None,
            bytes=packed.bytes,
            sha256=packed.sha256,
            plain_bytes=packed.plain_bytes,
            plain_sha256=packed.plain_sha256,
            version=copy.report.version,
            applied=copy.report.applied,
            schema_sha256=copy.report.schema_sha256,
            tables=copy.report.tables,
            omitted=copy.copied.omitted,
            proofs=proofs,
            findings=copy.lost + copy.report.findings,
            proven=not copy.lost and all(proof.ok for proof in proofs),
            salvaged=bool(copy.lost),
            seconds=round(time.monotonic() - started, 3),
            replaced_by=options.replaced_by,
        )
        ending = (".sql" if options.content == "sql" else ".db") + (zstd.ENDING if options.compress else "")
        path, manifest = _publish(packed.path, manifest, names.candidates(settings, created, ending))
    return Backup(path, manifest, None if manifest.proven else "it was never proven")


def _proven_copy(settings: Settings, folder: Path, salvage: bool, progress: Progress) -> _Copy:
    """Copy the database into ``folder`` and prove the copy; where that fails, salvage it if that is allowed."""
    path, target = folder / "copy.db", settings.target
    problem: MemsqlError
    try:
        copied = _copy(settings, path, progress)
        report = prove(path, copied.tables, progress, shadows=copied.shadows)
        if report.ok:
            return _Copy(path, copied, report)
        reason = "the database is damaged" if target.path else "it is not what the server holds"
        problem = CheckFailed(
            f"the copy of {target} is not proven: {reason}",
            details=tuple(report.problems[:_SHOWN]),
            hint=f"restore a backup; keep what can still be read with: {hints.command('backup --salvage')}",
        )
    except (DamagedError, CheckFailed) as e:
        problem = e
    if not salvage:
        raise problem
    copied, lost = _salvage(settings, folder, progress)
    path = folder / "salvaged.db"
    return _Copy(path, copied, prove(path, copied.tables, progress), (problem.message, *lost))


def _copy(settings: Settings, into: Path, progress: Progress) -> Copied:
    if settings.target.path is not None:
        return copy_file(settings.target, into, settings.busy_timeout, progress)
    from memsql.backups.copy_server import copy_server

    return copy_server(settings.target, into, settings.busy_timeout, progress)


def _salvage(settings: Settings, folder: Path, progress: Progress) -> tuple[Copied, tuple[str, ...]]:
    """Copy what can be read into ``salvaged.db`` in ``folder``, and say in sentences what of a file was lost."""
    into, target = folder / "salvaged.db", settings.target
    if target.path is None:
        from memsql.backups.copy_server import copy_server

        return copy_server(target, into, settings.busy_timeout, progress, salvage=True), ()
    from memsql.backups.salvage import salvage_file

    return salvage_file(target, into, busy_timeout=settings.busy_timeout, progress=progress)


def _pack(copy: _Copy, folder: Path, options: BackupOptions, progress: Progress) -> _Packed:
    """Bring the copy into the form that ``options`` say, and prove that it can be read back from there."""
    path, proofs = copy.path, []
    if options.content == "sql":
        path, proof = _as_text(copy, folder, progress)
        proofs.append(proof)
    plain_bytes, plain_sha256 = _size_and_hash(path, progress)
    if not options.compress:
        return _Packed(path, tuple(proofs), plain_bytes, plain_sha256, plain_bytes, plain_sha256)
    path, proof = _compressed(path, plain_sha256, progress)
    return _Packed(path, (*proofs, proof), *_size_and_hash(path, progress), plain_bytes, plain_sha256)


def _as_text(copy: _Copy, folder: Path, progress: Progress) -> tuple[Path, Proof]:
    """The copy as SQL text, and the proof that loading the text gives the copy again."""
    from memsql.backups.dump import load_sql, write_sql

    text, loaded = folder / "copy.sql", folder / "again.db"
    write_sql(copy.path, text, progress, omitted=copy.copied.omitted)
    space.refuse_without(copy.path.stat().st_size, folder, "the proof that the SQL text loads", _ROOM)
    load_sql(text, loaded, progress)
    report = prove(loaded, copy.report.tables, progress)
    remove_file(loaded)
    messages = report.problems + [finding for finding in report.findings if finding not in copy.report.findings]
    if report.schema_sha256 != copy.report.schema_sha256:
        messages.append("the schema is not the same")
    proof = Proof("sql", not messages, tuple(messages))
    return text, _required(proof, "the SQL text does not load as the database that was copied")


def _compressed(plain: Path, sha256: str, progress: Progress) -> tuple[Path, Proof]:
    """The file ``plain`` compressed, and the proof that decompressing gives its bytes again."""
    progress.start("compressing")
    packed = plain.with_name(plain.name + zstd.ENDING)
    zstd.compress(plain, packed, progress)
    progress.start("decompressing again")
    messages = () if zstd.plain_sha256(packed, progress) == sha256 else ("decompressing gives other bytes",)
    proof = Proof("compression", not messages, messages)
    return packed, _required(proof, "the compressed copy is not what was compressed")


def _required(proof: Proof, message: str) -> Proof:
    """``proof``, which must hold. Raises CheckFailed with ``message``."""
    if not proof.ok:
        raise CheckFailed(
            message, details=proof.messages[:_SHOWN], hint="run it again; the disk or the memory may be faulty"
        )
    return proof


def _size_and_hash(path: Path, progress: Progress) -> tuple[int, str]:
    sha = hashlib.sha256()
    with regular.open_binary(path) as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
            progress.tick()
        return file.tell(), sha.hexdigest()


def _publish(file: Path, manifest: Manifest, candidate: Callable[[int], Path]) -> tuple[Path, Manifest]:
    """Give ``file`` the first free name of ``candidate(1)``, ``candidate(2)``, …

    The manifest gets its name before the file does, so that every backup that can be seen has one.
    """
    number = 1
    while True:
        final = candidate(number)
        number += 1
        named = replace(manifest, file=final.name)
        text = file.with_name("manifest.json")
        _write_private(text, to_text(named))
        if final.exists():
            continue
        try:
            place(text, manifest_path(final))
        except FileExistsError:
            continue
        try:
            place(file, final)
        except FileExistsError:
            remove_file(manifest_path(final))
            continue
        except BaseException:
            remove_file(manifest_path(final))
            raise
        sync(final.parent)
        return final, named


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, and sync it."""
    path.unlink(missing_ok=True)
    with os.fdopen(open_new(path), "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
