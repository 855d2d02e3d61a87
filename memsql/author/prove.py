"""Proof of a migration pair before anybody has it: up, down and up again, without rows and with made-up ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from memsql.author.change import TableChange
from memsql.author.change.tables import default_of, has_sequence, is_alias, new_foreign_keys
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
Rows = Counter[tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A migration to prove: ``project`` has it as its last, ``changes`` are the tables that are there before and after it,
    ``virtual`` those that keep text of their own, ``loses`` whether up and down lose data and say so,
    ``orphans`` the columns, by table in lower case, that the way back empties."""

    project: Project
    before: Schema
    after: Schema
    changes: tuple[TableChange, ...]
    virtual: tuple[tuple[Table, Table], ...] = ()
    loses: tuple[bool, bool] = (False, False)
    orphans: Mapping[str, frozenset[str]] = field(default_factory=dict)


def prove(base: SQLiteConnection, pair: Pair, *, rows: int, seed: int) -> dict[str, int]:
    """Run ``pair`` on copies of ``base``, which has all that comes before it: without more rows, and with up to ``rows`` in
    each table. Returns how many rows each table had.

    Raises CheckFailed where a schema or a row is not what it should be, and whatever the engine raises.
    """
    counts: dict[str, int] = {}
    for some in (0, rows):
        with closing(memory()) as conn:
            base.copy_to(conn)
            if some:
                counts = populate(conn, pair.before, _destination(pair), rows=some, seed=seed)
            _round(conn, pair)
    return counts


def _round(conn: SQLiteConnection, pair: Pair) -> None:
    steps: tuple[tuple[Direction, Schema], ...] = (("up", pair.after), ("down", pair.before), ("up", pair.after))
    for direction, wanted in steps:
        up = direction == "up"
        expected = _expected(conn, pair, up=up)
        sequences = _sequences(conn, pair, up=up)
        options = RunOptions(steps=None if up else 1, allow_data_loss=pair.loses[not up])
        run_on(conn, pair.project, direction, options)
        lines = diff(read(conn), wanted).lines()
        if lines:
            raise CheckFailed(f"{direction} does not make the schema that is wanted", details=tuple(lines[:_SHOWN]))
        problems = [*_rows(conn, pair, expected, up=up), *_broken(conn)]
        if _sequences(conn, pair, up=not up) != sequences:
            problems.append("AUTOINCREMENT does not go on where it was")
        if problems:
            raise CheckFailed(f"{direction} does not keep every row", details=tuple(problems[:_SHOWN]))


def _destination(pair: Pair) -> Destination:
    """The tables after the change, for made-up rows that have to fit them."""
    successors = tuple(
        Successor(
            change.old,
            change.new,
            change.kept,
            changed=change.changed,
            foreign_keys=tuple(new_foreign_keys(change, pair.changes)),
            defaults={c.name: default_of(c) or "NULL" for c in change.old.columns if not c.hidden and not c.pk},
            replacements={c.name: default for c in change.new.columns if c.notnull and (default := default_of(c))},
        )
        for change in pair.changes
    )
    return Destination(pair.after, successors, foreign_keys=any(_judges_keys(c, pair) for c in pair.changes))


def _filled(conn: Connection, column: Column, value: Value) -> Value:
    """What stands for a NULL in a column that may not be NULL any more."""
    default = default_of(column)
    if value is not None or default is None or not column.notnull:
        return value
    return conn.execute(f"SELECT {default}").one()


def _judges_keys(change: TableChange, pair: Pair) -> bool:
    """Whether a row that refers to something, or to nothing, may be right before the change and wrong after it."""
    referring = {fold(c) for k in change.new.foreign_keys for c in k.columns}
    filled = {fold(c.name) for c in change.new.columns if c.notnull and default_of(c) is not None}
    return bool(new_foreign_keys(change, pair.changes)) or (change.changed and not referring.isdisjoint(filled))


def _columns(pair: Pair, change: TableChange, *, up: bool) -> list[tuple[Column, Column]]:
    """The columns, from here and there, whose values come through."""
    olds = {c.name: c for c in change.old.columns}
    found = ((olds[change.kept[c.name]], c) for c in change.new.columns if c.name in change.kept)
    if up:
        return [(old, new) for old, new in found if not new.hidden]
    emptied = pair.orphans.get(fold(change.old.name), frozenset())
    return [(new, old) for old, new in found if not old.hidden and fold(old.name) not in emptied]


