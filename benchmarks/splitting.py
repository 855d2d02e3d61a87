"""How fast text is cut into statements, and that the time grows with the size and no faster.

Run ``python benchmarks/splitting.py``; it takes some seconds and needs about 500 MB of memory. A MB is a
million characters, which are as many bytes in all texts but the one with emoji.
"""

from __future__ import annotations

import gc
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memsql.sqltext import (
    effect,
    identifiers,
    may_control_transactions,
    parse_migration_header,
    pieces,
    split,
    statements,
)

MEGABYTE = 1_000_000


def insert(number: int) -> str:
    return (
        f"INSERT INTO memories (id, title, content, created_at) VALUES ({number}, 'title {number}', "
        f"'it''s memory {number}; or so', '2024-01-01T00:00:00Z');\n"
    )


def trigger(number: int) -> str:
    return (
        f"CREATE TRIGGER t{number}_changed AFTER UPDATE ON t{number} WHEN new.a <> old.a BEGIN\n"
        "    UPDATE counts SET n = CASE WHEN new.a > 1 THEN n + 1 ELSE n END WHERE id = new.id;\n"
        "    -- keep the log; it is read elsewhere\n"
        "    INSERT INTO log (id, text) VALUES (new.id, 'changed; again');\n"
        "END;\n\n"
    )


def table(number: int) -> str:
    return (
        f"-- table {number}\nCREATE TABLE t{number} (\n    id INTEGER PRIMARY KEY, /* the key */\n"
        f"    name TEXT NOT NULL DEFAULT '',\n    weight REAL CHECK (weight > -1)\n);\n"
        f"CREATE INDEX idx_t{number}_name ON t{number} (name, weight DESC);\n\n"
    )


def generate(make: Callable[[int], str], size: int) -> str:
    """Text of at least ``size`` characters from ``make(0)``, ``make(1)`` and so on."""
    unit = len(make(size // 100))
    return "".join(itertools.islice(map(make, itertools.count()), size // unit + 1))


def one_trigger(size: int) -> str:
    line = "    INSERT INTO log (id, text) VALUES (new.id, 'changed; again');\n"
    return "CREATE TRIGGER big AFTER INSERT ON t BEGIN\n" + line * (size // len(line)) + "END;\n"


def seconds(run: Callable[[], object], rounds: int = 3) -> float:
    """The best of some runs: noise on a shared machine only ever adds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def drain(text: str) -> None:
    iterator: Iterator[object] = statements(text)
    for _ in iterator:
        pass


def report(what: str, text: str, run: Callable[[str], object], rounds: int = 3) -> None:
    took = seconds(lambda: run(text), rounds)
    print(f"{what:48} {len(text) / MEGABYTE:7.1f} MB {took:8.3f} s {len(text) / MEGABYTE / took:9.0f} MB/s")


def main() -> None:
    inserts = generate(insert, 50 * MEGABYTE)
    triggers = generate(trigger, 10 * MEGABYTE)
    tables = generate(table, 10 * MEGABYTE)
    report("split, INSERT statements", inserts, split, 2)
    report("statements one by one, INSERT statements", inserts, drain, 2)
    report("split, INSERT statements with emoji", inserts.replace("memory", "m\U0001f600mory"), split, 1)
    report("split, triggers", triggers, split)
    report("split, tables and indexes", tables, split)
    report("split, one trigger", one_trigger(5 * MEGABYTE), split)
    report("pieces, INSERT statements", inserts, pieces, 2)
    report("may_control_transactions, INSERT statements", inserts, may_control_transactions)
    report("may_control_transactions, tables", tables, may_control_transactions)
    report("identifiers, tables", tables, identifiers)

    headers = [f"-- Migration {n}\n-- depends: {n:04}_before\n\nCREATE TABLE t{n} (a);\n" for n in range(1000)]
    took = seconds(lambda: [parse_migration_header(text, "x.sql") for text in headers])
    print(f"{'1000 migration headers':48} {took * 1000:19.2f} ms")
    sample = [found.text for found in split(tables[:MEGABYTE] + inserts[:MEGABYTE])]
    took = seconds(lambda: [effect(text) for text in sample])
    print(f"{'effect, per statement':48} {took / len(sample) * 1e6:19.2f} us")

    print("\nTwice the text, twice the time:")
    for what, make in (("inserts", insert), ("triggers", trigger)):
        for size in (2, 4, 8, 16):
            report(f"  split, {what}", generate(make, size * MEGABYTE), split)
    for size in (2, 4, 8, 16):
        report("  split, one trigger", one_trigger(size * MEGABYTE), split)
    for size in (2, 4, 8, 16):
        report("  gate, `;` before every comment", "-- a;-- b\n" * (size * 100_000), may_control_transactions)


if __name__ == "__main__":
    main()
