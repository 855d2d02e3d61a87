"""Sentences of a grammar, for whoever makes the choices: hypothesis, or a random number generator."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fuzz.target import Grammar

_reference = re.compile(r"<([a-z_]+)>")
_LONGEST = 4000


def sentence(grammar: Grammar, choose: Callable[[int], int], rule: str = "start", depth: int = 12) -> str:
    """A sentence of ``rule``. ``choose(n)`` is a number from 0 up to and without n.

    Deeper than ``depth`` rules in one another the first alternative of each rule is taken.
    """
    waiting: list[tuple[str, int, bool]] = [(rule, depth, True)]
    parts: list[str] = []
    size = 0
    while waiting:
        text, left, is_rule = waiting.pop()
        if not is_rule:
            parts.append(text)
            size += len(text)
            continue
        alternatives = grammar[text]
        chosen = alternatives[choose(len(alternatives)) if left > 0 and size < _LONGEST else 0]
        pieces = _reference.split(chosen)
        waiting += [(piece, left - 1, bool(place % 2)) for place, piece in reversed([*enumerate(pieces)]) if piece]
    return "".join(parts)


def words(grammar: Grammar) -> list[str]:
    """The texts between the references of ``grammar``: the words that mean something to the reader."""
    pieces = {
        piece.strip() or piece
        for alternatives in grammar.values()
        for text in alternatives
        for piece in _reference.split(text)[::2]
    }
    return sorted(pieces - {""})
