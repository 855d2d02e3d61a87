"""Which b-tree a line of EXPLAIN QUERY PLAN is about, by the bytecode that EXPLAIN shows (https://sqlite.org/opcode.html).

The id of a line is the address of its instruction Explain. EXPLAIN leaves most of these instructions out, and nothing
else differs, so that the loop of a line begins at its id less the number of lines before it. The first instruction
there that moves a cursor is that of the loop; where that cursor was opened stands its root page.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNKNOWN = -1
"""In place of a root page: the bytecode does not tell."""

_SEEK = frozenset({"SeekGE", "SeekGT", "SeekLE", "SeekLT", "SeekRowid", "NotExists"})
_STEP = frozenset({"Next", "Prev"})
_WALK = frozenset({"Rewind", "Last"})
_OPEN_TABLE = frozenset({"OpenRead", "OpenWrite", "ReopenIdx"})
_OPEN_OTHER = frozenset({"OpenEphemeral", "OpenPseudo", "OpenDup", "SorterOpen", "OpenAutoindex", "VOpen"})
_TRIGGER = "-- TRIGGER "
_BOUNDS = frozenset({"Ge", "Gt", "Le", "Lt", "IdxGE", "IdxGT", "IdxLE", "IdxLT"})
_END = frozenset({"Next", "Prev", "ResultRow", "Halt", "Return", "EndCoroutine", "Goto", "SorterSort", "Sort"})
_LOOP = re.compile(r"(?:SCAN|SEARCH) ")
_BLOOM = re.compile(r"BLOOM FILTER ON ")
# Of a min() or max(), which SQLite calls a search whether or not it ends at the first row.
_UNBOUNDED = re.compile(r"SEARCH [^(]*", re.DOTALL)
_ALTERNATIVE = re.compile(r"INDEX \d+")
_IN = re.compile(r"USING .* FOR IN-OPERATOR", re.DOTALL)
# Before an equality is sought, the loop may walk through the values of an IN.
_EQUALITY = re.compile(r"SEARCH .* \(.*=\?.*\).*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of the bytecode with its first three operands, the fourth as text, and the fifth."""

    opcode: str
    p1: int
    p2: int
    p3: int
    p4: str = ""
    p5: int = 0


def instructions(rows: Sequence[Sequence[object]]) -> list[Instruction]:
    """The instructions in ``rows``, the answer to EXPLAIN: address, opcode, p1, p2, p3, p4, p5 and more."""
    return [
        Instruction(
            str(row[1]), int(str(row[2])), int(str(row[3])), int(str(row[4])), str(row[5] or ""), int(str(row[6] or 0))
        )
        for row in rows
    ]


def programs(code: Sequence[Instruction]) -> list[Sequence[Instruction]]:
    """The statement itself, and behind it the programs of the triggers and foreign-key actions that it fires. Addresses
    in each of them begin with 0."""
    starts = [place for place, instruction in enumerate(code) if instruction.opcode == "Init"] or [0]
    return [code[start:end] for start, end in zip(starts, [*starts[1:], len(code)], strict=True)]


def trigger_of(program: Sequence[Instruction]) -> str:
    """The name of the trigger that ``program`` belongs to; empty for a statement or a foreign-key action."""
    return program[0].p4.removeprefix(_TRIGGER) if program and program[0].p4.startswith(_TRIGGER) else ""


@dataclass(frozen=True, slots=True)
class Roots:
    """What lines of a plan read, by their ids: ``pages`` are root pages, None for rows of a subquery; lines that read
    nothing, or of which the bytecode does not tell, are left out. ``whole`` are lines that read a b-tree from end to
    end though they do not say so: of an operator IN whose rows drive the loop around it, and of a min() or max() that
    no index answers."""

    pages: Mapping[int, int | None]
    whole: frozenset[int]


def roots_of(lines: Sequence[tuple[int, int, str]], code: Sequence[Instruction]) -> Roots:
    """What each of ``lines`` reads: ids, parents and texts, in the order of the ids."""
    starts = _starts(lines, code)
    walker = Walker(code)
    loops = {number for number, _, detail in lines if _LOOP.match(detail) or _BLOOM.match(detail)}
    pages: dict[int, int | None] = {}
    whole: set[int] = set()
    for number, _, detail in lines:
        page: int | None = UNKNOWN
        if number in loops:
            later = {starts[other] for other in loops if other > number}
            page = walker.page(starts[number], later, seeks=_EQUALITY.fullmatch(detail) is not None)
            whole |= {number} if _UNBOUNDED.fullmatch(detail) and walker.is_walked(starts[number], later) else set()
        elif _IN.fullmatch(detail):
            page, is_whole = walker.listed(starts[number])
            whole |= {number} if is_whole else set()
        if page != UNKNOWN:
            pages[number] = page
    return Roots(pages, frozenset(whole))


def _starts(lines: Sequence[tuple[int, int, str]], code: Sequence[Instruction]) -> dict[int, int]:
    """Where the code of each line begins. Some lines are instructions of ``code`` too."""
    shown = [instruction.p4 for instruction in code if instruction.opcode == "Explain"]
    starts: dict[int, int] = {}
    left_out = 0
    alternatives = set()
    for number, parent, detail in lines:
        # The line of an alternative of OR stands behind its code, and the one above it, "INDEX 1", before.
        starts[number] = starts[parent] if parent in alternatives else number - left_out
        if _ALTERNATIVE.fullmatch(detail):
            alternatives.add(number)
        if shown and shown[0] == detail:
            shown.pop(0)
        else:
            left_out += 1
    return starts