def _rowid(change: TableChange) -> str | None:
    if change.old.without_rowid or change.new.without_rowid:
        return None
    aliases = [c.name for t in (change.old, change.new) for c in t.columns if is_alias(c, t)]
    # Where the rowid has a name on one side only, it need not come through.
    return free_rowid(c.name for t in (change.old, change.new) for c in t.columns) if len(aliases) != 1 else None


def _expected(conn: Connection, pair: Pair, *, up: bool) -> dict[str, Rows]:
    """What the rows that come through should look like on the other side, by table."""
    found: dict[str, Rows] = {}
    with closing(_Scratch()) as scratch:
        for change in pair.changes:
            columns = _columns(pair, change, up=up)
            here, there = (change.old, change.new) if up else (change.new, change.old)
            rows = _read(conn, here, [c.name for c, _ in columns], _rowid(change))
            alike = [(c.type, here.strict) == (d.type, there.strict) for c, d in columns]
            found[change.new.name] = Counter(
                (
                    row[0],
                    *(
                        v if same and v is not None else scratch.stored(_filled(conn, d, v), d, there)
                        for v, same, (_, d) in zip(row[1:], alike, columns, strict=True)
                    ),
                )
                for row in rows
            )
        for old, new in pair.virtual:
            here = old if up else new
            found[new.name] = Counter(_read(conn, here, _common(old, new), "rowid"))
    return found


def _rows(conn: Connection, pair: Pair, expected: Mapping[str, Rows], *, up: bool) -> Iterable[str]:
    for change in pair.changes:
        columns = [there.name for _, there in _columns(pair, change, up=up)]
        table = change.new if up else change.old
        yield from _compared(
            table.name, Counter(_read(conn, table, columns, _rowid(change))), expected[change.new.name]
        )
    for old, new in pair.virtual:
        table = new if up else old
        yield from _compared(table.name, Counter(_read(conn, table, _common(old, new), "rowid")), expected[new.name])


def _compared(table: str, got: Rows, expected: Rows) -> Iterable[str]:
    if got != expected:
        missing, surplus = expected - got, got - expected
        shown = next(iter(missing or surplus))
        yield f"{table}: {missing.total()} rows are not as they were, {surplus.total()} come from nowhere, among them {shown!r}"


def _common(old: Table, new: Table) -> list[str]:
    there = {fold(c.name) for c in old.columns}
    return [c.name for c in new.columns if c.hidden != 1 and fold(c.name) in there]


def _read(conn: Connection, table: Table, columns: Sequence[str], rowid: str | None) -> list[tuple[Value, ...]]:
    chosen = ", ".join([rowid or "NULL", *(_typed(c) for c in columns)])
    return conn.execute(f"SELECT {chosen} FROM {quote(table.name)}").rows


def _typed(column: str) -> str:
    # 1 and 1.0 are equal in Python, and are not the same in a database.
    return (
        f"CASE typeof({quote(column)}) WHEN 'real' THEN printf('real %!.17g', {quote(column)}) ELSE {quote(column)} END"
    )


class _Scratch:
    """What SQLite makes of a value that it stores in a column of some type."""

    def __init__(self) -> None:
        self.conn = memory()
        self._tables: dict[tuple[str, bool], str] = {}

    def close(self) -> None:
        self.conn.close()

    def stored(self, value: Value, column: Column, table: Table) -> Value:
        key = (column.type, table.strict)
        if key not in self._tables:
            self._tables[key] = f"t{len(self._tables)}"
            self.conn.execute(f"CREATE TABLE {self._tables[key]} (v {column.type}){' STRICT' if table.strict else ''}")
        name = self._tables[key]
        self.conn.execute(f"DELETE FROM {name}")
        plain = float(value[5:]) if isinstance(value, str) and value.startswith("real ") else value
        self.conn.execute(f"INSERT INTO {name} VALUES (?)", (plain,))
        return self.conn.execute(f"SELECT {_typed('v')} FROM {name}").one()


def _sequences(conn: Connection, pair: Pair, *, up: bool) -> list[tuple[str, Value]]:
    """Where AUTOINCREMENT stands, of the tables that have it on both sides, by their new names."""
    found: list[tuple[str, Value]] = []
    for change in pair.changes:
        if has_sequence(change.old) and has_sequence(change.new):
            name = (change.old if up else change.new).name
            found.append(
                (change.new.name, conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).one() or 0)
            )
    return found


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
