"""Recognising a legacy database by its schema. Pure functions: schemas in, a ranking out.

A shape is the schema that the SQL file of an era makes, alone and after each of the upgrades that the era needs. A
database fits a shape when it has everything that the shape has. Of several such shapes the one that leaves the fewest
differences comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memsql.schema.compare import Definitions, Element, columns_of, compare


@dataclass(frozen=True, slots=True)
class Era:
    """What the header of an era's file says.

    ``phases`` are the upgrades that the era needs, in order. ``counts_as`` are the versions that count as applied after
    them. ``optional`` names objects and columns, in lower case, that may be missing or extra. ``applied_at`` is a query
    for the date in the legacy ledger, or None. ``is_prefix`` is True for a prefix of the migrations, which is no era.
    """

    name: str
    description: str
    phases: tuple[str, ...]
    counts_as: tuple[int, ...]
    optional: frozenset[str]
    applied_at: str | None = None
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The schema of an era after the upgrades ``done``, as definitions."""

    era: Era
    done: tuple[str, ...]
    definitions: Definitions

    @property
    def title(self) -> str:
        """The era and its upgrades as people read them."""
        return self.era.name + (f" after {', '.join(self.done)}" if self.done else "")

    @property
    def pending(self) -> tuple[str, ...]:
        """The upgrades that the era still needs."""
        return self.era.phases[len(self.done) :]

    @property
    def requires_something(self) -> bool:
        """Whether a database can lack anything that the shape has."""
        return any(not _is_optional(*item, self.era.optional) for item in self.definitions.items())


@dataclass(frozen=True, slots=True)
class Unknown:
    """The first migration that does not run on an empty database, so that nobody knows what it and those after it make.
    ``problem`` says in a sentence what is wrong with it."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True)
class KnownShapes:
    """The ``shapes`` that a database of the project may have had. ``unknown``: where they end too early, and why."""

    shapes: tuple[Shape, ...]
    unknown: Unknown | None = None

    @property
    def last(self) -> Shape | None:
        """The prefix with the most migrations; None where none is known."""
        prefixes = [shape for shape in self.shapes if shape.era.is_prefix]
        return max(prefixes, key=lambda shape: len(shape.era.counts_as), default=None)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a database fits ``shape``. Of the elements that the era calls optional only those that are missing are
    kept."""

    shape: Shape
    missing: tuple[str, ...]
    different: tuple[str, ...]
    extra: tuple[str, ...]
    optional_missing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the database has everything that the shape has.

        A shape that requires nothing fits no database, because it would fit every one.
        """
        return not self.missing and not self.different and self.shape.requires_something

    @property
    def distance(self) -> tuple[int, int, int]:
        """A key to sort by: the smaller, the better the database fits."""
        return len(self.missing) + len(self.different), len(self.extra), len(self.optional_missing)


def fit_of(database: Definitions, shape: Shape) -> Fit:
    """Compare the definitions of a database with one shape."""
    comparison = compare(shape.definitions, database)
    missing = [(e, _is_optional(e, shape.definitions[e], shape.era.optional)) for e in comparison.missing]
    return Fit(
        shape,
        tuple(str(e) for e, optional in missing if not optional),
        tuple(str(d.element) for d in comparison.different),
        tuple(str(e) for e in comparison.extra if not _is_optional(e, database[e], shape.era.optional)),
        tuple(str(e) for e, optional in missing if optional),
    )


def ranked(database: Definitions, shapes: Iterable[Shape]) -> list[Fit]:
    """The fit of a database with each of ``shapes`` that requires something, the best first.

    Of fits that are equally good, the one that needs the fewest upgrades comes first, and an era before a prefix of the
    migrations, because an era knows the date.
    """
    fits = [fit_of(database, shape) for shape in shapes if shape.requires_something]
    return sorted(fits, key=lambda f: (*f.distance, len(f.shape.pending), len(f.shape.done), f.shape.era.is_prefix))


def best(fits: Sequence[Fit]) -> Fit | None:
    """The first fit that holds; None where the database contains no known shape."""
    return next((f for f in fits if f.holds), None)


def rivals(fits: Sequence[Fit]) -> tuple[Fit, ...]:
    """The fits that are as good as the best one and count as other versions, one for each set of versions; the best one
    is among them. Empty where nothing contradicts the best one.

    Example: the second migration only inserts rows, so the schema after it is the one before it.
    """
    first = best(fits)
    if first is None:
        return ()
    alike: dict[tuple[int, ...], Fit] = {}
    for fit in fits:
        if fit.holds and fit.distance == first.distance:
            alike.setdefault(fit.shape.era.counts_as, fit)
    return tuple(sorted(alike.values(), key=lambda f: f.shape.era.counts_as)) if len(alike) > 1 else ()


def _is_optional(element: Element, definition: object, optional: frozenset[str]) -> bool:
    """Whether an element, its table, or a column that it is about is called optional."""
    columns = {f"{element.table}.{column}" for column in columns_of(definition)}
    return not optional.isdisjoint({element.name, element.table, *columns})
