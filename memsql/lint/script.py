"""What a rule sees of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from memsql.fts.discover import FtsTable
from memsql.lint.header import HeaderProblem
from memsql.lint.rebuild import Copy, Rebuild, find_copies, find_rebuilds
from memsql.lint.step import Step, Steps
from memsql.schema import Schema
from memsql.sqltext import MigrationHeader, fold


@dataclass(frozen=True, slots=True)
class Index:
    """An index, those of UNIQUE and PRIMARY KEY included (``origin`` u and pk; c was created by name).

    A column is None where the index holds an expression; ``descending`` and ``collations`` go with ``columns``.
    """

    name: str
    table: str
    columns: tuple[str | None, ...]
    descending: tuple[bool, ...]
    collations: tuple[str, ...]
    unique: bool
    partial: bool
    origin: str


@dataclass(frozen=True)
class Before:
    """A schema as the migrations make it: tables with columns and keys, indexes, triggers, views, FTS5 tables.

    ``exact`` is False where a statement on the way did not run here, so that something may be missing.
    """

    schema: Schema
    indexes: tuple[Index, ...] = ()
    fts: tuple[FtsTable, ...] = ()
    exact: bool = True

    def has(self, name: str | None) -> bool:
        """Whether a table, virtual table or view of this name exists."""
        return name is not None and self.schema.table(name) is not None

    def indexes_of(self, table: str) -> list[Index]:
        """The indexes on ``table``."""
        return self._indexes.get(fold(table), [])

    @cached_property
    def _indexes(self) -> dict[str, list[Index]]:
        found: dict[str, list[Index]] = {}
        for index in self.indexes:
            found.setdefault(fold(index.table), []).append(index)
        return found

    def referencing(self, table: str) -> list[str]:
        """The other tables with a foreign key to ``table``."""
        name = fold(table)
        return [
            t.name
            for t in self.schema.tables.values()
            if fold(t.name) != name and any(fold(k.parent) == name for k in t.foreign_keys)
        ]

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name there is, of objects and columns, in lower case."""
        found = {fold(o.name) for o in self.schema.objects}
        return frozenset(found | {fold(c.name) for t in self.schema.tables.values() for c in t.columns})


@dataclass(frozen=True, slots=True)
class Query:
    """One of the application's hot queries, or a check: its name, where it stands, its text."""

    name: str
    path: str
    sql: str


@dataclass(frozen=True)
class Script:
    """A file as rules see it.

    ``kind`` is migration, rollback, check, query, snapshot, legacy or other. ``before`` is the schema before the
    file runs, None where that is not known; ``after`` the schema it leaves, ``final`` the one after all
    migrations. ``failures`` tells by statement number what SQLite said where a statement does not run;
    ``broken`` names queries that a statement stops from running: (number, query, what SQLite said).
    ``strings`` holds the offsets of names in double quotes that SQLite takes for strings. ``made_by_up`` names what the
    migration of a rollback makes. ``siblings`` are the .sql files of a migrations folder, None for a file elsewhere.
    """

    path: str
    kind: str
    text: str
    header: MigrationHeader
    problems: tuple[HeaderProblem, ...]
    steps: Steps
    before: Before | None
    after: Before
    final: Before | None = None
    queries: tuple[Query, ...] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    broken: tuple[tuple[int, Query, str], ...] = ()
    strings: frozenset[int] = frozenset()
    siblings: tuple[str, ...] | None = None
    made_by_up: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.replace("\\", "/").rpartition("/")[2]

    @property
    def is_way_back(self) -> bool:
        """Whether it undoes another file."""
        return self.name.endswith(".rollback.sql")

    @property
    def transactional(self) -> bool:
        """Whether memsql runs it in a transaction."""
        return self.kind in ("migration", "rollback", "legacy") and self.header.transactional

    @cached_property
    def copies(self) -> list[Copy]:
        """Every ``INSERT … SELECT`` of the file."""
        return find_copies(self.steps)

    @cached_property
    def rebuilds(self) -> list[Rebuild]:
        """Every table that the file makes anew."""
        return find_rebuilds(self.steps, self.copies)

    def of(self, *kinds: str) -> Iterator[Step]:
        """The statements of these kinds of effect, in the order of the file within each kind."""
        return self.steps.of(*kinds)

    def making(self, *types: str) -> Iterator[Step]:
        """The statements that create an object of one of these types."""
        return self.steps.making(*types)

    def existed(self, table: str | None) -> bool:
        """Whether ``table`` may have held rows before the file: it was there, or nobody knows and the file does not make it."""
        if self.before is not None and (self.before.exact or self.before.has(table)):
            return self.before.has(table)
        return not any(fold(table or "") == step.name for step in self.making("table", "virtual", "view"))
