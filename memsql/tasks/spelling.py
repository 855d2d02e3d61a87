"""What a person meant who typed a word that memsql does not know: the command that is written most like it, or the one
that took the place of an older or another tool's."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

FORMER = {
    "migrate.verify": "verify",
    "migrate.rollback": "migrate.down",
    "rollback": "migrate.down",
    "migrate.schema": "legacy.adopt",
    "migrate.schema.phase1": "legacy.phase1",
    "migrate.schema.phase2": "legacy.phase2",
    "migrate.schema.dry-run": "legacy.adopt --dry-run",
    "migrate.schema.stats": "schema.stats",
    "migrate.schema.rollback": "legacy.rollback",
    "verify.schema": "verify --only schema",
    "verify.schema.info": "schema.info",
    "analyze.performance": "monitor.metrics",
    "test.performance": "monitor.metrics",
    "test.integration": "smoke",
}
"""What older tools call it, with dots for colons, and the command that does it here."""

_ELSEWHERE = {
    "migrate.up": ("apply", "deploy", "upgrade", "latest", "run"),
    "migrate.down": ("undo", "revert", "downgrade"),
    "migrate.create": ("new", "generate", "make", "add", "revision"),
    "migrate.status": ("current", "pending", "state"),
    "migrate.history": ("log", "events"),
    "verify": ("validate",),
    "--version": ("version",),
    "--help": ("help",),
    "--list": ("tasks", "commands"),
}
_HERE = {word: command for command, words in _ELSEWHERE.items() for word in words}
_ALIKE = 0.75
_FEW = 3


def meant(word: str, tasks: Collection[str], *, before: str = "", after: str = "") -> tuple[str, ...]:
    """Return the commands that ``word``, no name of a task, may stand for, the likeliest first. ``tasks``: all names.

    ``before`` and ``after``: the words beside it, which may be the other half of a name.

    Examples: ``migrate:schema:phase1`` is ``legacy.phase1``; ``migrate.stauts`` is ``migrate.status``; ``status`` is
    that or ``fts.status``, and behind ``fts`` it is ``fts.status``; ``fts`` is every task of that group.
    """
    dotted = word.replace(":", ".").replace("_", "-").lower()
    pair = _in_group(before, dotted, tasks) or _in_group(dotted, after, tasks)
    if pair:
        return (pair,)
    if dotted in tasks:
        return (dotted,)
    if dotted in FORMER:
        return (FORMER[dotted],)
    here = _HERE.get(dotted.removeprefix("migrate."))
    if here and (here in tasks or here.startswith("-")):
        return (here,)
    letters = _letters(word)
    same = [name for name in tasks if _letters(name) == letters]
    if same:
        return tuple(sorted(same))
    members = [name for name in tasks if name.startswith(f"{dotted}.")]
    ends = [name for name in tasks if name.rpartition(".")[2] == dotted]
    if members or ends:
        return tuple(sorted(members or ends, key=lambda name: (not name.startswith("migrate."), name)))
    near = [name for name in get_close_matches(dotted, [*tasks, *FORMER], cutoff=_ALIKE) if _ends_alike(dotted, name)]
    return tuple(FORMER.get(name, name) for name in near[:1])


def _in_group(group: str, end: str, tasks: Collection[str]) -> str | None:
    """Return the task of ``group`` whose name ends like ``end``; None where there is none."""
    names = {name.removeprefix(f"{group}."): name for name in tasks if name.startswith(f"{group}.")}
    word = end.replace("_", "-").lower()
    near = [word] if word in names else get_close_matches(word, names, n=1, cutoff=_ALIKE)
    return names[near[0]] if near else None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _ends_alike(word: str, name: str) -> bool:
    """Whether not only the first parts are alike: ``migrate.nope`` is not ``migrate.up``."""
    return bool(get_close_matches(word.rpartition(".")[2], [name.rpartition(".")[2]]))


def meant_option(word: str, options: Collection[str]) -> tuple[str, ...]:
    """Return the one of ``options`` that is written most like ``word``, which none of them is; () for none. A letter
    alone, as ``-y``, means the few options that begin with it."""
    if re.fullmatch(r"-[a-zA-Z]", word):
        first = sorted(option for option in options if option.startswith(f"--{word[1].lower()}"))
        return tuple(first) if len(first) <= _FEW else ()
    return tuple(get_close_matches(word.replace("_", "-"), options, n=1, cutoff=_ALIKE))


def corrected(words: Sequence[str], unknown: str, command: str) -> list[str]:
    """Return the command line ``words`` with ``command`` in place of ``unknown``; of ``migrate up`` both words go."""
    place = next((n for n, word in enumerate(words) if word == unknown or word.startswith(f"{unknown}=")), None)
    if place is None:
        return command.split()
    before, here, after = list(words[:place]), words[place], list(words[place + 1 :])
    if before and command.startswith(f"{before[-1]}."):
        before.pop()
    elif after and command.startswith(f"{here}."):
        after.pop(0)
    value = here.removeprefix(unknown)
    return [*before, *(command + value).split(" "), *after]
