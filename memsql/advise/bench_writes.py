"""Times what inserts, updates and deletes cost with the indexes of several schemas, batch by batch in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from memsql.advise import bench_databases as databases
from memsql.advise.bench_databases import Filled, Scale
from memsql.advise.percentiles import Ratio, Times, ratio_of, times_of, turns
from memsql.advise.sizes import Sizes, sizes
from memsql.config import Settings
from memsql.db import Value
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.progress import SILENT, Progress
from memsql.project.load import load_project
from memsql.schema import Schema, Table, read
from memsql.sqltext import ROWIDS, fold, quote
from memsql.storage import work_folders

OPERATIONS = ("delete", "insert", "update")
"""In this order: what is deleted is inserted again, so that each batch finds the same rows."""
TOGETHER = "all tables"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: the ``schemas`` (versions or eras) by name, how many ``rows`` a batch has, and how many seconds
    all of it may take. The first schema is the one that the others are compared with. ``triggers``: leave them."""

    schemas: tuple[str, ...]
    scale: Scale
    rows: int
    rounds: int
    budget: float
    triggers: bool = True


@dataclass(frozen=True, slots=True)
class Weight:
    """A database: how many indexes CREATE INDEX made, the bytes of all of its indexes (automatic ones too), and those
    of the file. ``problem`` says why bytes of indexes are missing."""

    indexes: int
    index_bytes: int
    file_bytes: int
    filled: Filled
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """One operation on one table: for each schema the times of a batch, and the ratio to those of the first schema."""

    table: str
    operation: str
    times: tuple[Times | None, ...]
    ratios: tuple[Ratio | None, ...]


@dataclass(frozen=True, slots=True)
class WriteBench:
    """The whole result; ``passed_over`` says which tables were not written to, and why. ``rounds`` is how many were
    over in time."""

    plan: Plan
    weights: tuple[Weight, ...]
    writes: tuple[Write, ...]
    passed_over: tuple[str, ...]
    rounds: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """The statements for a table, and the values of each row for them."""

    table: str
    statements: Mapping[str, str]
    rows: Mapping[str, Sequence[Sequence[Value]]] = field(default_factory=dict)


def bench(settings: Settings, plan: Plan, progress: Progress = SILENT) -> WriteBench:
    """Make a database of each schema in a temporary folder, and write to them in turn.

    Each row of a batch is a statement of its own; a batch is one transaction, whose COMMIT counts. Foreign keys are not
    enforced, for one row would take others with it. Raises OutOfTimeError where the databases are not there in half of
    the time, FileError for files of the project that cannot be used, UsageError for a schema that there is not.
    """
    begun = time.perf_counter()
    ends = begun + plan.budget
    project = load_project(settings)
    with work_folders.temporary("bench") as folder, ExitStack() as stack:
        connections: list[SQLiteConnection] = []
        weights: list[Weight] = []
        for number, schema in enumerate(plan.schemas):
            progress.start(f"making rows for {schema}")
            path = folder / f"{number}.db"
            with databases.writable(path) as conn:
                databases.make_schema(project, conn, schema, progress)
                filled = databases.fill(settings, conn, plan.scale, begun + plan.budget / 2)
                if not plan.triggers:
                    _drop_triggers(conn)
            conn = stack.enter_context(databases.measured(path))
            weights.append(replace(_weight(conn, path), filled=filled))
            connections.append(conn)
        batches, passed_over = _batches(connections, plan.rows)
        times, rounds = _rounds(connections, batches, plan.rounds, ends=ends, progress=progress)
    return WriteBench(plan, tuple(weights), tuple(_writes(batches, times, len(connections))), passed_over, rounds)


def _drop_triggers(conn: SQLiteConnection) -> None:
    for trigger in [o.name for o in read(conn).objects if o.type == "trigger"]:
        conn.execute(f"DROP TRIGGER {quote(trigger)}")


def _weight(conn: SQLiteConnection, path: Path) -> Weight:
    # Not those of memsql's and yoyo's own tables, which a version has and an era has not.
    tables = {table.name for table in read(conn).tables.values()}
    every = conn.execute("SELECT name, sql IS NOT NULL, tbl_name FROM sqlite_schema WHERE type = 'index'").rows
    names = [(name, has_text) for name, has_text, table in every if table in tables]
    indexes = frozenset(str(name) for name, _ in names)
    weighed: Sizes = sizes(conn, frozenset(), indexes)
    weight = sum(number for name, number in weighed.bytes.items() if name in indexes)
    own = sum(1 for _, has_text in names if has_text)
    return Weight(own, weight, path.stat().st_size, Filled({}), weighed.problem)


