"""What the tests of backups have in common: projects with a database, damage, and what must be true of a folder of backups."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from cli import Project

from memsql.backups.digest import TableDigest, digests
from memsql.config import Target
from memsql.db import connect

ENDINGS = (".db", ".sql", ".zst")


def hashes(path: Path) -> list[TableDigest]:
    """Every content table with its hash."""
    with closing(connect(Target(path=path))) as conn:
        return digests(conn)


def files(project: Project) -> list[Path]:
    """The backups of the folder by name."""
    return sorted(p for p in (project.root / "backups").glob("[!.]*") if p.name.endswith(ENDINGS))


def one(project: Project) -> Path:
    """The only backup there is."""
    (found,) = files(project)
    return found


def manifest(backup: Path) -> dict[str, Any]:
    found = json.loads(backup.with_name(backup.name + ".json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def assert_whole(project: Project) -> int:
    """Whatever has a final name is whole, with a manifest that says so; returns how many backups there are."""
    found = files(project)
    for path in found:
        told = manifest(path)
        data = path.read_bytes()
        assert (told["bytes"], told["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert told["proven"]
    return len(found)


def hidden(folder: Path) -> list[str]:
    """What unfinished work left in ``folder``."""
    return sorted(p.name for p in folder.glob(".memsql-*"))


def damage(path: Path, table: str, *, page: int = 0) -> None:
    """Overwrite the root page of ``table``, or the page that is ``page`` behind it."""
    with closing(sqlite3.connect(path)) as conn:
        root = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
        size = conn.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1 + page) * size)
        file.write(b"\xff" * size)


def in_wal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
