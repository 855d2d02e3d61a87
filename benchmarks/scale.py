"""How time and memory grow: many migrations, tables, statements, rows, bytes, foreign keys in a circle.

Each command runs in a process of its own; what is counted is the time of the processor, user and system, and the peak
of its resident memory. The figures are kept as JSON, and benchmarks.scale_plots draws them into docs/limits.md.
Run with: python -m benchmarks.scale [rounds] [--only NAME] [--most SIZE] [--save FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from benchmarks.common import MEMSQL, scratch
from benchmarks.migrations import trivial_list

Commands = Sequence[tuple[str, Sequence[str]]]
"""The names of what is measured, in the order to run, each with the words of its command line."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One quantity that grows. ``make`` writes a project and its database for a size into a folder; ``after`` are the
    commands that are measured on it."""

    name: str
    unit: str
    sizes: Sequence[int]
    make: Callable[[Path, int], None]
    commands: Commands


@dataclass(frozen=True, slots=True)
class Figure:
    """What one command cost: seconds of the processor, and bytes of memory at its peak."""

    workload: str
    unit: str
    command: str
    size: int
    seconds: float
    memory: int


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
    """A database of ``size`` tables of twelve columns, with an index and a trigger each, and one small migration."""
    _write(folder, 1, "CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);", "DROP TABLE log;")
    columns = ", ".join(f"c{n} TEXT" for n in range(11))
    text = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, {columns});\nCREATE INDEX idx_t{n} ON t{n} (c0);\n"
        f"CREATE TRIGGER tr_t{n} AFTER INSERT ON t{n} BEGIN INSERT INTO log (what) VALUES (new.c0); END;\n"
        for n in range(size)
    )
    _write(folder, 2, text, "".join(f"DROP TABLE t{n};\n" for n in reversed(range(size))))
    _memsql(folder, "migrate.up")
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
    _memsql(folder, "migrate.up")
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


def sparse(folder: Path, size: int) -> None:
    """A database of ``size`` megabytes of zeros, with holes where the disk allows them, and one small migration."""
    _write(folder, 1, "CREATE TABLE blob (id INTEGER PRIMARY KEY, data BLOB);", "DROP TABLE blob;")
    with closing(sqlite3.connect(folder / "bench.db")) as conn:
        conn.execute("PRAGMA page_size = 65536")
        conn.execute("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    _memsql(folder, "migrate.up")
    for start in range(0, size, 100):
        with closing(sqlite3.connect(folder / "bench.db")) as conn:
            # A blob of SQLite is a gigabyte at most.
            conn.execute("INSERT INTO blob (data) VALUES (zeroblob(?))", (min(100, size - start) * 1_000_000,))
            conn.commit()
        subprocess.run(["fallocate", "--dig-holes", "bench.db"], cwd=folder, check=False, stderr=subprocess.DEVNULL)
    _write(folder, 2, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);", "DROP TABLE note;")


def circle(folder: Path, size: int) -> None:
    """``size`` tables of which each refers to the next, and the last to the first."""
    text = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t{(n + 1) % size} (id));\n"
        f"CREATE INDEX idx_t{n} ON t{n} (next);\n"
        for n in range(size)
    )
    _write(folder, 1, text, "-- foreign_keys: off\n\n" + "".join(f"DROP TABLE t{n};\n" for n in range(size)))


_STATUS = ("status", ("migrate.status",))
_VERIFY = ("verify", ("verify",))
_UP = ("up", ("migrate.up",))
_BACKUP = ("backup", ("backup",))
WORKLOADS = (
    Workload(
        "migrations",
        "migrations",
        (625, 1250, 2500, 5000),
        migrations,
        (
            _UP,
            _STATUS,
            ("up, nothing to do", ("migrate.up",)),
            _VERIFY,
            ("down, all", ("migrate.down", "--to", "0", "--yes")),
        ),
    ),
    Workload(
        "tables",
        "tables",
        (125, 250, 500, 1000),
        tables,
        (_UP, _STATUS, _VERIFY, ("down", ("migrate.down", "--yes")), ("schema.dump", ("schema.dump",)), _BACKUP),
    ),
    Workload("statements", "statements in a file", (12_500, 25_000, 50_000, 100_000), statements, (_UP, _VERIFY)),
    Workload(
        "rows",
        "rows in a table",
        (100_000, 1_000_000, 10_000_000),
        rows,
        (
            ("up, a column", ("migrate.up", "--to", "2")),
            ("up, an index", ("migrate.up", "--to", "3")),
            ("up, a rebuild", ("migrate.up", "--to", "4")),
            _VERIFY,
            _BACKUP,
        ),
    ),
    Workload("bytes", "megabytes", (50, 500, 5000), sparse, (_STATUS, _UP, _VERIFY, _BACKUP)),
    Workload(
        "foreign keys",
        "tables in a circle",
        (250, 500, 1000, 2000),
        circle,
        (_UP, _VERIFY, ("down", ("migrate.down", "--yes"))),
    ),
)


def _write(folder: Path, version: int, up: str, down: str) -> None:
    stem = folder / "migrations" / f"{version:04d}_step"
    stem.with_suffix(".sql").write_text(f"-- Step {version}\n{up}\n")
    stem.with_suffix(".rollback.sql").write_text(f"-- Undo step {version}\n{down}\n")


def _memsql(folder: Path, *words: str) -> tuple[float, int]:
    """Run the command line; seconds of the processor and bytes of memory at the peak."""
    process = subprocess.Popen(
        [*MEMSQL, *words, "--database", "bench.db"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    return _usage(process, " ".join(words))


def _usage(process: subprocess.Popen[bytes], name: str) -> tuple[float, int]:
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}: {said.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measured(workload: Workload, size: int) -> Iterator[Figure]:
    """The figures of each command of ``workload`` at ``size``."""
    with scratch() as folder:
        workload.make(folder, size)
        for name, words in workload.commands:
            seconds, memory = _memsql(folder, *words)
            yield Figure(workload.name, workload.unit, name, size, round(seconds, 3), memory)
            if name == "status":
                trivial_list(folder)
                seconds, memory = _usage(
                    subprocess.Popen(
                        [sys.executable, "-m", "invoke", "--list"],
                        cwd=folder,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                    ),
                    "invoke --list",
                )
                yield Figure(workload.name, workload.unit, "invoke --list", size, round(seconds, 3), memory)
                (folder / "tasks.py").unlink()


def growth(figures: Sequence[Figure]) -> float:
    """The power of the size with which the time of one command grows, from its last two sizes: 1 is linear."""
    before, after = figures[-2:]
    return math.log(after.seconds / before.seconds) / math.log(after.size / before.size)


def machine() -> str:
    """What the figures were measured on, in words."""
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}, "
        f"{os.cpu_count()} processors, {date.today().isoformat()}"
    )


def main() -> None:
    """Measure and print; with ``--save`` keep the figures too, in place of those of the same workloads."""
    reader = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    reader.add_argument("rounds", nargs="?", type=int, default=1, help="how often; the least of each figure counts")
    reader.add_argument("--only", choices=[one.name for one in WORKLOADS])
    reader.add_argument("--most", type=int, help="leave out sizes above this one")
    reader.add_argument("--save", type=Path, help="docs/limits/figures.json, for benchmarks.scale_plots")
    options = reader.parse_args()
    every: list[Figure] = []
    for workload in WORKLOADS:
        if options.only in (None, workload.name):
            every += _measure(workload, options.rounds, options.most)
    if options.save is not None:
        kept = json.loads(options.save.read_text())["figures"] if options.save.exists() else []
        names = {one.workload for one in every}
        kept = [one for one in kept if one["workload"] not in names] + [asdict(one) for one in every]
        options.save.write_text(json.dumps({"machine": machine(), "figures": kept}, indent=1) + "\n")


def _measure(workload: Workload, rounds: int, most: int | None) -> list[Figure]:
    least: dict[tuple[str, int], Figure] = {}
    sizes = [size for size in workload.sizes if most is None or size <= most]
    for size in sizes:
        for _ in range(rounds):
            for one in measured(workload, size):
                before = least.get((one.command, size))
                least[one.command, size] = one if before is None or one.seconds < before.seconds else before
    for command in dict.fromkeys(name for name, _ in least):
        figures = [least[command, size] for size in sizes]
        times = "  ".join(f"{one.size:,}: {one.seconds:.2f} s, {one.memory / 1e6:.0f} MB" for one in figures)
        power = f"  power {growth(figures):.2f}" if len(figures) > 1 else ""
        print(f"{workload.name}: {command:<20} {times}{power}", flush=True)
    return list(least.values())


if __name__ == "__main__":
    main()
