"""Put the steps of printed scripts in the order in which they follow one another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A migration in a script: its ``key``, the file ``path`` that has it, and ``after``, what the script says it
    follows: "" at the base, keys with commas where it joins branches, None where the script does not say."""

    key: str
    path: str
    after: str | None


def in_line(steps: Sequence[Step]) -> tuple[list[str], list[tuple[str, str]]]:
    """The keys of ``steps``, each behind the one that it follows, and what keeps them from being one line: the file,
    and the end of a sentence about it.

    Beside branches the newest one alone does not say which others ran.
    """
    if any(step.after is None for step in steps):
        return [step.key for step in steps], []
    following: dict[str, Step] = {}
    for step in steps:
        following.setdefault(step.after or "", step)
    problems = list(_branches(steps, following))
    line: dict[str, None] = {}
    at = following.get("")
    while at is not None and at.key not in line:
        line[at.key] = None
        at = following.get(at.key)
    if not problems:
        problems = [(step.path, _apart(step)) for step in steps if step.key not in line][:1]
    return list(line), problems


def _branches(steps: Sequence[Step], following: dict[str, Step]) -> Iterator[tuple[str, str]]:
    for step in steps:
        after = step.after or ""
        first = following[after].key
        if first != step.key:
            place = f"both follow {after}" if after else "both begin at the base"
            yield step.path, f"has branches, {first} and {step.key} {place}: {_ONE_LINE}"
        elif "," in after:
            yield step.path, f"has branches, which {step.key} joins, {after}: {_ONE_LINE}"


def _apart(step: Step) -> str:
    return (
        f"begins with {step.key} after {step.after}, and what leads from the base to {step.after} is missing: {_WHOLE}"
    )


_ONE_LINE = "make one line of them, where each follows one other, and print all of it again"
_WHOLE = "print all of it, from the base on"
