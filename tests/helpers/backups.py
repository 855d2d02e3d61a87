"""What the tests of backups share: projects with a database, damage, and what holds for a folder of backups."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from cli import Project

from memsql.backups.digest import TableDigest, digests
from memsql.config import Target
from memsql.db import connect

TABLES = """CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), body TEXT);
CREATE INDEX notes_by_user ON notes (user_id, body);
CREATE VIRTUAL TABLE search USING fts5(body, content='notes', content_rowid='id');
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.body); END;
"""
ROWS = """INSERT INTO users (email) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
SELECT 'user' || i || '@example.org' FROM n;
INSERT INTO notes (user_id, body) SELECT id, 'words of ' || email || hex(zeroblob(150)) FROM users;
"""
CRASH = """
import os, sqlite3, sys
app = sqlite3.connect(sys.argv[1], isolation_level=None)
app.execute("PRAGMA journal_mode = wal")
app.execute("PRAGMA wal_autocheckpoint = 0")
app.execute("INSERT INTO users (email) VALUES ('in the log only')")
os._exit(0)
"""
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
    (path,) = files(project)
    return path


def manifest(backup: Path) -> dict[str, Any]:
    report = json.loads(backup.with_name(backup.name + ".json").read_text(encoding="utf-8"))
    assert isinstance(report, dict)
    return report


def assert_whole(project: Project) -> int:
    """Whatever has a final name is whole, with a manifest that says so; returns how many backups there are."""
    paths = files(project)
    for path in paths:
        content = manifest(path)
        data = path.read_bytes()
        assert (content["bytes"], content["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert content["proven"]
    return len(paths)


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


def crashed(project: Project) -> None:
    """Leave a log behind, as a process does that is killed."""
    subprocess.run([sys.executable, "-c", CRASH, str(project.db)], check=True)
    assert project.db.with_name("memory.db-wal").stat().st_size > 0