def _batches(connections: Sequence[SQLiteConnection], rows: int) -> tuple[list[list[_Batch]], tuple[str, ...]]:
    """For each table that all databases have, the batch of each of them; and which tables are passed over."""
    schemas = [read(conn) for conn in connections]
    batches: list[list[_Batch]] = []
    passed_over: list[str] = []
    for name in sorted(t.name for t in schemas[0].tables.values() if t.kind == "table"):
        tables = [_table(schema, name) for schema in schemas]
        if any(table is None for table in tables):
            passed_over.append(f"{name}: not in every schema")
            continue
        if any(table is not None and _rowid(table) is None for table in tables):
            passed_over.append(f"{name}: its rowid has no name")
            continue
        batch = [
            _batch(conn, table, rows) for conn, table in zip(connections, tables, strict=True) if table is not None
        ]
        if any(len(one.rows["delete"]) < rows for one in batch):
            passed_over.append(f"{name}: fewer than {rows} rows")
        else:
            batches.append(batch)
    return batches, tuple(passed_over)


def _table(schema: Schema, name: str) -> Table | None:
    return next((t for t in schema.tables.values() if fold(t.name) == fold(name) and t.kind == "table"), None)


def _rowid(table: Table) -> str | None:
    """A name of the rowid of ``table``; None where it has none, or its columns have all of these names."""
    columns = {fold(c.name) for c in table.columns}
    return None if table.without_rowid else next((name for name in ROWIDS if name not in columns), None)


def _batch(conn: SQLiteConnection, table: Table, rows: int) -> _Batch:
    """The statements for ``table``, and rows for them that lie at equal distances."""
    columns = [c.name for c in table.columns if not c.hidden]
    rowid = _rowid(table)
    target, listed = quote(table.name), ", ".join(map(quote, columns))
    changed = [c.name for c in table.columns if not c.hidden and not c.pk] or columns
    statements = {
        "delete": f"DELETE FROM {target} WHERE {rowid} = ?",
        "insert": f"INSERT INTO {target} ({rowid}, {listed}) VALUES (?{', ?' * len(columns)})",
        "update": f"UPDATE {target} SET {', '.join(f'{quote(c)} = {quote(c)}' for c in changed)} WHERE {rowid} = ?",
    }
    keys = [row[0] for row in conn.execute(f"SELECT {rowid} FROM {target} ORDER BY {rowid}").rows]
    chosen = keys[:: max(1, len(keys) // rows)][:rows]
    whole = [
        conn.execute(f"SELECT {rowid}, {listed} FROM {target} WHERE {rowid} = ?", (key,)).rows[0] for key in chosen
    ]
    alone = [(key,) for key in chosen]
    return _Batch(table.name, statements, {"delete": alone, "insert": whole, "update": alone})


def _rounds(
    connections: Sequence[SQLiteConnection],
    batches: Sequence[Sequence[_Batch]],
    rounds: int,
    *,
    ends: float,
    progress: Progress,
) -> tuple[dict[tuple[str, str], list[list[float]]], int]:
    """The milliseconds of each table and operation, by database; and how many rounds were over at ``ends``. A round
    that has begun is finished."""
    times: dict[tuple[str, str], list[list[float]]] = {}
    done = 0
    progress.start("writing")
    # The first round only fills the caches.
    for number, order in enumerate(turns(len(connections), rounds + 1)):
        if number > 1 and time.perf_counter() > ends:
            break
        progress.tick(number / (rounds + 1))
        for batch in batches:
            for operation in OPERATIONS:
                took = dict(_in_turn(connections, batch, operation, order))
                if number:
                    values = times.setdefault((batch[0].table, operation), [[] for _ in connections])
                    for side, value in took.items():
                        values[side].append(value)
        done = number
    return times, done


def _in_turn(
    connections: Sequence[SQLiteConnection], batch: Sequence[_Batch], operation: str, order: Sequence[int]
) -> Iterator[tuple[int, float]]:
    for side in order:
        conn, one = connections[side], batch[side]
        statement, rows = one.statements[operation], one.rows[operation]
        begun = time.perf_counter()
        conn.begin()
        try:
            conn.executemany(statement, rows)
            conn.commit()
        except StatementError:
            conn.rollback()
            raise
        yield side, (time.perf_counter() - begun) * 1000


def _writes(
    batches: Sequence[Sequence[_Batch]], times: Mapping[tuple[str, str], Sequence[Sequence[float]]], sides: int
) -> Iterator[Write]:
    """What each operation took on each table, and on all of them together."""
    for batch in batches:
        for operation in OPERATIONS:
            values = times.get((batch[0].table, operation))
            if values is not None:
                yield _write(batch[0].table, operation, values)
    for operation in OPERATIONS:
        parts = [values for (_, other), values in times.items() if other == operation]
        if parts:
            sums = [[sum(column) for column in zip(*(p[side] for p in parts), strict=True)] for side in range(sides)]
            yield _write(TOGETHER, operation, sums)


def _write(table: str, operation: str, values: Sequence[Sequence[float]]) -> Write:
    first = values[0]
    return Write(table, operation, tuple(map(times_of, values)), tuple(ratio_of(first, other) for other in values))
