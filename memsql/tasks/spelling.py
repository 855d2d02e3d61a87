"""What a person meant who typed a word that memsql does not know: the command that is written most like it, or the one
that took the place of an older tool's."""

from __future__ import annotations

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

_ALIKE = 0.75


def meant(word: str, tasks: Collection[str]) -> tuple[str, ...]:
    """Return the commands that ``word``, no name of a task, may stand for, the likeliest first. ``tasks``: all names.

    Examples: ``migrate:schema:phase1`` is ``legacy.phase1``; ``migrate.stauts`` is ``migrate.status``; ``status`` is
    that or ``fts.status``.
    """
    dotted = word.replace(":", ".").replace("_", "-").lower()
    if dotted in tasks:
        return (dotted,)
    if dotted in FORMER:
        return (FORMER[dotted],)
    ends = [name for name in tasks if name.rpartition(".")[2] == dotted]
    if ends:
        return tuple(sorted(ends, key=lambda name: (not name.startswith("migrate."), name)))
    near = [name for name in get_close_matches(dotted, [*tasks, *FORMER], cutoff=_ALIKE) if _ends_alike(dotted, name)]
    return tuple(FORMER.get(name, name) for name in near[:1])


def _ends_alike(word: str, name: str) -> bool:
    """Whether not only the first parts are alike: ``migrate.nope`` is not ``migrate.up``."""
    return bool(get_close_matches(word.rpartition(".")[2], [name.rpartition(".")[2]]))


def meant_option(word: str, options: Collection[str]) -> tuple[str, ...]:
    """Return the one of ``options`` that is written most like ``word``, which none of them is; () for none."""
    return tuple(get_close_matches(word.replace("_", "-"), options, n=1, cutoff=_ALIKE))


def corrected(words: Sequence[str], unknown: str, command: str) -> list[str]:
    """Return the command line ``words`` with ``command`` in place of ``unknown``; of ``migrate up`` both words go."""
    place = next((n for n, word in enumerate(words) if word == unknown or word.startswith(f"{unknown}=")), None)
    if place is None:
        return command.split()
    before, here = list(words[:place]), words[place]
    if before and f"{before[-1]}.{unknown}" == command:
        before.pop()
    value = here.removeprefix(unknown)
    return [*before, *(command + value).split(" "), *words[place + 1 :]]
