"""Whether a text does more on a terminal, in a log of a build or to the eye than stand there."""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(r"(?m)^\s*::|##\w*\[")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def acts(shown: str) -> bool:
    """Whether ``shown`` holds a command to the log of a build, or a character that nobody sees."""
    return bool(_COMMAND.search(shown)) or any(c not in "\n\t" and unicodedata.category(c) in _INVISIBLE for c in shown)


def annotations_act(shown: str) -> bool:
    """Whether annotations of GitHub do more than annotate: each line but the last has to be one command."""
    *commands, headline = shown.removesuffix("\n").split("\n")
    named = [command.partition(" ") for command in commands]
    kinds = {kind for kind, _, _ in named} - {"::error", "::warning", "::notice"}
    return bool(kinds) or any(acts(rest) for _, _, rest in named) or acts(headline)
