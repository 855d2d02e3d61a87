"""Write a migration of another tool as the SQL of a pair of memsql. Pure.

What the tool needs and memsql does itself is left out: transactions, PRAGMA foreign_keys, the tool's own tables. What a
migration of memsql must not do is left out where the database is the same without it, and is a problem otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from memsql.errors import FileError
from memsql.exchange.line_ends import kept
from memsql.exchange.model import ForeignMigration
from memsql.sqltext.classify import Effect, effect
from memsql.sqltext.header import MigrationHeader, parse_migration_header
from memsql.sqltext.meaning import has_statement
from memsql.sqltext.names import fold
from memsql.sqltext.pragmas import Pragma, changes, is_on, read_pragma, refused, rule_of, says_nothing_of_database
from memsql.sqltext.split import Statement, skip_to_code, statements

_ALONE = frozenset({"select", "reindex", "analyze", "explain"})


class Removal(NamedTuple):
    """A statement that was left out: its line in the text, its first words, and why, as the end of a sentence."""

    line: int
    statement: str
    why: str


@dataclass(frozen=True, slots=True)
class Script:
    """The SQL of one direction: without header, ``foreign_keys`` and ``transactional`` as the directives have them.

    ``removals`` are statements whose absence a person should know of, ``problems`` sentences about what memsql cannot
    run, each with its line, ``notes`` sentences about what is written in another way.
    """

    text: str
    foreign_keys: bool = True
    transactional: bool = True
    removals: tuple[Removal, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_statement(self) -> bool:
        """Whether it does anything."""
        return has_statement(self.text)


def script_of(text: str, own_tables: tuple[str, ...] = (), *, own_directives: bool = False) -> Script:
    """The SQL ``text`` of one direction as memsql runs it.

    ``own_tables``: tables of the tool. ``own_directives``: ``-- depends:`` and ``-- transactional:`` are the tool's.
    """
    text, notes = kept(text)
    cleaner = _Cleaner(text, frozenset(map(fold, own_tables)))
    cleaner.read()
    return Script(
        _prose(cleaner.text(), own_directives=own_directives),
        foreign_keys=not cleaner.keys_off,
        transactional=not cleaner.outside or cleaner.mixed,
        removals=tuple(cleaner.removals),
        problems=tuple(cleaner.problems),
        notes=notes,
    )


def scripts_of(migration: ForeignMigration, own_tables: tuple[str, ...], *, own_directives: bool) -> tuple[Script, ...]:
    """The way up, and the way back where there is one that does something."""
    up = script_of(migration.up, own_tables, own_directives=own_directives)
    if migration.down is None:
        return (up,)
    down = script_of(migration.down, own_tables, own_directives=own_directives)
    return (up, down) if down.has_statement or down.problems else (up,)


@dataclass(slots=True)
class _Cleaner:
    """Reads the statements of a text, and says which go."""

    source: str
    own_tables: frozenset[str]
    keys_off: bool = False
    outside: list[tuple[Statement, str]] = field(default_factory=list)
    mixed: bool = False
    removals: list[Removal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _gone: list[Statement] = field(default_factory=list)

    def read(self) -> None:
        """Read all statements."""
        for statement in statements(self.source):
            what = effect(statement.text)
            pragma = read_pragma(statement.text) if what.kind == "pragma" else None
            if pragma is not None:
                self._pragma(statement, pragma)
            elif what.kind == "transaction":
                self._transaction(statement, what)
            elif what.kind in ("attach", "detach"):
                self._problem(statement, "which reaches another database")
            elif what.kind == "vacuum":
                self.outside.append((statement, "VACUUM changes no content: run it with memsql maintain.vacuum"))
            elif self.own_tables and fold(what.table or what.name or "") in self.own_tables:
                self._gone.append(statement)
            elif what.kind not in _ALONE:
                self.mixed = True
        if self.outside and self.mixed:
            for statement, why in self.outside:
                self._remove(statement, why)

    def _pragma(self, statement: Statement, pragma: Pragma) -> None:
        if pragma.name == "foreign_keys" and pragma.value is not None:
            self.keys_off |= not is_on(pragma.value)
            self._gone.append(statement)
            return
        rule = rule_of(pragma)
        if not changes(pragma) or (rule is not None and rule.reach not in ("outside", "keys")):
            return
        if rule is not None:
            why = "it does not work in a transaction: make it a migration of its own with `-- transactional: false`"
            self.outside.append((statement, why))
        elif says_nothing_of_database(pragma):
            self._remove(statement, "it holds for one connection and says nothing about the database")
        else:
            self._problem(statement, refused(pragma)[0])

    def _transaction(self, statement: Statement, what: Effect) -> None:
        if what.name == "ROLLBACK":
            self._problem(statement, "which undoes what came before it")
        self._gone.append(statement)

    def _remove(self, statement: Statement, why: str) -> None:
        self.removals.append(Removal(statement.line, _shown(statement), why))
        self._gone.append(statement)

    def _problem(self, statement: Statement, why: str) -> None:
        self.problems.append(f"line {statement.line} runs {_shown(statement)}, {why}")

    def text(self) -> str:
        """The text without what goes."""
        parts, position = [], 0
        for statement in sorted(self._gone, key=lambda s: s.start):
            start, end = self._lines_of(statement)
            parts.append(self.source[position : max(start, position)])
            position = max(end, position)
        return "".join([*parts, self.source[position:]])

    def _lines_of(self, statement: Statement) -> tuple[int, int]:
        """The offsets of a statement with its semicolon, and with its line where nothing else is on it."""
        source = self.source
        start, end = statement.start, min(statement.end + 1, len(source))
        line = source.rfind("\n", 0, start) + 1
        rest = source.find("\n", end)
        rest = len(source) if rest < 0 else rest + 1
        if not source[line:start].strip() and not source[end:rest].strip():
            return line, rest
        return start, end


def _shown(statement: Statement) -> str:
    text = " ".join(statement.text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _prose(text: str, *, own_directives: bool) -> str:
    """``text`` with no comment above its first statement that memsql would take for a directive."""
    end = skip_to_code(text, 0)
    lines = text[:end].split("\n")
    return "\n".join([*_without_directives(lines, own_directives), ""])[:-1].lstrip("\n") + text[end:]


def _without_directives(lines: list[str], own_directives: bool) -> Iterator[str]:
    for line in lines:
        comment = line.strip()
        if not comment.startswith("--") or ":" not in comment:
            yield line
            continue
        try:
            header = parse_migration_header(f"{comment}\n", "")
            is_prose = header == MigrationHeader(header.description)
        except FileError:
            is_prose = False
        word = comment.lstrip("-").strip().partition(":")[0].strip()
        if is_prose and word not in ("depends", "transactional", "foreign_keys", "allow", "fts_rebuild"):
            yield line
        elif not (own_directives and word in ("depends", "transactional")):
            yield f"-- note: {comment.lstrip('-').strip()}"
