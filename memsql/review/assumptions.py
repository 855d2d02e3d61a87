"""What a migration takes for granted about the rows there are, and one row that breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product

from memsql.db import Value
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import StatementError
from memsql.schema import Schema, Table, normalise
from memsql.schema.definition import read_definition
from memsql.scratch.fitting import new_keys
from memsql.sqltext import fold, free_rowid, identifiers, quote

_ROWS = 6
_ODD: tuple[Value, ...] = ("memsql: no such value", "", -987654321, 0, 987654321987, 0.5, "x" * 400, b"\x00", None)
Found = tuple[str, tuple[Value, ...]]
"""A row: a condition with its values that finds it."""
_STRICT = {"int": "integer", "integer": "integer", "real": "real", "text": "text", "blob": "blob"}


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that every row is to satisfy. ``broken_by`` names such rows in the plural, ``count`` is a query that counts
    them, ``columns`` are what to change in a row to break it, ``among`` a condition on the rows it speaks of."""

    kind: str
    table: str
    columns: tuple[str, ...]
    broken_by: str
    count: str
    among: str = ""


@dataclass(frozen=True, slots=True)
class Unique:
    """A key that a table enforces: ``by`` is its list as SQL, ``where`` the condition of a partial index."""

    table: str
    columns: tuple[str, ...]
    by: tuple[str, ...]
    where: str

    def implied_by(self, other: Unique) -> bool:
        """Whether what ``other`` enforces is enough for this one."""
        mine = {fold(b) for b in self.by}
        return (
            fold(self.table) == fold(other.table)
            and {fold(b) for b in other.by} <= mine
            and (not other.where or normalise(other.where) == normalise(self.where))
        )


def unique_keys(conn: SQLiteConnection, schema: Schema) -> list[Unique]:
    """Every unique index, those of UNIQUE and PRIMARY KEY included, and every alias of the rowid."""
    found = []
    sql = {fold(o.name): o.sql for o in schema.objects if o.type == "index"}
    for (table, name), rows in groupby(conn.execute(load("lint/indexes")).rows, key=lambda r: (str(r[0]), str(r[1]))):
        listed = list(rows)
        if not listed[0][2]:
            continue
        text = sql.get(fold(name), "")
        if text:
            by, where = _listed(text)
            here = schema.table(table)
            named = identifiers(text[text.find("(") :]) if here else frozenset()
            columns = tuple(c.name for c in here.columns if fold(c.name) in named) if here else ()
        else:
            columns = tuple(str(r[6]) for r in listed)
            by, where = tuple(map(quote, columns)), ""
        found.append(Unique(table, columns, by, where))
    for one in schema.tables.values():
        keys = [c for c in one.columns if c.pk]
        if one.kind == "table" and len(keys) == 1 and fold(keys[0].type) == "integer" and not one.without_rowid:
            found.append(Unique(one.name, (keys[0].name,), (quote(keys[0].name),), ""))
    return found


def assumptions(before: Schema, after: Schema, had: Sequence[Unique], has: Sequence[Unique]) -> list[Assumption]:
    """What holds after and need not hold before, of tables that are there on both sides."""
    found = [
        a
        for old in before.tables.values()
        if old.kind == "table"
        for new in [after.table(old.name)]
        if new is not None and new.kind == "table"
        for a in _of_table(
            old,
            new,
            [u for u in had if fold(u.table) == fold(old.name)],
            [u for u in has if fold(u.table) == fold(old.name)],
            after,
        )
    ]
    return sorted(found, key=lambda a: (a.table, a.kind, a.columns, a.count))


def break_one(conn: SQLiteConnection, schema: Schema, wanted: Assumption) -> bool:
    """Change a row so that ``wanted`` no longer holds. False where the schema does not permit that, or there are no rows."""
    table = schema.table(wanted.table)
    if table is None:
        return False
    conn.execute("PRAGMA foreign_keys = off")
    try:
        rows = list(_rows(conn, table))
        if wanted.kind == "unique":
            pairs = product(_rows(conn, table, wanted.among), rows)
            return any(
                _set(conn, table, target, wanted.columns, _values(conn, table, source, wanted.columns), wanted)
                for source, target in pairs
                if source != target
            )
        values: Sequence[Value] = (None,) if wanted.kind == "null" else _ODD
        return any(
            _set(conn, table, row, (column,), (value,), wanted)
            for value in values
            for column in wanted.columns
            for row in rows
        )
    finally:
        conn.execute("PRAGMA foreign_keys = on")


