"""The names of the files in a folder of migrations, as rules look at them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate

from memsql.project.files import FileName, parse_file_name

_DIGITS = re.compile(r"\d+")


class Siblings:
    """The names of the .sql files in a folder of migrations."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._all = frozenset(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def has_migration(self, stem: str) -> bool:
        """Whether there is a migration ``stem``, such as ``0005_add_notes``."""
        return stem in self._stems

    def of_version(self, version: int) -> list[str]:
        """The names of the migrations of this version, in the order of the folder."""
        return self._by_version.get(version, [])

    def most_digits_below(self, version: int) -> int:
        """How many digits the widest version below ``version`` has; 0 where there is none."""
        place = bisect_left(self._versions, version)
        return self._most_digits[place - 1] if place else 0

    def has_below(self, version: int) -> bool:
        """Whether a file that is no rollback begins with a smaller number."""
        return self._lowest is not None and self._lowest < version

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(name.removesuffix(".sql") for name in self.names if not name.endswith(".rollback.sql"))

    @cached_property
    def _lowest(self) -> int | None:
        return min((int(match[0]) for stem in self._stems if (match := _DIGITS.match(stem))), default=None)

    @cached_property
    def _migrations(self) -> list[tuple[str, FileName]]:
        parsed = ((name, parse_file_name(name)) for name in self.names)
        return [(name, file_name) for name, file_name in parsed if file_name and not file_name.is_rollback]

    @cached_property
    def _by_version(self) -> dict[int, list[str]]:
        names: dict[int, list[str]] = defaultdict(list)
        for name, file_name in self._migrations:
            names[file_name.version].append(name)
        return names

    @cached_property
    def _versions(self) -> list[int]:
        return sorted(file_name.version for _, file_name in self._migrations)

    @cached_property
    def _most_digits(self) -> list[int]:
        """For each of ``_versions``, how many digits the widest one up to it has."""
        ordered = sorted((file_name.version, len(file_name.digits)) for _, file_name in self._migrations)
        return list(accumulate((digits for _, digits in ordered), max))
