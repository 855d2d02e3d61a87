"""What the statements of a random migration mean, which only their author can know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Named:
    """A statement on rows of ``table``: ``verb`` is update, delete, replace or insert.

    ``columns``: what it sets by name. ``where``: the rows that it matches; of a REPLACE, those that it writes.
    ``shift``: what it adds to their ids.
    """

    verb: str
    table: str
    columns: frozenset[str] = frozenset()
    where: str = "true"
    shift: int = 0


@dataclass(frozen=True)
class Fate:
    """What becomes of a column: its ``name`` afterwards (None: it goes), and how its values get there: ``bare`` (also
    by CAST), ``word`` (an expression over it, the author's word) or ``none`` (nothing that reads it)."""

    name: str | None
    how: str


@dataclass(frozen=True)
class Copied:
    """The rows of ``table`` are copied, and it is made again as ``target``.

    ``columns``: the fate of each that is not of the key. ``key``: ``same``, ``none`` (it has none), ``new`` (not
    copied) or ``shift``. ``shift``: what is added to the ids.
    """

    table: str
    target: str
    columns: Mapping[str, Fate]
    key: str = "same"
    shift: int = 0


@dataclass(frozen=True)
class Remade:
    """Columns of ``table`` are dropped, renamed or made anew in place; the rows stay. ``columns``: those concerned."""

    table: str
    columns: Mapping[str, Fate]


@dataclass(frozen=True)
class Step:
    """Statements that mean one thing. ``tags``: which kinds of work they are."""

    statements: tuple[str, ...]
    intent: Named | Copied | Remade | None
    tags: frozenset[str]


@dataclass(frozen=True)
class Migration:
    steps: tuple[Step, ...]
    keys_off: bool

    def text(self, permits: tuple[str, ...] = ()) -> str:
        off = ["-- foreign_keys: off"] if self.keys_off else []
        return "\n".join(["-- A change", *off, *permits, "", *(s for step in self.steps for s in step.statements), ""])


@dataclass(frozen=True)
class Case:
    base: str
    migrations: tuple[Migration, ...]
    tags: frozenset[str] = field(default=frozenset())
