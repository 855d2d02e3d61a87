"""The unique keys that the tables of a schema enforce."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.schema import Schema
from memsql.schema.definition import read_definition
from memsql.schema.meaning import expression_text
from memsql.sqltext import fold, identifiers, quote


@dataclass(frozen=True, slots=True)
class Unique:
    """A key that a table enforces: ``by`` is its list as SQL, ``where`` the condition of a partial index."""

    table: str
    columns: tuple[str, ...]
    by: tuple[str, ...]
    where: str

    def implied_by(self, other: Unique) -> bool:
        """Whether what ``other`` enforces is enough for this one."""
        names = (*self.columns, *other.columns)

        def texts(key: Unique) -> tuple[set[str], str]:
            where = expression_text(key.where, self.table, names) if key.where else ""
            return {expression_text(b, self.table, names) for b in key.by}, where

        (mine, my_where), (others, other_where) = texts(self), texts(other)
        return fold(self.table) == fold(other.table) and others <= mine and other_where in ("", my_where)


def unique_keys(conn: SQLiteConnection, schema: Schema) -> list[Unique]:
    """Every unique index, those of UNIQUE and PRIMARY KEY included, and every alias of the rowid."""
    unique: list[Unique] = []
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
            collations = ("" if r[8] in (None, "BINARY") else f" COLLATE {r[8]!s}" for r in listed)
            by, where = tuple(quote(c) + collation for c, collation in zip(columns, collations, strict=True)), ""
        unique.append(Unique(table, columns, by, where))
    for one in schema.tables.values():
        keys = [c for c in one.columns if c.pk]
        if one.kind == "table" and len(keys) == 1 and fold(keys[0].type) == "integer" and not one.without_rowid:
            unique.append(Unique(one.name, (keys[0].name,), (quote(keys[0].name),), ""))
    return unique


def _listed(sql: str) -> tuple[tuple[str, ...], str]:
    """What a CREATE INDEX lists, without its directions, and its WHERE."""
    index = read_definition(sql)
    listed = []
    for clause in index.clauses:
        end = max((t.end for t in clause.tokens if t.word not in ("ASC", "DESC")), default=clause.start)
        listed.append(clause.text[: end - clause.start])
    where = next((t.end for t in index.options if t.word == "WHERE"), None)
    return tuple(listed), sql[where:].strip() if where else ""
