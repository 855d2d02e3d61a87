"""The objects of a database at one point of its history, each found by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from memsql.fts.discover import FtsTable
from memsql.fts.triggers import Trigger
from memsql.schema import Object, Schema, Table
from memsql.sqltext import fold, identifiers
from memsql.sqltext.internal import is_virtual

T = TypeVar("T")
Key = tuple[bool, str]
"""What tells an object apart: whether it is a trigger, and its name in lower case. Triggers have names of their own."""


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
    _: KW_ONLY
    unique: bool
    partial: bool
    origin: str


@dataclass(frozen=True)
class CatalogueEntry:
    """A row of sqlite_schema, and what SQLite tells about the object.

    ``place`` orders entries by their creation. ``type`` is table, index, trigger or view; ``sql`` is empty for an
    automatic index. ``hidden`` entries belong to SQLite, to memsql or to a virtual table. ``shape`` is set for
    tables and views that are not hidden, ``indexes`` for tables, ``fts`` for FTS5 tables.
    """

    place: int
    type: str
    name: str
    table: str
    sql: str
    hidden: bool = False
    shape: Table | None = None
    indexes: tuple[Index, ...] = ()
    fts: FtsTable | None = None

    @cached_property
    def key(self) -> Key:
        return self.type == "trigger", fold(self.name)

    @cached_property
    def is_virtual(self) -> bool:
        return is_virtual(self.sql)

    @cached_property
    def words(self) -> frozenset[str]:
        """The names that the object depends on, and other words of its text, in lower case.

        A table or an index depends on no other table: a foreign key may name a table that does not exist.
        """
        if self.type in ("view", "trigger") or self.is_virtual:
            return identifiers(self.sql)
        return frozenset()


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """What a file does to a catalogue: ``gone`` objects leave it or make room for their ``new`` form.

    ``exact`` is False where a statement of the file did not run.
    """

    gone: frozenset[Key]
    new: tuple[CatalogueEntry, ...]
    exact: bool


@dataclass(slots=True)
class _Maps:
    """The entries by key, and what is looked up besides. Values are never changed, so that a copy is cheap and safe."""

    entries: dict[Key, CatalogueEntry] = field(default_factory=dict)
    attached: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    children: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    views: dict[str, CatalogueEntry] = field(default_factory=dict)
    fts: dict[str, FtsTable] = field(default_factory=dict)
    contents: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def copy(self) -> _Maps:
        return _Maps(
            self.entries.copy(),
            self.attached.copy(),
            self.children.copy(),
            self.columns.copy(),
            self.views.copy(),
            self.fts.copy(),
            self.contents.copy(),
        )

    def add(self, entry: CatalogueEntry) -> None:
        self.entries[entry.key] = entry
        if entry.type in ("index", "trigger"):
            table = fold(entry.table)
            self.attached[table] = (*self.attached.get(table, ()), entry.key)
        if entry.type == "view":
            self.views[entry.key[1]] = entry
        if entry.fts is not None:
            self.fts[entry.key[1]] = entry.fts
            content = fold(entry.fts.content or "")
            self.contents[content] = (*self.contents.get(content, ()), entry.key[1])
        for parent in _parents(entry):
            self.children[parent] = (*self.children.get(parent, ()), entry.name)
        for column in _columns(entry):
            self.columns[column] = self.columns.get(column, 0) + 1

    def remove(self, key: Key) -> None:
        entry = self.entries.pop(key)
        if entry.type in ("index", "trigger"):
            _drop(self.attached, fold(entry.table), lambda other: other == key)
        if entry.type == "view":
            del self.views[key[1]]
        if entry.fts is not None:
            del self.fts[key[1]]
            _drop(self.contents, fold(entry.fts.content or ""), lambda name: name == key[1])
        for parent in _parents(entry):
            _drop(self.children, parent, lambda child: child == entry.name)
        for column in _columns(entry):
            self.columns[column] -= 1


class Catalogue:
    """The objects of a database at one point of its history. It never changes; ``changed`` returns another one.

    ``exact`` is False where a statement on the way did not run here, so that something may be missing or too much.
    """

    __slots__ = ("_maps", "end", "exact")

    def __init__(self, entries: Iterable[CatalogueEntry] = (), *, exact: bool = True) -> None:
        self._maps = _Maps()
        self.exact = exact
        self.end = 0
        """The place of the next object that is created."""
        for entry in entries:
            self._maps.add(entry)
            self.end = max(self.end, entry.place + 1)

    def changed(self, change: CatalogueChange) -> Catalogue:
        """The catalogue after a file that does ``change``."""
        after = Catalogue(exact=change.exact)
        after._maps = self._maps.copy()
        for key in change.gone:
            after._maps.remove(key)
        for entry in change.new:
            after._maps.add(entry)
        after.end = max([self.end, *(entry.place + 1 for entry in change.new)])
        return after

    def with_exact(self, exact: bool) -> Catalogue:
        """The same objects, known to be exact or not."""
        if exact == self.exact:
            return self
        other = Catalogue(exact=exact)
        other._maps, other.end = self._maps, self.end
        return other

    def entry(self, key: Key) -> CatalogueEntry | None:
        """The object of this key, hidden or not."""
        return self._maps.entries.get(key)

    def entries(self) -> list[CatalogueEntry]:
        """Every object, hidden ones too, in the order of creation."""
        return sorted(self._maps.entries.values(), key=lambda entry: entry.place)

    def attached(self, table: str) -> tuple[Key, ...]:
        """The keys of the indexes and triggers of ``table`` (in lower case), hidden ones too."""
        return self._maps.attached.get(table, ())

    def has(self, name: str | None) -> bool:
        """Whether a table, virtual table or view of this name exists."""
        return name is not None and self.table(name) is not None

    def table(self, name: str) -> Table | None:
        """The table, virtual table or view called ``name`` in any case, or None."""
        entry = self._maps.entries.get((False, fold(name)))
        return entry.shape if entry is not None else None

    def type_of(self, name: str) -> str | None:
        """table or view, for the table, virtual table or view called ``name``; None where there is none."""
        entry = self._maps.entries.get((False, fold(name)))
        return entry.type if entry is not None and entry.shape is not None else None

    def holds(self, type_: str, name: str) -> bool:
        """Whether an index, trigger, table or view (``type_``) of this name exists."""
        entry = self._maps.entries.get((type_ == "trigger", fold(name)))
        return entry is not None and entry.type == type_ and not entry.hidden

    def has_object(self, name: str) -> bool:
        """Whether an object of any type has this name, which is in lower case."""
        objects = (self._maps.entries.get((is_trigger, name)) for is_trigger in (False, True))
        return any(entry is not None and not entry.hidden for entry in objects)

    def knows(self, name: str) -> bool:
        """Whether an object or a column has this name, which is in lower case."""
        return self._maps.columns.get(name, 0) > 0 or self.has_object(name)

    def created(self, table: str, type_: str) -> list[CatalogueEntry]:
        """The indexes or triggers (``type_``) on ``table`` that were created by name, by name."""
        entries = (self._maps.entries[key] for key in self.attached(fold(table)))
        return sorted(
            (entry for entry in entries if entry.type == type_ and entry.sql and not entry.hidden),
            key=lambda entry: entry.name,
        )

    def excerpt(self, name: str) -> Schema:
        """The table or view called ``name``, its indexes and triggers, and the tables that these name, as a schema."""
        entries = [*self.created(name, "index"), *self.created(name, "trigger")]
        names = {fold(name)}.union(*(entry.words for entry in entries))
        shapes = (self.table(other) for other in sorted(names))
        objects = (Object(entry.type, entry.name, entry.table, entry.sql) for entry in entries)
        return Schema({shape.name: shape for shape in shapes if shape is not None}, tuple(objects))

    def index(self, name: str) -> Index | None:
        """The index called ``name`` in any case, automatic ones too, or None."""
        entry = self._maps.entries.get((False, fold(name)))
        if entry is None or entry.type != "index":
            return None
        return next((index for index in self.indexes_of(entry.table) if fold(index.name) == fold(name)), None)

    def indexes_of(self, table: str) -> tuple[Index, ...]:
        """The indexes on ``table``, automatic ones too."""
        entry = self._maps.entries.get((False, fold(table)))
        return entry.indexes if entry is not None else ()

    def referencing(self, table: str) -> list[str]:
        """The other tables with a foreign key to ``table``, by name."""
        name = fold(table)
        return sorted(child for child in self._maps.children.get(name, ()) if fold(child) != name)

    def views_naming(self, name: str) -> list[Table]:
        """The views whose text has the word ``name``, by name."""
        word = fold(name)
        views = (view.shape for view in self._maps.views.values() if word in view.words)
        return sorted((shape for shape in views if shape is not None), key=lambda shape: shape.name)

    def virtual(self) -> dict[str, str]:
        """The virtual tables, in lower case, each with its CREATE statement."""
        return {entry.key[1]: entry.sql for entry in self._maps.entries.values() if entry.is_virtual}

    def fts(self, name: str) -> FtsTable | None:
        """The FTS5 table called ``name`` in any case, or None."""
        return self._maps.fts.get(fold(name))

    def fts_over(self, content: str) -> list[FtsTable]:
        """The FTS5 tables over the table or view ``content``, in no order. "" stands for those without content."""
        return [self._maps.fts[name] for name in self._maps.contents.get(fold(content), ())]

    def words_of_trigger(self, name: str) -> frozenset[str]:
        """The words in the text of a trigger, in lower case; none where there is no such trigger."""
        entry = self._maps.entries.get((True, fold(name)))
        return entry.words if entry is not None else frozenset()


def with_triggers(table: FtsTable, entries: Iterable[CatalogueEntry]) -> FtsTable:
    """``table`` with these triggers in the order of their creation."""
    ordered = sorted(entries, key=lambda entry: entry.place)
    return replace(table, triggers=tuple(Trigger(entry.name, entry.table, entry.sql) for entry in ordered))


def _parents(entry: CatalogueEntry) -> Iterable[str]:
    """The tables that the foreign keys of a table name, each once, in lower case."""
    return dict.fromkeys(fold(key.parent) for key in entry.shape.foreign_keys) if entry.shape is not None else ()


def _columns(entry: CatalogueEntry) -> Iterator[str]:
    return (fold(column.name) for column in entry.shape.columns) if entry.shape is not None else iter(())


def _drop(groups: dict[str, tuple[T, ...]], name: str, leaves: Callable[[T], bool]) -> None:
    rest = tuple(member for member in groups[name] if not leaves(member))
    if rest:
        groups[name] = rest
    else:
        del groups[name]
