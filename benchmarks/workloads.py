"""What benchmarks.scale measures: projects and databases that grow in one quantity, the commands that run on them, and
the yardstick of each: the same work by the sqlite3 command line, or ``invoke --list`` for what only reads the ledger.

The yardsticks run on plain.db, a copy of the database before the first command.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import memsql


@dataclass(frozen=True, slots=True)
class Program:
    """A command line, and what it reads from its standard input."""

    words: Sequence[str]
    script: str = ""


Yardstick = Callable[[Path], Program]
"""Makes, for the folder of a project, the program that does the same work."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is measured: its name, the words of its command line, and its yardstick."""

    name: str
    words: Sequence[str]
    yardstick: Yardstick


@dataclass(frozen=True, slots=True)
class Workload:
    """One quantity that grows. ``make`` writes a project and its database for a size into a folder; ``commands`` are
    measured on it, in this order."""

    name: str
    unit: str
    sizes: Sequence[int]
    make: Callable[[Path, int], None]
    commands: Sequence[Command]


def _list(folder: Path) -> Program:
    """``invoke --list`` of a trivial tasks.py: what it costs to start a program of tasks."""
    (folder / "tasks.py").write_text("from invoke import task\n\n\n@task\ndef a(c):\n    pass\n")
    return Program((sys.executable, "-m", "invoke", "--list"))


def _shell(script: str) -> Yardstick:
    return lambda _: Program(("sqlite3", "-bail", "plain.db"), script)


def _up(first: int, last: int | None = None) -> Yardstick:
    """Run the migrations from ``first`` to ``last``, each in a transaction of its own; None is the newest."""
    return lambda folder: _transactions([f for f in _files(folder) if f.suffixes == [".sql"]][first - 1 : last])


def _down(count: int | None = None) -> Yardstick:
    """Run the newest ``count`` rollbacks, the newest first, each in a transaction of its own; None is all."""
    return lambda folder: _transactions([f for f in _files(folder) if f.suffixes != [".sql"]][::-1][:count])


def _checks_and_replay(folder: Path) -> Program:
    """Check the database, and run the migrations on an empty one in memory: verify compares the schema with theirs."""
    script = _transactions([file for file in _files(folder) if file.suffixes == [".sql"]]).script
    checks = "PRAGMA quick_check;\nPRAGMA foreign_key_check;\n"
    return Program(("sqlite3", "-bail", "plain.db"), f"{checks}.open :memory:\n{script}")


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "migrations").glob("*.sql"))


def _transactions(files: Sequence[Path]) -> Program:
    script = "".join(f"BEGIN;\n.read 'migrations/{file.name}'\nCOMMIT;\n" for file in files)
    return Program(("sqlite3", "-bail", "plain.db"), script)


def migrations(folder: Path, size: int) -> None:
    """``size`` pairs, each with a table, an index and a row."""
    for n in range(1, size + 1):
        stem = folder / "migrations" / f"{n:05d}_step"
        stem.with_suffix(".sql").write_text(
            f"-- Step {n}\nCREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);\n"
            f"CREATE INDEX idx_t{n}_name ON t{n} (name);\nINSERT INTO t{n} (name) VALUES ('one');\n"
        )
        stem.with_suffix(".rollback.sql").write_text(
            f"-- Undo step {n}\nDELETE FROM t{n};\nDROP INDEX idx_t{n}_name;\nDROP TABLE t{n};\n"
        )


def tables(folder: Path, size: int) -> None:
    """``size`` tables of twelve columns, with an index and a trigger each: one migration makes them, the next changes
    one of them."""
    _write(folder, 1, "CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);", "DROP TABLE log;")
    columns = ", ".join(f"c{n} TEXT" for n in range(11))
    text = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, {columns});\nCREATE INDEX idx_t{n} ON t{n} (c0);\n"
        f"CREATE TRIGGER tr_t{n} AFTER INSERT ON t{n} BEGIN INSERT INTO log (what) VALUES (new.c0); END;\n"
        for n in range(size)
    )
    _write(folder, 2, text, "".join(f"DROP TABLE t{n};\n" for n in reversed(range(size))))
    _write(folder, 3, "ALTER TABLE t0 ADD COLUMN note TEXT;", "ALTER TABLE t0 DROP COLUMN note;")


def statements(folder: Path, size: int) -> None:
    """One migration of ``size`` statements: inserts, updates and deletes of rows of its own."""
    lines = []
    for n in range(size // 4):
        lines.append(
            f"INSERT INTO item (id, name, part) VALUES ({n}, 'name {n}', {n % 100});\n"
            f"INSERT INTO part (id, name) VALUES ({n}, 'it isn''t; really');\n"
            f"UPDATE item SET name = name || '!' WHERE id = {n};\nDELETE FROM part WHERE id = {n - 10};\n"
        )
    head = (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, part INTEGER);\n"
        "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT);\n"
    )
    _write(folder, 1, head + "".join(lines), "-- permit-loss: item, part\nDROP TABLE part;\nDROP TABLE item;\n")


