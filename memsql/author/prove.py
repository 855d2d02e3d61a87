"""Proof of a derived migration before it is written: up, down and up again, without rows and with made-up ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from memsql.author.change import TableChange
from memsql.author.change.references import echoes, new_foreign_keys
from memsql.author.change.tables import has_sequence
from memsql.author.change.values import default_of
from memsql.db import Connection, Value
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.job import Direction
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, StatementError
from memsql.project.load import Project
from memsql.schema import Column, Schema, Table, diff, read
from memsql.scratch.fitting import Destination, Successor, populate
from memsql.sqltext import free_rowid, quote
from memsql.sqltext.names import fold

_SHOWN = 10
RowCounts = Counter[tuple[Value, ...]]
"""The rows of a table without order: how often each one occurs."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A migration to prove, which is the last one of ``project``.

    ``changes`` are the tables that the schemas ``before`` and ``after`` both have, ``virtual`` the pairs of full-text
    tables with text of their own. ``loses`` says of the way up and of the way down whether it may lose data.
    ``emptied`` are the columns that the way back leaves empty, by the table before the change; all in lower case.
    """

    project: Project
    before: Schema
    after: Schema
    changes: tuple[TableChange, ...]
    virtual: tuple[tuple[Table, Table], ...] = ()
    loses: tuple[bool, bool] = (False, False)
    emptied: Mapping[str, frozenset[str]] = field(default_factory=dict)


def prove(base: SQLiteConnection, candidate: Candidate, *, rows: int, seed: int) -> dict[str, int]:
    """Run the migration on copies of ``base``, which has all migrations before it: once without made-up rows, once with
    up to ``rows`` of them in each table. Returns how many rows each table had.

    Raises CheckFailed where a schema or a row is not what it should be, and whatever the engine raises.
    """
    with closing(memory()) as conn:
        base.copy_to(conn)
        _prove_on(conn, candidate)
    with closing(memory()) as conn:
        base.copy_to(conn)
        counts = populate(conn, candidate.before, _destination(candidate), rows=rows, seed=seed)
        _prove_on(conn, candidate)
    return counts


def _prove_on(conn: SQLiteConnection, candidate: Candidate) -> None:
    for way in (_Way(candidate, "up"), _Way(candidate, "down"), _Way(candidate, "up")):
        way.prove(conn)


@dataclass(frozen=True, slots=True)
class _Way:
    """One direction of the migration. ``here`` is a table at the start of the way, ``there`` the one at its end."""

    candidate: Candidate
    direction: Direction

    @property
    def up(self) -> bool:
        return self.direction == "up"

    def prove(self, conn: SQLiteConnection) -> None:
        """Run it and compare what it makes with what it should make."""
        candidate, direction = self.candidate, self.direction
        expected = self._expected(conn)
        sequences = self._sequences(conn, at_start=True)
        options = RunOptions(steps=None if self.up else 1, allow_data_loss=candidate.loses[not self.up])
        run_on(conn, candidate.project, direction, options)
        lines = diff(read(conn), candidate.after if self.up else candidate.before).meaning_lines()
        if lines:
            raise CheckFailed(f"{direction} does not make the schema that is wanted", details=tuple(lines[:_SHOWN]))
        problems = [*self._problems(conn, expected), *_broken(conn)]
        if self._sequences(conn, at_start=False) != sequences:
            problems.append("AUTOINCREMENT does not go on where it was")
        if problems:
            raise CheckFailed(f"{direction} does not keep every row", details=tuple(problems[:_SHOWN]))

    def _tables(self, old: Table, new: Table) -> tuple[Table, Table]:
        return (old, new) if self.up else (new, old)

    def _columns(self, change: TableChange) -> list[tuple[Column, Column]]:
        """The pairs of columns, here and there, whose values come through."""
        olds = {c.name: c for c in change.old.columns}
        kept = ((olds[change.kept[c.name]], c) for c in change.new.columns if c.name in change.kept)
        if self.up:
            return [(old, new) for old, new in kept if not new.hidden]
        emptied = self.candidate.emptied.get(fold(change.old.name), frozenset())
        return [(new, old) for old, new in kept if not old.hidden and fold(old.name) not in emptied]

    def _expected(self, conn: Connection) -> dict[str, RowCounts]:
        """What the rows that come through should be there, by the name of the table after the change."""
        expected: dict[str, RowCounts] = {}
        with closing(_Storage()) as storage:
            for change in self.candidate.changes:
                expected[change.new.name] = self._expected_rows(conn, change, storage)
        for old, new in self.candidate.virtual:
            here, _ = self._tables(old, new)
            expected[new.name] = Counter(_read(conn, here, _common(old, new), "rowid"))
        return expected

    def _expected_rows(self, conn: Connection, change: TableChange, storage: _Storage) -> RowCounts:
        columns = self._columns(change)
        here, there = self._tables(change.old, change.new)
        same_type = [(c.type, here.strict) == (d.type, there.strict) for c, d in columns]

        def stored(value: Value, column: Column, same: bool) -> Value:
            if same and value is not None:
                return value
            return storage.stored(_replaced(conn, column, value), column, there)

        return Counter(
            (row[0], *(stored(v, d, same) for v, same, (_, d) in zip(row[1:], same_type, columns, strict=True)))
            for row in _read(conn, here, [c.name for c, _ in columns], _rowid(change))
        )

    def _problems(self, conn: Connection, expected: Mapping[str, RowCounts]) -> Iterator[str]:
        for change in self.candidate.changes:
            columns = [there.name for _, there in self._columns(change)]
            _, table = self._tables(change.old, change.new)
            actual = Counter(_read(conn, table, columns, _rowid(change)))
            yield from _compared(table.name, actual, expected[change.new.name])
        for old, new in self.candidate.virtual:
            _, table = self._tables(old, new)
            actual = Counter(_read(conn, table, _common(old, new), "rowid"))
            yield from _compared(table.name, actual, expected[new.name])

    def _sequences(self, conn: Connection, *, at_start: bool) -> list[tuple[str, Value]]:
        """The highest rowid so far of each table that is AUTOINCREMENT before and after the change, and by the same
        column, by its new name."""
        sequences: list[tuple[str, Value]] = []
        for change in self.candidate.changes:
            if has_sequence(change.old) and has_sequence(change.new) and change.keeps_key:
                here, there = self._tables(change.old, change.new)
                name = (here if at_start else there).name
                seq = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).one() or 0
                sequences.append((change.new.name, seq))
        return sequences


def _destination(candidate: Candidate) -> Destination:
    """The tables after the change, for made-up rows that have to fit them."""
    shared = echoes(candidate.changes)
    keys = {change.new.name: tuple(new_foreign_keys(change, candidate.changes)) for change in candidate.changes}
    successors = tuple(
        Successor(
            change.old,
            change.new,
            change.kept,
            # The key that a foreign key means may move although the table with the foreign key stays as it is.
            changed=change.changed or bool(keys[change.new.name]) or fold(change.old.name) in shared,
            foreign_keys=keys[change.new.name],
            echoes=shared.get(fold(change.old.name), {}),
            defaults={c.name: default_of(c) or "NULL" for c in change.old.columns if not c.hidden and not c.pk},
            replacements={c.name: default for c in change.new.columns if c.notnull and (default := default_of(c))},
        )
        for change in candidate.changes
    )
    foreign_keys = any(_judges_keys(change, candidate) for change in candidate.changes)
    return Destination(candidate.after, successors, foreign_keys=foreign_keys)


def _judges_keys(change: TableChange, candidate: Candidate) -> bool:
    """Whether a row that refers to another row, or to none, may be right before the change and wrong after it."""
    referring = {fold(c) for k in change.new.foreign_keys for c in k.columns}
    filled = {fold(c.name) for c in change.new.columns if c.notnull and default_of(c) is not None}
    return bool(new_foreign_keys(change, candidate.changes)) or (change.changed and not referring.isdisjoint(filled))


def _replaced(conn: Connection, column: Column, value: Value) -> Value:
    """The value that replaces NULL in a column that may not be NULL any more."""
    default = default_of(column)
    if value is not None or default is None or not column.notnull:
        return value
    return conn.execute(f"SELECT {default}").one()


def _rowid(change: TableChange) -> str | None:
    """A name for the rowid in both tables; None where it need not come through."""
    if change.old.without_rowid or change.new.without_rowid:
        return None
    # Where the rowid is another column, or is one on one side only, it need not come through.
    names = (c.name for t in (change.old, change.new) for c in t.columns)
    return free_rowid(names) if change.keeps_key else None


def _compared(table: str, actual: RowCounts, expected: RowCounts) -> Iterator[str]:
    if actual != expected:
        missing, surplus = expected - actual, actual - expected
        shown = next(iter(missing or surplus))
        yield (
            f"{table}: {missing.total()} rows are not as they were, {surplus.total()} come from nowhere, among them"
            f" {shown!r}"
        )


def _common(old: Table, new: Table) -> list[str]:
    """The columns of a full-text table that it has before and after the change."""
    existing = {fold(c.name) for c in old.columns}
    return [c.name for c in new.columns if c.hidden != 1 and fold(c.name) in existing]


def _read(conn: Connection, table: Table, columns: Sequence[str], rowid: str | None) -> list[tuple[Value, ...]]:
    chosen = ", ".join([rowid or "NULL", *(_typed(c) for c in columns)])
    return conn.execute(f"SELECT {chosen} FROM {quote(table.name)}").rows


def _typed(column: str) -> str:
    # 1 and 1.0 are equal in Python, and are not the same in a database.
    name = quote(column)
    return f"CASE typeof({name}) WHEN 'real' THEN printf('real %!.17g', {name}) ELSE {name} END"


class _Storage:
    """A database that tells what SQLite makes of a value that it stores in a column of some type."""

    def __init__(self) -> None:
        self._conn = memory()
        self._tables: dict[tuple[str, bool], str] = {}

    def stored(self, value: Value, column: Column, table: Table) -> Value:
        """What ``value``, as ``_typed`` reads it, is after it is stored in ``column`` of ``table``."""
        key = (column.type, table.strict)
        if key not in self._tables:
            self._tables[key] = f"t{len(self._tables)}"
            # A type may be any text: the catalogue has it without its quotes.
            declared = f" {quote(column.type)}" if column.type else ""
            self._conn.execute(f"CREATE TABLE {self._tables[key]} (v{declared}){' STRICT' if table.strict else ''}")
        name = self._tables[key]
        self._conn.execute(f"DELETE FROM {name}")
        plain = float(value[5:]) if isinstance(value, str) and value.startswith("real ") else value
        self._conn.execute(f"INSERT INTO {name} VALUES (?)", (plain,))
        return self._conn.execute(f"SELECT {_typed('v')} FROM {name}").one()

    def close(self) -> None:
        """Forget the database."""
        self._conn.close()


def _broken(conn: Connection) -> Iterable[str]:
    for row in conn.execute("PRAGMA integrity_check").rows:
        if row[0] != "ok":
            yield str(row[0])
    try:
        orphans = {(str(row[0]), str(row[2])) for row in conn.execute("PRAGMA foreign_key_check").rows}
    except StatementError:
        # A parent lacks the key that a child names: unusable() tells.
        return
    for table, parent in sorted(orphans):
        yield f"{table} refers to rows of {parent} that do not exist"
