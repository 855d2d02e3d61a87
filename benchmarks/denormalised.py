"""Counts and joins kept by triggers against aggregates made at each reading, at the sizes of bench.queries.

Run with: python -m benchmarks.denormalised [scale,scale,…] [rounds]. For each form: milliseconds of the processor for a
reading and for a batch of writes, with and without the triggers, in turn, and the bytes that the kept form takes. The
writes delete rows and insert them again; the wait for the disk, which would hide what the triggers take, does not
count. What a form would need for updates beside that makes it dearer still. "Pays from" says how often the reading must
be done for each row that is written, so that it saves more than its triggers cost.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.common import scratch
from memsql.advise import bench_databases
from memsql.advise.bench_databases import Scale
from memsql.advise.percentiles import ratio_of, times_of, turns
from memsql.config import load
from memsql.project.load import load_project

ROOT = Path(__file__).parents[1]
USERS, BATCH = 10, 50
_BUDGET = 600.0
_PAGES = ("page_count", "freelist_count", "page_size")


@dataclass(frozen=True, slots=True)
class Form:
    """A denormalised form: the script that makes and fills it with its triggers, the reading from it, and the reading
    that it replaces. ``written`` is the table whose rows the writes delete and insert again."""

    name: str
    script: str
    kept: str
    live: str
    written: str


def _counter(table: str) -> Form:
    """How many rows of ``table`` each user has."""
    kept = f"{table}_per_user"
    return Form(
        f"{table} counted per user",
        f"""CREATE TABLE {kept} (user_id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO {kept} SELECT user_id, COUNT(*) FROM {table} WHERE user_id IS NOT NULL GROUP BY user_id;
        CREATE TRIGGER {kept}_insert AFTER INSERT ON {table} WHEN new.user_id IS NOT NULL BEGIN
            INSERT INTO {kept} VALUES (new.user_id, 1) ON CONFLICT (user_id) DO UPDATE SET number = number + 1;
        END;
        CREATE TRIGGER {kept}_delete AFTER DELETE ON {table} BEGIN
            UPDATE {kept} SET number = number - 1 WHERE user_id = old.user_id;
        END;
        CREATE TRIGGER {kept}_move AFTER UPDATE OF user_id ON {table} WHEN old.user_id IS NOT new.user_id BEGIN
            UPDATE {kept} SET number = number - 1 WHERE user_id = old.user_id;
            INSERT INTO {kept} SELECT new.user_id, 1 WHERE new.user_id IS NOT NULL
                ON CONFLICT (user_id) DO UPDATE SET number = number + 1;
        END;""",
        f"SELECT number FROM {kept} WHERE user_id = 'user-0001'",
        f"SELECT COUNT(*) FROM {table} WHERE user_id = 'user-0001'",
        table,
    )


_GROUP = "user_id, memory_type"
STATISTICS = Form(
    "memory statistics",
    f"""CREATE TABLE memory_statistics (user_id TEXT, memory_type TEXT, number INTEGER NOT NULL,
        importance INTEGER NOT NULL, archived INTEGER NOT NULL, PRIMARY KEY ({_GROUP})) WITHOUT ROWID;
    INSERT INTO memory_statistics SELECT {_GROUP}, COUNT(*), SUM(IFNULL(importance, 0)), SUM(IFNULL(is_archived, 0))
        FROM memories WHERE user_id IS NOT NULL GROUP BY {_GROUP};
    CREATE TRIGGER memory_statistics_insert AFTER INSERT ON memories WHEN new.user_id IS NOT NULL BEGIN
        INSERT INTO memory_statistics
            VALUES (new.user_id, new.memory_type, 1, IFNULL(new.importance, 0), IFNULL(new.is_archived, 0))
            ON CONFLICT ({_GROUP}) DO UPDATE SET number = number + 1, importance = importance + excluded.importance,
            archived = archived + excluded.archived;
    END;
    CREATE TRIGGER memory_statistics_delete AFTER DELETE ON memories BEGIN
        UPDATE memory_statistics SET number = number - 1, importance = importance - IFNULL(old.importance, 0),
            archived = archived - IFNULL(old.is_archived, 0)
            WHERE user_id = old.user_id AND memory_type = old.memory_type;
    END;""",
    "SELECT memory_type, number, importance, archived FROM memory_statistics WHERE user_id = 'user-0001' ORDER BY 1",
    "SELECT memory_type, COUNT(*), SUM(IFNULL(importance, 0)), SUM(IFNULL(is_archived, 0)) FROM memories"
    " WHERE user_id = 'user-0001' GROUP BY memory_type ORDER BY 1",
    "memories",
)

_MATCHES = (
    "SELECT e.id, m.id, m.title FROM (SELECT rowid AS id FROM entities_fts WHERE entities_fts MATCH 'garden'"
    " ORDER BY rowid LIMIT 20) AS e "
)
SEARCH = Form(
    "entity search with its memories",
    """CREATE TABLE entity_memories (entity_id INTEGER, memory_id INTEGER, PRIMARY KEY (entity_id, memory_id))
        WITHOUT ROWID;
    INSERT OR IGNORE INTO entity_memories SELECT CAST(one.value AS INTEGER), memories.id
        FROM memories, JSON_EACH(memories.entity_ids) AS one WHERE memories.entity_ids IS NOT NULL;
    CREATE INDEX entity_memories_memory ON entity_memories (memory_id);
    CREATE TRIGGER entity_memories_insert AFTER INSERT ON memories WHEN new.entity_ids IS NOT NULL BEGIN
        INSERT OR IGNORE INTO entity_memories SELECT CAST(value AS INTEGER), new.id FROM JSON_EACH(new.entity_ids);
    END;
    CREATE TRIGGER entity_memories_delete AFTER DELETE ON memories BEGIN
        DELETE FROM entity_memories WHERE memory_id = old.id;
    END;""",
    _MATCHES + "JOIN entity_memories AS j ON j.entity_id = e.id JOIN memories AS m ON m.id = j.memory_id ORDER BY 1, 2",
    _MATCHES + "JOIN (SELECT DISTINCT memories.id, title, CAST(one.value AS INTEGER) AS entity_id"
    " FROM memories, JSON_EACH(memories.entity_ids) AS one) AS m ON m.entity_id = e.id ORDER BY 1, 2",
    "memories",
)
FORMS = (_counter("interactions"), _counter("memories"), STATISTICS, SEARCH)


def main() -> None:
    """The scales are the first word of the command line (1,10 without one), the number of rounds the second (20)."""
    scales = [int(word) for word in (sys.argv[1] if len(sys.argv) > 1 else "1,10").split(",")]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    for scale in scales:
        with scratch() as folder:
            base = _base(folder / "base.db", scale)
            for form in FORMS:
                _compare(folder, base, form, scale, rounds)


def _base(path: Path, scale: int) -> Path:
    """A database of the newest version with the rows of sql/bench."""
    settings = load(project=str(ROOT))
    project = load_project(settings)
    with bench_databases.writable(path) as conn:
        bench_databases.migrate_to(project, conn, project.ordered[-1].version)
        bench_databases.fill(settings, conn, Scale(scale, USERS), time.perf_counter() + _BUDGET)
    return path


def _compare(folder: Path, base: Path, form: Form, scale: int, rounds: int) -> None:
    """Print a line about readings and one about writes."""
    path = folder / "kept.db"
    path.write_bytes(base.read_bytes())
    with closing(sqlite3.connect(base)) as live, closing(sqlite3.connect(path)) as kept:
        for conn in (live, kept):
            conn.execute("PRAGMA synchronous = off")
        before = _used(kept)
        kept.executescript(form.script)
        grown = _used(kept) - before
        _refuse_difference(form, live, kept)
        reads = _in_turn([lambda: _read(live, form.live), lambda: _read(kept, form.kept)], rounds)
        writes = _in_turn([lambda: _write(live, form.written), lambda: _write(kept, form.written)], rounds)
        # The triggers kept what the aggregates say.
        _refuse_difference(form, live, kept)
    _print(f"scale {scale}: {form.name}, read", reads)
    _print(f"scale {scale}: {form.name}, {2 * BATCH} writes", writes, f"  {grown:,} bytes more; {_pays(reads, writes)}")


def _pays(reads: Sequence[Sequence[float]], writes: Sequence[Sequence[float]]) -> str:
    """From how many readings for each written row on the kept form saves time, by the medians of pairs of runs."""
    saved = median(live - kept for live, kept in zip(*reads, strict=True))
    cost = median(kept - live for live, kept in zip(*writes, strict=True)) / (2 * BATCH)
    if saved <= 0:
        return "never pays"
    return f"pays from {max(cost, 0.0) / saved:.3g} readings for each row written"


def _used(conn: sqlite3.Connection) -> int:
    """Bytes of the pages that hold something."""
    pages, free, size = (conn.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
    return int((pages - free) * size)


def _refuse_difference(form: Form, live: sqlite3.Connection, kept: sqlite3.Connection) -> None:
    if live.execute(form.live).fetchall() != kept.execute(form.kept).fetchall():
        raise SystemExit(f"{form.name}: what the triggers keep is not what the aggregate says")


def _in_turn(sides: Sequence[Callable[[], None]], rounds: int) -> list[list[float]]:
    """The milliseconds of the processor of each side; the first round does not count."""
    times: list[list[float]] = [[] for _ in sides]
    for number, order in enumerate(turns(len(sides), rounds + 1)):
        for side in order:
            begun = time.process_time()
            sides[side]()
            if number:
                times[side].append((time.process_time() - begun) * 1000)
    return times


def _read(conn: sqlite3.Connection, query: str) -> None:
    conn.execute(query).fetchall()


def _write(conn: sqlite3.Connection, table: str) -> None:
    """Delete some rows and insert them again, a statement for each, in one transaction."""
    rows = conn.execute(f"SELECT * FROM {table} ORDER BY id LIMIT {BATCH}").fetchall()
    marks = ", ".join("?" * len(rows[0]))
    with conn:
        conn.executemany(f"DELETE FROM {table} WHERE id = ?", [row[:1] for row in rows])
        conn.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _print(title: str, times: Sequence[Sequence[float]], more: str = "") -> None:
    live, kept = times_of(times[0]), times_of(times[1])
    ratio = ratio_of(*times)
    assert live is not None
    assert kept is not None
    assert ratio is not None
    print(
        f"{title:<62} live {live.p50:9.3f} ms  kept {kept.p50:9.3f} ms  "
        f"ratio {ratio.middle:6.3f} ({ratio.low:.3f}-{ratio.high:.3f}){more}",
        flush=True,
    )


if __name__ == "__main__":
    main()
