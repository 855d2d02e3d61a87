"""The indexes of a database: what each is made of, in words that can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.schema import Object, Schema, Table
from memsql.schema.keys import Term
from memsql.schema.meaning import index_rules
from memsql.schema.read_rules import rules_of
from memsql.sqltext.names import fold, quote_if_needed
from memsql.sqltext.selects import list_items
from memsql.sqltext.tokens import tokenize


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table. ``constraint`` is "UNIQUE" or "PRIMARY KEY" where SQLite made it for that, empty where
    somebody made it. ``terms`` are what it is sorted by; ``where`` the condition of a partial one, in canonical form.
    ``shown`` is the key as its author wrote it: ``(user_id, created_at DESC) WHERE is_archived = 0``; ``sql`` the whole
    statement, empty for a constraint."""

    name: str
    table: str
    terms: tuple[Term, ...]
    shown: str
    sql: str = ""
    constraint: str = ""
    unique: bool = False
    where: str = ""

    @property
    def label(self) -> str:
        """Its name, or what SQLite made it for: ``UNIQUE (email)``."""
        return f"{self.constraint} {self.shown}" if self.constraint else self.name


def read_indexes(conn: Connection, schema: Schema) -> list[Index]:
    """The indexes of the tables of ``schema``, which is that of ``conn``, those of its constraints among them."""
    rows = conn.execute(load("lint/indexes")).rows
    objects = {fold(o.name): o for o in schema.objects if o.type == "index"}
    terms: dict[tuple[str, str], list[tuple[Value, ...]]] = defaultdict(list)
    for row in rows:
        terms[str(row[0]), str(row[1])].append(row)
    indexes = []
    for (table, name), key in terms.items():
        owner = schema.tables.get(table)
        if owner is not None and owner.kind == "table":
            index = objects.get(fold(name), Object("index", name, table, ""))
            indexes.append(_index(name, owner, index, key, schema))
    return indexes


def rowid_alias(table: Table) -> str | None:
    """The column of ``table`` that is another name for its rowid (INTEGER PRIMARY KEY), None without one."""
    if table.without_rowid or len(table.primary_key) != 1:
        return None
    column = next(column for column in table.columns if column.pk)
    if fold(column.type) != "integer":
        return None
    # INTEGER PRIMARY KEY DESC behind the name of a column is a column like any other, with an index.
    return column.name if rules_of(table).rowid else None


def column_term(name: str, collation: str = "binary", *, descending: bool = False) -> Term:
    """The term of an index on the column ``name``."""
    return Term(quote_if_needed(fold(name)), collation, descending)


def _index(name: str, table: Table, index: Object, key: list[tuple[Value, ...]], schema: Schema) -> Index:
    _, _, unique, origin, _, *_ = key[0]
    rules = index_rules(index, schema) if index.sql else None
    texts = rules.terms if rules is not None and len(rules.terms) == len(key) else ()
    terms = []
    for place, row in enumerate(key):
        column, descending, collation = row[6], bool(row[7]), fold(str(row[8] or "binary"))
        if column is None:
            expression = texts[place].removesuffix(" desc").partition(" collate ")[0] if texts else f"{name}.{place}"
            terms.append(Term(expression, collation, descending))
        else:
            terms.append(column_term(str(column), collation, descending=descending))
    columns = ", ".join(str(row[6]) + " DESC" * bool(row[7]) for row in key)
    return Index(
        name,
        table.name,
        tuple(terms),
        _shown(index.sql) if index.sql else f"({columns})",
        index.sql,
        {"u": "UNIQUE", "pk": "PRIMARY KEY"}.get(str(origin), ""),
        bool(unique),
        "" if rules is None else rules.where or ("?" if rules.unread else ""),
    )


def _shown(sql: str) -> str:
    """What stands behind the table in ``sql``, a CREATE INDEX, on one line."""
    tokens = tokenize(sql)
    on = next((place for place, token in enumerate(tokens) if token.word == "ON"), 0)
    start = next((place for place in range(on, len(tokens)) if tokens[place].word == "("), 0)
    end = list_items(tokens, start)[1]
    last = tokens[-1].end if end < len(tokens) and tokens[-1].word != ";" else tokens[end - 1].end
    return " ".join(sql[tokens[start].start : last].split())


def equal_index(index: Index, others: Iterable[Index]) -> Index | None:
    """The one of ``others`` that is what ``index`` is, but for its name."""
    what = (fold(index.table), index.terms, index.where)
    return next((other for other in others if (fold(other.table), other.terms, other.where) == what), None)


def by_table(indexes: list[Index]) -> Mapping[str, list[Index]]:
    """``indexes`` by the name of their table."""
    grouped: dict[str, list[Index]] = defaultdict(list)
    for index in indexes:
        grouped[index.table].append(index)
    return grouped
