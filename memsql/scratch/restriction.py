"""How many rows to make up, and what they have to satisfy beside the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from memsql.db import Value
from memsql.schema import ForeignKey, Table
from memsql.sqltext import fold


@dataclass(frozen=True, slots=True)
class Wanted:
    """What conditions ask of the rows of one table. ``presets`` has, for each statement, the values that its conditions
    name, by column; ``pool`` values that other rows may have; ``alike`` the columns that a column is compared with, as
    table and column; ``json`` the columns that are read as JSON. All names in lower case."""

    presets: tuple[Mapping[str, tuple[Value, ...]], ...] = ()
    pool: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    alike: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    json: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the rows of a table have to satisfy beside its own definition: further ``foreign_keys``, ``required``
    columns, which may not be NULL, ``literals`` to try, and ``types`` that the values have to fit as well. ``echoes``
    are columns that need values in common with another column, each with its table and name. ``successors`` are the
    tables and columns that have to take the values of a column as well. Beside that some rows have values that
    conditions name: see Wanted. Names are in lower case."""

    foreign_keys: tuple[ForeignKey, ...] = ()
    required: frozenset[str] = frozenset()
    literals: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    echoes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)
    successors: Mapping[str, tuple[Table, str]] = field(default_factory=dict)


NO_RESTRICTION = Restriction()


@dataclass(frozen=True, slots=True)
class Amount:
    """How many rows to make up: ``rows`` in each table, but ``fewer`` in those that only others refer to, which are the
    tables that ``chosen`` does not name (in lower case; None for all). ``odd``: with values that a column takes and
    nobody expects there."""

    rows: int
    _: KW_ONLY
    chosen: frozenset[str] | None = None
    fewer: int = 0
    odd: bool = False

    def of(self, table: str) -> int:
        """The number of rows for ``table``."""
        return self.rows if self.chosen is None or fold(table) in self.chosen else min(self.rows, self.fewer)
