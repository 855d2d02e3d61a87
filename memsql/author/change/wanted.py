"""What the author of a schema asks for in comments: ``-- renamed from: OLD``, and where things stand in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memsql.author.change.steps import Renames
from memsql.errors import FileError, Location
from memsql.schema.definition import Clause, read_definition
from memsql.sqltext import Effect, Statement, effect, split
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import comments, tokenize

_ASKED = re.compile(r"--\s*renamed\s+from\s*:\s*(.*?)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One ``-- renamed from:``. ``kind`` is table, column, index, trigger or view; ``name`` is the new name, ``table``
    that of a column; ``line`` counts from 1."""

    kind: str
    name: str
    old: str
    line: int
    table: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schema as its author wrote it: ``text`` without the comments that ask, and what they ask."""

    text: str
    asked: tuple[Asked, ...]

    def renames(self) -> Renames:
        """The renames of tables and columns; an index, trigger or view is made again in any case."""
        return Renames(
            {fold(a.name): fold(a.old) for a in self.asked if a.kind == "table"},
            {(fold(a.table), fold(a.name)): fold(a.old) for a in self.asked if a.kind == "column"},
        )


def read_wanted(text: str, shown: str) -> Wanted:
    """Read ``text``, the content of the file known as ``shown``.

    A comment that asks stands behind a column, or on a line of its own above it; for a table, index, trigger or view
    above the statement, or behind its first or last line. Raises FileError for one that names nothing or belongs to nothing.
    """
    found = [(m[1], start, end) for comment, start, end in comments(text) if (m := _ASKED.match(comment))]
    statements = split(text)
    asked = tuple(_asked(text, statements, old, start, shown) for old, start, _ in found)
    for _, start, end in reversed(found):
        text = _without(text, start, end)
    return Wanted(text, asked)


def where(text: str, name: str, column: str | None = None) -> int | None:
    """The line of ``text`` on which the object ``name``, or its ``column``, is defined."""
    for statement in split(text):
        what = effect(statement.text)
        if what.kind != "create" or fold(what.name or "") != fold(name):
            continue
        clause = read_definition(statement.text).column(column) if column else None
        return statement.line + (statement.text.count("\n", 0, clause.start) if clause else 0)
    return None


def _asked(text: str, statements: list[Statement], old: str, start: int, shown: str) -> Asked:
    line = text.count("\n", 0, start) + 1
    tokens = tokenize(old)
    if not tokens:
        raise FileError(
            "`renamed from:` names nothing", where=Location(shown, line), hint="write -- renamed from: OLD_NAME"
        )
    name = unquote(tokens[0].text) if len(tokens) == 1 and tokens[0].name else old
    owner = _owner(text, statements, start)
    what = effect(owner.text) if owner else Effect("other", None, None)
    if owner is None or what.kind != "create" or what.name is None:
        raise FileError(
            f"`renamed from: {old}` belongs to no table, column, index, trigger or view",
            where=Location(shown, line),
            hint="write it behind the column, or on the line above the table",
        )
    kind = "table" if what.object_type in ("table", "virtual") else what.object_type or ""
    column = _column(owner, start) if what.object_type == "table" else None
    if column is not None:
        return Asked("column", column, name, line, what.name)
    return Asked(kind, what.name, name, line)


def _owner(text: str, statements: list[Statement], start: int) -> Statement | None:
    """The statement that a comment at ``start`` is in, behind on the same line, or above."""
    before: Statement | None = None
    for statement in statements:
        if statement.start <= start < statement.end:
            return statement
        if statement.start > start:
            return before if before and "\n" not in text[before.end : start] else statement
        before = statement
    return before if before and "\n" not in text[before.end : start] else None


def _column(owner: Statement, start: int) -> str | None:
    """The column of the CREATE TABLE ``owner`` that a comment at ``start`` belongs to; None for the table itself."""
    place = start - owner.start
    definition = read_definition(owner.text)
    if place < definition.opening or place >= len(owner.text) or not definition.clauses:
        return None
    last = definition.clauses[-1]
    if place > last.end:
        # Behind the last column, or behind the closing parenthesis.
        closed = any(token.text == ")" for token in tokenize(owner.text[last.end : place]))
        return None if closed else _spelled(last)
    above: Clause | None = None
    for clause in definition.clauses:
        if clause.start > place:
            gap = owner.text[above.end if above else definition.opening : place]
            meant = above if "\n" not in gap else clause
            return _spelled(meant) if meant else None
        if clause.start <= place < clause.end:
            return _spelled(clause)
        above = clause
    return None


def _spelled(clause: Clause) -> str | None:
    return unquote(clause.spelled) if clause.name else None


def _without(text: str, start: int, end: int) -> str:
    """``text`` without the comment from ``start`` to ``end``, nor its line where nothing else stands on it."""
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip():
        return text[:line] + text[end + 1 :]
    return text[:start].rstrip(" \t") + text[end:]
