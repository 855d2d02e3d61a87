"""The schema as its author wants it: comments ``-- renamed from: OLD`` in its text, and where its objects are
defined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.author.change.steps import Renames
from memsql.errors import FileError, Location
from memsql.schema.definition import Clause, read_definition
from memsql.sqltext import Statement, effect, split
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import Comment, comments, tokenize

_RENAMED_FROM = re.compile(r"--\s*renamed\s+from\s*:\s*(.*?)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RenameComment:
    """One ``-- renamed from: OLD``.

    ``kind`` is table, column, index, trigger or view. ``name`` is the new name, ``table`` the table of a column.
    ``line`` counts from 1.
    """

    kind: str
    name: str
    old: str
    line: int
    table: str = ""


@dataclass(frozen=True, slots=True)
class WantedSchema:
    """A schema as its author wrote it: ``text`` without the comments about renames, and these comments."""

    text: str
    comments: tuple[RenameComment, ...]

    def renames(self) -> Renames:
        """The renames of tables and columns. An index, trigger or view is made again in any case."""
        return Renames(
            {fold(c.name): fold(c.old) for c in self.comments if c.kind == "table"},
            {(fold(c.table), fold(c.name)): fold(c.old) for c in self.comments if c.kind == "column"},
        )


def read_wanted(text: str, shown: str) -> WantedSchema:
    """Read ``text``, the content of the file ``shown``.

    The comment about a column is behind it or on the line above it. The comment about a table, index, trigger or view
    is above the statement, or behind its first or last line. Raises FileError for a comment that names nothing or
    belongs to nothing.
    """
    marks = [comment for comment in comments(text) if _RENAMED_FROM.match(comment.text)]
    statements = split(text)
    renamed = tuple(_read_comment(text, statements, comment, shown) for comment in marks)
    for comment in reversed(marks):
        text = _without(text, comment)
    return WantedSchema(text, renamed)


def line_of(text: str, name: str, column: str | None = None) -> int | None:
    """The line of ``text``, from 1, that defines the object ``name``, or its ``column``; None where none does."""
    for statement in split(text):
        what = effect(statement.text)
        if what.kind != "create" or fold(what.name or "") != fold(name):
            continue
        clause = read_definition(statement.text).column(column) if column else None
        return statement.line + (statement.text.count("\n", 0, clause.start) if clause else 0)
    return None


def _read_comment(text: str, statements: Sequence[Statement], comment: Comment, shown: str) -> RenameComment:
    match = _RENAMED_FROM.match(comment.text)
    assert match is not None
    line = text.count("\n", 0, comment.start) + 1
    tokens = tokenize(match[1])
    if not tokens:
        raise FileError(
            "`renamed from:` names nothing", where=Location(shown, line), hint="write -- renamed from: OLD_NAME"
        )
    old = unquote(tokens[0].text) if len(tokens) == 1 and tokens[0].name else match[1]
    owner = _owner(text, statements, comment.start)
    what = effect(owner.text) if owner else None
    if owner is None or what is None or what.kind != "create" or what.name is None:
        raise FileError(
            f"`renamed from: {match[1]}` belongs to no table, column, index, trigger or view",
            where=Location(shown, line),
            hint="write it behind the column, or on the line above the table",
        )
    kind = "table" if what.object_type in ("table", "virtual") else what.object_type or ""
    column = _column(owner, comment.start - owner.start) if what.object_type == "table" else None
    if column is not None:
        return RenameComment("column", column, old, line, what.name)
    return RenameComment(kind, what.name, old, line)


def _owner(text: str, statements: Sequence[Statement], start: int) -> Statement | None:
    """The statement that has the offset ``start`` in it, or before it on the same line, or below it."""
    before: Statement | None = None
    below: Statement | None = None
    for statement in statements:
        if statement.start <= start < statement.end:
            return statement
        if statement.start > start:
            below = statement
            break
        before = statement
    return before if before and "\n" not in text[before.end : start] else below


def _column(table: Statement, start: int) -> str | None:
    """The column of the CREATE TABLE to which a comment at the offset ``start`` of its text belongs; None for the
    table."""
    definition = read_definition(table.text)
    if start < definition.opening or start >= len(table.text) or not definition.clauses:
        return None
    last = definition.clauses[-1]
    if start > last.end:
        # Behind the last column, or behind the closing parenthesis.
        closed = any(token.text == ")" for token in tokenize(table.text[last.end : start]))
        return None if closed else _spelled(last)
    above: Clause | None = None
    for clause in definition.clauses:
        if clause.start > start:
            gap = table.text[above.end if above else definition.opening : start]
            owner = clause if "\n" in gap else above
            return _spelled(owner) if owner else None
        if clause.start <= start < clause.end:
            return _spelled(clause)
        above = clause
    return None


def _spelled(clause: Clause) -> str | None:
    return unquote(clause.spelled) if clause.name else None


def _without(text: str, comment: Comment) -> str:
    """``text`` without the comment, and without its line where nothing else is on it."""
    line = text.rfind("\n", 0, comment.start) + 1
    if not text[line : comment.start].strip():
        return text[:line] + text[comment.end + 1 :]
    return text[: comment.start].rstrip(" \t") + text[comment.end :]