def rows(folder: Path, size: int) -> None:
    """A table of ``size`` rows, and three migrations: a column, an index, a rebuild."""
    _write(folder, 1, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL);", "DROP TABLE item;")
    memsql(folder, "migrate.up")
    with closing(sqlite3.connect(folder / "bench.db")) as conn:
        values = ((n, f"name {n:010d}", n / 7) for n in range(size))
        conn.executemany("INSERT INTO item VALUES (?, ?, ?)", values)
        conn.commit()
    _write(folder, 2, "ALTER TABLE item ADD COLUMN note TEXT;", "ALTER TABLE item DROP COLUMN note;")
    _write(folder, 3, "CREATE INDEX idx_item_price ON item (price);", "DROP INDEX idx_item_price;")
    rebuild = (
        "CREATE TABLE item_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, note TEXT);\n"
        "INSERT INTO item_new (id, name, price, note) SELECT id, name, price, note FROM item;\n"
        "DROP TABLE item;\nALTER TABLE item_new RENAME TO item;\nCREATE INDEX idx_item_price ON item (price);\n"
    )
    _write(folder, 4, "-- foreign_keys: off\n\n" + rebuild, "SELECT 1;")


def used_bytes(folder: Path, size: int) -> None:
    """A database of ``size`` megabytes of zeros, with holes where the disk allows them, and one small migration."""
    _blobs(folder, size)
    _dig_holes(folder)


def free_bytes(folder: Path, size: int) -> None:
    """A database of ``size`` megabytes, nearly all of which are free pages because the rows were deleted, and one small
    migration."""
    _blobs(folder, size)
    with closing(sqlite3.connect(folder / "bench.db")) as conn:
        conn.execute("DELETE FROM blob")
        conn.commit()
    _dig_holes(folder)


def _blobs(folder: Path, size: int) -> None:
    _write(folder, 1, "CREATE TABLE blob (id INTEGER PRIMARY KEY, data BLOB);", "DROP TABLE blob;")
    memsql(folder, "migrate.up")
    with closing(sqlite3.connect(folder / "bench.db")) as conn:
        for start in range(0, size, 50):
            # A blob of SQLite is a gigabyte at most, and takes as much memory.
            conn.execute("INSERT INTO blob (data) VALUES (zeroblob(?))", (min(50, size - start) * 1_000_000,))
            conn.commit()
    _write(folder, 2, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);", "DROP TABLE note;")


def _dig_holes(folder: Path) -> None:
    subprocess.run(["fallocate", "--dig-holes", "bench.db"], cwd=folder, check=False, stderr=subprocess.DEVNULL)


def circle(folder: Path, size: int) -> None:
    """``size`` tables of which each refers to the next, and the last to the first."""
    text = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t{(n + 1) % size} (id));\n"
        f"CREATE INDEX idx_t{n} ON t{n} (next);\n"
        for n in range(size)
    )
    _write(folder, 1, text, "-- foreign_keys: off\n\n" + "".join(f"DROP TABLE t{n};\n" for n in range(size)))


def _write(folder: Path, version: int, up: str, down: str) -> None:
    stem = folder / "migrations" / f"{version:04d}_step"
    stem.with_suffix(".sql").write_text(f"-- Step {version}\n{up}\n")
    stem.with_suffix(".rollback.sql").write_text(f"-- Undo step {version}\n{down}\n")


_STATUS = Command("status", ("migrate.status",), _list)
_NOTHING = Command("up, nothing to do", ("migrate.up",), _list)
_VERIFY = Command("verify", ("verify",), _checks_and_replay)
_BACKUP = Command("backup", ("backup",), _shell(".backup copy.db\n"))
_DUMP = Command("schema.dump", ("schema.dump",), _shell(".schema\n"))
WORKLOADS = (
    Workload(
        "statements",
        "statements in a file",
        (12_500, 25_000, 50_000, 100_000),
        statements,
        (Command("up", ("migrate.up",), _up(1)), _STATUS, _VERIFY),
    ),
    Workload(
        "tables",
        "tables",
        (125, 250, 500, 1000),
        tables,
        (
            Command("up, all the tables", ("migrate.up", "--to", "2"), _up(1, 2)),
            Command("up, a column", ("migrate.up",), _up(3)),
            _STATUS,
            _VERIFY,
            _DUMP,
            _BACKUP,
            Command("down, a column", ("migrate.down", "--yes"), _down(1)),
        ),
    ),
    Workload(
        "rows",
        "rows in a table",
        (100_000, 1_000_000, 10_000_000),
        rows,
        (
            Command("up, a column", ("migrate.up", "--to", "2"), _up(2, 2)),
            Command("up, an index", ("migrate.up", "--to", "3"), _up(3, 3)),
            Command("up, a rebuild", ("migrate.up", "--to", "4"), _up(4, 4)),
            _STATUS,
            _VERIFY,
            _BACKUP,
        ),
    ),
    Workload(
        "bytes",
        "megabytes in use",
        (50, 500, 5000),
        used_bytes,
        (_STATUS, Command("up", ("migrate.up",), _up(2)), _VERIFY, _BACKUP),
    ),
    Workload(
        "free bytes",
        "megabytes of free pages",
        (50, 500, 5000),
        free_bytes,
        (_STATUS, Command("up", ("migrate.up",), _up(2)), _VERIFY, _BACKUP),
    ),
    Workload(
        "foreign keys",
        "tables in a circle",
        (250, 500, 1000, 2000),
        circle,
        (Command("up", ("migrate.up",), _up(1)), _VERIFY, Command("down", ("migrate.down", "--yes"), _down(1))),
    ),
    Workload(
        "migrations",
        "migrations",
        (625, 1250, 2500, 5000),
        migrations,
        (
            Command("up", ("migrate.up",), _up(1)),
            _STATUS,
            _NOTHING,
            _VERIFY,
            Command("down, all", ("migrate.down", "--to", "0", "--yes"), _down()),
        ),
    ),
)
