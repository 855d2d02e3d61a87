"""Between which bounds the number of rows lies that a run read, by the number of instructions that it took.

SQLite counts the rows of scans, and none of those that a search leads to. But each round of a loop takes at least the
instructions of the shortest way through it, and at most those of the longest one, and a statement reports how many it
executed in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from memsql.advise.cursors import Instruction

_NEXT = frozenset({"Next", "Prev", "VNext"})
_LOOKUPS = frozenset({"SeekRowid", "NotExists", "Last", "Rewind", "SeekGE", "SeekGT", "SeekLE", "SeekLT"})
_SUBROUTINES = frozenset({"Gosub", "Yield", "BeginSubrtn", "Program", "Return"})
# Their second operand is no address. Every other instruction may jump there, for all that is known.
_STRAIGHT = frozenset(
    {
        "AddImm", "Add", "Affinity", "AggFinal", "AggStep", "AggValue", "And", "Blob", "Cast", "Close", "CollSeq",
        "Column", "Concat", "Copy", "CursorHint", "DeferredSeek", "Delete", "Divide", "Explain", "FinishSeek",
        "Function", "IdxInsert", "IdxRowid", "Insert", "Int64", "Integer", "IntCopy", "MakeRecord", "Move", "Multiply",
        "NewRowid", "Noop", "Not", "Null", "NullRow", "OpenAutoindex", "OpenEphemeral", "OpenPseudo", "OpenRead", "Or",
        "PureFunc", "Real", "RealAffinity", "Remainder", "ReopenIdx", "ResultRow", "RowData", "Rowid", "SCopy",
        "Sequence", "SorterInsert", "SorterOpen", "String", "String8", "Subtract", "VColumn", "Variable",
    }
)  # fmt: skip


def most_rows(code: Sequence[Instruction], steps: int) -> int | None:
    """How many rows the program ``code`` can have read at most in ``steps`` instructions; None where it counts a table
    by one of them."""
    if any(instruction.opcode == "Count" for instruction in code):
        return None
    lookups = _lookups(code)
    ratios = [rows / length for rows, length in _rounds(code, lookups)]
    return int(steps * max(ratios)) if ratios else len(lookups)


def least_rows(code: Sequence[Instruction], steps: int) -> int:
    """How many rows the program ``code`` has read at least in ``steps`` instructions; 0 where it is not one plain
    loop."""
    ends = [end for end, i in enumerate(code) if i.opcode in _NEXT and 0 <= i.p2 < end]
    if len(ends) != 1 or any(instruction.opcode in _SUBROUTINES for instruction in code):
        return 0
    start, end = code[ends[0]].p2, ends[0]
    longest = _longest(code, start, end)
    return 0 if longest is None else max(0, -((len(code) - (end - start + 1) - steps) // longest))


def _longest(code: Sequence[Instruction], start: int, end: int) -> int | None:
    """The number of instructions on the longest way from ``start`` to ``end``, both counted; None where a way goes
    back."""
    length = {start: 1}
    for place in range(start, end):
        if place not in length:
            continue
        for following in _following(code[place], place):
            if following <= place and following >= start:
                return None
            if start <= following <= end:
                length[following] = max(length.get(following, 0), length[place] + 1)
    return length.get(end)


def _rounds(code: Sequence[Instruction], lookups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Of each loop how many rows a round of it reads at most, and how many instructions it takes at least."""
    for end, instruction in enumerate(code):
        start = instruction.p2
        if not 0 <= start < end:
            continue
        inside = sum(1 for place in lookups if start <= place < end)
        if instruction.opcode in _NEXT:
            yield 1 + inside, _shortest(code, start, end)
        elif instruction.opcode == "Goto" and inside and any(i.opcode == "Yield" for i in code[start:end]):
            # The rows of a subquery that gives them one by one were read there.
            yield inside, _shortest(code, start, end)


def _lookups(code: Sequence[Instruction]) -> list[int]:
    """Where single rows are looked up: where a cursor is moved that no loop moves on."""
    looped = {instruction.p1 for instruction in code if instruction.opcode in _NEXT}
    return [n for n, i in enumerate(code) if i.opcode in _LOOKUPS and i.p1 not in looped]


def _shortest(code: Sequence[Instruction], start: int, end: int) -> int:
    """The number of instructions on the shortest way from ``start`` to ``end``, both counted."""
    distance = {start: 1}
    waiting = deque([start])
    while waiting:
        place = waiting.popleft()
        if place == end:
            return distance[place]
        for following in _following(code[place], place):
            if 0 <= following < len(code) and following not in distance:
                distance[following] = distance[place] + 1
                waiting.append(following)
    # No way is known, and a loop has two instructions at least.
    return 2


def _following(instruction: Instruction, place: int) -> tuple[int, ...]:
    if instruction.opcode in _STRAIGHT:
        return (place + 1,)
    if instruction.opcode == "Goto":
        return (instruction.p2,)
    if instruction.opcode == "Jump":
        return instruction.p1, instruction.p2, instruction.p3
    return place + 1, instruction.p2
