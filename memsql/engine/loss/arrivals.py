"""How many rows statements inserted into tables, and for rows of which other tables they stand: a row that was copied
once cannot stand for two. No database is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# So many ways in which rows came into a table are told apart.
_MOST = 64


@dataclass(slots=True, eq=False)
class Arrival:
    """Rows that a statement inserted into the table ``target``. ``arms``: the tables that each SELECT of the statement
    reads; a row of a join stands for one of each. ``claims``: how many rows of a table were found among them. Tables
    are numbers, for their names change."""

    target: int
    arms: Sequence[frozenset[int]]
    rows: int = 0
    claims: dict[int, int] = field(default_factory=dict)

    def left(self, source: int) -> int:
        """How many of the rows may stand for rows of ``source``."""
        return max(0, self.rows - self.taken(source))

    def taken(self, source: int) -> int:
        """How many of the rows stand for rows of tables that have none in common with ``source``."""
        rivals = (n for t, n in self.claims.items() if t != source and not any({t, source} <= arm for arm in self.arms))
        return sum(rivals)


@dataclass(frozen=True, slots=True)
class Room:
    """The ``arrivals`` in one table that may stand for rows of ``source``; none where nothing is known of them.
    ``others``: the rest of what came into the table."""

    source: int
    arrivals: Sequence[Arrival]
    others: Sequence[Arrival] = ()

    def left(self, rows: int) -> int:
        """For how many rows of the source they may stand, where the table has so many ``rows`` now."""
        taken = sum(arrival.taken(self.source) for arrival in (*self.arrivals, *self.others))
        return min(rows - taken, sum(arrival.left(self.source) for arrival in self.arrivals))

    def claim(self, rows: int) -> None:
        """Note that so many rows of the source were found among them."""
        for arrival in self.arrivals:
            arrival.claims[self.source] = min(rows, arrival.left(self.source))
            rows -= arrival.claims[self.source]


class Arrivals:
    """The arrivals of a migration so far. Names of tables are folded."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._arrivals: list[Arrival] = []

    def __len__(self) -> int:
        return len(self._arrivals)

    def cut(self, length: int) -> None:
        """Forget those behind the first ``length``: their statements were undone."""
        del self._arrivals[length:]

    def arrive(self, target: str, arms: Iterable[frozenset[str]]) -> Arrival:
        """Note a statement that inserts rows into ``target``."""
        numbers = [way for arm in arms for way in self._ways(frozenset(map(self._number, arm)))]
        arrival = Arrival(self._number(target), numbers)
        self._arrivals.append(arrival)
        return arrival

    def _ways(self, arm: frozenset[int]) -> list[frozenset[int]]:
        """``arm`` with the tables from which its own tables were filled: one for each way in which rows came there."""
        ways = [arm]
        for table in sorted(arm):
            origins = [origin for a in self._arrivals if a.target == table for origin in a.arms]
            ways = [way | origin for way in ways for origin in origins or [frozenset[int]()]]
            if len(ways) > _MOST:
                return [frozenset[int]().union(*ways)]
        return ways

    def stands_for(self, copy: str, table: str) -> None:
        """Rows of ``table``, which is about to go, are in ``copy`` too, which takes its place."""
        one, other = self._number(table), self._number(copy)
        for arrival in self._arrivals:
            if arrival.target != other:
                arrival.arms = [arm | {other} if one in arm else arm for arm in arrival.arms]

    def room(self, source: str, target: str) -> Room:
        """What may stand for rows of ``source`` in ``target``."""
        one, other = self._number(source), self._number(target)
        into = [arrival for arrival in self._arrivals if arrival.target == other]
        own = [arrival for arrival in into if any(one in arm for arm in arrival.arms)]
        return Room(one, own, [arrival for arrival in into if arrival not in own])

    def renamed(self, old: str, new: str) -> None:
        """A table has another name."""
        if old in self._numbers:
            self._numbers[new] = self._numbers.pop(old)

    def dropped(self, table: str) -> None:
        """A table is gone; the next one of its name is another one."""
        self._numbers.pop(table, None)

    def _number(self, table: str) -> int:
        if table not in self._numbers:
            self._next += 1
            self._numbers[table] = self._next
        return self._numbers[table]


def short(rooms: Sequence[Room], counts: Sequence[int], rows: int) -> int:
    """How many of the ``rows`` of a table cannot be in ``rooms``, the ones of its copies, which have so many rows
    (``counts``); 0 where that is not known."""
    if not rooms or not all(room.arrivals for room in rooms):
        return 0
    return max(0, rows - sum(room.left(count) for room, count in zip(rooms, counts, strict=True)))
