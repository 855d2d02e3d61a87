"""How long ``memsql lint`` takes beside plain sqlfluff, which runs its own rules only, and how that grows with a
project.

Run ``python -m benchmarks.lint [ROUNDS]``. Both are command lines over the same files with the same configuration: all
.sql files of this project, and a change of ten migrations with their rollbacks. The growth is that of ``memsql lint``
alone, on projects of 125, 250 and 500 pairs.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks.common import MEMSQL, ratio, scratch

ROOT = Path(__file__).resolve().parent.parent
PLAIN = [sys.executable, "-m", "sqlfluff", "lint", "--exclude-rules"]
TARGET, CHANGE_SECONDS = 1.2, 10.0
COUNTS = (125, 250, 500)
GROWTH, SMALLEST_SECONDS, LARGEST_SECONDS = 4.3, 2.0, 8.0


def run(words: list[str], folder: Path) -> float:
    """Seconds of processor time that one command takes; what it finds does not matter here. It waits for nothing, so on
    an idle machine that is the time on the clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(title: str, folder: Path, paths: list[str], rounds: int) -> list[float]:
    """Print the ratio for these files; return the seconds of ours."""
    excluded = "AL03,LT09,RF02,memsql"
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(run([*PLAIN, excluded, *paths], folder))
        ours.append(run([*MEMSQL, "lint", *paths], folder))
    ratio(title, ours, theirs, TARGET)
    return ours


def change(folder: Path) -> list[str]:
    """Write ten migrations with rollbacks, of the sorts people write, behind those of this project; return their
    paths."""
    shutil.rmtree(folder / "migrations")
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    shutil.copytree(ROOT / "sql", folder / "sql")
    shutil.copy(ROOT / "memsql" / "lint" / "sqlfluff.cfg", folder / ".sqlfluff")
    paths = []
    for n in range(5, 15):
        up = (
            f"-- Adds labels {n}, and a place for them in memories.\n-- depends: {n - 1:04}_x\n\n"
            f"CREATE TABLE labels_{n} (\n    id INTEGER PRIMARY KEY,\n"
            "    memory_id INTEGER NOT NULL REFERENCES memories (id),\n"
            "    label TEXT NOT NULL DEFAULT 'none'\n);\n\n"
            f"CREATE INDEX idx_labels_{n} ON labels_{n} (memory_id, label);\n\n"
            f"ALTER TABLE memories ADD COLUMN label_{n} TEXT;\n\n"
            f"CREATE TRIGGER labels_{n}_gone AFTER DELETE ON labels_{n} BEGIN\n"
            f"    UPDATE memories SET label_{n} = NULL WHERE id = old.memory_id;\nEND;\n"
        )
        down = f"-- Removes labels {n}.\n\nDROP TABLE labels_{n};\nALTER TABLE memories DROP COLUMN label_{n};\n"
        for name, text in ((f"{n:04}_x.sql", up), (f"{n:04}_x.rollback.sql", down)):
            (folder / "migrations" / name).write_text(text)
            paths.append(f"migrations/{name}")
    return paths


def write_pairs(folder: Path, count: int) -> None:
    """Write a project of ``count`` migrations with rollbacks, and ten queries.

    Six migrations each are about a table of their own, which refers to the table of the six before: they create it with
    indexes, add a column, a trigger and a view, a full-text index with its triggers, and rebuild the table.
    """
    (folder / "sql" / "queries").mkdir(parents=True)
    for number in range(count):
        table, stage = f"notes_{number // 6}", number % 6
        parent = f"notes_{max(number // 6 - 1, 0)}"
        up, down = _stage(stage, table, parent)
        depends = f"-- depends: {number:04}_notes\n" if number else ""
        path = folder / "migrations" / f"{number + 1:04}_notes"
        path.with_suffix(".sql").write_text(f"-- Stage {stage} of {table}\n{depends}{up}")
        path.with_suffix(".rollback.sql").write_text(f"-- Undo stage {stage} of {table}\n\n{down}")
    for number in range(10):
        sql = f"-- Notes of author {number}\nSELECT id, body FROM notes_{number} WHERE author = {number};\n"
        (folder / "sql" / "queries" / f"notes_{number}.sql").write_text(sql)


