"""Which objects of a schema a file can depend on, or change: the others need not be there when it is tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from memsql.lint.catalogue import Catalogue, Change, Entry, Key
from memsql.lint.memory import RUN
from memsql.lint.step import Step
from memsql.sqltext import fold, identifiers

_SHAPES = ("table", "virtual", "view")
# They look at every object: one that cannot be read makes them fail, and they write its texts anew.
_LOOK_AT_ALL = frozenset({"alter_rename", "alter_rename_column", "alter_drop_column"})


class Dependencies:
    """The catalogue at one place of the history, and which objects name which others. ``place`` is the number of
    migrations that ran; ``unsettled`` are the objects that an ALTER TABLE of any other table fails on, or changes."""

    def __init__(self) -> None:
        self.place = 0
        self.catalogue = Catalogue()
        self.unsettled: frozenset[Key] = frozenset()
        self._naming: defaultdict[str, set[Key]] = defaultdict(set)
        self._shadows: defaultdict[str, set[Key]] = defaultdict(set)

    def advance(self, change: Change, unsettled: frozenset[Key]) -> None:
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

    def needed(self, steps: Iterable[Step], queries: Iterable[str] = ()) -> list[Entry]:
        """The objects that must be there to try a file: what it names, what it changes, and what these depend on.

        ``steps`` are the statements that are run or compiled, ``queries`` the texts of queries that are compiled
        between them. The objects come in the order of their creation.
        """
        names: set[str] = {"sqlite_sequence"}
        changed: set[str] = set()
        keys: set[Key] = set()
        for step in steps:
            names |= _names(step)
            changed |= changed_names(step)
            if step.kind in ("alter_rename", "alter_rename_column"):
                names.update(map(fold, self.catalogue.referencing(step.name)))
            if step.is_making("virtual") or step.kind == "alter_rename":
                # A virtual table cannot be created where its shadows' names are taken.
                keys |= self._shadows.get(fold(step.effect.new_name or step.name), set())
            if step.kind in _LOOK_AT_ALL:
                keys |= self.unsettled
        for query in queries:
            names |= identifiers(query)
        for name in changed:
            keys.update(self._virtual(_owner(name)))
        return self._closed(names | changed, keys | self.dependents(changed))

    def concerned(self, names: Iterable[str]) -> frozenset[str]:
        """``names``, the views that read them, and the shadows of those that are virtual tables."""
        shadows = {key[1] for name in names if self._virtual(name) for key in self._shadows.get(name, ())}
        return frozenset(names) | shadows | {name for is_trigger, name in self.dependents(names) if not is_trigger}

    def dependents(self, names: Iterable[str]) -> set[Key]:
        """The views, triggers and virtual tables that name one of ``names``, or a view that does."""
        keys: set[Key] = set()
        pending = list(names)
        while pending:
            for key in self._naming.get(pending.pop(), ()):
                if key not in keys:
                    keys.add(key)
                    if not key[0]:
                        pending.append(key[1])
        return keys

    def _closed(self, names: Iterable[str], keys: Iterable[Key]) -> list[Entry]:
        entries: dict[Key, Entry] = {}
        pending: list[Key] = [*keys]
        for name in names:
            pending += self._called(name)
        while pending:
            key = pending.pop()
            entry = self.catalogue.entry(key)
            if entry is None or key in entries:
                continue
            entries[key] = entry
            for name in (fold(entry.table), *entry.words):
                pending += self._called(name)
            pending += self._virtual(_owner(entry.key[1]))
            if entry.type in ("table", "view"):
                pending += self.catalogue.attached(key[1])
            if entry.is_virtual:
                pending += self._shadows.get(key[1], ())
        return sorted(entries.values(), key=lambda entry: entry.place)

    def _virtual(self, name: str) -> Sequence[Key]:
        entry = self.catalogue.entry((False, name))
        return [entry.key] if entry is not None and entry.is_virtual else []

    def _called(self, name: str) -> Sequence[Key]:
        return [key for key in ((False, name), (True, name)) if self.catalogue.entry(key) is not None]


def changed_names(step: Step) -> frozenset[str]:
    """The tables and views that a statement creates, changes or drops, in lower case."""
    if step.kind not in RUN or (step.kind in ("create", "drop") and step.effect.object_type not in _SHAPES):
        return frozenset()
    return step.names


def _names(step: Step) -> frozenset[str]:
    """The names that a statement looks up, and other words of its text, in lower case."""
    if (step.is_making("table") and not step.selects) or step.kind == "alter_add_column":
        # The tables of its foreign keys are not looked up.
        return frozenset({step.name})
    return identifiers(step.text)


def _owner(name: str) -> str:
    """The virtual table that the table ``name`` is a shadow of, if it is one
    (https://sqlite.org/vtab.html#the_xshadowname_method)."""
    return name.rpartition("_")[0]
