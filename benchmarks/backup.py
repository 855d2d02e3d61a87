"""Backing up a large database with a full-text index, with proof, from a file and from a server; and its restore.

The yardstick for a file is what a careful operator does by hand with the sqlite3 command line: VACUUM INTO, then
quick_check, foreign_key_check and the full-text integrity check at rank 1 on the copy. For a server it is reading
``GET /dump`` with curl, which proves nothing. Run with: python -m benchmarks.backup [rounds] [rows]; 500,000 rows
make about 1 GB.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.common import MEMSQL, ratio, scratch, seconds
from memsql import server

MEMORY_LIMIT = 200 << 20
SCHEMA = """
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL);
CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT REFERENCES users (id) ON DELETE CASCADE, title TEXT NOT NULL,
    content TEXT NOT NULL, memory_type TEXT NOT NULL, importance INTEGER, tags TEXT, score REAL,
    digest BLOB, created_at TEXT
);
CREATE INDEX memories_by_user ON memories (user_id, created_at DESC);
CREATE INDEX memories_by_type ON memories (user_id, memory_type);
CREATE VIRTUAL TABLE memories_fts USING fts5(title, content, tags, content='memories', content_rowid='id');
"""
PROOF = (
    "PRAGMA quick_check; PRAGMA foreign_key_check; "
    "INSERT INTO memories_fts (memories_fts, rank) VALUES ('integrity-check', 1);"
)


def make(path: Path, rows: int) -> None:
    """A database of ``rows`` memories of a kilobyte each, indexed in full: about 2 kB a row with all indexes."""
    chance = random.Random(4)
    words = ["".join(chance.choices("etaoinshrdlucmfw", k=chance.randint(3, 10))) for _ in range(20_000)]
    phrases = [" ".join(chance.choices(words, k=20)) for _ in range(20_000)]
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript("PRAGMA synchronous = off; PRAGMA journal_mode = off;" + SCHEMA)
        conn.executemany(
            "INSERT INTO users VALUES (?, ?, '2026-01-01')", ((f"user-{i}", f"{i}@example.com") for i in range(1000))
        )
        conn.executemany(
            "INSERT INTO memories (user_id, title, content, memory_type, importance, tags, score, digest, created_at)"
            " VALUES (?, ?, ?, 'note', ?, ?, ?, ?, '2026-01-01T00:00:00Z')",
            (
                (
                    f"user-{i % 1000}",
                    chance.choice(phrases)[:40],
                    " ".join(chance.choices(phrases, k=6)),
                    i % 5,
                    chance.choice(words),
                    chance.random(),
                    chance.randbytes(64),
                )
                for i in range(rows)
            ),
        )
        conn.execute("INSERT INTO memories_fts (memories_fts) VALUES ('rebuild')")
        conn.commit()


def measured(memory: list[int], folder: Path, *words: str) -> None:
    """Run the real command line; append to ``memory`` the most it had, in bytes."""
    process = subprocess.Popen([*MEMSQL, *words], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    memory.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def by_hand(folder: Path) -> None:
    """VACUUM INTO and the same checks."""
    copy = folder / "by-hand.db"
    copy.unlink(missing_ok=True)
    subprocess.run(["sqlite3", "-bail", "bench.db", f"VACUUM INTO '{copy}'"], cwd=folder, check=True)
    subprocess.run(["sqlite3", "-bail", str(copy), PROOF], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with copy.open("rb") as written:
        os.fsync(written.fileno())


def files(folder: Path, rounds: int) -> None:
    """Backup and restore of a file."""
    ours: list[float] = []
    theirs: list[float] = []
    back: list[float] = []
    memory: list[int] = []
    for _ in range(rounds):
        shutil.rmtree(folder / "backups", ignore_errors=True)
        theirs.append(seconds(partial(by_hand, folder)))
        ours.append(seconds(partial(measured, memory, folder, "backup", "--database", "bench.db")))
        back.append(seconds(partial(measured, memory, folder, "backup.restore", "--database", "bench.db")))
        for old in folder.glob("bench.db.replaced-*"):
            old.unlink()
    ratio("backup of a file, to VACUUM INTO and the checks", ours, theirs, 1.5)
    report_memory("backup and restore of a file", max(memory))
    print(f"{'restore to a file':<50} {statistics.median(back):8.3f} s")


def servers(folder: Path, rounds: int) -> None:
    """Backup of a server, and restore to an empty one."""
    ours: list[float] = []
    theirs: list[float] = []
    back: list[float] = []
    memory: list[int] = []
    for _ in range(rounds):
        shutil.rmtree(folder / "backups", ignore_errors=True)
        with serving(folder / "bench.db") as url, serving(None) as empty:
            theirs.append(seconds(partial(dump, url)))
            ours.append(seconds(partial(measured, memory, folder, "backup", "--database", url)))
            backup = next(p.name for p in (folder / "backups").iterdir() if p.suffix == ".db")
            back.append(seconds(partial(measured, memory, folder, "backup.restore", backup, "--database", empty)))
    ratio("backup of a server, to reading /dump with curl", ours, theirs, 2)
    report_memory("backup and restore of a server", max(memory))
    print(f"{'restore to a server':<50} {statistics.median(back):8.3f} s")


def dump(url: str) -> None:
    """Read the server's own dump and throw it away."""
    subprocess.run(["curl", "-sf", "-o", "/dev/null", f"{url}/dump"], check=True)


@contextmanager
def serving(database: Path | None) -> Iterator[str]:
    """The URL of a server with a copy of ``database``, or with nothing."""
    binary = server.find() or server.install()
    with tempfile.TemporaryDirectory(prefix="memsql-bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name) / "sqld"
        if database is not None:
            data = folder / "data" / "dbs" / "default" / "data"
            data.parent.mkdir(parents=True)
            shutil.copyfile(database, data)
            with closing(sqlite3.connect(data)) as conn:
                conn.execute("PRAGMA journal_mode = wal")
        with server.running(binary, folder) as found:
            yield found.url


def report_memory(title: str, most: int) -> None:
    """Print the peak beside its limit."""
    print(
        f"{'memory, ' + title:<50} {most / (1 << 20):8.0f} MiB  limit {MEMORY_LIMIT >> 20}  "
        f"{'ok' if most <= MEMORY_LIMIT else 'MISSED'}"
    )


def main(rounds: int, rows: int) -> None:
    """Run all of it."""
    with scratch() as folder:
        make(folder / "bench.db", rows)
        print(f"{rows:,} rows, {(folder / 'bench.db').stat().st_size / 1e6:,.0f} MB")
        files(folder, rounds)
        servers(folder, rounds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, int(sys.argv[2]) if len(sys.argv) > 2 else 500_000)
