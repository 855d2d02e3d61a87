"""Name the migrations of another tool as memsql does: its own versions where they are whole numbers in order, and
numbers in its order otherwise. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from memsql.exchange.model import ForeignMigration, ForeignSet

_LONGEST = 100
_MOST_DIGITS = 18
_LEAST_WIDTH = 4


def ids_of(foreign: ForeignSet, taken: Mapping[str, str], last: int) -> dict[str, str]:
    """The id of each migration in ``foreign`` by its path.

    ``taken``: the ids of those that were taken over before. ``last``: the highest version in the folder of memsql, 0 in
    an empty one.
    """
    fresh = [m for m in foreign.migrations if m.path not in taken]
    if keeps_versions(foreign.migrations):
        return {**taken, **{m.path: f"{m.version}_{_name(m)}" for m in fresh}}
    width = max(_LEAST_WIDTH, len(str(last + len(fresh))))
    return {**taken, **{m.path: f"{n:0{width}}_{_name(m)}" for n, m in enumerate(fresh, last + 1)}}


def keeps_versions(migrations: Sequence[ForeignMigration]) -> bool:
    """Whether the versions of ``migrations`` are whole numbers that grow in the order of the tool."""
    digits = [m.version for m in migrations]
    if not all(version.isascii() and version.isdecimal() and len(version) <= _MOST_DIGITS for version in digits):
        return False
    numbers = list(map(int, digits))
    return all(one < other for one, other in itertools.pairwise(numbers))


def title_of(migration: ForeignMigration) -> str:
    """What a file says of itself in its first line."""
    words = re.sub(r"[\W_]+", " ", migration.name).strip()
    return words[:1].upper() + words[1:] if words else f"Migration {migration.version}"


def _name(migration: ForeignMigration) -> str:
    return re.sub(r"[^\w-]+", "_", migration.name).strip("_-")[:_LONGEST] or "migration"
