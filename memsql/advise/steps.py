"""Between which bounds the number of rows lies that a run read, by the number of instructions that it took.

SQLite counts the rows of scans, and none of those that a search leads to. But each round of a loop takes at least the
instructions of the shortest way through it, and at most those of the longest one, and a statement reports how many it
executed in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence

from memsql.advise.cursors import UNKNOWN, Instruction, Walker

_NEXT = frozenset({"Next", "Prev", "VNext"})
# The counters of a statement, as the fifth operand of the instruction that counts
# (https://sqlite.org/c3ref/c_stmtstatus_counter.html).
_SCANNED, _INDEXED = 1, 3
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


def counted_rows(code: Sequence[Instruction], scanned: int, indexed: int, *, functions: bool) -> int:
    """How many rows of tables are surely among those that SQLite counted in loops that scan, and among those that it
    put into automatic indexes. It counts rows of subqueries and ``functions`` too; where there is such a loop, none is
    sure."""
    sure, walker = 0, Walker(code)
    for counter, rows in ((_SCANNED, scanned), (_INDEXED, indexed)):
        ends = [n for n, i in enumerate(code) if i.opcode in _NEXT and i.p5 == counter]
        sure += rows if all(_moves_on_table(walker, code[end], end, functions=functions) for end in ends) else 0
    return sure


def _moves_on_table(walker: Walker, last: Instruction, end: int, *, functions: bool) -> bool:
    """Whether the loop whose ``last`` instruction is at ``end`` goes through a table, and not through rows of a
    subquery."""
    if last.opcode == "VNext":
        return not functions
    return walker.opened(last.p1, end) not in (None, UNKNOWN)


def least_rows(code: Sequence[Instruction], steps: int, *, functions: bool = False) -> int:
    """How many rows the program ``code`` has read at least in ``steps`` instructions; 0 where it is not one plain
    loop."""
    ends = [end for end, i in enumerate(code) if _goes_back(i, end, len(code))]
    if len(ends) != 1 or code[ends[0]].opcode not in _NEXT or any(i.opcode in _SUBROUTINES for i in code):
        return 0
    if not _moves_on_table(Walker(code), code[ends[0]], ends[0], functions=functions):
        return 0
    start, end = code[ends[0]].p2, ends[0]
    longest = _longest(code, start, end)
    return 0 if longest is None else max(0, -((len(code) - (end - start + 1) - steps) // longest))


def _goes_back(instruction: Instruction, place: int, length: int) -> bool:
    """Whether ``instruction`` may jump backwards; the last one of a program, which only begins it, does not count."""
    if instruction.opcode in _STRAIGHT or instruction.p2 <= 0:
        return False
    return instruction.p2 <= place and not (instruction.opcode == "Goto" and place == length - 1)


def _longest(code: Sequence[Instruction], start: int, end: int) -> int | None:
    """The number of instructions on the longest way from ``start``, to ``end`` or out of the loop; None where a way
    goes back."""
    length = {start: 1}
    for place in range(start, end):
        if place not in length:
            continue
        for following in _following(code[place], place):
            if following <= place and following >= start:
                return None
            if start <= following <= end:
                length[following] = max(length.get(following, 0), length[place] + 1)
    return max(length.values()) if end in length else None


def _rounds(code: Sequence[Instruction], lookups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Of each loop how many rows a round of it reads at most, and how many instructions it takes at least, both without
    those of loops inside of it."""
    ends = [end for end, i in enumerate(code) if 0 <= i.p2 < end and i.opcode in (*_NEXT, "Goto")]
    for end in ends:
        start = code[end].p2
        within = {
            place
            for other in ends
            if other != end and start <= code[other].p2 and other <= end and code[other].opcode in _NEXT
            for place in range(code[other].p2, other + 1)
        }
        looked_up = sum(1 for place in lookups if start <= place < end and place not in within)
        if code[end].opcode in _NEXT:
            yield 1 + looked_up, max(1, _shortest(code, start, end, within))
        elif looked_up and any(i.opcode == "Yield" for i in code[start:end]):
            # The rows of a subquery that gives them one by one were read there.
            yield looked_up, max(1, _shortest(code, start, end, within))


def _lookups(code: Sequence[Instruction]) -> list[int]:
    """Where single rows are looked up: where a cursor is moved that no loop moves on."""
    looped = {instruction.p1 for instruction in code if instruction.opcode in _NEXT}
    return [n for n, i in enumerate(code) if i.opcode in _LOOKUPS and i.p1 not in looped]


def _shortest(code: Sequence[Instruction], start: int, end: int, free: Container[int]) -> int:
    """The number of instructions on the shortest way from ``start`` to ``end``, both counted, and those at the places
    ``free`` not."""
    distance = {start: int(start not in free)}
    waiting = deque([start])
    while waiting:
        place = waiting.popleft()
        if place == end:
            break
        for following in _following(code[place], place):
            if not 0 <= following < len(code):
                continue
            length = distance[place] + int(following not in free)
            if length < distance.get(following, length + 1):
                distance[following] = length
                (waiting.appendleft if following in free else waiting.append)(following)
    # Where no way is known, the instruction at the end is all.
    return distance.get(end, 1)


def _following(instruction: Instruction, place: int) -> tuple[int, ...]:
    if instruction.opcode in _STRAIGHT:
        return (place + 1,)
    if instruction.opcode == "Goto":
        return (instruction.p2,)
    if instruction.opcode == "Jump":
        return instruction.p1, instruction.p2, instruction.p3
    return place + 1, instruction.p2
