"""What a disk holds whose power failed: the files as the last sync of each left them, or with some of what came later.

The log of the shim has every operation of a process, in order. ``Disk`` begins with a folder that is all on the disk,
follows the log, and then writes into the folder what a file system may have kept:

- of a file, what it held at its last fsync, and of the writes behind it none, all, or some sectors of 512 bytes;
- of a folder, the names that it had at its last fsync, and of the later changes none, all, or the first few. They
  are kept in their order in each folder; a rename between two folders may be kept in one of them alone.

POSIX promises no more, and file systems do use the freedom (https://www.sqlite.org/atomiccommit.html, section 6).
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

_SECTOR = 512


@dataclass(eq=False)
class _File:
    """``now`` as a process sees it; ``durable``, and the changes behind that: (offset, bytes), or a size."""

    durable: bytes
    now: bytearray
    mode: int = 0o600
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)


@dataclass(eq=False)
class _Folder:
    """The names in a folder. ``pending``: changes that no fsync of the folder made durable; None removes a name."""

    durable: dict[str, _Node] = field(default_factory=dict)
    now: dict[str, _Node] = field(default_factory=dict)
    pending: list[tuple[str, _Node | None]] = field(default_factory=list)

    def change(self, name: str, node: _Node | None) -> None:
        self.pending.append((name, node))
        _change(self.now, name, node)


_Node = _File | _Folder


class Manner(Enum):
    """What is kept of that which no fsync made durable: of the names and of the data."""

    NOTHING = "names lost, data lost"
    NAMES = "names kept, data lost"
    DATA = "names in part, data kept"
    SOME = "names in part, data in part"


class Disk:
    """A disk on which the folder ``root`` is, with all that it holds."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = _read(root)
        self._open: dict[int, _Node | None] = {}

    def follow(self, log: bytes) -> None:
        """Do what ``log`` says. Other folders than the root are left out."""
        at = 0
        while at < len(log):
            end = log.index(b"\n", at)
            operation, number, a, b, path, path2 = log[at:end].decode("utf-8", "surrogateescape").split("\t")
            at = end + 1
            if operation == "write":
                self._write(int(number), int(a), log[at : at + int(b)])
                at += int(b)
            else:
                self._do(operation, int(number), int(a), path, path2)

    def _write(self, fd: int, offset: int, data: bytes) -> None:
        file = self._open.get(fd)
        if isinstance(file, _File):
            file.pending.append((offset, data))
            _change_data(file.now, offset, data)

    def _do(self, operation: str, fd: int, size: int, path: str, path2: str) -> None:
        if operation in ("open", "create", "empty"):
            self._open[fd] = self._opened(path, operation)
        elif operation in ("nameless", "close"):
            self._open[fd] = None
        elif operation == "truncate":
            self._resize(self._open.get(fd), size)
        elif operation == "sync":
            _sync(self._open.get(fd))
        elif operation == "mkdir":
            self._name(path, _Folder())
        elif operation in ("unlink", "rmdir"):
            self._name(path, None)
        elif operation in ("rename", "link"):
            node = self._at(path)
            if operation == "rename":
                self._name(path, None)
            self._name(path2, node)

    def _opened(self, path: str, operation: str) -> _Node | None:
        if self._folder_of(path) is None and Path(path) != self._root:
            return None
        node = self._at(path)
        if operation == "create" and node is None:
            node = _File(b"", bytearray())
            self._name(path, node)
        if operation == "empty":
            self._resize(node, 0)
        return node

    def _resize(self, node: _Node | None, size: int) -> None:
        if isinstance(node, _File):
            node.pending.append(size)
            _resize(node.now, size)

    def _at(self, path: str) -> _Node | None:
        if Path(path) == self._root:
            return self._top
        folder = self._folder_of(path)
        return folder.now.get(Path(path).name) if folder else None

    def _folder_of(self, path: str) -> _Folder | None:
        place = Path(path).parent
        if not place.is_relative_to(self._root):
            return None
        node: _Node | None = self._top
        for part in place.relative_to(self._root).parts:
            node = node.now.get(part) if isinstance(node, _Folder) else None
        return node if isinstance(node, _Folder) else None

    def _name(self, path: str, node: _Node | None) -> None:
        folder = self._folder_of(path)
        if folder is not None:
            folder.change(Path(path).name, node)

    def lose_power(self, manner: Manner, lot: random.Random) -> None:
        """Write into the root what is left. ``lot`` draws what is kept where ``manner`` leaves it open."""
        _clear(self._root)
        keep_names: Callable[[int], int]
        if manner is Manner.NOTHING:
            keep_names = lambda number: 0  # noqa: E731
        elif manner is Manner.NAMES:
            keep_names = lambda number: number  # noqa: E731
        else:
            keep_names = lambda number: lot.randint(0, number)  # noqa: E731
        _write_out(self._top, self._root, keep_names, lambda file: _left(file, manner, lot))

    def write_all(self) -> None:
        """Write into the root what a process sees, without a loss."""
        _clear(self._root)
        _write_out(self._top, self._root, lambda number: number, lambda file: bytes(file.now))


def _read(path: Path) -> _Folder:
    folder = _Folder()
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            folder.now[entry.name] = _read(Path(entry))
        elif entry.is_file(follow_symlinks=False):
            data = Path(entry).read_bytes()
            folder.now[entry.name] = _File(data, bytearray(data), entry.stat().st_mode & 0o777)
    folder.durable = dict(folder.now)
    return folder


def _sync(node: _Node | None) -> None:
    if isinstance(node, _File):
        node.durable = bytes(node.now)
        node.pending.clear()
    elif isinstance(node, _Folder):
        node.durable = dict(node.now)
        node.pending.clear()


def _change(names: dict[str, _Node], name: str, node: _Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _resize(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


def _change_data(data: bytearray, offset: int, new: bytes) -> None:
    if offset > len(data):
        _resize(data, offset)
    data[offset : offset + len(new)] = new


def _left(file: _File, manner: Manner, lot: random.Random) -> bytes:
    """What a disk keeps of the data of ``file``."""
    if manner is Manner.DATA:
        return bytes(file.now)
    data = bytearray(file.durable)
    if manner is Manner.SOME:
        for change in file.pending:
            if isinstance(change, int):
                if lot.random() < 0.5:
                    _resize(data, change)
                continue
            offset, new = change
            for at in range(0, len(new), _SECTOR):
                if lot.random() < 0.5:
                    _change_data(data, offset + at, new[at : at + _SECTOR])
    return bytes(data)


def _write_out(folder: _Folder, path: Path, keep: Callable[[int], int], left: Callable[[_File], bytes]) -> None:
    names = dict(folder.durable)
    for name, node in folder.pending[: keep(len(folder.pending))]:
        _change(names, name, node)
    for name, node in names.items():
        if isinstance(node, _Folder):
            (path / name).mkdir()
            _write_out(node, path / name, keep, left)
        else:
            (path / name).write_bytes(left(node))
            (path / name).chmod(node.mode)


def _clear(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
