"""Recognising a legacy database by its shape. Pure: schemas in, a verdict out.

A shape is what an era's SQL file builds, alone and after each of the upgrades it needs. A database
matches a shape when it holds everything in it; of several the one that leaves the least unexplained wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.schema import Schema, normalise

Facts = Mapping[tuple[str, str], str]
_KINDS = {
    "table": "table",
    "virtual": "full-text or other virtual table",
    "column": "column",
    "index": "index",
    "trigger": "trigger",
    "view": "view",
    "foreign key": "foreign key",
    "check": "check of",
}


@dataclass(frozen=True, slots=True)
class Era:
    """What the header of an era's file says. ``phases`` are the upgrades it needs, in order;
    ``counts_as`` the versions that count as applied after them; ``optional`` what may be missing or
    extra; ``applied_at`` a query for the date of the legacy ledger, or None. ``is_prefix`` marks what is no era
    but a prefix of the migrations."""

    name: str
    description: str
    phases: tuple[str, ...]
    counts_as: tuple[int, ...]
    optional: frozenset[str]
    applied_at: str | None = None
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """An era after ``done`` of its phases, as facts."""

    era: Era
    done: tuple[str, ...]
    facts: Facts

    @property
    def title(self) -> str:
        return self.era.name + (f" after {', '.join(self.done)}" if self.done else "")

    @property
    def pending(self) -> tuple[str, ...]:
        return self.era.phases[len(self.done) :]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a database fits a shape: what it lacks, what it has differently, what it has besides."""

    shape: Shape
    missing: tuple[str, ...]
    different: tuple[str, ...]
    extra: tuple[str, ...]
    optional_missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.missing and not self.different

    @property
    def distance(self) -> tuple[int, int, int]:
        return len(self.missing) + len(self.different), len(self.extra), len(self.optional_missing)


def facts(schema: Schema) -> dict[tuple[str, str], str]:
    """A schema as comparable facts: (kind, name) to normalised definition. Names in lower case."""
    found: dict[tuple[str, str], str] = {}
    for table in schema.tables.values():
        name = table.name.lower()
        if table.kind == "virtual":
            found["virtual", name] = normalise(table.sql)
            continue
        if table.kind == "view":
            continue
        text = normalise(table.sql)
        found["table", name] = " ".join(re.findall(r"\b(?:without rowid|strict)\b", text.rpartition(")")[2]))
        for key in table.foreign_keys:
            columns, to = ",".join(key.columns).lower(), ",".join(key.parent_columns).lower()
            found["foreign key", f"{name}({columns})"] = (
                f"{key.parent.lower()}({to}) on update {key.on_update.lower()} on delete {key.on_delete.lower()}"
            )
        for check in checks(text):
            found["check", f"{name}: {check}"] = ""
        for column in table.columns:
            found["column", f"{name}.{column.name.lower()}"] = (
                f"{column.type.upper()} notnull={int(column.notnull)} default={column.default} pk={int(column.pk)}"
            )
    for thing in schema.objects:
        if thing.type in ("index", "trigger", "view") and thing.sql:
            found[thing.type, thing.name.lower()] = normalise(thing.sql)
    return found


def checks(text: str) -> list[str]:
    """The CHECK expressions in the normalised text of a CREATE TABLE, in order."""
    found = []
    for start in (m.end() for m in re.finditer(r"\bcheck\(", text)):
        depth, quoted = 1, False
        for position in range(start, len(text)):
            letter = text[position]
            quoted ^= letter == "'"
            if not quoted:
                depth += (letter == "(") - (letter == ")")
            if depth == 0:
                found.append(text[start:position])
                break
    return found


def fit(database: Facts, shape: Shape) -> Fit:
    """Hold ``database`` against one shape."""
    missing: list[str] = []
    different: list[str] = []
    optional_missing: list[str] = []
    for key, definition in shape.facts.items():
        if key not in database:
            (optional_missing if _is_optional(key, shape.era.optional) else missing).append(describe(key))
        elif database[key] != definition:
            different.append(describe(key))
    extra = [describe(key) for key in database if key not in shape.facts and not _is_optional(key, shape.era.optional)]
    return Fit(shape, tuple(missing), tuple(different), tuple(extra), tuple(optional_missing))


def ranked(database: Facts, shapes: Iterable[Shape]) -> list[Fit]:
    """All fits, the best first. Of equals the one that is further along comes first, an era before a prefix:
    it knows the date."""
    fits = [fit(database, shape) for shape in shapes]
    return sorted(fits, key=lambda f: (*f.distance, len(f.shape.pending), len(f.shape.done), f.shape.era.is_prefix))


def best(fits: Sequence[Fit]) -> Fit | None:
    """The first that holds, None where no known shape is contained in the database."""
    return next((f for f in fits if f.holds), None)


def describe(key: tuple[str, str]) -> str:
    """``index idx_users_email``."""
    return f"{_KINDS[key[0]]} {key[1]}"


def _is_optional(key: tuple[str, str], optional: frozenset[str]) -> bool:
    name = key[1]
    return name in optional or (key[0] == "column" and name.partition(".")[0] in optional)
