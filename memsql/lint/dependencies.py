"""Which objects of a schema concern a file. The others need not be there when the file is tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from memsql.lint.catalogue import Catalogue, CatalogueChange, CatalogueEntry, Key
from memsql.lint.memory import RUN
from memsql.lint.step import Step
from memsql.sqltext import fold, identifiers

_SHAPES = ("table", "virtual", "view")
_WRITES = frozenset({"insert", "replace", "update", "delete"})
# They look at every object: one that cannot be read makes them fail, and they may write its text anew.
_LOOK_AT_ALL = frozenset({"alter_rename", "alter_rename_column", "alter_drop_column"})


@dataclass(slots=True)
class _Names:
    """The names that concern a file, in lower case, and the keys of objects that do.

    ``read`` are looked up. ``written`` are tables that rows are written to, which compiles their triggers.
    ``changed`` are tables and views that are created, dropped or altered, which concerns whatever names them;
    ``widened`` tables only get a column, which concerns the views of them.
    """

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    widened: set[str] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)


class Dependencies:
    """The catalogue at one place of the history, and which objects name which others. ``place`` is the number of
    migrations that ran. ``unsettled`` are the objects that an ALTER TABLE of any other table fails on, or changes."""

    def __init__(self) -> None:
        self.place = 0
        self.catalogue = Catalogue()
        self.unsettled: frozenset[Key] = frozenset()
        self._naming: defaultdict[str, set[Key]] = defaultdict(set)
        self._shadows: defaultdict[str, set[Key]] = defaultdict(set)

    def advance(self, change: CatalogueChange, unsettled: frozenset[Key]) -> None:
        """Go on to the place behind the next migration."""
        for key in change.gone:
            entry = self.catalogue.entry(key)
            assert entry is not None
            for word in entry.words:
                self._naming[word].discard(key)
            self._shadows[_owner(key[1])].discard(key)
        for entry in change.new:
            for word in entry.words:
                self._naming[word].add(entry.key)
            self._shadows[_owner(entry.key[1])].add(entry.key)
        self.catalogue, self.unsettled = self.catalogue.changed(change), unsettled
        self.place += 1

    def needed(self, steps: Sequence[Step], queries: Iterable[str] = ()) -> list[CatalogueEntry]:
        """The objects that must be there to try a file, in the order of their creation: what it names, what depends on
        what it changes, and what these depend on.

        ``steps`` are the statements that are run or compiled, ``queries`` the texts of queries that are compiled
        between them.
        """
        names = self._names(steps)
        names.read.update(*map(identifiers, queries))
        names.keys |= self._dependents(names.changed, views_only=False)
        names.keys |= self._dependents(names.widened, views_only=True)
        for name in names.changed:
            names.keys.update(self.catalogue.attached(name), self._virtual(_owner(name)))
        if any(step.kind in _WRITES for step in steps):
            # The rows may be written to a table that the file renames, or that it gives a trigger.
            names.written |= names.changed
        else:
            names.read |= names.changed
        return self._closed(names)

    def readers(self, names: Iterable[str]) -> frozenset[str]:
        """``names``, the views that read them, and the shadows of those that are virtual tables."""
        shadows = {key[1] for name in names if self._virtual(name) for key in self._shadows.get(name, ())}
        views = {name for _, name in self._dependents(names, views_only=True)}
        return frozenset(names) | shadows | views

    def _names(self, steps: Sequence[Step]) -> _Names:
        names = _Names({"sqlite_sequence"})
        writes = any(step.kind in _WRITES for step in steps)
        for step in steps:
            if step.kind in _WRITES and step.name:
                names.written.add(step.name)
            if step.is_making("trigger") and writes:
                names.written |= identifiers(step.text)
            names.read |= _names_read(step)
            if step.kind == "alter_add_column":
                names.widened.add(step.name)
            else:
                names.changed |= changed_names(step)
            if step.kind in ("alter_rename", "alter_rename_column"):
                names.read.update(map(fold, self.catalogue.referencing(step.name)))
            if step.is_making("virtual") or step.kind == "alter_rename":
                # A virtual table cannot be created where the names of its shadows are taken.
                names.keys |= self._shadows.get(fold(step.effect.new_name or step.name), set())
            if step.kind in _LOOK_AT_ALL:
                names.keys |= self.unsettled
        return names

    def _dependents(self, names: Iterable[str], *, views_only: bool) -> set[Key]:
        """The views, triggers and virtual tables that name one of ``names``, or a view that does."""
        keys: set[Key] = set()
        pending = list(names)
        while pending:
            for key in self._naming.get(pending.pop(), ()):
                if key not in keys and not (views_only and key[0]):
                    keys.add(key)
                    if not key[0]:
                        pending.append(key[1])
        return keys

    def _closed(self, names: _Names) -> list[CatalogueEntry]:
        """The objects that ``names`` stand for, and what these depend on, in the order of their creation."""
        entries: dict[Key, CatalogueEntry] = {}
        fired: set[Key] = set()
        pending = [(key, False) for key in names.keys]
        pending += [(key, False) for name in names.read for key in self._called(name)]
        pending += [(key, True) for name in names.written for key in self._called(name)]
        while pending:
            key, fires = pending.pop()
            entry = self.catalogue.entry(key)
            if entry is None or (key in entries and (not fires or key in fired)):
                continue
            entries[key] = entry
            if fires:
                fired.add(key)
            pending += self._requirements(entry, fires=fires)
        return sorted(entries.values(), key=lambda entry: entry.place)

    def _requirements(self, entry: CatalogueEntry, *, fires: bool) -> Iterator[tuple[Key, bool]]:
        """What must be there with ``entry``, each with whether its triggers must be there too, for they may fire."""
        name = entry.key[1]
        for key in (*self._called(fold(entry.table)), *self._virtual(_owner(name))):
            yield key, False
        for word in entry.words:
            for key in self._called(word):
                yield key, fires and entry.type == "trigger"
        if entry.type in ("table", "view"):
            for key in self.catalogue.attached(name):
                if fires or not key[0]:
                    yield key, fires
        if entry.is_virtual:
            for key in self._shadows.get(name, ()):
                yield key, False

    def _virtual(self, name: str) -> Sequence[Key]:
        entry = self.catalogue.entry((False, name))
        return [entry.key] if entry is not None and entry.is_virtual else []

    def _called(self, name: str) -> Sequence[Key]:
        return [key for key in ((False, name), (True, name)) if self.catalogue.entry(key) is not None]


def changed_names(step: Step) -> frozenset[str]:
    """The tables and views that a statement creates, alters or drops, in lower case."""
    if step.kind not in RUN or (step.kind in ("create", "drop") and step.effect.object_type not in _SHAPES):
        return frozenset()
    return step.names


def _names_read(step: Step) -> frozenset[str]:
    """The names that a statement looks up, and other words of its text, in lower case."""
    if (step.is_making("table") and not step.selects) or step.kind == "alter_add_column":
        # The tables of its foreign keys are not looked up.
        return frozenset({step.name})
    return identifiers(step.text)


def _owner(name: str) -> str:
    """The name of the virtual table that the table ``name`` is a shadow of, if it is one.

    See https://sqlite.org/vtab.html#the_xshadowname_method.
    """
    return name.rpartition("_")[0]