def _stage(stage: int, table: str, parent: str) -> tuple[str, str]:
    """The texts of a migration and its rollback, without their headers."""
    columns = (
        f"    id INTEGER PRIMARY KEY,\n    body TEXT NOT NULL,\n    author INTEGER NOT NULL DEFAULT 0,\n"
        f"    parent_id INTEGER REFERENCES {parent} (id)"
    )
    indexes = (
        f"CREATE INDEX idx_{table}_author ON {table} (author);\n"
        f"CREATE INDEX idx_{table}_parent ON {table} (parent_id);\n"
    )
    trigger = (
        f"CREATE TRIGGER {table}_touched AFTER UPDATE OF body ON {table} BEGIN\n"
        f"    UPDATE {table} SET changed = changed + 1 WHERE id = new.id;\nEND;\n"
    )
    index = f"{table}_fts"
    old, new = (
        f"INSERT INTO {index} ({index}, rowid, body) VALUES ('delete', old.id, old.body);",
        (f"INSERT INTO {index} (rowid, body) VALUES (new.id, new.body);"),
    )
    triggers = "".join(
        f"\nCREATE TRIGGER {index}_{event.lower()} AFTER {event} ON {table} BEGIN\n    {body}\nEND;\n"
        for event, body in (("INSERT", new), ("DELETE", old), ("UPDATE", f"{old}\n    {new}"))
    )
    listed = "id, body, author, parent_id, changed"
    match stage:
        case 0:
            return f"\nCREATE TABLE {table} (\n{columns}\n);\n\n{indexes}", f"DROP TABLE {table};\n"
        case 1:
            add = f"ALTER TABLE {table} ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;\n"
            return f"\n{add}", f"ALTER TABLE {table} DROP COLUMN changed;\n"
        case 2:
            return f"\n{trigger}", f"DROP TRIGGER {table}_touched;\n"
        case 3:
            view = f"CREATE VIEW {table}_recent AS\nSELECT id, body FROM {table} WHERE changed > 0;\n"
            return f"\n{view}", f"DROP VIEW {table}_recent;\n"
        case 4:
            drops = "".join(f"DROP TRIGGER {index}_{event};\n" for event in ("insert", "delete", "update"))
            virtual = f"CREATE VIRTUAL TABLE {index} USING fts5 (body, content='{table}', content_rowid='id');\n"
            fill = f"\nINSERT INTO {index} ({index}) VALUES ('rebuild');\n"
            return f"\n{virtual}{triggers}{fill}", f"{drops}DROP TABLE {index};\n"
    rebuild = (
        f"-- foreign_keys: off\n-- fts_rebuild: {index}\n\n"
        f"CREATE TABLE {table}_new (\n{columns},\n    changed INTEGER NOT NULL DEFAULT 0\n);\n\n"
        f"INSERT INTO {table}_new ({listed})\nSELECT {listed} FROM {table};\n\n"
        f"DROP VIEW {table}_recent;\nDROP TABLE {table};\nALTER TABLE {table}_new RENAME TO {table};\n\n"
        f"{indexes}\n{trigger}{triggers}\n"
        f"CREATE VIEW {table}_recent AS\nSELECT id, body FROM {table} WHERE changed > 0;\n"
    )
    return rebuild, f"DROP INDEX idx_{table}_author;\nCREATE INDEX idx_{table}_author ON {table} (author);\n"


def growth(rounds: int) -> None:
    """Print how long projects of 125, 250 and 500 pairs take, and the ratios."""
    middles = []
    for count in COUNTS:
        with scratch() as folder:
            write_pairs(folder, count)
            middles.append(statistics.median(run([*MEMSQL, "lint"], folder) for _ in range(rounds)))
    for (small, less), (large, more) in pairwise(zip(COUNTS, middles, strict=True)):
        print(f"{f'lint of {large} pairs beside {small}':<50} {more:8.3f} s  {less:8.3f} s  ratio {more / less:5.2f}")
    _judge(f"lint of {COUNTS[-1]} pairs beside {COUNTS[0]}, ratio", middles[-1] / middles[0], GROWTH)
    _judge(f"lint of {COUNTS[0]} pairs, seconds", middles[0], SMALLEST_SECONDS)
    _judge(f"lint of {COUNTS[-1]} pairs, seconds", middles[-1], LARGEST_SECONDS)


def _judge(title: str, value: float, target: float) -> None:
    print(f"{title:<50} {value:8.3f}    target {target:4.1f}    {'ok' if value <= target else 'MISSED'}", flush=True)


def main() -> None:
    """All of it; the number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    compare("all files of this project", ROOT, ["migrations", "sql"], rounds)
    with scratch() as folder:
        ours = compare("a change of ten migrations", folder, change(folder), rounds)
    _judge("a change of ten migrations, seconds", max(ours), CHANGE_SECONDS)
    growth(rounds)


if __name__ == "__main__":
    main()
