"""Decides which migrations get other numbers, and which numbers: after two branches took the same. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.errors import UsageError
from memsql.project.versions import free_versions, renamed, stems, version_of
from memsql.words import whole_number


@dataclass(frozen=True, slots=True)
class Sides:
    """The migrations of a folder by their ids. ``there`` are all that lie in it, ``new`` those of them that the branch
    added, ``taken`` those of the base, whether they lie in the folder yet or not. ``base`` is the name of the base,
    "" where there is none to compare with."""

    there: tuple[str, ...]
    new: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A migration that gets another number. ``why`` is a part of a sentence behind its id."""

    former: str
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say: ``least``, the lowest version that one that moves may get, and whether migrations may be
    ``late``, so that only those move whose version is taken."""

    least: int = 0
    late: bool = False


def late_moves(sides: Sides, rules: Rules = Rules()) -> list[Move]:
    """What the branch has to move, because the base took its numbers or, unless ``rules`` allow that, went on behind
    them.

    Raises UsageError where two migrations of the base have one version.
    """
    twins = doubles(sides.taken)
    if twins:
        raise UsageError(
            f"{' and '.join(twins)} have one version, and both are on {sides.base}",
            state="nothing was changed",
            hint="say which one is to move: " + " or ".join(_command(name) for name in twins),
        )
    new, taken = sides.new, sides.taken
    if rules.late:
        alike = doubles({*new, *taken})
        new, taken = tuple(n for n in new if n in alike), (*taken, *(n for n in new if n not in alike))
    versions, conflicts = free_versions(new, taken, rules.least)
    reasons = {}
    for conflict in conflicts:
        have = f"{sides.base} has" if conflict.taken_by in sides.taken else "there is"
        reasons[conflict.name] = f"{have} {conflict.taken_by}{', which is later' if conflict.late else ''}"
    first = next(iter(versions), "")
    return [
        Move(name, renamed(name, version), reasons.get(name, f"it comes after {first}"))
        for name, version in versions.items()
    ]


def named_moves(
    sides: Sides, words: str, to: int | None, depends: Mapping[str, Collection[str]], least: int = 0
) -> list[Move]:
    """What a person names: a version, two with ``..`` between them, or an id. It goes behind all others, or to the
    version ``to``, at least ``least``, and what depends on it goes with it; ``depends`` are the ids that each
    migration needs.

    Raises UsageError where nothing is named so, where it is not clear which is meant, and where a number is taken.
    """
    chosen = _chosen(sides, words)
    while more := [name for name in sides.there if name not in chosen and not chosen.isdisjoint(depends[name])]:
        chosen.update(more)
    rest = [name for name in sides.there if name not in chosen]
    last = max((version_of(name) or 0 for name in {*rest, *sides.taken} - chosen), default=0)
    start = max(last + 1, least) if to is None else to
    ordered = stems(f"{name}.sql" for name in chosen)
    moves = [Move(name, renamed(name, start + place), "it was named") for place, name in enumerate(ordered)]
    moves = [move for move in moves if move.id != move.former]
    if not moves:
        raise UsageError(f"{', '.join(ordered)}: nothing comes behind it", state="nothing was changed")
    taken = {version_of(name): name for name in {*rest, *sides.taken} - chosen}
    for move in moves:
        other = taken.get(version_of(move.id))
        if other is not None:
            raise UsageError(
                f"{move.former} cannot become {move.id}: {other} has that version",
                state="nothing was changed",
                hint="name a free one with --to, or leave --to away",
            )
    return moves


def doubles(names: Collection[str]) -> list[str]:
    """Those of ``names`` whose version another one has."""
    versions = [version_of(name) for name in names]
    return sorted(name for name in names if versions.count(version_of(name)) > 1)


def _chosen(sides: Sides, words: str) -> set[str]:
    if words in sides.there:
        return {words}
    first, dots, last = words.partition("..")
    low, high = whole_number(first), whole_number(last if dots else first)
    if low is None or high is None or low > high:
        raise UsageError(
            f"{words!r} is neither a version, nor two as in 7..9, nor a migration",
            state="nothing was changed",
            hint=f"see the files, then for example: {_command('7')}",
        )
    by_version: dict[int, list[str]] = {}
    for name in sides.there:
        by_version.setdefault(version_of(name) or 0, []).append(name)
    chosen = {_one(sides, by_version[v]) for v in sorted(by_version) if low <= v <= high}
    if not chosen:
        raise UsageError(f"there is no migration {words}", state="nothing was changed")
    return chosen


def _one(sides: Sides, names: Sequence[str]) -> str:
    candidates = [name for name in names if name in sides.new] if sides.base else list(names)
    if len(candidates) == 1:
        return candidates[0]
    if sides.base and not candidates:
        message = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} on {sides.base}, which others may have"
    else:
        message = f"{' and '.join(candidates)} have one version"
    raise UsageError(
        message,
        state="nothing was changed",
        hint="say which one is to move: " + " or ".join(map(_command, candidates or names)),
    )


def _command(name: str) -> str:
    return hints.command(f"migrate.renumber {name}")
