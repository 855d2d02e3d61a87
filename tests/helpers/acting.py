"""Whether a text does more on a terminal, in a log of a build or to the eye than stand there."""

from __future__ import annotations

import re
import unicodedata

HOSTILE = (
    "x\n::error::y",
    "x\r::error::y",
    "x\r\n  ::add-mask::y",
    "x\u2028::error::y",
    "x\x85::error::y",
    "x\x1b[2Jy",
    "x\x1b]0;title\x07y",
    "x\x9b31my",
    "x\x00y",
    "x\u202ey",
    "x\u2066y",
    "x\u200by",
    "x\u00ady",
    "x\ufeffy",
    "x\U000e0041y",
    "x\ufe0fy",
    "x\ufe01y",
    "x\udc80y",
    "x\ufffe\uffffy",
    "x ##[error]y",
    "x ##vso[task.complete]y",
    "::error::y",
    "\u3000::error::y",
)
"""Names that act where they are not escaped."""

_SELECTOR = re.compile("[\ufe00-\ufe0e]|(?<!\u26a0)\ufe0f")
_COMMAND = re.compile(r"(?m)^\s*::|##\w*\[")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_CHARACTERS = "\ufffe\uffff"


def acts(shown: str) -> bool:
    """Whether ``shown`` holds a command to the log of a build, or a character that nobody sees."""
    return bool(_COMMAND.search(shown) or _SELECTOR.search(shown)) or any(
        c in _NO_CHARACTERS or (c not in "\n\t" and unicodedata.category(c) in _INVISIBLE) for c in shown
    )


def annotations_act(shown: str) -> bool:
    """Whether annotations of GitHub do more than annotate: each line but the last has to be one command."""
    *commands, headline = shown.removesuffix("\n").split("\n")
    named = [command.partition(" ") for command in commands]
    kinds = {kind for kind, _, _ in named} - {"::error", "::warning", "::notice"}
    return bool(kinds) or any(acts(rest) for _, _, rest in named) or acts(headline)
