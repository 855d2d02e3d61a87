"""A statement of a file with what it does, and its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from memsql.schema.definition import Definition, read_definition
from memsql.sqltext import Effect, Statement, effect, fold
from memsql.sqltext.pragmas import read_pragma
from memsql.sqltext.tokens import Token, tokenize
from memsql.sqltext.writes import Write, parse_write

_LONGEST_READ = 100_000


class Step:
    """A statement with its effect and its tokens, both found out when somebody asks."""

    __slots__ = ("__dict__", "statement")

    def __init__(self, statement: Statement) -> None:
        self.statement = statement

    @property
    def text(self) -> str:
        return self.statement.text

    @property
    def at(self) -> int:
        """The offset of its first character in the file."""
        return self.statement.start

    @property
    def number(self) -> int:
        return self.statement.number

    @cached_property
    def effect(self) -> Effect:
        return effect(self.statement.text)

    @cached_property
    def kind(self) -> str:
        # A file of data has hundreds of thousands of these; their effect is rarely asked for.
        return "insert" if self.statement.text[:12].upper() == "INSERT INTO " else self.effect.kind

    @property
    def name(self) -> str:
        """The object it concerns, in lower case; empty where there is none."""
        return fold(self.effect.name or "")

    @property
    def new_name(self) -> str:
        """The name that it gives to a table or column, in lower case; empty where it gives none."""
        return fold(self.effect.new_name or "")

    @property
    def column(self) -> str:
        """The column that it concerns, in lower case; empty where there is none."""
        return fold(self.effect.column or "")

    @property
    def names(self) -> frozenset[str]:
        """The name of the object that it concerns, and the name that it gives to a table, in lower case."""
        new = self.new_name if self.kind == "alter_rename" else ""
        return frozenset({self.name, new} - {""})

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(tokenize(self.statement.text, self.statement.start))

    @cached_property
    def write(self) -> Write | None:
        """Which rows it writes; None where it writes none, or is too long to be worth reading."""
        return parse_write(self.tokens) if len(self.text) <= _LONGEST_READ else None

    @cached_property
    def definition(self) -> Definition:
        """The columns, constraints and options of a CREATE TABLE. CREATE TABLE AS has none."""
        return read_definition(self.text, offset=self.at)

    @cached_property
    def selects(self) -> bool:
        """Whether it is a CREATE TABLE … AS SELECT, which fills the table as well."""
        if not self.is_making("table"):
            return False
        words = (token.word for token in self.tokens)
        return next((word for word in words if word in ("AS", "(")), "") == "AS"

    def find(self, *words: str, start: int = 0) -> int | None:
        """The index of the first token from ``start`` on where these words follow each other, or None."""
        tokens, count = self.tokens, len(words)
        for i in range(start, len(tokens) - count + 1):
            if tokens[i].word == words[0] and all(tokens[i + k].word == words[k] for k in range(1, count)):
                return i
        return None

    def place(self, *words: str) -> int:
        """The offset in the file of the first of these words, or of the statement."""
        place = self.find(*words)
        return self.at if place is None else self.tokens[place].start

    def place_of(self, name: str | None) -> int:
        """The offset in the file of the first token behind the verb that spells ``name``, or of the statement."""
        wanted = fold(name or "")
        return next((t.start for t in self.tokens[1:] if t.name == wanted), self.at) if wanted else self.at

    def is_making(self, *types: str) -> bool:
        """Whether it creates an object of one of these types."""
        return self.kind == "create" and (self.effect.object_type or "") in types


def switches(steps: Steps) -> list[tuple[str, Step]]:
    """The values that PRAGMA foreign_keys gets, each with its statement."""
    pragmas = ((read_pragma(step.text), step) for step in steps.of("pragma"))
    return [(p.value, step) for p, step in pragmas if p and p.name == "foreign_keys" and p.value is not None]


class Steps(tuple[Step, ...]):
    """The statements of a file in their order, which can be picked by what they do."""

    @cached_property
    def _by_kind(self) -> dict[str, list[Step]]:
        groups: dict[str, list[Step]] = {}
        for step in self:
            groups.setdefault(step.kind, []).append(step)
        return groups

    def of(self, *kinds: str) -> Iterator[Step]:
        """The statements of these kinds of effect, in the order of the file within each kind."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    def making(self, *types: str) -> Iterator[Step]:
        """The statements that create an object of one of these types."""
        return (step for step in self.of("create") if step.effect.object_type in types)
