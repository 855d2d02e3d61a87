"""Turn a database that another program saved into a SQLite file that can be restored: the file that `.backup` of
sqlite3 or VACUUM INTO writes, or the text of `.dump`.

Nobody knows what it held when it was saved, so nothing is compared. What can be proven of it alone is: it is whole, and
SQLite can read every page of it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import memsql
from memsql import hints
from memsql.backups.catalogue import Backup
from memsql.backups.connections import file_connection
from memsql.backups.digest import digests
from memsql.backups.foreign_pages import WAL, copy_foreign_pages
from memsql.backups.foreign_text import load_foreign_text
from memsql.backups.manifest import Content, Manifest, Source
from memsql.backups.proof import prove
from memsql.db.copying import Omitted
from memsql.db.file_format import needs_turso
from memsql.errors import CheckFailed, ConnectError, Location, MemsqlError, StatementError
from memsql.ledger import utc_text
from memsql.progress import Progress
from memsql.storage import regular, space

MAGIC = b"SQLite format 3\0"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"\xfd7zXZ\0": ("xz", "unxz"),
    b"BZh": ("bzip2", "bunzip2"),
    b"PK\x03\x04": ("zip", "unzip"),
}
_HEAD = 4096
_SHOWN = 50


def unpack_foreign(backup: Backup, shown: str, into: Path, progress: Progress) -> Backup:
    """Write the database that the file of ``backup`` holds, which errors call ``shown``, into the new file ``into``.

    Returns the backup with a manifest, not proven, which says what the file holds and what could not be taken. Raises
    CheckFailed where it is no database, or not a whole one, or does what no dump does; ConnectError where it cannot be
    read; DiskFull where there is no room.
    """
    path = backup.path
    head = _head(path, shown)
    content: Content = "sqlite" if head.startswith(MAGIC) else "sql"
    _refuse_other_formats(path, head, shown)
    size = path.stat().st_size
    needed = size * (2 if content == "sql" else 1)
    space.refuse_without(needed, into.parent, shown, "make room there, or point TMPDIR at a larger disk")
    progress.start(f"reading {path.name}")
    try:
        manifest = _convert(backup, shown, into, progress, head=head, content=content)
    except UnicodeDecodeError as e:
        # Python cannot read the text in which SQLite says what is wrong, because the damage is part of it.
        raise _damaged(shown, (f"names and texts in it are not UTF-8: {e.reason}",)) from e
    return Backup(path, manifest, "it was never proven")


def _convert(backup: Backup, shown: str, into: Path, progress: Progress, *, head: bytes, content: Content) -> Manifest:
    path = backup.path
    notes: tuple[str, ...] = ()
    if content == "sqlite":
        omitted, mode = copy_foreign_pages(path, shown, into, progress), _journal_mode(head)
    else:
        (omitted, notes), mode = load_foreign_text(path, shown, into, progress), "delete"
    source = Source(shown, os.path.realpath(path), "sqlite", sqlite3.sqlite_version, mode)
    return _manifest(backup, into, progress, source=source, content=content, omitted=omitted, notes=notes)


def _head(path: Path, shown: str) -> bytes:
    try:
        with regular.open_binary(path) as file:
            head = file.read(_HEAD)
    except OSError as e:
        raise ConnectError(f"{shown} cannot be read: {e.strerror}", hint="check its permissions") from None
    if not head:
        raise CheckFailed(f"{shown} is empty: there is nothing to restore", hint="use another backup")
    return head


def _refuse_other_formats(path: Path, head: bytes, shown: str) -> None:
    turso = needs_turso(str(path), head)
    if turso is not None:
        raise CheckFailed(f"{shown} {turso[0]}", hint=turso[1])
    for magic, (name, command) in _PACKED.items():
        if head.startswith(magic):
            raise CheckFailed(f"{shown} is packed with {name}", hint=f"unpack it first: {command} {shown}")
    if head.startswith(MAGIC) and len(head) < 100:
        raise CheckFailed(f"{shown} is cut off: a database file has at least 512 bytes", hint="use another backup")
    if not head.startswith(MAGIC) and b"\0" in head and not head.startswith(_UTF16):
        raise CheckFailed(
            f"{shown} is neither a SQLite database nor SQL text",
            hint="an encrypted database has to be decrypted by the program that wrote it",
        )


def _journal_mode(head: bytes) -> str:
    return "wal" if head[18:20] == WAL else "delete"


def _manifest(
    backup: Backup,
    into: Path,
    progress: Progress,
    *,
    source: Source,
    content: Content,
    omitted: tuple[Omitted, ...],
    notes: Sequence[str],
) -> Manifest:
    """What is known of the database in ``into``. Raises CheckFailed where it is damaged."""
    try:
        with file_connection(into, source.name, "ro", 0) as conn:
            tables = tuple(digests(conn, progress))
        report = prove(into, tables, progress)
    except (ConnectError, StatementError) as e:
        raise _damaged(source.name, (e.message,)) from e
    if not report.ok:
        raise _damaged(source.name, tuple(report.problems[:_SHOWN]))
    size = into.stat().st_size
    return Manifest(
        file=backup.path.name,
        created_at=utc_text(datetime.fromtimestamp(backup.path.stat().st_mtime, UTC)),
        tool=f"memsql {memsql.__version__}",
        source=source,
        content=content,
        compression=None,
        bytes=backup.path.stat().st_size,
        sha256="",
        plain_bytes=size,
        plain_sha256="",
        version=report.version,
        applied=report.applied,
        schema_sha256=report.schema_sha256,
        tables=tables,
        omitted=omitted,
        proofs=report.proofs,
        findings=(*notes, *report.findings),
        proven=False,
        salvaged=False,
        seconds=0.0,
    )


def _damaged(shown: str, problems: tuple[str, ...]) -> MemsqlError:
    return CheckFailed(
        f"{shown} is damaged, and is not restored",
        where=Location(shown),
        details=problems,
        hint="use another backup; what can be read of it is kept by: "
        f"{hints.command(f'backup --salvage --database {shown}')}",
    )
