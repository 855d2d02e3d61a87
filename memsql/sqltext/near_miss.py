"""Whether a word before a colon is a directive that somebody misspelt, or prose."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPACED = re.compile(r"--[ \t]*([A-Za-z]+(?:[ _-][A-Za-z]+)*)[ \t]*:(?!//)[ \t]*(.*)").match
# In longer words two wrong letters still leave no doubt which word is meant.
_LONG = 8
_ENDINGS = (
    "", "s", "es", "d", "ed", "ing", "al", "ally", "er", "able", "ance", "ances", "ence", "ences", "ency", "encies",
    "ent", "ant", "ation", "_on",
)  # fmt: skip
_SHORTEST_STEM = 4
_PERMITS = ("data-loss", "broken")
_SWITCHES = frozenset({"on", "off", "true", "false"})


def near_miss(comment: str, directives: Iterable[str]) -> tuple[str, str] | None:
    """The word before the colon in the line ``comment`` (``-- word: value``), and the directive that it misspells.

    None where the line is prose. A near miss is a name with one letter too many, too few, wrong, or in the wrong place
    (two of them where the directive has eight letters or more), with another ending (``depend``, ``dependencies``,
    ``depends_on``), or with a hyphen or capitals in a name of two words.
    """
    match = _SPACED(comment)
    if match is None:
        return None
    word, value = match[1], match[2].strip().lower()
    folded = word.lower().replace("-", "_")
    if " " in folded:
        # "foreign keys: off" is meant to switch something, "foreign keys: see below" is prose.
        folded = folded.replace(" ", "_")
        return next(((word, name) for name in directives if name == folded and value in _SWITCHES), None)
    # Nobody writes prose as "Foreign_keys:", but many begin a sentence with "Depends:".
    if word != word.lower() and "_" not in folded:
        return None
    for name in sorted(directives):
        if (
            folded == name
            or _another_ending(folded, name)
            or _distance(folded, name) <= (2 if len(name) >= _LONG else 1)
        ):
            return word, name
    return None


def permit_meant(rule: str) -> str | None:
    """The permit that ``rule``, the word behind ``-- allow:``, misspells: ``data-loss`` or ``broken``. None where it is
    one of them, or another word."""
    folded = rule.lower().replace("_", "-")
    return next((p for p in _PERMITS if rule != p and _distance(folded, p) <= (2 if len(p) >= _LONG else 1)), None)


def _another_ending(word: str, name: str) -> bool:
    """Whether both are one stem with two endings."""
    return not _stems(word).isdisjoint(_stems(name))


def _stems(word: str) -> set[str]:
    stems = {word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)}
    return {stem for stem in stems if len(stem) >= _SHORTEST_STEM}


def _distance(one: str, two: str) -> int:
    """How many letters must be added, removed, replaced or exchanged with their neighbour to make ``two`` of ``one``
    (the optimal string alignment distance)."""
    before: list[int] = []
    last = list(range(len(two) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, other in enumerate(two, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == two[j - 2] and one[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
