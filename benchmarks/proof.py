"""What the proof costs: the rebuild of a large table, and a large file of mixed statements with triggers.

Each figure is the median of pairwise ratios to the sqlite3 command line doing the same work in one transaction a file,
in the same run. Run with: python -m benchmarks.proof [rounds]
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.common import memsql, ratio, scratch, seconds, sqlite3_files

ROWS = 600_000
TABLES, INSERTS, UPDATES, DELETES = 200, 150, 60, 37


def fill(folder: Path, name: str) -> None:
    """A table of some 100 MB in the database ``name``."""
    with closing(sqlite3.connect(folder / name)) as conn:
        conn.executescript("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, note TEXT, price REAL, made TEXT);")
        rows = ((n, f"name {n}", f"a note of some length about {n:0100d}", n / 7, "2026-01-01") for n in range(ROWS))
        conn.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?)", rows)
        conn.commit()


def rebuild(rounds: int) -> None:
    """The usual rebuild: create, copy, drop, rename."""
    text = (
        "-- Rebuild\n-- foreign_keys: off\n\n"
        "CREATE TABLE item_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, price REAL, made TEXT);\n"
        "INSERT INTO item_new (id, name, note, price, made) SELECT id, name, note, price, made FROM item;\n"
        "DROP TABLE item;\nALTER TABLE item_new RENAME TO item;\n"
    )
    ours, theirs = [], []
    for _ in range(rounds):
        with scratch() as folder:
            (folder / "migrations" / "0000_base.sql").write_text("CREATE TABLE base (id INTEGER PRIMARY KEY);\n")
            memsql(folder, "migrate.up")
            fill(folder, "bench.db")
            fill(folder, "cli.db")
            file = folder / "migrations" / "0001_rebuild.sql"
            file.write_text(text)
            theirs.append(seconds(partial(sqlite3_files, folder, [file], "cli.db")))
            ours.append(seconds(partial(memsql, folder, "migrate.up")))
    ratio("rebuild of a table of 100 MB", ours, theirs, 2.0)


def mixed(rounds: int) -> None:
    """50,000 statements of all kinds on tables with triggers, which were there before."""
    base = "".join(
        f"CREATE TABLE m{n} (id INTEGER PRIMARY KEY, a TEXT, b INTEGER);\nCREATE INDEX idx_m{n} ON m{n} (a, b);\n"
        f"CREATE TRIGGER tr_m{n} AFTER INSERT ON m{n} WHEN new.b > 0 BEGIN\n"
        "    INSERT INTO log (what) VALUES (CASE WHEN new.a = 'x;y' THEN 'one' ELSE 'two' END);\n"
        f"    UPDATE m{n} SET b = b + 1 WHERE id = new.id;\nEND;\n"
        for n in range(TABLES)
    )
    base = f"-- Base\nCREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);\n{base}"
    parts = ["-- Mixed\n"]
    for n in range(TABLES):
        parts += [f"INSERT INTO m{n} (a, b) VALUES ('row; {i}', {i});\n" for i in range(INSERTS)]
        parts += [f"UPDATE m{n} SET a = a || '!' WHERE b = {i};\n" for i in range(UPDATES)]
        parts += [f"DELETE FROM m{n} WHERE id = {i};\n" for i in range(DELETES)]
        parts += [f"CREATE TABLE n{n} (id INTEGER);\n", f"ALTER TABLE n{n} ADD COLUMN x;\n", f"DROP TABLE n{n};\n"]
    ours, theirs = [], []
    for _ in range(rounds):
        with scratch() as folder:
            first, second = folder / "migrations" / "0000_base.sql", folder / "migrations" / "0001_mixed.sql"
            first.write_text(base)
            memsql(folder, "migrate.up")
            sqlite3_files(folder, [first], "cli.db")
            second.write_text("".join(parts))
            theirs.append(seconds(partial(sqlite3_files, folder, [second], "cli.db")))
            ours.append(seconds(partial(memsql, folder, "migrate.up")))
    ratio(f"one file of {len(parts) - 1:,} mixed statements", ours, theirs, 1.45)


def main() -> None:
    """Both; the number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rebuild(rounds)
    mixed(rounds)


if __name__ == "__main__":
    main()
