"""Which tables refer to a table at the moment in which a file drops it. Texts alone are read."""

from __future__ import annotations

from memsql.lint.catalogue import Catalogue
from memsql.lint.shape import added_column, references
from memsql.lint.step import Step, Steps
from memsql.schema import ForeignKey
from memsql.sqltext import fold

Children = dict[str, tuple[ForeignKey, ...]]
"""The tables that refer to one, as they are called then, each with its foreign keys to it."""


def children_of_dropped(steps: Steps, before: Catalogue) -> dict[int, Children]:
    """For each DROP TABLE, by its number, the tables that refer to the table; ``before`` is the schema before the file.

    A rename goes into the foreign keys of other tables, as it does while foreign keys are enforced
    (https://sqlite.org/lang_altertable.html#alter_table_rename).
    """
    walk = _Walk(before)
    for step in steps:
        walk.take(step)
    return walk.children


class _Walk:
    def __init__(self, before: Catalogue) -> None:
        shapes = (entry.shape for entry in before.entries() if entry.type == "table")
        self._keys = {fold(shape.name): list(shape.foreign_keys) for shape in shapes if shape is not None}
        self.children: dict[int, Children] = {}

    def take(self, step: Step) -> None:
        """Go on behind a statement."""
        name = step.name
        if step.is_making("table"):
            if step.find("IF", "NOT", "EXISTS") is None or name not in self._keys:
                self._keys[name] = [key for clause in step.definition.clauses for key in references(clause)]
        elif step.kind == "alter_add_column":
            column = added_column(step)
            self._keys.setdefault(name, []).extend(references(column) if column is not None else ())
        elif step.kind == "alter_rename":
            self._rename(name, step.new_name)
        elif step.kind == "drop" and step.effect.object_type == "table":
            others = {child: tuple(k for k in keys if fold(k.parent) == name) for child, keys in self._keys.items()}
            self.children[step.number] = {child: keys for child, keys in others.items() if keys and child != name}
            self._keys.pop(name, None)

    def _rename(self, old: str, new: str) -> None:
        self._keys[new] = self._keys.pop(old, [])
        for keys in self._keys.values():
            for place, key in enumerate(keys):
                if fold(key.parent) == old:
                    keys[place] = ForeignKey(key.columns, new, key.parent_columns, key.on_update, key.on_delete)
