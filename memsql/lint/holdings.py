"""Which tables of a file certainly hold no row, and which columns no value, at each of its statements. Texts alone are
read; what cannot be told counts as held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memsql.lint.catalogue import Catalogue
from memsql.lint.shape import added_column
from memsql.lint.step import Step, Steps
from memsql.sqltext import fold, identifiers


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is known before a statement runs. ``empty``: tables without a row; ``blank``: columns, as (table, column),
    in which every row has NULL. Names are folded."""

    empty: frozenset[str] = frozenset()
    blank: frozenset[tuple[str, str]] = frozenset()

    def has_no_value(self, table: str, column: str) -> bool:
        """Whether no row of ``table`` has a value in ``column``; both folded."""
        return table in self.empty or (table, column) in self.blank


NOTHING_KNOWN = Holdings()


def holdings(steps: Steps, before: Catalogue | None) -> dict[int, Holdings]:
    """What is known before each statement that is no INSERT, by its number. ``before`` is the schema before the file,
    None where that is not known."""
    walk = _Walk(before)
    known = {}
    for step in steps:
        if step.kind != "insert":
            known[step.number] = Holdings(frozenset(walk.empty), frozenset(walk.blank))
        walk.take(step)
    return known


class _Walk:
    def __init__(self, before: Catalogue | None) -> None:
        self._before = before
        self._triggers: list[tuple[str, str]] = []
        self.empty: set[str] = set()
        self.blank: set[tuple[str, str]] = set()

    def take(self, step: Step) -> None:
        """Go on behind a statement."""
        if step.is_making("table"):
            self._make(step)
        elif step.is_making("trigger"):
            self._triggers.append((fold(step.effect.table or ""), step.text))
        elif step.kind in ("insert", "replace", "update", "delete"):
            self._write(step)
        elif step.kind.startswith("alter_"):
            self._alter(step)
        elif step.kind == "drop" and step.effect.object_type == "table":
            self._forget(step.name)

    def _make(self, step: Step) -> None:
        may_exist = step.find("IF", "NOT", "EXISTS") is not None and (
            self._before is None or self._before.has(step.name)
        )
        self._forget(step.name)
        if not step.selects and not may_exist:
            self.empty.add(step.name)

    def _write(self, step: Step) -> None:
        write = step.write if step.kind in ("update", "delete") else None
        if write is not None and write.verb == "delete" and not write.some:
            self._forget(step.name)
            self.empty.add(step.name)
        elif write is not None and write.verb == "delete":
            pass
        elif write is not None and write.values:
            for column, value in write.values:
                if [token.word for token in value] != ["NULL"]:
                    self.blank.discard((step.name, column))
        else:
            self._forget(step.name)
        for name in self._fired(step.name):
            self._forget(name)

    def _fired(self, table: str) -> Iterator[str]:
        """The names in the triggers that a write to ``table`` may fire."""
        for owner, text in self._triggers:
            if owner == table:
                yield from identifiers(text)
        for trigger in self._before.created(table, "trigger") if self._before is not None else ():
            yield from trigger.words

    def _alter(self, step: Step) -> None:
        if step.kind == "alter_rename":
            self._rename(step.name, step.new_name)
        elif step.kind == "alter_add_column":
            column = added_column(step)
            if column is None:
                return
            generated = column.has("AS") or column.has("GENERATED")
            if not generated and [token.word for token in column.default[:1]] in ([], ["NULL"]):
                self.blank.add((step.name, column.name))
        elif step.kind == "alter_rename_column":
            old, new = (step.name, step.column), (step.name, step.new_name)
            if old in self.blank:
                self.blank = (self.blank - {old}) | {new}

    def _rename(self, old: str, new: str) -> None:
        if old in self.empty:
            self.empty = (self.empty - {old}) | {new}
        self.blank = {(new if table == old else table, column) for table, column in self.blank}

    def _forget(self, table: str) -> None:
        self.empty.discard(table)
        self.blank = {pair for pair in self.blank if pair[0] != table} if self.blank else self.blank
