"""Running a file in memory, to know what is there after it, what does not run, and which queries it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

from memsql.fts.discover import FtsTable
from memsql.lint.catalogue import Catalogue, CatalogueChange, CatalogueEntry, Key, with_triggers
from memsql.lint.memory import RUN, MemoryDatabase, is_run
from memsql.lint.step import Step
from memsql.sqltext import fold

_COMPILED = frozenset(
    {
        "insert",
        "replace",
        "update",
        "delete",
        "select",
        "other",
        "transaction",
        "attach",
        "detach",
        "vacuum",
        "analyze",
        "reindex",
    }
)
MAY_BREAK = frozenset({"drop", "alter_rename", "alter_rename_column", "alter_drop_column"})
"""The kinds of statements after which a query may no longer run."""
# What is compiled without being run costs time and changes nothing: in a file of data the first ones will do.
_MOST_COMPILED = 500
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One of the application's hot queries, or a check: its name, its path, its text."""

    name: str
    path: str
    sql: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A query that the statement ``number`` stops from running, with the ``error`` of SQLite."""

    number: int
    query: SavedQuery
    error: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running a file: the schema before and after it, SQLite's message by the number of each statement
    that does not run, the queries that it breaks, and the offsets of names in double quotes that SQLite takes for
    strings."""

    before: Catalogue
    after: Catalogue
    failures: Mapping[int, str] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    strings: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """A database with the objects of ``catalogue`` that concern a file, ``loaded``.

    ``places`` has the place of each object by its rowid. It is None for a database that holds all objects and whose
    rowids are the places.
    """

    database: MemoryDatabase
    catalogue: Catalogue
    loaded: frozenset[Key]
    places: Mapping[int, int] | None = None

    @classmethod
    def whole(cls, database: MemoryDatabase, *, exact: bool) -> World:
        """A database with everything there is."""
        catalogue = Catalogue(database.entries() or (), exact=exact)
        return cls(database, catalogue, frozenset(entry.key for entry in catalogue.entries()))

    def change(self, *, exact: bool) -> CatalogueChange:
        """What became of the catalogue by what was run in the database."""
        entries = self.database.entries()
        if entries is None:
            return CatalogueChange(self.loaded, (), exact=False)
        current = {entry.key: entry for entry in map(self._placed, entries)}
        for entry in list(current.values()):
            if entry.fts is not None:
                current[entry.key] = replace(entry, fts=self._with_triggers(entry.fts, current))
        same = {key for key in self.loaded if current.get(key) == self.catalogue.entry(key)}
        new = tuple(entry for key, entry in current.items() if key not in same)
        return CatalogueChange(self.loaded - same, new, exact)

    def _placed(self, entry: CatalogueEntry) -> CatalogueEntry:
        if self.places is None:
            return entry
        return replace(entry, place=self.places.get(entry.place, self.catalogue.end + entry.place))

    def _with_triggers(self, table: FtsTable, current: Mapping[Key, CatalogueEntry]) -> FtsTable:
        """``table`` with its triggers in the database, and those in the catalogue that were not loaded."""
        earlier = self.catalogue.fts(table.name)
        keys = [(True, fold(trigger.name)) for trigger in (earlier.triggers if earlier is not None else ())]
        entries = [self.catalogue.entry(key) for key in keys if key not in self.loaded]
        entries += [current[True, fold(trigger.name)] for trigger in table.triggers]
        return with_triggers(table, [entry for entry in entries if entry is not None])


def try_file(world: World, steps: Sequence[Step], queries: Sequence[SavedQuery] = ()) -> Trial:
    """Run a file in ``world``, look what it leaves, and undo it."""
    catalogue, change = world.catalogue, None
    with world.database.undone():
        attempt = _Attempt(world.database, queries if any(step.kind in MAY_BREAK for step in steps) else ())
        for step, use in uses(steps):
            attempt.take(step, use)
        broken = attempt.broken()
        exact = catalogue.exact and not attempt.failures and all(step.kind != "alter_column" for step in steps)
        if any(step.kind in RUN for step in steps):
            change = world.change(exact=exact)
    after = (catalogue.changed(change) if change is not None else catalogue).with_exact(exact)
    return Trial(catalogue, after, attempt.failures, broken, frozenset(attempt.strings))


@dataclass(frozen=True, slots=True)
class Use:
    """What is done with a statement: it is run, or compiled, and its names in double quotes are tried or not."""

    _: KW_ONLY
    run: bool
    compile: bool
    strings: bool


def uses(steps: Iterable[Step]) -> Iterator[tuple[Step, Use]]:
    """The statements that are run or compiled, in their order."""
    compiled = 0
    for step in steps:
        compiles = step.kind in _COMPILED
        short = (compiles or step.is_making("table", "index")) and len(step.text) < _LONGEST
        first = compiles and short and compiled < _MOST_COMPILED
        compiled += first
        use = Use(run=is_run(step), compile=first, strings=short and '"' in step.text)
        if use.run or use.compile or use.strings:
            yield step, use


class _Attempt:
    """A file that is being run, and what came of it so far."""

    def __init__(self, database: MemoryDatabase, queries: Iterable[SavedQuery]) -> None:
        self._database = database
        self._alive = [query for query in queries if database.compile(query.sql) is None]
        self._broken: list[Broken] = []
        self.failures: dict[int, str] = {}
        self.strings: set[int] = set()

    def take(self, step: Step, use: Use) -> None:
        """Run or compile a statement of the file."""
        if use.strings:
            self.strings |= self._database.strings(step)
        error = None
        if use.run:
            error = self._database.run(step.text)
        elif use.compile:
            error = self._database.compile(step.text)
        if error is not None:
            self.failures[step.number] = error
        if step.kind in MAY_BREAK:
            self._look_at_queries(step.number)

    def broken(self) -> tuple[Broken, ...]:
        """The queries that a statement broke and that no later statement of the file lets run again."""
        return tuple(broken for broken in self._broken if self._database.compile(broken.query.sql) is not None)

    def _look_at_queries(self, number: int) -> None:
        alive = []
        for query in self._alive:
            error = self._database.compile(query.sql)
            if error is None:
                alive.append(query)
            else:
                self._broken.append(Broken(number, query, error))
        self._alive = alive
