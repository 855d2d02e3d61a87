"""What differs between two schemas."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.schema.model import Column, Schema
from memsql.schema.normalise import normalise


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Differences as lines: ``+`` added, ``-`` removed, ``~`` changed. False when there is none."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def lines(self) -> list[str]:
        """All of them, for people."""
        return ([f"- {x}" for x in self.removed] + [f"~ {x}" for x in self.changed] + [f"+ {x}" for x in self.added])


def diff(before: Schema, after: Schema) -> SchemaDiff:
    """Compare objects by name and normalised text, tables also by column."""
    old = {(o.type, o.name.lower()): o for o in before.objects if o.sql}
    new = {(o.type, o.name.lower()): o for o in after.objects if o.sql}
    added = [f"{o.type} {o.name}" for k, o in new.items() if k not in old]
    removed = [f"{o.type} {o.name}" for k, o in old.items() if k not in new]
    changed = []
    for key in old.keys() & new.keys():
        if normalise(old[key].sql) == normalise(new[key].sql):
            continue
        columns = _columns(before, after, key[1]) if key[0] == "table" else []
        changed += columns or [f"{key[0]} {new[key].name}"]
    return SchemaDiff(tuple(sorted(added)), tuple(sorted(removed)), tuple(sorted(changed)))


def _columns(before: Schema, after: Schema, name: str) -> list[str]:
    old, new = _by_name(before, name), _by_name(after, name)
    lines = [f"table {name}: column {c.name} {c.type} added" for k, c in new.items() if k not in old]
    lines += [f"table {name}: column {c.name} {c.type} removed" for k, c in old.items() if k not in new]
    lines += [f"table {name}: column {new[k].name} changed" for k in old.keys() & new.keys() if old[k] != new[k]]
    return lines


def _by_name(schema: Schema, name: str) -> dict[str, Column]:
    table = next((t for t in schema.tables.values() if t.name.lower() == name), None)
    return {c.name.lower(): c for c in table.columns} if table else {}
