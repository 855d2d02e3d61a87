"""Migration files: pairs in a folder, their checksums, and the chained sum file.

A pair is ``NNNN_name.sql`` with ``NNNN_name.rollback.sql`` beside it. The digits are the version: any number of digits,
gaps allowed, compared as numbers. docs/formats.md specifies the bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import sqlite3
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import hints
from memsql.errors import FileError, Location
from memsql.project import foreign, skeletons

if TYPE_CHECKING:
    from memsql.ledger import Hashes
    from memsql.sqltext import MigrationHeader

SUM_NAME = "memsql.sum"
WRITE_IT = "write the migration, or nothing but a comment that says why there is nothing to do, or delete the pair"
"""What to do about an unwritten() migration."""
_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"(\d{1,100})_(.+?)(\.rollback)?\.sql")
# The ledger keeps versions as SQLite integers (https://sqlite.org/datatype3.html).
_MAX_VERSION = 2**63 - 1
_HEADER_BYTES = 64 * 1024
_TOKENS_BYTES = 256 * 1024
_AT_ONCE = 64 * 1024
# Windows has no such flag.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
_PIECE_BYTES = 1 << 20
_HASHED_BESIDE = 8 << 20


@dataclass(frozen=True, slots=True)
class FileName:
    """The parts of the name of a migration file.

    ``0002_add_users.rollback.sql`` has the digits ``0002`` and the name ``add_users``, and is a rollback.
    """

    digits: str
    name: str
    is_rollback: bool

    @property
    def version(self) -> int:
        """The digits as a number."""
        return int(self.digits)

    @property
    def fits(self) -> bool:
        """Whether the ledger can hold the version."""
        return self.version <= _MAX_VERSION


def unwritten(text: str) -> str | None:
    """Why ``text``, a migration without a statement, is not meant to do nothing, as the end of a sentence that begins
    with the file: it holds no comment, or is as migrate.create wrote it. None where it is."""
    if skeletons.PLACEHOLDER in text:
        return "holds no statement, and is as migrate.create wrote it"
    from memsql.sqltext.tokens import comments

    return None if any(True for _ in comments(text)) else "holds no statement and no comment"


def parse_file_name(file_name: str) -> FileName | None:
    """Read ``file_name``, a name without folders; None where it is not the name of a migration file."""
    match = _NAME.fullmatch(file_name)
    return FileName(match[1], match[2], match[3] is not None) if match else None


@dataclass(frozen=True)
class SqlFile:
    """One file: ``path`` as shown to people, ``name`` in its folder, ``data`` its bytes without a byte-order mark and
    with LF line endings."""

    path: str
    name: str
    data: bytes = field(repr=False)

    def __reduce__(self) -> tuple[type[SqlFile], tuple[str, str, bytes]]:
        """What another process is given of it: no cached hash, which cannot be sent."""
        return SqlFile, (self.path, self.name, self.data)

    @cached_property
    def hashed(self) -> hashlib._Hash:
        """SHA-256 of ``data``, to copy and update. Computed once: that takes long for a large file."""
        return hashlib.sha256(self.data)

    def hash_beside(self) -> None:
        """Start to compute ``hashed`` in a thread where that takes long. hashlib releases the interpreter lock, so the
        rest goes on meanwhile; whoever needs the hash waits for it."""
        if len(self.data) > _HASHED_BESIDE:
            threading.Thread(target=getattr, args=(self, "hashed")).start()

    @property
    def digest(self) -> str:
        """SHA-256 of the normalised bytes, in hexadecimal."""
        return self.hashed.hexdigest()

    def text(self) -> str:
        """The whole text. Raises FileError where it is not UTF-8 or holds a NUL."""
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError as e:
            line = self.data.count(b"\n", 0, e.start) + 1
            raise FileError(
                f"{self.path} is not UTF-8: byte 0x{self.data[e.start]:02x}",
                where=Location(self.path, line),
                state="nothing was changed",
                hint="save the file as UTF-8",
            ) from None
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise FileError(
                f"{self.path} holds a NUL character, at which SQLite would stop reading",
                where=Location(self.path, line),
                state="nothing was changed",
                hint="remove it; write char(0) where a value needs one",
            )
        return text

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Offsets in ``data`` between two statements where the text can be cut, about a megabyte apart, and its end. A
        small file has its end alone. Linear in time, whatever the text."""
        view = memoryview(self.data)
        # A line that ends in ";" may lie inside a string or a trigger.
        return self._cut(lambda start, end: sqlite3.complete_statement(str(view[start:end], "utf-8", "replace")))

    @cached_property
    def likely_cuts(self) -> tuple[int, ...]:
        """``cuts`` in a tenth of the time: at line ends behind a ``;``. In rare texts a string or a trigger goes on
        there; SQLite then reports an error, because the piece before the cut ends in the middle of a statement. Inside
        a comment it would report none, so a text with comments is not cut there."""
        # A search for one byte runs at the speed of memory, a search for two does not.
        if b"*" in self.data and b"/*" in self.data:
            return self.cuts
        return self._cut(lambda start, end: self.data.find(b"--", self.data.rfind(b"\n", start, end - 1) + 1, end) < 0)

    def _cut(self, ends_statement: Callable[[int, int], bool]) -> tuple[int, ...]:
        size = len(self.data)
        if size <= 4 * _PIECE_BYTES:
            return (size,)
        offsets, start, reach = [], 0, _PIECE_BYTES
        while start < size:
            end = self.data.find(b";\n", start + reach) + 2
            if end < 2:
                break
            if ends_statement(start, end):
                offsets.append(end)
                start, reach = end, _PIECE_BYTES
            else:
                # The statement is longer than a piece: double, so that the work stays linear.
                reach = max(reach * 2, end - start)
        return (*offsets, size) if start < size else tuple(offsets)

    def head(self) -> str:
        """The beginning of the text, enough for the header, decoded leniently."""
        return self.data[:_HEADER_BYTES].decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Migration:
    """A pair. ``id`` is yoyo's: the file's name without ``.sql``."""

    version: int
    name: str
    id: str
    up: SqlFile
    down: SqlFile | None

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the up text and, after one NUL, the rollback text if the file exists."""
        digest = self.up.hashed.copy()
        if self.down is not None:
            digest.update(b"\0")
            digest.update(self.down.data)
        return digest.hexdigest()

    @cached_property
    def hashes(self) -> Hashes:
        """Hashes that tell what an edit of the pair changed. Of a large file every byte counts, because its tokens take
        too long to read."""
        from memsql.ledger import Hashes
        from memsql.sqltext.meaning import meaning

        up = self.up.digest
        if len(self.up.data) <= _TOKENS_BYTES:
            text = meaning(self.up.data.decode("utf-8", "surrogateescape"))
            up = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return Hashes(up, None if self.down is None else self.down.digest)

    @property
    def has_statement(self) -> bool:
        """Whether the up file does anything at all."""
        from memsql.sqltext.meaning import has_statement

        return has_statement(self.up.data.decode("utf-8", "replace"))

    @cached_property
    def header(self) -> MigrationHeader:
        """Directives and description of the up file. Raises FileError for an unknown directive."""
        return _parse(self.up)

    @cached_property
    def down_header(self) -> MigrationHeader | None:
        """Directives of the rollback file, None where there is no file."""
        return None if self.down is None else _parse(self.down)

    @cached_property
    def stands_for(self) -> tuple[str, ...]:
        """Ids of the migrations that were folded into this one; it has the id of the last of them."""
        return self.header.stands_for if b"stands_for" in self.up.data[:_HEADER_BYTES] else ()

    @property
    def depends(self) -> tuple[str, ...]:
        """Ids this one needs first."""
        # Most files depend on nothing, and a status should not parse a thousand headers to learn that.
        return self.header.depends if b"depends" in self.up.data[:_HEADER_BYTES] else ()


def _parse(file: SqlFile) -> MigrationHeader:
    # Imported here: a status of migrations without dependencies never reads a header.
    from memsql.sqltext import parse_migration_header

    return parse_migration_header(file.head(), file.path)


def read_file(path: Path | str, shown: str) -> SqlFile:
    """Read and normalise one file. Raises FileError as raw_bytes() does."""
    data = raw_bytes(path, shown)
    if data.startswith(_BOM):
        data = data[3:]
    return SqlFile(shown, shown.rpartition("/")[2], lf(data))


def lf(data: bytes) -> bytes:
    """``data`` with LF in place of CRLF."""
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def raw_bytes(path: Path | str, shown: str) -> bytes:
    """The bytes of a file. Raises FileError where it cannot be read, and where it is a link or no regular file, such as
    a pipe, which would make who reads it wait."""
    try:
        return read_bytes(path)
    except OSError as e:
        if os.path.islink(path):
            raise FileError(
                f"{shown} is a link, and memsql follows none: it may lead to any file of this machine",
                where=Location(shown),
                hint="put the file itself there",
            ) from None
        if e.errno == errno.ESPIPE:
            raise FileError(
                f"{shown} is no regular file",
                where=Location(shown),
                state="nothing was changed",
                hint="put a file there, or remove it",
            ) from None
        raise FileError(f"{shown} cannot be read: {e.strerror}", where=Location(shown)) from None


def read_bytes(path: Path | str) -> bytes:
    """The content of a file. Raises OSError where it cannot be read, and where it is a link; with ESPIPE where it is no
    regular file."""
    # os.read and not pathlib: a status of a thousand migrations opens two thousand files.
    handle = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAITING)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))
        if not _NO_LINK and os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        data = os.read(handle, _AT_ONCE)
        return _read_whole(handle) if len(data) == _AT_ONCE else data
    finally:
        os.close(handle)


def _read_whole(handle: int) -> bytes:
    # From its beginning again: to join the rest to the first part would copy both.
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as f:
        return f.read()


def read_folder(folder: Path, shown: str, under_way: str = "") -> tuple[Migration, ...]:
    """All migrations of ``folder`` in version order; ``shown`` is the folder as people write it, ``under_way`` the
    journal of the caller, who is changing it.

    Raises FileError for names that do not fit, two files of one version, a rollback without its migration, files of
    other tools, and a folder that cannot be read.
    """
    try:
        names = foreign.names_in(folder, shown, under_way)
    except OSError as e:
        raise FileError(
            f"the migrations folder {shown} cannot be read: {e.strerror}",
            where=Location(shown),
            hint=f"create it, set `migrations` in {hints.section()}, or start with: "
            f"{hints.command('migrate.create NAME')}",
        ) from None
    ups, downs = _pairs(names, shown)
    migrations = []
    base = str(folder)
    for version in sorted(ups):
        up, name = ups[version]
        stem = up.removesuffix(".sql")
        down = downs.pop(stem, None)
        migrations.append(
            Migration(
                version,
                name,
                stem,
                read_file(f"{base}/{up}", f"{shown}/{up}"),
                read_file(f"{base}/{down}", f"{shown}/{down}") if down else None,
            )
        )
    for migration in migrations:
        for file in filter(None, (migration.up, migration.down)):
            foreign.refuse_marks(file.data, file.path)
    for stem, down in downs.items():
        raise _alone(stem, read_file(f"{base}/{down}", f"{shown}/{down}"))
    return tuple(migrations)


def _alone(stem: str, down: SqlFile) -> FileError:
    """The error of a rollback without its migration."""
    message = f"{down.path} is a rollback without its migration {stem}.sql"
    hint = "restore the migration, or rename both files alike, or delete it"
    if skeletons.is_new_rollback(stem, down.data):
        message += ": memsql wrote it, and nobody has changed it; a migrate.create was stopped there"
        hint = (
            f"delete it: rm {shlex.quote(down.path)}; or write another migration, which removes it: "
            + hints.command("migrate.create NAME")
        )
    return FileError(message, where=Location(down.path), hint=hint)


def _pairs(names: Sequence[str], shown: str) -> tuple[dict[int, tuple[str, str]], dict[str, str]]:
    """The migration files by version, as (file name, name), and the rollback files by the id of their migration."""
    ups: dict[int, tuple[str, str]] = {}
    downs: dict[str, str] = {}
    for name in names:
        parsed = _parsed(name, shown)
        if parsed.is_rollback:
            downs[name.removesuffix(".rollback.sql")] = name
            continue
        version = parsed.version
        if version in ups:
            raise FileError(
                f"two migrations have version {version}: {ups[version][0]} and {name}",
                where=Location(f"{shown}/{name}"),
                state="nothing was changed",
                hint=f"give the one that the main branch lacks the next number: {hints.command('migrate.renumber')}",
            )
        ups[version] = (name, parsed.name)
    return ups, downs


def _parsed(name: str, shown: str) -> FileName:
    if not name.isascii() and os.fsencode(name).decode(errors="replace") != name:
        raise FileError(
            f"the name of {shown}/{name} is not UTF-8, so no ledger can hold it",
            where=Location(f"{shown}/{name}"),
            hint="rename it with characters of UTF-8",
        )
    parsed = parse_file_name(name)
    if parsed is None or not parsed.fits:
        raise FileError(
            f"{shown}/{name} is not named like a migration",
            where=Location(f"{shown}/{name}"),
            hint="name it NNNN_name.sql, with NNNN_name.rollback.sql beside it, or move it elsewhere",
        )
    return parsed
