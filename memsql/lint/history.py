"""The schema at each place of a project's migrations, worked out in time that grows with the files, not with their
square.

SQLite reads the whole schema again after each ALTER TABLE and each ROLLBACK. So a file runs in a database of its
own that holds only what concerns it (see dependencies.py), made from the texts of sqlite_schema, and the catalogue
of all objects takes over what changed. Where texts do not make the same database again (rows of a CREATE TABLE … AS
SELECT, TEMP objects), every migration is run again instead, in one database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

from memsql import deadline
from memsql.lint.catalogue import Catalogue, CatalogueChange, Key
from memsql.lint.dependencies import Dependencies
from memsql.lint.memory import RUN, SENTINEL, MemoryDatabase
from memsql.lint.step import Step
from memsql.lint.trial import MAY_BREAK, SavedQuery, Trial, World, try_file, uses
from memsql.sqltext import fold, identifiers, quote

_ERROR_IN = re.compile(r"error in (view|trigger|table|index) (.+?)(?: after (?:rename|drop column))?: ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a migration does to the catalogue, and the objects that are unsettled afterwards (see Dependencies)."""

    change: CatalogueChange
    unsettled: frozenset[Key]


class History:
    """The schema before and after each of ``count`` migrations. ``read`` returns the statements of one, by its
    place."""

    def __init__(self, count: int, read: Callable[[int], Sequence[Step]]) -> None:
        self._count = count
        self._read = read
        self._recorded: list[_Recorded] = []
        self._last = Dependencies()
        self._current = Dependencies()
        self._replay: MemoryDatabase | None = None
        self._replayed = 0
        self._from_texts = not _enforces_keys()
        self._stopped: dict[int, deadline.Stopped] = {}

    def close(self) -> None:
        """Forget the database in which everything was run again."""
        if self._replay is not None:
            self._replay.close()
            self._replay = None

    def settle(self, name: Callable[[int], str]) -> None:
        """Run all migrations, each as the part ``name`` of its place; the statements of one that is stopped are left
        out."""
        while len(self._recorded) < self._count:
            place = len(self._recorded)
            try:
                with deadline.part(name(place)):
                    self._record(self._read(place))
            except deadline.Stopped as e:
                self._stopped[place] = e
                self.close()
                self._record(())

    def stopped(self, place: int | None) -> deadline.Stopped | None:
        """Why the migration at ``place`` was left out."""
        return None if place is None else self._stopped.get(place)

    def final(self) -> Catalogue:
        """The schema after all migrations."""
        return self._at(self._count).catalogue

    def created_names(self, place: int) -> frozenset[str]:
        """The names, in lower case, that the migration at ``place`` gives to objects and that none had before."""
        before = self._at(place).catalogue
        names = (entry.key[1] for entry in self._recorded[place].change.new if not entry.hidden)
        return frozenset(name for name in names if not before.has_object(name))

    def refused(self, queries: Sequence[SavedQuery]) -> list[SavedQuery]:
        """Those queries that do not run after all migrations."""
        if not queries:
            return []
        with self._world(self._at(self._count), (), queries) as world:
            return [query for query in queries if world.database.compile(query.sql) is not None]

    def trial(self, place: int, steps: Sequence[Step], queries: Sequence[SavedQuery] = ()) -> Trial:
        """What comes of running a file behind the first ``place`` migrations."""
        dependencies = self._at(place)
        names = dependencies.readers({name for step in steps if step.kind in MAY_BREAK for name in step.names})
        concerned = [query for query in queries if not names.isdisjoint(identifiers(query.sql))]
        with self._world(dependencies, [step for step, _ in uses(steps)], concerned) as world:
            return try_file(world, steps, concerned)

    def _at(self, place: int) -> Dependencies:
        while len(self._recorded) < self._count:
            self._record(self._read(len(self._recorded)))
        if place == self._count:
            return self._last
        if place < self._current.place:
            self._current = Dependencies()
        for recorded in self._recorded[self._current.place : place]:
            self._current.advance(recorded.change, recorded.unsettled)
        return self._current

    def _record(self, steps: Sequence[Step]) -> None:
        """Run the next migration for good, and remember what it changes."""
        with self._world(self._last, [step for step in steps if step.kind in RUN]) as world:
            exact = world.database.advance(steps) and self._last.catalogue.exact
            change = world.change(exact=exact)
            unsettled = self._last.unsettled - world.loaded
            if world.places is None:
                self._replayed += 1
                self._from_texts = False
            else:
                unsettled |= _unsettled(world.database)
                if any(step.selects or step.effect.schema for step in steps) and world.database.has_rows():
                    self._from_texts = False
        self._recorded.append(_Recorded(change, unsettled))
        self._last.advance(change, unsettled)

    @contextmanager
    def _world(
        self, dependencies: Dependencies, steps: Sequence[Step], queries: Sequence[SavedQuery] = ()
    ) -> Iterator[World]:
        """A database with what these statements and queries concern."""
        if self._from_texts and not any(step.selects and _reads_catalogue(step) for step in steps):
            entries = dependencies.needed(steps, [query.sql for query in queries])
            with closing(MemoryDatabase()) as database:
                places = database.load(entries)
                if places is not None:
                    loaded = frozenset(entry.key for entry in entries)
                    yield World(database, dependencies.catalogue, loaded, places)
                    return
            self._from_texts = False
        catalogue = dependencies.catalogue
        loaded = frozenset(entry.key for entry in catalogue.entries())
        yield World(self._replayed_to(dependencies.place), catalogue, loaded)

    def _replayed_to(self, place: int) -> MemoryDatabase:
        """The database in which the first ``place`` migrations were run."""
        if self._replay is None or self._replayed > place:
            self.close()
            self._replay, self._replayed = MemoryDatabase(), 0
        while self._replayed < place:
            self._replay.advance(() if self._replayed in self._stopped else self._read(self._replayed))
            self._replayed += 1
        return self._replay


@cache
def _enforces_keys() -> bool:
    with closing(MemoryDatabase()) as database:
        return database.enforces_keys()


def _reads_catalogue(step: Step) -> bool:
    """Whether the statement can see objects that it does not name."""
    return any(word.startswith(("sqlite_", "pragma_")) for word in identifiers(step.text))


def _unsettled(database: MemoryDatabase) -> frozenset[Key]:
    """The objects that an ALTER TABLE of any other table fails on (a view of a table that is gone), or changes (it
    writes strings in double quotes with single ones).

    SQLite names one object that it fails on; with that one dropped it names the next.
    """
    before = database.texts()
    if not any(type_ in ("view", "trigger") or '"' in text for (type_, _), text in before.items()):
        return frozenset()
    unsettled: set[Key] = set()
    with database.undone():
        while (error := database.run(f"ALTER TABLE {SENTINEL} RENAME COLUMN a TO b")) is not None:
            match = _ERROR_IN.match(error)
            key = (match[1] == "trigger", fold(match[2])) if match else None
            if match is None or key is None or key in unsettled:
                return frozenset((type_ == "trigger", fold(name)) for type_, name in before if name != SENTINEL)
            unsettled.add(key)
            database.run(f"DROP {match[1]} {quote(match[2])}")
        after = database.texts()
    changed = {object_ for object_ in before.keys() & after.keys() if before[object_] != after[object_]}
    return frozenset(unsettled | {(type_ == "trigger", fold(name)) for type_, name in changed if name != SENTINEL})