def _of_table(
    old: Table, new: Table, had: Sequence[Unique], has: Sequence[Unique], after: Schema
) -> Iterator[Assumption]:
    name, columns = quote(old.name), {fold(c.name): c for c in old.columns}
    for key in has:
        if not {fold(c) for c in key.columns} <= columns.keys() or any(key.implied_by(k) for k in had):
            continue
        some = " AND ".join([*(f"{b} IS NOT NULL" for b in key.by), *([f"({key.where})"] if key.where else [])])
        listed = ", ".join(key.by)
        yield Assumption(
            "unique",
            old.name,
            key.columns,
            f"rows that are alike in {listed}",
            f"SELECT count(*) FROM (SELECT 1 FROM {name} WHERE {some} GROUP BY {listed} HAVING count(*) > 1)",
            some,
        )
    for column in new.columns:
        was = columns.get(fold(column.name))
        if was is None or column.hidden or was.hidden:
            continue
        if column.notnull and not was.notnull and not was.pk:
            yield Assumption(
                "null",
                old.name,
                (was.name,),
                f"rows without {was.name}",
                f"SELECT count(*) FROM {name} WHERE {quote(was.name)} IS NULL",
            )
        kept = _STRICT.get(fold(column.type)) if new.strict else None
        if kept and (not old.strict or fold(was.type) != fold(column.type)):
            yield Assumption(
                "type",
                old.name,
                (was.name,),
                f"rows whose {was.name} is not of type {column.type}",
                f"SELECT count(*) FROM {name} WHERE typeof({quote(was.name)}) NOT IN ('{kept}', 'null')",
            )
    for reference in new_keys(old, new):
        parent = after.table(reference.parent)
        theirs = reference.parent_columns or tuple(c.name for c in (parent.columns if parent else ()) if c.pk)
        mine = " AND ".join(f"t.{quote(c)} IS NOT NULL" for c in reference.columns)
        same = " AND ".join(f"p.{quote(p)} = t.{quote(c)}" for c, p in zip(reference.columns, theirs, strict=False))
        yield Assumption(
            "orphan",
            old.name,
            reference.columns,
            f"rows whose {', '.join(reference.columns)} is not in {reference.parent}",
            f"SELECT count(*) FROM {name} AS t WHERE {mine} AND NOT EXISTS (SELECT 1 FROM {quote(reference.parent)} AS p WHERE {same})",
        )
    known = {normalise(c) for c in read_definition(old.sql).checks}
    for check in read_definition(new.sql).checks:
        named = tuple(c.name for c in old.columns if fold(c.name) in identifiers(check))
        if named and normalise(check) not in known:
            yield Assumption(
                "check",
                old.name,
                named,
                f"rows that break CHECK ({' '.join(check.split())})",
                f"SELECT count(*) FROM {name} WHERE NOT ({check})",
            )


def _listed(sql: str) -> tuple[tuple[str, ...], str]:
    """What a CREATE INDEX lists, without its directions, and its WHERE."""
    index = read_definition(sql)
    listed = []
    for clause in index.clauses:
        end = max((t.end for t in clause.tokens if t.word not in ("ASC", "DESC")), default=clause.start)
        listed.append(clause.text[: end - clause.start])
    where = next((t.end for t in index.options if t.word == "WHERE"), None)
    return tuple(listed), sql[where:].strip() if where else ""


def _rows(conn: SQLiteConnection, table: Table, among: str = "") -> Iterator[Found]:
    """Some rows (of those ``among`` which to look), each as a condition with its values that finds it."""
    own = free_rowid(c.name for c in table.columns)
    keys = [quote(c.name) for c in table.columns if c.pk] if table.without_rowid or own is None else [own]
    condition = " AND ".join(f"{k} IS ?" for k in keys)
    for row in conn.execute(
        f"SELECT {', '.join(keys)} FROM {quote(table.name)} WHERE {among or 1} ORDER BY {', '.join(keys)} LIMIT {_ROWS}"
    ).rows:
        yield condition, row


def _values(conn: SQLiteConnection, table: Table, row: Found, columns: Sequence[str]) -> tuple[Value, ...]:
    found = conn.execute(
        f"SELECT {', '.join(map(quote, columns))} FROM {quote(table.name)} WHERE {row[0]}", row[1]
    ).rows
    return found[0] if found else ()


def _set(
    conn: SQLiteConnection,
    table: Table,
    row: Found,
    columns: Sequence[str],
    values: Sequence[Value],
    wanted: Assumption,
) -> bool:
    """Give the columns of a row these values, and keep that if it breaks what is wanted."""
    if len(values) != len(columns):
        return False
    conn.begin()
    try:
        listed = ", ".join(f"{quote(c)} = ?" for c in columns)
        conn.execute(f"UPDATE {quote(table.name)} SET {listed} WHERE {row[0]}", (*values, *row[1]))
        if conn.execute(wanted.count).one():
            conn.commit()
            return True
    except StatementError:
        pass
    conn.rollback()
    return False
