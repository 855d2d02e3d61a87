"""The text of a schema, statement by statement: what makes the schema, and what stands beside it.

A snapshot of memsql holds CREATE statements alone. What the shell's ``.dump`` and ``.schema`` print, or a person
writes, holds more: rows, PRAGMA, BEGIN and COMMIT, tables of SQLite's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from memsql.sqltext import Effect, Statement, effect, split
from memsql.sqltext.internal import is_internal, shadows_of
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import tokenize
from memsql.words import count

_ROWS = frozenset({"insert", "replace", "update", "delete"})
_IGNORED = _ROWS | {"pragma", "transaction", "select", "vacuum", "analyze", "reindex", "explain"}
_CATALOGUES = frozenset({"sqlite_schema", "sqlite_master"})


@dataclass(frozen=True, slots=True)
class Part:
    """A statement of a snapshot: its ``text``, the ``line`` on which it starts, from 1, and ``words``, its first ones.

    ``role`` is "definition", "change" for ALTER and DROP, which are part of the schema too, and "ignored" for the rest.
    ``reason`` says why it is ignored.
    """

    text: str
    line: int
    words: str
    role: str
    reason: str = ""


def read_snapshot(text: str) -> tuple[Part, ...]:
    """The statements of ``text``, in order. Nothing is run, and nothing is raised."""
    shadows: set[str] = set()
    parts = []
    for statement in split(text):
        part = _part(statement, shadows)
        created = effect(part.text)
        if part.role == "definition" and created.object_type == "virtual" and created.name:
            shadows |= shadows_of(created.name, part.text)
        parts.append(part)
    return tuple(parts)


def beside(parts: Iterable[Part], shown: str) -> list[str]:
    """Sentences about what stands beside the CREATE statements of the file ``shown``; none where nothing does."""
    grouped: dict[tuple[str, str], dict[str, list[Part]]] = {}
    for part in parts:
        if part.role != "definition":
            grouped.setdefault((part.role, part.reason), {}).setdefault(part.words, []).append(part)
    sentences = []
    for (role, reason), by_words in grouped.items():
        named = ", ".join(_named(words, same) for words, same in by_words.items())
        what = f"ignored, because {reason}" if role == "ignored" else "carried out: it is part of what the text makes"
        sentences.append(f"{shown} holds more than CREATE statements: {named}: {what}")
    return sentences


def _named(words: str, parts: list[Part]) -> str:
    first = f"line {parts[0].line}"
    return f"{words} ({first})" if len(parts) == 1 else f"{count(len(parts), words, words)} (from {first} on)"


def _part(statement: Statement, shadows: Collection[str]) -> Part:
    what = effect(statement.text)
    words = _first_words(statement.text, what)

    def part(role: str, reason: str = "", text: str = statement.text) -> Part:
        return Part(text, statement.line, words, role, reason)

    if what.kind in ("insert", "replace") and fold(what.name or "") in _CATALOGUES:
        definition = _definition_in(statement.text)
        # The shell dumps a virtual table as a row of the catalogue.
        return part("definition", text=definition) if definition else part("change")
    if what.kind in _ROWS:
        return part("ignored", "rows are no part of a schema; what the database is to hold, a migration inserts")
    if what.kind in _IGNORED:
        return part("ignored", "it is no part of a schema")
    if what.schema is not None and fold(what.schema) == "temp":
        return part("ignored", "it is temporary and no part of a schema")
    names = [name for name in (what.table, what.name) if name]
    if what.kind == "create" and any(is_internal(name, ()) or fold(name) in shadows for name in names):
        return part("ignored", "tables of SQLite, of a virtual table or of memsql make themselves")
    return part("definition" if what.kind == "create" else "change")


def _first_words(text: str, what: Effect) -> str:
    """The verb, and what it is about where that tells more: ``PRAGMA foreign_keys``, ``INSERT``."""
    verb = tokenize(text)[0].word
    if what.kind in ("pragma", "create", "drop") and what.name:
        return f"{verb} {what.object_type.upper() + ' ' if what.object_type else ''}{what.name}"
    return f"{verb} TABLE {what.name}" if what.kind.startswith("alter") and what.name else verb


def _definition_in(text: str) -> str:
    """The only CREATE statement among the strings of an INSERT; empty where there is none, or several."""
    strings = [unquote(token.text) for token in tokenize(text) if token.kind == "string"]
    definitions = [string for string in strings if string[:7].upper() == "CREATE "]
    return definitions[0] if len(definitions) == 1 else ""
