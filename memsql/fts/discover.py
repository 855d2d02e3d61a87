"""The FTS5 tables of a database, and the triggers that write to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from memsql.db import Connection
from memsql.db.queries import load
from memsql.fts.triggers import Trigger
from memsql.schema.definition import read_definition
from memsql.sqltext import fold, identifiers
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import join, tokenize

NEW_PREFIX = "memsql_fts_new_"
"""How the name begins of a new index that an online rebuild grows. No search uses it yet, so it is not discovered."""


@dataclass(frozen=True, slots=True)
class FtsTable:
    """An FTS5 table (https://sqlite.org/fts5.html).

    ``kind`` is own (it keeps the text itself), external (it indexes the table or view ``content``, whose key is
    ``content_rowid``) or contentless. ``columns`` are the indexed columns, ``unindexed`` the others. ``options`` are
    the arguments of fts5() that are ``key = value``. ``triggers`` are those, on any table, whose body names it, in the
    order of their creation.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    unindexed: tuple[str, ...]
    content: str | None
    content_rowid: str
    options: tuple[tuple[str, str], ...]
    sql: str
    triggers: tuple[Trigger, ...] = ()

    @property
    def source(self) -> str | None:
        """The table whose triggers keep the index: its content; or, for one that is contentless or over a view, the
        only table with triggers that write to it, None where there are several or none."""
        tables = {fold(trigger.table): trigger.table for trigger in self.triggers if trigger.writes_to(self.name)}
        own = tables.get(fold(self.content or ""))
        return own if own or len(tables) != 1 else next(iter(tables.values()))

    @property
    def all_columns(self) -> tuple[str, ...]:
        return self.columns + self.unindexed


def discover(conn: Connection) -> list[FtsTable]:
    """Every FTS5 table, by name, in one request."""
    tables, triggers = conn.batch([(load("fts/tables"), ()), (load("fts/triggers"), ())])
    fts_tables = [
        parse(str(name), str(sql))
        for name, sql in tables.rows
        if arguments_of(str(sql)) and not str(name).startswith(NEW_PREFIX)
    ]
    if not fts_tables:
        return []
    bodies = _bodies(triggers.rows)
    return [_with_triggers(table, bodies) for table in fts_tables]


def named(conn: Connection, names: Sequence[str]) -> list[FtsTable]:
    """The FTS5 tables ``names``, which exist and are spelled as in the schema, in one request. Reads the triggers that
    write to them and no others, so it is quicker than discover()."""
    # In the text of a trigger the quotes in a name may be doubled; then every trigger is looked at.
    needles = [fold(name) if name.isidentifier() else "" for name in names]
    answers = conn.batch(
        [(load("fts/table_and_triggers"), (name, needle)) for name, needle in zip(names, needles, strict=True)]
    )
    tables = []
    for name, answer in zip(names, answers, strict=True):
        sql = next((str(row[3]) for row in answer.rows if row[0] == "table"), "")
        # The triggers of an online rebuild stop at its frontier, which is no guard of the rows.
        is_growing = name.startswith(NEW_PREFIX)
        triggers = [row[1:] for row in answer.rows if row[0] == "trigger" and not is_growing]
        tables.append(_with_triggers(parse(name, sql), _bodies(triggers)))
    return tables


def with_triggers(table: FtsTable, triggers: Iterable[Trigger]) -> FtsTable:
    """``table`` with those of ``triggers`` whose body names it."""
    return _with_triggers(table, [(trigger, identifiers(trigger.parts()[1])) for trigger in triggers])


def _bodies(rows: Iterable[Sequence[object]]) -> list[tuple[Trigger, frozenset[str]]]:
    """Each trigger with the identifiers of its body."""
    return [(trigger, identifiers(trigger.parts()[1])) for trigger in (Trigger(*map(str, row)) for row in rows)]


def _with_triggers(table: FtsTable, bodies: Iterable[tuple[Trigger, frozenset[str]]]) -> FtsTable:
    name = fold(table.name)
    triggers = tuple(trigger for trigger, words in bodies if name in words)
    return replace(table, triggers=triggers) if triggers else table


# As many as a large schema has: a run asks for all of them at each migration that makes one.
@lru_cache(4096)
def parse(name: str, sql: str) -> FtsTable:
    """The FTS5 table that the text of a CREATE VIRTUAL TABLE … USING fts5(…) defines. Never raises: an argument that it
    cannot read is left out."""
    indexed: list[str] = []
    unindexed: list[str] = []
    options: list[tuple[str, str]] = []
    # Section 4 of https://sqlite.org/fts5.html: an argument is `key = value`, or a column with an option.
    for argument in read_definition(sql).clauses if arguments_of(sql) else ():
        first, *others = argument.tokens
        if others and others[0].text == "=" and first.kind in ("word", "number"):
            options.append((first.text.lower(), unquote(join(others[1:]))))
        elif len(others) < 2:
            is_indexed = not (others and others[0].word == "UNINDEXED")
            (indexed if is_indexed else unindexed).append(unquote(first.text))
    values = dict(options)
    content = values.get("content")
    kind = "own" if content is None else "external" if content else "contentless"
    return FtsTable(
        name,
        kind,
        tuple(indexed),
        tuple(unindexed),
        content or None,
        values.get("content_rowid", "rowid"),
        tuple(options),
        sql,
    )


@lru_cache(4096)
def arguments_of(sql: str) -> str:
    """The text behind ``USING fts5(`` of a CREATE VIRTUAL TABLE, with the closing parenthesis; empty for any other
    module."""
    tokens = tokenize(sql)
    for using, module, opening in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if using.word == "USING" and module.name == "fts5" and opening.text == "(":
            return sql[opening.end :]
    return ""


def shown(conn: Connection, tables: Iterable[FtsTable]) -> dict[str, frozenset[str]]:
    """By the name of each of ``tables``, where its rows come from, in lower case: its content, and where that is a
    view, every word in the text of the view and of the views that it reads. That may be more than it reads."""
    contents = {table.name: fold(table.content or "") for table in tables}
    if not any(contents.values()):
        return {name: frozenset() for name in contents}
    views = {fold(str(name)): str(sql) for name, sql in conn.execute(load("fts/views")).rows}
    return {name: through_views(content, views) if content else frozenset() for name, content in contents.items()}


def through_views(name: str, views: Mapping[str, str]) -> frozenset[str]:
    """``name`` and, where it is one of ``views`` (text by name, in lower case), every word of its text and of the views
    among these words. Every table that it reads is among them, and more."""
    words, new = frozenset[str](), frozenset({name})
    while new:
        words |= new
        new = frozenset().union(*(identifiers(views[view]) for view in new if view in views)) - words
    return words