@dataclass(frozen=True, slots=True)
class Walk:
    """A loop through a whole b-tree: the place where it begins, and the root page, None for rows of a subquery."""

    start: int
    page: int | None


def walks(program: Sequence[Instruction]) -> list[Walk]:
    """The loops of ``program`` that read a b-tree from end to end.

    Such a loop begins at one of its ends and is left by its last instruction alone, unless something else ends it early
    that depends on the rows, such as a LIMIT. What ends at a bound of its key, or after its first row, is no walk.
    """
    walker = Walker(program)
    return [walk for start, first in enumerate(program) if first.opcode in _WALK for walk in walker.walks_from(start)]


def _ends_early(program: Sequence[Instruction], start: int, end: int) -> bool:
    """Whether the loop from ``start`` to ``end`` is left at a bound of its key, or after its first row, whatever is in
    it."""
    body = program[start + 1 : end]
    leaving = {instruction.opcode for instruction in body if not start <= instruction.p2 <= end}
    passes_over = any(i.p2 == end and i.opcode != "Goto" for i in body)
    return bool(leaving & _BOUNDS) or ("Goto" in leaving and not passes_over)


class Walker:
    """Follows the bytecode from the beginning of a loop to the cursor that it moves."""

    def __init__(self, code: Sequence[Instruction]) -> None:
        self._code = code
        self._openings: dict[int, list[int]] = {}
        self._steps: dict[int, list[int]] = {}
        for place, instruction in enumerate(code):
            if instruction.opcode in _OPEN_TABLE or instruction.opcode in _OPEN_OTHER:
                self._openings.setdefault(instruction.p1, []).append(place)
            elif instruction.opcode in _STEP:
                self._steps.setdefault(instruction.p1, []).append(place)

    def walks_from(self, start: int) -> list[Walk]:
        """Of walks() those that begin at ``start``, where a cursor goes to an end of its b-tree."""
        code, cursor = self._code, self._code[start].p1
        page = self.opened(cursor, start)
        return [
            Walk(start, page)
            for end in self._steps.get(cursor, ())
            if page != UNKNOWN and start < code[end].p2 <= end and not _ends_early(code, start, end)
        ]

    def page(self, start: int, later: set[int], *, seeks: bool) -> int | None:
        """The root page of the loop that begins at ``start``; the loops inside of it begin at ``later``."""
        place, code = start, self._code
        while 0 <= place < len(code) and place not in later:
            instruction = code[place]
            if instruction.opcode in _SEEK or (instruction.opcode in _WALK and not seeks):
                return self.opened(instruction.p1, place)
            if instruction.opcode == "Yield":
                return None
            if instruction.opcode in _END:
                break
            place = self._behind(place)
        return self._counted(start)

    def is_walked(self, start: int, later: set[int]) -> bool:
        """Whether the loop that begins at ``start`` walks through all of its b-tree: see walks()."""
        for place in range(start, len(self._code)):
            if place in later or self._code[place].opcode in _SEEK:
                break
            if self._code[place].opcode in _WALK:
                return bool(self.walks_from(place))
        return False

    def listed(self, start: int) -> tuple[int, bool]:
        """The root page that the operator IN at ``start`` opens, and whether its rows are read one after the other."""
        code = self._code
        # The line follows its OpenRead.
        near = sorted(range(max(0, start - 3), min(start + 3, len(code))), key=lambda n: abs(n - start + 0.5))
        opened = next((code[n] for n in near if code[n].opcode in _OPEN_TABLE), None)
        if opened is None or opened.p3 != 0:
            return UNKNOWN, False
        return opened.p2, any(i.opcode in _STEP and i.p1 == opened.p1 for i in code)

    def _behind(self, place: int) -> int:
        """The next instruction of the loop itself: what a subquery or a list does is passed over."""
        instruction = self._code[place]
        if instruction.opcode in ("Once", "InitCoroutine"):
            return instruction.p2 if instruction.p2 > place else place + 1
        if instruction.opcode == "BeginSubrtn":
            for behind in range(place + 1, len(self._code)):
                if self._code[behind].opcode == "Return" and self._code[behind].p1 == instruction.p2:
                    return behind + 1
        return place + 1

    def opened(self, cursor: int, place: int) -> int | None:
        """The root page behind ``cursor`` at ``place``; of an automatic index, of the table that it is built from."""
        places = self._openings.get(cursor)
        if not places:
            return UNKNOWN
        # What is opened further down belongs to a part that runs earlier.
        where = places[max(0, bisect_left(places, place) - 1)]
        opening = self._code[where]
        if opening.opcode in _OPEN_TABLE:
            return opening.p2 if opening.p3 == 0 else UNKNOWN
        return self._source(where) if opening.opcode == "OpenAutoindex" else None

    def _source(self, place: int) -> int | None:
        for n in range(place + 1, len(self._code)):
            instruction = self._code[n]
            if instruction.opcode in _WALK:
                return self.opened(instruction.p1, n)
            if instruction.opcode in ("Yield", "VFilter"):
                return None
            if instruction.opcode in _END:
                break
        return UNKNOWN

    def _counted(self, start: int) -> int | None:
        """COUNT(*) of a whole table is one instruction in front of its line."""
        for n in range(max(0, start - 2), min(start, len(self._code))):
            if self._code[n].opcode == "Count":
                return self.opened(self._code[n].p1, n)
        return UNKNOWN
