"""The text of a CREATE TABLE in parts, each as its author wrote it, and whether two texts say the same after renames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from memsql.schema.model import Table
from memsql.schema.normalise import normalise
from memsql.sqltext.tokens import Token, fold, join, positions, quoted, tokenize, unquoted

_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign"})


@dataclass(frozen=True, slots=True)
class Part:
    """What stands between two commas: ``name`` is the column it defines, in lower case, "" for a constraint of the
    table; ``start`` and ``end`` are its place in the text."""

    name: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A CREATE TABLE: where its parentheses open, what stands in its parentheses, and what behind them."""

    opening: int
    parts: tuple[Part, ...]
    tail: str

    def column(self, name: str) -> Part | None:
        """The part that defines the column ``name``."""
        return next((p for p in self.parts if p.name == fold(name)), None)

    def constraints(self) -> list[str]:
        """The constraints of the table itself."""
        return [p.text for p in self.parts if not p.name]


@dataclass(frozen=True, slots=True)
class RenamedParents:
    """New names by old ones, in lower case: of tables, and of the columns of each table by its old name."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def definition(sql: str, columns: Iterable[str] | None = None) -> Definition:
    """Read ``sql``, the text of a CREATE TABLE as SQLite stores it or a person wrote it. ``columns`` are the names that
    are columns; without them whatever does not begin like a constraint is one. Accepts every text."""
    known = None if columns is None else {fold(c) for c in columns}
    tokens = placed(sql)
    start = next((i for i, (token, _, _) in enumerate(tokens) if token[1] == "("), len(tokens))
    parts: list[Part] = []
    current: list[tuple[Token, int, int]] = []
    depth, tail = 1, ""
    for token, begin, end in tokens[start + 1 :]:
        depth += (token[1] == "(") - (token[1] == ")")
        if (token[1] == "," and depth == 1) or depth == 0:
            if current:
                first, last = current[0], current[-1]
                parts.append(Part(_column(first[0], known), sql[first[1] : last[2]], first[1], last[2]))
            current = []
        else:
            current.append((token, begin, end))
        if depth == 0:
            tail = sql[end:]
            break
    opening = tokens[start][1] if start < len(tokens) else len(sql)
    return Definition(opening, tuple(parts), tail)


def of_table(table: Table) -> Definition:
    """The definition of ``table``."""
    return definition(table.sql, (c.name for c in table.columns))


def placed(sql: str) -> list[tuple[Token, int, int]]:
    """The tokens of ``sql``, each with where it begins and ends."""
    return [((kind, text), start, start + len(text)) for kind, text, start in positions(sql)]


def under_name(sql: str, name: str) -> str:
    """The CREATE TABLE or CREATE VIRTUAL TABLE ``sql``, as SQLite stores it, for a table called ``name``."""
    tokens = placed(sql)
    place = 3 if len(tokens) > 3 and fold(tokens[1][0][1]) == "virtual" else 2
    _, start, end = tokens[place]
    return sql[:start] + quoted(name) + sql[end:]


def same(old: str, new: str, maps: Iterable[Mapping[str, str]]) -> bool:
    """Whether ``old`` says what ``new`` says once the names in one of ``maps`` are replaced, old by new in lower case."""
    goal = normalise(new)
    tokens = tokenize(normalise(old))
    return any(join(_renamed(token, names) for token in tokens) == goal for names in maps)


def same_part(old: str, new: str, own: Mapping[str, str], renames: RenamedParents) -> bool:
    """Whether a part of a CREATE TABLE, ``old``, says what ``new`` says once its columns are called as ``own`` has it and
    the tables and columns behind REFERENCES as ``renames`` has it."""
    if normalise(old) == normalise(new):
        return True
    result: list[Token] = []
    state, parent = "", ""
    for token in tokenize(normalise(old)):
        name = fold(unquoted(token)) if token[0] in ("word", "quoted") else ""
        if state == "references" and name:
            parent, state = name, "parent"
            result.append(_renamed(token, renames.tables))
        elif state == "parent":
            state = "columns" if token[1] == "(" else ""
            result.append(token)
        elif state == "columns":
            state = "" if token[1] == ")" else state
            result.append(_renamed(token, renames.columns.get(parent, {})))
        else:
            state = "references" if token == ("word", "references") else ""
            result.append(_renamed(token, own))
    return join(result) == normalise(new)


def words(text: str) -> list[str]:
    """The tokens of ``text`` outside parentheses, in lower case."""
    found, depth = [], 0
    for kind, token in tokenize(text):
        depth -= token == ")"
        if depth == 0:
            found.append(fold(token) if kind == "word" else token)
        depth += token == "("
    return found


def _renamed(token: Token, names: Mapping[str, str]) -> Token:
    if token[0] not in ("word", "quoted") or not names:
        return token
    new = names.get(fold(unquoted(token)))
    return token if new is None else ("quoted", quoted(fold(new)))


def _column(first: Token, known: set[str] | None) -> str:
    name = fold(unquoted(first)) if first[0] in ("word", "quoted", "string") else ""
    if first[0] == "word" and name in _CONSTRAINTS:
        return ""
    return name if known is None or name in known else ""
