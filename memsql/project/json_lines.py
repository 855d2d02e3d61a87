"""Files with a JSON object on each line, which grow at their end and are cut at their beginning.

Several processes may add lines to one file at the same time. Whoever writes has an exclusive lock on the file (flock),
and looks whether the file that it has locked is still the one of that name: a cut replaces it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from memsql.storage import regular
from memsql.storage.locks import lock
from memsql.storage.new_files import open_new
from memsql.storage.replacing import replacing
from memsql.storage.syncing import write_all


@dataclass(frozen=True, slots=True)
class Bound:
    """When the oldest lines are left out: where the file has more than ``most_bytes``, until it has ``kept_bytes``; or
    where it has more than ``most_lines`` (None: any number). The newest line always stays."""

    most_bytes: int
    kept_bytes: int
    most_lines: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The whole lines at the end of a file, without line ends. ``is_cut``: there are earlier ones."""

    lines: tuple[bytes, ...]
    is_cut: bool = False


def append(path: Path, lines: Sequence[bytes], bound: Bound) -> None:
    """Add ``lines``, which hold no line end, to the file ``path``, which is made where it is not there.

    They are added while the file is locked, all or none. Raises OSError where that fails; the file is then as it was.
    """
    if not lines:
        return
    path = Path(os.path.realpath(path))
    with _locked(path) as handle:
        length = os.lseek(handle, 0, os.SEEK_END)
        # What others left without a line end stays a line of its own, and does not spoil this one.
        text = b"".join([b"" if _ends_line(handle, length) else b"\n", *(line + b"\n" for line in lines)])
        try:
            write_all(handle, text)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, length)
            raise
        if stat.S_ISREG(os.fstat(handle).st_mode):
            # The lines are there. That the beginning could not be cut is no reason to say otherwise.
            with suppress(OSError):
                _cut(path, handle, bound)


def end_of(path: Path, most_bytes: int) -> End:
    """The lines in the last ``most_bytes`` of the file ``path``. Raises OSError."""
    with regular.open_binary(path) as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - most_bytes))
        lines = stream.read().splitlines()
    is_cut = length > most_bytes
    return End(tuple(lines[1:] if is_cut else lines), is_cut)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file ``path``, open for reading and appending, which nobody else writes meanwhile."""
    while True:
        handle = _opened(path)
        try:
            lock(handle)
            if _is_named(handle, path):
                yield handle
                return
        finally:
            os.close(handle)


def _opened(path: Path) -> int:
    """A handle of the file ``path``, which is made for its owner alone where it is missing."""
    while True:
        try:
            return regular.handle(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            try:
                os.close(open_new(path))
            except FileExistsError:
                continue


def _is_named(handle: int, path: Path) -> bool:
    """Whether the open file still has the name ``path``."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _ends_line(handle: int, length: int) -> bool:
    if length == 0:
        return True
    os.lseek(handle, length - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"


def _cut(path: Path, handle: int, bound: Bound) -> None:
    """Leave out the oldest lines of the open file ``path``, where there are too many for ``bound``."""
    length = os.fstat(handle).st_size
    if length <= bound.most_bytes and bound.most_lines is None:
        return
    end = end_of(path, bound.most_bytes)
    # A single line may be longer than that.
    end = end if end.lines else end_of(path, length)
    kept = _newest(end, bound, is_large=length > bound.most_bytes)
    if kept is None:
        return
    with replacing(path) as stream:
        stream.writelines(line + b"\n" for line in kept)


def _newest(end: End, bound: Bound, *, is_large: bool) -> Sequence[bytes] | None:
    """The lines of ``end`` that stay, None where all do."""
    lines = end.lines
    if not lines:
        return None
    if is_large:
        room, place = bound.kept_bytes, len(lines)
        while place and (place == len(lines) or room >= len(lines[place - 1]) + 1):
            place -= 1
            room -= len(lines[place]) + 1
        lines = lines[place:]
    if bound.most_lines is not None and len(lines) > bound.most_lines:
        lines = lines[-bound.most_lines :]
    return lines if is_large or len(lines) < len(end.lines) else None
