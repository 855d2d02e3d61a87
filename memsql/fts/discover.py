"""Finding the FTS5 tables of a database and the triggers that keep them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.db.queries import load
from memsql.sqltext import fold, identifiers

# Arguments end at commas outside quotes, brackets and parentheses (https://sqlite.org/fts5.html, section 3).
_PIECE = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|[(),]|[^'\"`\[(),/-]+|.",
    re.DOTALL,
)
_GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
_HEAD = re.compile(rf"\bUSING{_GAP}*[\"'`\[]?fts5[\"'`\]]?{_GAP}*\(", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(
    r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\])|--[^\n]*|/\*.*?(?:\*/|$)", re.DOTALL
)
# A table may be called begin, a column too; only the body's BEGIN is followed by a statement.
_BODY = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]"
    r"|\b(?P<begin>BEGIN)\s+(?=(?:INSERT|REPLACE|UPDATE|DELETE|SELECT|WITH)\b)",
    re.IGNORECASE,
)
_OPTION = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
# An index that an online rebuild is growing is nobody's yet.
OURS = "memsql_fts_new_"
_ARGUMENT = re.compile(
    r"\s*('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\s]+)\s*(\w*)\s*", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as the schema stores it: its name, the table it is on, its text."""

    name: str
    table: str
    sql: str

    def parts(self) -> tuple[str, str]:
        """What stands before BEGIN and what between BEGIN and END, without comments."""
        text = _COMMENT.sub(lambda m: m[1] or " ", self.sql)
        for match in _BODY.finditer(text):
            if match["begin"]:
                return text[: match.start()], re.sub(r"\bEND\s*;?\s*$", "", text[match.end() :], flags=re.IGNORECASE)
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
        if _HEAD.search(str(sql)) and not str(name).startswith(OURS):
            table = parse(str(name), str(sql))
            found.append(_with_triggers(table, known))
    return found


def parse(name: str, sql: str) -> FtsTable:
    """Read the text of a CREATE VIRTUAL TABLE … USING fts5(…). Never fails: what it cannot read it ignores."""
    arguments = split_list(arguments_of(sql))[0]
    indexed: list[str] = []
    unindexed: list[str] = []
    options: list[tuple[str, str]] = []
    order: list[tuple[str, bool]] = []
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        if option and not argument.lstrip().startswith(("'", '"', "`", "[")):
            options.append((option[1].lower(), unquote(option[2])))
            continue
        column = _ARGUMENT.fullmatch(argument)
        if column:
            order.append((unquote(column[1]), column[2].lower() != "unindexed"))
    for column_name, is_indexed in order:
        (indexed if is_indexed else unindexed).append(column_name)
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


def unquote(text: str) -> str:
    """A name or value without its quotes."""
    if len(text) >= 2 and text[0] in "'\"`" and text[-1] == text[0]:
        return text[1:-1].replace(text[0] * 2, text[0])
    if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
        return text[1:-1]
    return text


def arguments_of(sql: str) -> str:
    """What follows ``USING fts5(`` in the text of a CREATE VIRTUAL TABLE; empty for any other module."""
    head = _HEAD.search(sql)
    return sql[head.end() :] if head else ""


def split_list(text: str) -> tuple[list[str], int]:
    """The items of a list, split at commas and without comments, and where the list ends: behind the
    parenthesis that closes it, or at the end of ``text``."""
    found: list[str] = []
    current, depth, end = "", 0, len(text)
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece.startswith(("--", "/*")):
            continue
        if piece == ")" and depth == 0:
            end = match.end()
            break
        if piece == "," and depth == 0:
            found.append(current.strip())
            current = ""
            continue
        depth += (piece == "(") - (piece == ")")
        current += piece
    found.append(current.strip())
    return [item for item in found if item], end


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
