"""Judge the files of a project after a fault: each is that before or that after, whole, and none is left over."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns import after

# What differs from run to run: numbers, times, hashes.
_VARIES = re.compile(rb"[0-9a-f]{7,}|\d+(\.\d+)?")
# A second backup in the same second has a number behind its time.
_SECOND = re.compile(r"#T#Z-#")
# Records and manifests differ in more than numbers. They must be JSON; backup.verify proves what they say of backups.
_RECORDS = (".jsonl", ".json")
_JOURNALS = ("-journal", "-wal", "-shm")


@dataclass(frozen=True)
class Tree:
    """The files of a project but for its databases, and how many there are of each: (path, text) as they compare."""

    files: Counter[tuple[str, bytes]]
    databases: Counter[str]

    @property
    def paths(self) -> set[str]:
        return {path for path, _ in self.files}


def read(root: Path) -> Tree:
    """The tree below ``root``. Folders are files without text; times, numbers and hashes are made equal."""
    files: Counter[tuple[str, bytes]] = Counter()
    databases: Counter[str] = Counter()
    bases = set(after.paths(root))
    for path in root.rglob("*"):
        shown = path.relative_to(root).as_posix()
        if shown.startswith(".git/"):
            continue
        name = _name(shown)
        if path.is_dir():
            files[name + "/", b""] += 1
        elif path in bases:
            databases[name] += 1
        elif path.name.endswith(_JOURNALS):
            continue
        elif path.suffix in (".zst", ".sql") and "backups" in path.parts:
            # Compressed, or with times in it: backup.verify proves it.
            files[name, b""] += 1
        else:
            files[name, _comparable(path)] += 1
    return Tree(files, databases)


def _name(path: str) -> str:
    return _SECOND.sub("#T#Z", _VARIES.sub(b"#", path.encode()).decode())


def _comparable(path: Path) -> bytes:
    text = path.read_bytes()
    if path.suffix in _RECORDS and "backups" in path.parts:
        try:
            for line in text.splitlines() if path.suffix == ".jsonl" else [text]:
                json.loads(line)
        except ValueError as e:
            return str(e).encode()
        return b""
    return _VARIES.sub(b"#", text)


def is_known(path: str, before: Tree, final: Tree) -> bool:
    """Whether ``path``, of a database, is one that is there before or after, and not work that was not finished."""
    return _name(path) in before.databases.keys() | final.databases.keys()


def problems(now: Tree, before: Tree, final: Tree) -> list[str]:
    """What is neither as before nor as after, in sentences. What is left over is no problem here."""
    known = before.files.keys() | final.files.keys()
    paths = before.paths | final.paths
    sentences = [
        f"{path} holds neither what it held before nor what it is to hold: {text[:200]!r}"
        for path, text in now.files
        if path in paths and (path, text) not in known
    ]
    missing = (before.paths & final.paths) - now.paths
    sentences += [f"{path} is gone" for path in sorted(missing)]
    lost = set(before.databases) & set(final.databases) - set(now.databases)
    return sentences + [f"{path} is gone" for path in sorted(lost)]


def without(tree: Tree, paths: Iterable[str]) -> Tree:
    """The tree without files and databases of these ``paths``, as they are shown in one."""
    left_out = set(paths)
    return Tree(
        Counter({key: number for key, number in tree.files.items() if key[0] not in left_out}),
        Counter({path: number for path, number in tree.databases.items() if path not in left_out}),
    )


def left_over(now: Tree, before: Tree, final: Tree) -> list[str]:
    """Paths that are there neither before nor after."""
    here = now.paths | set(now.databases)
    return sorted(here - before.paths - final.paths - set(before.databases) - set(final.databases))


def is_after(now: Tree, final: Tree, *, adds: bool) -> bool:
    """Whether all is there that is to be there. ``adds``: there may be more of the same."""
    if adds:
        return _covers(now.files, final.files) and _covers(now.databases, final.databases)
    return now == final


def difference(now: Tree, final: Tree) -> str:
    """What ``now`` lacks of ``final`` and has more than it."""
    lacks = [*_shown(final.files - now.files), *sorted(final.databases - now.databases)]
    has = [*_shown(now.files - final.files), *sorted(now.databases - final.databases)]
    return f"lacks {lacks or 'nothing'}, has {has or 'nothing'} besides"


def _shown(files: Iterable[tuple[str, bytes]]) -> list[str]:
    return sorted(f"{path} ({len(text)} bytes)" for path, text in files)


def _covers(now: Counter[str] | Counter[tuple[str, bytes]], final: Iterable[object]) -> bool:
    return set(now) >= set(final)
