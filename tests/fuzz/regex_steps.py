"""How many steps a backtracking matcher takes for a regular expression: `re` itself cannot tell.

A pattern is read by the parser of `re`, and its program runs in a machine of our own that does what the one of `re`
does: it tries alternatives from left to right, and goes back where none fits. `re` knows short cuts for some patterns,
so its steps are fewer, and never more but for a constant factor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from re import _constants as sre  # type: ignore[attr-defined]  # isort: skip
from re import _parser as parser  # type: ignore[attr-defined]  # isort: skip

Test = Callable[[str], bool]
_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
_GREEDY, _LAZY, _POSSESSIVE = sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT
_REPEATS = (_GREEDY, _LAZY, _POSSESSIVE)


class Op(NamedTuple):
    """An instruction: its name, and what it needs."""

    name: str
    one: Any = None
    two: Any = None
    three: Any = None
    four: Any = None


class State(NamedTuple):
    """Where the machine can go on: instruction, place in the text, counts of repeats, groups as a linked list."""

    at: int
    place: int
    counts: tuple[tuple[int, int], ...]
    groups: tuple[Any, ...] | None


class Program:
    """A pattern as instructions. ``steps`` is how many it took so far, over all runs."""

    def __init__(self, parsed: Any, flags: int) -> None:
        self.ops: list[Op] = []
        self.flags = flags
        self.repeats = 0
        self.steps = 0
        self._add(parsed)
        self.ops.append(Op("match"))

    def _add(self, items: Any) -> None:
        for operator, argument in items:
            self._one(operator, argument)

    def _one(self, operator: Any, argument: Any) -> None:
        if (test := _test(operator, argument, self.flags)) is not None:
            self.ops.append(Op("char", test))
        elif operator is sre.AT:
            self.ops.append(Op("at", argument))
        elif operator is sre.BRANCH:
            self._branch(argument[1])
        elif operator is sre.SUBPATTERN:
            group, on, off, inside = argument
            flags, self.flags = self.flags, (self.flags | on) & ~off
            self.ops.append(Op("open", group))
            self._add(inside)
            self.ops.append(Op("close", group))
            self.flags = flags
        elif operator in _REPEATS:
            self._repeat(operator, *argument)
        elif operator in (sre.ASSERT, sre.ASSERT_NOT):
            direction, inside = argument
            back = inside.getwidth()[0] if direction < 0 else 0
            self.ops.append(Op("look", Program(inside, self.flags), back, operator is sre.ASSERT_NOT))
        elif operator is sre.ATOMIC_GROUP:
            self.ops.append(Op("atomic", Program(argument, self.flags)))
        elif operator is sre.GROUPREF:
            self.ops.append(Op("again", argument))
        else:
            raise NotImplementedError(str(operator))

    def _branch(self, alternatives: Sequence[Any]) -> None:
        ends = []
        for alternative in alternatives[:-1]:
            split = len(self.ops)
            self.ops.append(Op("split"))
            self._add(alternative)
            ends.append(len(self.ops))
            self.ops.append(Op("jump"))
            self.ops[split] = Op("split", split + 1, len(self.ops))
        self._add(alternatives[-1])
        for end in ends:
            self.ops[end] = Op("jump", len(self.ops))

    def _repeat(self, operator: Any, least: int, most: Any, inside: Any) -> None:
        most = None if most is sre.MAXREPEAT else most
        test = _test(inside[0][0], inside[0][1], self.flags) if len(inside) == 1 else None
        if test is not None:
            self.ops.append(Op("many", test, least, most, operator))
        elif operator is _POSSESSIVE:
            repeat = parser.SubPattern(
                inside.state, [(_GREEDY, (least, sre.MAXREPEAT if most is None else most, inside))]
            )
            self.ops.append(Op("atomic", Program(repeat, self.flags)))
        else:
            number = self.repeats
            self.repeats += 1
            self.ops.append(Op("begin", number))
            loop = len(self.ops)
            self.ops.append(Op("loop"))
            self._add(inside)
            self.ops.append(Op("jump", loop))
            self.ops[loop] = Op("loop", number, (least, most), len(self.ops), operator)

    def end(self, text: str, place: int, whole: bool = False) -> int | None:
        """Where the match that begins at ``place`` ends; None without one. ``whole``: it has to reach the end."""
        waiting: list[tuple[State, int | None]] = [(State(0, place, ((0, -1),) * self.repeats, None), None)]
        while waiting:
            state, shortest = waiting.pop()
            if shortest is not None and state.place > shortest:
                waiting.append((state._replace(place=state.place - 1), shortest))
            ended = self._go(text, state, waiting, whole)
            if ended is not None:
                return ended
        return None

    def _go(self, text: str, state: State, waiting: list[tuple[State, int | None]], whole: bool) -> int | None:
        """Go on from ``state`` up to a match, whose end is returned, or to where nothing fits."""
        at, place, counts, groups = state
        while True:
            self.steps += 1
            op = self.ops[at]
            at += 1
            match op.name:
                case "char":
                    if place >= len(text) or not op.one(text[place]):
                        return None
                    place += 1
                case "many":
                    far = self._far(text, place, op)
                    least = place + op.two
                    if far < least:
                        return None
                    if op.four is _GREEDY and far > least:
                        waiting.append((State(at, far - 1, counts, groups), least))
                    elif op.four is _LAZY:
                        waiting += [(State(at, longer, counts, groups), None) for longer in range(far, least, -1)]
                        far = least
                    place = far
                case "split":
                    waiting.append((State(op.two, place, counts, groups), None))
                    at = op.one
                case "jump":
                    at = op.one
                case "begin":
                    counts = _changed(counts, op.one, (0, -1))
                case "loop":
                    at = self._loop(op, at, State(at, place, counts, groups), waiting)
                    count, _ = counts[op.one]
                    counts = _changed(counts, op.one, (count + 1, place))
                case "open" | "close":
                    groups = (op.name, op.one, place, groups)
                case "look":
                    before = place - op.two
                    fits = before >= 0 and self._inside(op.one, text, before) is not None
                    if fits == op.three:
                        return None
                case "atomic":
                    ended = self._inside(op.one, text, place)
                    if ended is None:
                        return None
                    place = ended
                case "again":
                    again = _group(groups, op.one, text)
                    if again is None or not text.startswith(again, place):
                        return None
                    self.steps += len(again)
                    place += len(again)
                case "at":
                    if not _is_at(op.one, text, place, self.flags):
                        return None
                case "match":
                    return place if not whole or place == len(text) else None

    def _far(self, text: str, place: int, op: Op) -> int:
        limit = len(text) if op.three is None else min(len(text), place + op.three)
        far = place
        while far < limit and op.one(text[far]):
            far += 1
        self.steps += far - place
        return far

    def _loop(self, op: Op, inside: int, state: State, waiting: list[tuple[State, int | None]]) -> int:
        """Where a repeat goes on: in its body, or behind it; the other way waits."""
        count, before = state.counts[op.one]
        least, most = op.two
        if count < least:
            return inside
        if (most is not None and count >= most) or before == state.place:
            return int(op.three)
        out = state._replace(at=op.three)
        if op.four is _GREEDY:
            waiting.append((out, None))
            return inside
        counts = _changed(state.counts, op.one, (count + 1, state.place))
        waiting.append((state._replace(at=inside, counts=counts), None))
        return int(op.three)

    def _inside(self, program: Program, text: str, place: int) -> int | None:
        before = program.steps
        ended = program.end(text, place)
        self.steps += program.steps - before
        return ended


def _changed(counts: tuple[tuple[int, int], ...], number: int, value: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return (*counts[:number], value, *counts[number + 1 :])


def _group(groups: tuple[Any, ...] | None, number: int, text: str) -> str | None:
    end = None
    while groups is not None:
        name, group, place, groups = groups
        if group == number and name == "close" and end is None:
            end = place
        elif group == number and name == "open" and end is not None:
            return text[place:end]
    return None


def _is_at(where: Any, text: str, place: int, flags: int) -> bool:
    if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        is_line = where is sre.AT_BEGINNING and bool(flags & re.MULTILINE)
        return place == 0 or (is_line and text[place - 1] == "\n")
    if where is sre.AT_END_STRING:
        return place == len(text)
    if where is sre.AT_END:
        is_line = bool(flags & re.MULTILINE) and text[place : place + 1] == "\n"
        return place == len(text) or text[place:] == "\n" or is_line
    before = place > 0 and _is_word(text[place - 1])
    behind = place < len(text) and _is_word(text[place])
    return (before != behind) == (where is sre.AT_BOUNDARY)


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _test(operator: Any, argument: Any, flags: int) -> Test | None:
    """Whether one character fits, for what in a pattern stands for one character; None for everything else."""
    if operator in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
        return _one_character(operator, _frozen(argument), flags & (re.IGNORECASE | re.DOTALL | re.ASCII))
    return None


def _frozen(argument: Any) -> Any:
    return tuple(argument) if isinstance(argument, list) else argument


@cache
def _one_character(operator: Any, argument: Any, flags: int) -> Test:
    """One character is matched by `re` itself, and remembered."""
    if operator is sre.ANY:
        source = "."
    elif operator is sre.IN:
        source = "[" + "".join(map(_member, argument)) + "]"
    else:
        source = f"[{'^' * (operator is sre.NOT_LITERAL)}{_escaped(argument)}]"
    fits = re.compile(source, flags).fullmatch
    known: dict[str, bool] = {}

    def test(sign: str) -> bool:
        if sign not in known:
            known[sign] = fits(sign) is not None
        return known[sign]

    return test


def _member(item: tuple[Any, Any]) -> str:
    operator, argument = item
    if operator is sre.NEGATE:
        return "^"
    if operator is sre.RANGE:
        return f"{_escaped(argument[0])}-{_escaped(argument[1])}"
    return _CATEGORIES[argument] if operator is sre.CATEGORY else _escaped(argument)


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"


def program_of(pattern: re.Pattern[Any]) -> Program:
    """The program of ``pattern``. Raises NotImplementedError for what no pattern of ours has."""
    parsed = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    return Program(parsed, pattern.flags)
