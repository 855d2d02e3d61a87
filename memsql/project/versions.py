"""The versions of migrations by the names of their files, and free ones. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.project.files import parse_file_name


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """A migration that needs another version, because the migration ``taken_by`` has the same one, or, where ``late``,
    a later one. ``free`` is the version that it can have."""

    name: str
    free: int
    taken_by: str
    late: bool


def timestamp(moment: datetime) -> int:
    """The version of a migration that is written at ``moment``, in UTC: 20261201093000 for half past nine."""
    return int(f"{moment.astimezone(UTC):%Y%m%d%H%M%S}")


def version_of(name: str) -> int | None:
    """The version in the name of a migration's file, or of a migration; None where it has none, or is not UTF-8."""
    parsed = parse_file_name(name if name.endswith(".sql") else f"{name}.sql")
    return parsed.version if parsed and parsed.fits and not _is_broken(name) else None


def _is_broken(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)


def stems(names: Iterable[str]) -> list[str]:
    """The migrations among the files of a folder, by version and name."""
    ups = [
        n.removesuffix(".sql")
        for n in names
        if n.endswith(".sql") and not n.endswith(".rollback.sql") and version_of(n) is not None
    ]
    return sorted(ups, key=lambda s: (version_of(s) or 0, s))


def free_versions(
    new: Sequence[str], taken: Sequence[str], least: int = 0
) -> tuple[dict[str, int], list[VersionConflict]]:
    """Versions for the migrations ``new``, so that they come after ``taken``, the migrations of the base, and keep
    their order. One that moves gets at least the version ``least``.

    Returns the new version of each migration that needs one, by name, and the conflicts: a version is taken, or is
    below the last one of the base. A migration without a conflict moves only to stay after one that moves.
    Example: where the base has 0002_x, then 0002_b and 0003_c become versions 3 and 4, and only 0002_b is a conflict.
    """
    by_version: dict[int, str] = {}
    for stem in taken:
        by_version[version_of(stem) or 0] = stem
    last = max(by_version, default=None)
    following = 0 if last is None else last + 1
    moved: dict[str, int] = {}
    conflicts = []
    for stem in sorted(new, key=lambda s: (version_of(s) or 0, s)):
        version = version_of(stem) or 0
        target = max(version, following)
        if target != version:
            target = moved[stem] = max(target, least)
        if version in by_version:
            conflicts.append(VersionConflict(stem, target, by_version[version], False))
        elif last is not None and version < last:
            conflicts.append(VersionConflict(stem, target, by_version[last], True))
        by_version.setdefault(version, stem)
        following = target + 1
    return moved, conflicts


def renamed(stem: str, version: int) -> str:
    """The name ``stem`` with another version, as wide as it was."""
    digits, _, rest = stem.partition("_")
    return f"{version:0{len(digits)}d}_{rest}"
