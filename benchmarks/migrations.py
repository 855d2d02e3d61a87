"""Applying: a thousand small migrations, one large file, one file of many kinds of statements.

Each figure is the median of pairwise ratios to the sqlite3 command line doing the same work in one
transaction a file, in the same run. Run with: python -m benchmarks.migrations [rounds]
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.common import MEMSQL, memsql, ratio, scratch, seconds, sqlite3_files

COUNT = 1000
OLD = "-- Old\nCREATE TABLE old (id INTEGER PRIMARY KEY, v TEXT);\nINSERT INTO old (v) VALUES ('x');\n"


def write_small(folder: Path) -> tuple[list[Path], list[Path]]:
    """A thousand pairs of two statements each; returns ups and downs in the order to run."""
    ups, downs = [], []
    for n in range(1, COUNT + 1):
        up = folder / "migrations" / f"{n:04d}_step.sql"
        down = folder / "migrations" / f"{n:04d}_step.rollback.sql"
        up.write_text(
            f"-- Step {n}\nCREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);\n"
            f"CREATE INDEX idx_t{n}_name ON t{n} (name);\n"
        )
        down.write_text(f"-- Undo step {n}\nDROP INDEX idx_t{n}_name;\nDROP TABLE t{n};\n")
        ups.append(up)
        downs.append(down)
    return ups, downs[::-1]


def existing(folder: Path, name: str) -> None:
    """A database that somebody uses already, with the ledger that a first migration leaves."""
    conn = sqlite3.connect(folder / name)
    conn.executescript(OLD)
    conn.close()


def thousand(rounds: int) -> None:
    """Up and down on an existing database, up on a fresh one, status and a no-op up."""
    times: dict[str, list[float]] = {
        k: [] for k in ("up", "cli up", "down", "cli down", "fresh", "cli fresh", "status", "noop", "list")
    }
    for _ in range(rounds):
        with scratch() as folder:
            ups, downs = write_small(folder)
            (folder / "migrations" / "0000_old.sql").write_text(OLD)
            memsql(folder, "migrate.up", "--to", "0")
            existing(folder, "cli.db")
            times["cli up"].append(seconds(partial(sqlite3_files, folder, ups, "cli.db")))
            times["up"].append(seconds(partial(memsql, folder, "migrate.up")))
            for _ in range(3):
                times["list"].append(seconds(partial(trivial_list, folder)))
                times["status"].append(seconds(partial(memsql, folder, "migrate.status")))
                times["noop"].append(seconds(partial(memsql, folder, "migrate.up")))
            times["cli down"].append(seconds(partial(sqlite3_files, folder, downs, "cli.db")))
            times["down"].append(seconds(partial(memsql, folder, "migrate.down", "--steps", str(COUNT))))
        with scratch() as folder:
            ups, _ = write_small(folder)
            times["cli fresh"].append(seconds(partial(sqlite3_files, folder, ups, "cli.db")))
            times["fresh"].append(seconds(partial(memsql, folder, "migrate.up")))
    ratio("1000 migrations up, existing database", times["up"], times["cli up"], 1.3)
    ratio("1000 migrations down", times["down"], times["cli down"], 1.3)
    ratio("1000 migrations up, fresh database", times["fresh"], times["cli fresh"], 0.6)
    ratio("migrate.status, 1000 applied, vs invoke --list", times["status"], times["list"], 1.5)
    ratio("migrate.up with nothing to do, vs invoke --list", times["noop"], times["list"], 1.5)


def trivial_list(folder: Path) -> None:
    """``invoke --list`` of a trivial tasks.py."""
    (folder / "tasks.py").write_text("from invoke import task\n\n\n@task\ndef a(c):\n    pass\n")
    subprocess.run([sys.executable, "-m", "invoke", "--list"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def write_large(folder: Path) -> Path:
    """One migration of 50 MB in 400,000 inserts."""
    file = folder / "migrations" / "0001_load.sql"
    with open(file, "w") as f:
        f.write("-- Load\nCREATE TABLE load (id INTEGER PRIMARY KEY, name TEXT, note TEXT);\n")
        for n in range(400_000):
            f.write(
                f"INSERT INTO load (id, name, note) VALUES ({n}, 'name {n}', "
                f"'a note; it isn''t long, but it is unlike the others {n * 7919:010d}');\n"
            )
    return file


def large(rounds: int) -> None:
    """One file of 50 MB in 400,000 inserts, and the peak memory of ours."""
    ours, theirs = [], []
    for _ in range(rounds):
        with scratch() as folder:
            file = write_large(folder)
            size = file.stat().st_size
            theirs.append(seconds(partial(sqlite3_files, folder, [file], "cli.db")))
            ours.append(seconds(partial(memsql, folder, "migrate.up")))
    ratio(f"one file of {size / 1e6:.0f} MB, 400k inserts", ours, theirs, 1.1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"  peak memory {peak / size:.2f} times the file (target below 4)")


def mixed(rounds: int) -> None:
    """One file of 5000 statements with 200 triggers."""
    ours, theirs = [], []
    for _ in range(rounds):
        with scratch() as folder:
            file = folder / "migrations" / "0001_mixed.sql"
            parts = ["-- Mixed\nCREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);\n"]
            for n in range(200):
                parts.append(
                    f"CREATE TABLE m{n} (id INTEGER PRIMARY KEY, a TEXT, b INTEGER);\n"
                    f"CREATE INDEX idx_m{n} ON m{n} (a, b);\n"
                    f"CREATE TRIGGER tr_m{n} AFTER INSERT ON m{n} WHEN new.b > 0 BEGIN\n"
                    f"    INSERT INTO log (what) VALUES (CASE WHEN new.a = 'x;y' THEN 'one' ELSE 'two' END);\n"
                    f"    UPDATE m{n} SET b = b + 1 WHERE id = new.id;\nEND;\n"
                )
                parts += [f"INSERT INTO m{n} (a, b) VALUES ('row; {i}', {i});\n" for i in range(20)]
                parts.append(f"UPDATE m{n} SET a = a || '!' WHERE b > 3;\nDELETE FROM m{n} WHERE b = 1;\n")
            file.write_text("".join(parts))
            theirs.append(seconds(partial(sqlite3_files, folder, [file], "cli.db")))
            ours.append(seconds(partial(memsql, folder, "migrate.up")))
    ratio("one file of 5000 statements, 200 triggers", ours, theirs, 1.5)


def main() -> None:
    """All of it; the number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(
        f"{'':<50} {'memsql':>10}  {'yardstick':>10}   python {sys.version.split()[0]}, "
        f"sqlite {sqlite3.sqlite_version}, {MEMSQL[1:]}"
    )
    large(rounds)
    mixed(rounds)
    thousand(rounds)


if __name__ == "__main__":
    main()
