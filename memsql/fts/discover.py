"""Finding the FTS5 tables of a database and the triggers that keep them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from memsql.db import Connection
from memsql.db.queries import load

# Arguments end at commas outside quotes, brackets and parentheses (https://sqlite.org/fts5.html, section 3).
_PIECE = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|$)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|[(),]|[^'\"`\[(),/-]+|.",
    re.DOTALL,
)
_HEAD = re.compile(r"\bUSING\s+fts5\s*\(", re.IGNORECASE)
_OPTION = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.DOTALL)
# An index that an online rebuild is growing is nobody's yet.
OURS = "memsql_fts_new_"
_NAME = re.compile(r"\s*('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\s]+)\s*(\w*)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as the schema stores it: its name, the table it is on, its text."""

    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class FtsTable:
    """An FTS5 table. ``kind`` is own, external or contentless; ``columns`` are the indexed ones and
    ``unindexed`` the others; ``content`` and ``content_rowid`` name what an external one indexes;
    ``triggers`` are those, on any table, that write to it."""

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
    head = _HEAD.search(sql)
    arguments = _arguments(sql[head.end():]) if head else []
    indexed: list[str] = []
    unindexed: list[str] = []
    options: list[tuple[str, str]] = []
    order: list[tuple[str, bool]] = []
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        if option and not argument.lstrip().startswith(("'", '"', "`", "[")):
            options.append((option[1].lower(), unquote(option[2])))
            continue
        column = _NAME.fullmatch(argument)
        if column:
            order.append((unquote(column[1]), column[2].lower() != "unindexed"))
    for column_name, is_indexed in order:
        (indexed if is_indexed else unindexed).append(column_name)
    values = dict(options)
    content = values.get("content")
    kind = "own" if content is None else "external" if content else "contentless"
    return FtsTable(name, kind, tuple(indexed), tuple(unindexed), content or None,
                    values.get("content_rowid", "rowid"), tuple(options), sql)


def unquote(text: str) -> str:
    """A name or value without its quotes."""
    if len(text) >= 2 and text[0] in "'\"`" and text[-1] == text[0]:
        return text[1:-1].replace(text[0] * 2, text[0])
    if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
        return text[1:-1]
    return text


def _arguments(text: str) -> list[str]:
    found: list[str] = []
    current, depth = "", 0
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece.startswith(("--", "/*")):
            continue
        if piece == ")" and depth == 0:
            break
        if piece == "," and depth == 0:
            found.append(current.strip())
            current = ""
            continue
        depth += (piece == "(") - (piece == ")")
        current += piece
    found.append(current.strip())
    return [argument for argument in found if argument]


def _with_triggers(table: FtsTable, triggers: list[Trigger]) -> FtsTable:
    word = re.compile(rf"(?<![\w$]){re.escape(table.name)}(?![\w$])", re.IGNORECASE)
    return replace(table, triggers=tuple(t for t in triggers if _body_names(t.sql, word)))


def _body_names(sql: str, word: re.Pattern[str]) -> bool:
    body = re.split(r"\bBEGIN\b", sql, maxsplit=1, flags=re.IGNORECASE)
    return len(body) == 2 and word.search(body[1]) is not None
