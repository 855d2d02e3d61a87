"""How many rows statements inserted into tables, and for rows of which other tables they stand: a row that was copied
once cannot stand for two. No database is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field


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
        rivals = (n for t, n in self.claims.items() if t != source and not any({t, source} <= arm for arm in self.arms))
        return max(0, self.rows - sum(rivals))


@dataclass(frozen=True, slots=True)
class Room:
    """The ``arrivals`` in one table that may stand for rows of ``source``; none where nothing is known of them."""

    source: int
    arrivals: Sequence[Arrival]

    def left(self) -> int:
        """For how many rows of the source they may stand."""
        return sum(arrival.left(self.source) for arrival in self.arrivals)

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
        arrival = Arrival(self._number(target), [frozenset(map(self._number, arm)) for arm in arms])
        self._arrivals.append(arrival)
        return arrival

    def room(self, source: str, target: str) -> Room:
        """What may stand for rows of ``source`` in ``target``."""
        one, other = self._number(source), self._number(target)
        return Room(one, [a for a in self._arrivals if a.target == other and any(one in arm for arm in a.arms)])

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


def short(rooms: Collection[Room], rows: int) -> int:
    """How many of the ``rows`` of a table cannot be in ``rooms``, the ones of its copies; 0 where that is not known."""
    if not rooms or not all(room.arrivals for room in rooms):
        return 0
    return max(0, rows - sum(room.left() for room in rooms))
