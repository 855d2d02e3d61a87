"""What differs between two schemas."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.schema.model import Column, Schema
from memsql.schema.normalise import normalise
from memsql.sqltext.tokens import Token, join, tokenize, unquoted

Part = tuple[str, str]


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
        return [f"- {x}" for x in self.removed] + [f"~ {x}" for x in self.changed] + [f"+ {x}" for x in self.added]


def diff(before: Schema, after: Schema) -> SchemaDiff:
    """Compare objects by name and normalised text, tables by column and constraint, in whatever order."""
    old = {(o.type, o.name.lower()): o for o in before.objects if o.sql}
    new = {(o.type, o.name.lower()): o for o in after.objects if o.sql}
    added = [f"{o.type} {o.name}" for k, o in new.items() if k not in old]
    removed = [f"{o.type} {o.name}" for k, o in old.items() if k not in new]
    changed = []
    for key in old.keys() & new.keys():
        one, two = old[key].sql, new[key].sql
        if one == two or normalise(one) == normalise(two):
            continue
        if key[0] == "table" and not _is_virtual(one) and not _is_virtual(two):
            changed += _table(before, after, key[1], _parts(normalise(one)), _parts(normalise(two)))
        else:
            changed.append(f"{key[0]} {new[key].name}")
    return SchemaDiff(tuple(sorted(added)), tuple(sorted(removed)), tuple(sorted(changed)))


def _table(before: Schema, after: Schema, name: str, one: list[Part], two: list[Part]) -> list[str]:
    old, new = _by_name(before, name), _by_name(after, name)
    texts, others = _by_column(one, old), _by_column(two, new)
    lines = [f"table {name}: column {c.name} {c.type} added" for k, c in new.items() if k not in old]
    lines += [f"table {name}: column {c.name} {c.type} removed" for k, c in old.items() if k not in new]
    lines += [
        f"table {name}: column {new[k].name} changed"
        for k in old.keys() & new.keys()
        if old[k] != new[k] or texts.get(k) != others.get(k)
    ]
    if texts.get("") != others.get(""):
        lines.append(f"table {name}: constraints or options changed")
    return lines


def _by_column(parts: list[Part], columns: dict[str, Column]) -> dict[str, list[str]]:
    """The parts of a CREATE TABLE by the column they define; everything else, sorted, under ""."""
    found: dict[str, list[str]] = {"": []}
    for first, text in parts:
        found.setdefault(first if first in columns else "", []).append(text)
    found[""].sort()
    return found


def _parts(text: str) -> list[Part]:
    """What stands between the commas of the outermost parentheses, and what stands behind them: each as the name it
    begins with, if it begins with one ("" behind them), and its text."""
    tokens = tokenize(text)
    start = next((i for i, token in enumerate(tokens) if token[1] == "("), len(tokens))
    found: list[Part] = []
    part: list[Token] = []
    depth = 1
    for place, token in enumerate(tokens[start + 1 :], start + 1):
        depth += (token[1] == "(") - (token[1] == ")")
        if (token[1] == "," and depth == 1) or depth == 0:
            found.append((_first(part), join(part)))
            part = []
        else:
            part.append(token)
        if depth == 0:
            return [*found, ("", join(tokens[place + 1 :]))]
    return found


def _first(part: list[Token]) -> str:
    word = part and part[0][0] == "word" and part[0][1] in ("constraint", "primary", "unique", "check", "foreign")
    return "" if not part or word else unquoted(part[0]).lower()


def _is_virtual(sql: str) -> bool:
    return sql[:14].lower() == "create virtual"


def _by_name(schema: Schema, name: str) -> dict[str, Column]:
    table = schema.table(name)
    return {c.name.lower(): c for c in table.columns} if table else {}
