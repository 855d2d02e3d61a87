"""Finds rows that may be there already and that the statements of a migration run into: a row with the unique key that
a statement writes, one that refers to a key which it removes, and one that is its own parent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from memsql.backups.digest import rows_as_bytes
from memsql.db import Value, rolled_back
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, Refused, StatementError
from memsql.lint import Finding
from memsql.project.admission import enforces_keys
from memsql.review.case import Case, place, reason, rehearse
from memsql.review.certain import kind_of_error
from memsql.review.counting import count_of_children, count_of_keys, listed
from memsql.review.findings import finding_of
from memsql.review.keys import Unique, unique_keys
from memsql.schema import ForeignKey, Schema, Table, read
from memsql.schema.read_rules import rules_of
from memsql.scratch.database import copy_of, try_run
from memsql.sqltext import Statement, effect, fold, free_rowid, identifiers, quote, statements
from memsql.sqltext.tokens import tokenize
from memsql.sqltext.writes import Write, parse_write, read_trigger

_STATEMENTS = 300
_KEYS, _ROWS = 3, 6
# Seconds for all trials of a migration, and for one that may have no end.
_LONG_ENOUGH, _ENDLESS = 2.0, 1.0
_Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class _Hit:
    """Something that a statement does to keys of ``table``, which was there before the migration. ``columns`` of a row
    that is made up need one of ``keys``, so that it meets the statement; ``rows`` are whole ones with such a key, by
    column. ``by_trigger``: a trigger of its table writes them."""

    statement: Statement
    write: Write
    table: Table
    columns: tuple[str, ...]
    keys: tuple[_Key, ...]
    rows: tuple[dict[str, Value], ...] = ()
    unique: Unique | None = None
    refers: ForeignKey | None = None
    by_trigger: bool = False

    @property
    def writer(self) -> str:
        """Who writes the key."""
        return f"a trigger of {self.write.table}" if self.by_trigger else "it"


def collisions(case: Case, filled: SQLiteConnection, before: Schema, keys: Sequence[Unique]) -> Iterator[Finding]:
    """A finding for each statement that some rows stop, of the kinds above.

    ``filled`` has made-up rows on which the migration runs; ``before`` is its schema, and ``keys`` are the unique keys
    behind the migration.
    """
    case = case.without_checks()
    ends = time.monotonic() + _LONG_ENOUGH
    said: set[tuple[object, ...]] = set()
    for hit in _hits(case, filled, before, keys):
        subject = (hit.statement.line, fold(hit.table.name), hit.columns, hit.unique is None)
        if subject in said or time.monotonic() > ends:
            continue
        finding = _key_is_there(case, filled, hit) if hit.unique is not None else _is_referred_to(case, filled, hit)
        if finding is not None:
            said.add(subject)
            yield finding
    yield from _own_parents(case, filled, before)


def referring(case: Case, filled: SQLiteConnection, error: MemsqlError) -> Iterator[Finding]:
    """A finding for each table of ``filled`` with rows that refer to those which the UPDATE or DELETE takes away that
    fails with ``error``."""
    text = error.statement or ""
    write, schema = parse_write(tokenize(text)), read(filled)
    table = schema.table(write.table) if write is not None else None
    if kind_of_error(error) != "orphan" or write is None or table is None or write.verb not in ("update", "delete"):
        return
    statement = Statement(text, 0, len(text), place(error, case.up)[1], 1)
    for child in schema.tables.values():
        for refers in child.foreign_keys:
            if fold(refers.parent) == fold(table.name) and (
                query := count_of_children(filled, text, write, (child.name, refers))
            ):
                hit = _Hit(statement, write, child, refers.columns, (), refers=refers)
                yield _finding(case, error, hit, f"it fails on {_children(hit)}", query)


def _hits(case: Case, filled: SQLiteConnection, before: Schema, keys: Sequence[Unique]) -> Iterator[_Hit]:
    """What the statements write and remove, one after the other."""
    header, text = case.migration.header, case.migration.up.text()
    parsed = list(islice(((s, parse_write(tokenize(s.text))) for s in statements(text)), _STATEMENTS))
    last = max((n for n, (_, write) in enumerate(parsed) if write is not None), default=-1)
    becomes = _new_names(parsed, before)
    enforced = enforces_keys(header, text)
    with copy_of(filled) as conn:
        conn.execute(f"PRAGMA foreign_keys = {'on' if enforced else 'off'}")
        with rolled_back(conn):
            schema, current = read(conn), unique_keys(conn, before)
            for statement, write in parsed[: last + 1]:
                watched = list(_watched(conn, filled, (schema, before), write, becomes))
                for one in watched:
                    one.look([*current, *keys], enforced=enforced)
                try:
                    conn.execute(statement.text)
                except MemsqlError:
                    return
                for one in watched:
                    yield from one.changes(statement)
                if write is None or write.verb == "create":
                    schema = read(conn)
                    current = unique_keys(conn, schema)


def _new_names(parsed: Sequence[tuple[Statement, Write | None]], before: Schema) -> dict[str, str]:
    """The tables of ``before`` that new tables take the names of, by the names that these have first."""
    renames = (effect(s.text) for s, write in parsed if write is None)
    return {
        fold(e.name): e.new_name
        for e in renames
        if e.kind == "alter_rename" and e.name and e.new_name and before.table(e.new_name) and not before.table(e.name)
    }


def _watched(
    conn: SQLiteConnection,
    filled: SQLiteConnection,
    schemas: tuple[Schema, Schema],
    write: Write | None,
    becomes: Mapping[str, str],
) -> Iterator[_Watched]:
    """The tables to look at while ``write`` runs: its own, and those that triggers write. ``schemas``: now, and before
    the migration; ``becomes``: see _new_names()."""
    now, before = schemas
    if write is None:
        return
    bodies = (o.sql for o in now.of(write.table, "trigger"))
    for name in dict.fromkeys([write.table, *(w.table for sql in bodies for w in read_trigger(sql))]):
        table = before.table(becomes.get(fold(name), name))
        if table is not None and table.kind == "table":
            yield _Watched(conn, filled, now, write, name, table)


@dataclass(slots=True)
class _Watched:
    """The keys of one table before a statement and behind it. The table has this ``name`` now, and is or becomes
    ``table``."""

    conn: SQLiteConnection
    filled: SQLiteConnection
    schema: Schema
    write: Write
    name: str
    table: Table
    _unique: list[tuple[Unique, set[_Key]]] = field(default_factory=list)
    _referred: list[tuple[Table, ForeignKey, tuple[str, ...], set[_Key]]] = field(default_factory=list)

    @property
    def _by_trigger(self) -> bool:
        return fold(self.name) != fold(self.write.table)

    def look(self, keys: Sequence[Unique], *, enforced: bool) -> None:
        """Take note of the keys before the statement. ``enforced``: foreign keys hold."""
        write, table = self.write, self.table
        names = {fold(c.name) for c in table.columns if not c.hidden}
        here = {fold(self.name), fold(table.name)}
        # Whether ON CONFLICT, OR IGNORE and OR REPLACE help is seen when the migration runs.
        if self._by_trigger or write.verb in ("insert", "update"):
            listed = {(tuple(map(fold, k.columns)), k.where): k for k in keys if fold(k.table) in here and k.columns}
            for key in listed.values():
                if {fold(c) for c in key.columns} <= names:
                    before = _keys_of(self.conn, self.name, key.columns)
                    self._unique.append((key, before | _keys_of(self.filled, table.name, key.columns)))
        if write.verb in ("update", "delete") and fold(write.table) == fold(table.name) and enforced:
            for child in self.schema.tables.values():
                for refers in child.foreign_keys:
                    columns = refers.referred(table)
                    if fold(refers.parent) == fold(table.name) and columns and {fold(c) for c in columns} <= names:
                        self._referred.append((child, refers, columns, _keys_of(self.conn, table.name, columns)))

    def changes(self, statement: Statement) -> Iterator[_Hit]:
        """What is otherwise behind the statement."""
        write, table = self.write, self.table
        for unique, before in self._unique:
            new = sorted(_keys_of(self.conn, self.name, unique.columns) - before, key=repr)[:_KEYS]
            if new:
                rows = tuple(row for key in new[:1] for row in self._rows(unique.columns, key))
                hit = _Hit(statement, write, table, unique.columns, tuple(new), rows, unique=unique)
                yield replace(hit, by_trigger=self._by_trigger)
        for child, refers, columns, before in self._referred:
            gone = sorted(before - _keys_of(self.conn, table.name, columns), key=repr)[:_KEYS]
            if gone:
                yield _Hit(statement, write, child, refers.columns, tuple(gone), refers=refers)

    def _rows(self, columns: Sequence[str], key: _Key) -> list[dict[str, Value]]:
        serial = set(rules_of(self.table).rowid) - {fold(c) for c in columns}
        here = self.schema.table(self.name)
        there = {fold(c.name) for c in here.columns if not c.hidden} if here is not None else set()
        names = [c.name for c in self.table.columns if not c.hidden and fold(c.name) in there - serial]
        same = " AND ".join(f"{quote(c)} IS ?" for c in columns)
        sql = f"SELECT {', '.join(map(quote, names))} FROM {quote(self.name)} WHERE {same} LIMIT 1"
        try:
            return [dict(zip(names, row, strict=True)) for row in self.conn.execute(sql, key).rows] if names else []
        except StatementError:
            return []


def _keys_of(conn: SQLiteConnection, table: str, columns: Sequence[str]) -> set[_Key]:
    """The values of ``columns`` in the rows of ``table`` where none is NULL; those that are no UTF-8 left out."""
    where = " AND ".join(f"{quote(c)} IS NOT NULL" for c in columns)
    keys: set[_Key] = set()
    try:
        with rows_as_bytes(conn, f"SELECT {', '.join(map(quote, columns))} FROM {quote(table)} WHERE {where}") as rows:
            for row in rows:
                try:
                    keys.add(tuple(v.decode() if isinstance(v, bytearray) else v for v in row))
                except UnicodeDecodeError:
                    continue
    except StatementError:
        return set()
    return keys


def _key_is_there(case: Case, filled: SQLiteConnection, hit: _Hit) -> Finding | None:
    """Try the migration where a row has a key that the statement writes."""
    assert hit.unique is not None
    for number in range(1 + _ROWS):
        with copy_of(filled) as conn:
            if not (_insert(conn, hit) if number == 0 else _change(conn, hit, number - 1)):
                continue
            at = hit.table.name, hit.unique
            query = "" if hit.by_trigger else count_of_keys(conn, hit.statement.text, hit.write, at, hit.keys)
            error = try_run(conn, case.project, "up", allow=case.may_lose)
            if error is not None and kind_of_error(error) == "unique":
                there = f"where {hit.table.name} has a row already with {listed(hit.columns, hit.keys[0])}"
                return _finding(case, error, hit, f"it fails {there}, which is what {hit.writer} writes", query)
            if error is not None or number > _KEYS:
                return None
    return None


def _is_referred_to(case: Case, filled: SQLiteConnection, hit: _Hit) -> Finding | None:
    """Try the migration where a row refers to one that the statement removes."""
    assert hit.refers is not None
    for number in range(_ROWS):
        with copy_of(filled) as conn:
            if not _change(conn, hit, number):
                continue
            query = count_of_children(conn, hit.statement.text, hit.write, (hit.table.name, hit.refers))
            error = try_run(conn, case.project, "up", allow=case.may_lose)
            if error is not None:
                what = "would lose data" if isinstance(error, Refused) else "fails"
                return _finding(case, error, hit, f"it {what} on {_children(hit)}", query)
            if number > _KEYS:
                return None
    return None


def _children(hit: _Hit) -> str:
    columns = ", ".join(hit.columns)
    return f"rows of {hit.table.name} whose {columns} refers to a row of {hit.write.table} that it removes"


def _finding(case: Case, error: MemsqlError, hit: _Hit, message: str, query: str) -> Finding:
    path, line = place(error, case.up)
    fix = f"count them in production first, and let the migration deal with them:\n{query};" if query else rehearse()
    return finding_of(
        "MR03", path, f"{message}: {reason(error)}", line=line, statement=error.statement or hit.statement.text, fix=fix
    )


def _insert(conn: SQLiteConnection, hit: _Hit) -> bool:
    """Insert a row that the statement writes, so that it is there already."""
    for row in hit.rows:
        names, marks = ", ".join(map(quote, row)), ", ".join("?" * len(row))
        sql = f"INSERT OR ABORT INTO {quote(hit.table.name)} ({names}) VALUES ({marks})"
        if _runs(conn, sql, list(row.values())):
            return True
    return False


def _change(conn: SQLiteConnection, hit: _Hit, number: int) -> bool:
    """Give the row ``number`` of the table one of the keys, the first that it takes."""
    rowid = free_rowid(c.name for c in hit.table.columns)
    names = [quote(c.name) for c in hit.table.columns if c.pk] if hit.table.without_rowid or rowid is None else [rowid]
    by, name = ", ".join(names), quote(hit.table.name)
    chosen = f"({by}) IN (SELECT {by} FROM {name} ORDER BY {by} LIMIT 1 OFFSET {number})"
    columns = ", ".join(f"{quote(c)} = ?" for c in hit.columns)
    return any(_runs(conn, f"UPDATE OR ABORT {name} SET {columns} WHERE {chosen}", key) for key in hit.keys)


def _runs(conn: SQLiteConnection, sql: str, values: Sequence[Value]) -> bool:
    """Whether ``sql`` changes a row, without regard to foreign keys; then the change stays."""
    conn.execute("PRAGMA foreign_keys = off")
    conn.begin()
    try:
        if conn.execute(sql, values).changes:
            conn.commit()
            return True
    except (StatementError, UnicodeEncodeError):
        pass
    finally:
        conn.rollback()
        conn.execute("PRAGMA foreign_keys = on")
    return False


def _own_parents(case: Case, filled: SQLiteConnection, before: Schema) -> Iterator[Finding]:
    """Try each recursive statement where a row of the table that it climbs is its own parent."""
    recursive = [s for s in statements(case.migration.up.text()) if "RECURSIVE" in s.text.upper()]
    for statement in recursive[:_KEYS]:
        named = identifiers(statement.text)
        for table in before.tables.values():
            if table.kind != "table" or fold(table.name) not in named or len(table.primary_key) != 1:
                continue
            key = table.primary_key[0]
            for column in (c.name for c in table.columns if fold(c.name) in named and c.name != key and not c.hidden):
                finding = _own_parent(case, filled, table, (key, column), statement)
                if finding is not None:
                    yield finding
                    return


def _own_parent(
    case: Case, filled: SQLiteConnection, table: Table, columns: tuple[str, str], statement: Statement
) -> Finding | None:
    key, parent = columns
    name = quote(table.name)
    with copy_of(filled) as conn:
        same = f"UPDATE {name} SET {quote(parent)} = {quote(key)} WHERE {quote(key)} IN"
        if not _runs(conn, f"{same} (SELECT {quote(key)} FROM {name} LIMIT 3)", ()):
            return None
        error = try_run(conn, case.project, "up", allow=True, seconds=_ENDLESS)
        if error is None or "did not end" not in error.message:
            return None
    return finding_of(
        "MR03",
        case.up,
        f"it does not end where a row of {table.name} has its own {key} as {parent}",
        line=statement.line,
        statement=statement.text,
        fix=(
            "write UNION in place of UNION ALL, and count such rows in production first:\n"
            f"SELECT count(*) FROM {name} WHERE {quote(parent)} = {quote(key)};"
        ),
    )
