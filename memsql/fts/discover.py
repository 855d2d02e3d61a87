"""Finding the FTS5 tables of a database and the triggers that keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from memsql.db import Connection
from memsql.db.queries import load
from memsql.schema.definition import read_definition, split_at_commas
from memsql.sqltext import fold, identifiers
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import join, tokenize, without_comments

# An index that an online rebuild is growing is nobody's yet.
OURS = "memsql_fts_new_"
# What the body of a trigger can start with. A table or column may be called begin too.
_VERBS = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "WITH"})


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as the schema stores it: its name, the table it is on, its text."""

    name: str
    table: str
    sql: str

    def parts(self) -> tuple[str, str]:
        """What stands before BEGIN and what between BEGIN and END, without comments."""
        text = without_comments(self.sql)
        tokens = tokenize(text)
        for begin, verb in pairwise(tokens):
            if begin.word == "BEGIN" and verb.word in _VERBS:
                last = next(token for token in reversed(tokens) if token.text != ";")
                return text[: begin.start], text[begin.end : last.start if last.word == "END" else None]
        return text, ""


@dataclass(frozen=True, slots=True)
class FtsTable:
    """An FTS5 table. ``kind`` is own, external or contentless; ``columns`` are the indexed ones and
    ``unindexed`` the others; ``content`` and ``content_rowid`` name what an external one indexes;
    ``triggers`` are those, on any table, that name it, in the order of their creation."""

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
    def all_columns(self) -> tuple[str, ...]:
        return self.columns + self.unindexed


def discover(conn: Connection) -> list[FtsTable]:
    """Every FTS5 table, by name, in one request."""
    tables, triggers = conn.batch([(load("fts/tables"), ()), (load("fts/triggers"), ())])
    known = [Trigger(str(r[0]), str(r[1]), str(r[2])) for r in triggers.rows]
    found = []
    for name, sql in tables.rows:
        if arguments_of(str(sql)) and not str(name).startswith(OURS):
            table = parse(str(name), str(sql))
            found.append(_with_triggers(table, known))
    return found


def parse(name: str, sql: str) -> FtsTable:
    """Read the text of a CREATE VIRTUAL TABLE … USING fts5(…). Never fails: what it cannot read it ignores."""
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


def arguments_of(sql: str) -> str:
    """What follows ``USING fts5(`` in the text of a CREATE VIRTUAL TABLE; empty for any other module."""
    tokens = tokenize(sql)
    for using, module, opening in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if using.word == "USING" and module.name == "fts5" and opening.text == "(":
            return sql[opening.end :]
    return ""


def split_list(text: str) -> tuple[list[str], int]:
    """The items of a list, split at commas and without comments, and where the list ends: behind the
    parenthesis that closes it, or at the end of ``text``."""
    tokens = tokenize(text)
    items, closing = split_at_commas(tokens, -1)
    end = tokens[closing].end if closing < len(tokens) else len(text)
    return [without_comments(text[item[0].start : item[-1].end]) for item in items], end


def shown(conn: Connection, tables: Iterable[FtsTable]) -> dict[str, frozenset[str]]:
    """For each of ``tables``, by name, what its rows come from, lower case: its content, and where that is a view, what the
    text of the view names, through other views too. That may be more than it reads."""
    contents = {table.name: fold(table.content or "") for table in tables}
    if not any(contents.values()):
        return {name: frozenset() for name in contents}
    views = {fold(str(name)): str(sql) for name, sql in conn.execute(load("fts/views")).rows}
    return {name: through_views(content, views) if content else frozenset() for name, content in contents.items()}


def through_views(name: str, views: Mapping[str, str]) -> frozenset[str]:
    """``name`` and, where that is one of ``views`` (text by name, lower case), every word of its text and of those of the
    views among them: whatever it reads is there, and more."""
    found, new = frozenset[str](), frozenset({name})
    while new:
        found |= new
        new = frozenset().union(*(identifiers(views[one]) for one in new if one in views)) - found
    return found


def _with_triggers(table: FtsTable, triggers: list[Trigger]) -> FtsTable:
    name = table.name.lower()
    return replace(table, triggers=tuple(t for t in triggers if name in identifiers(t.parts()[1])))
