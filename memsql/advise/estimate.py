"""How many rows a plan reads, by the statistics of the database: every loop runs for each row of the loops around it.

What the conditions leave out that no index serves is not known, so that a join may read fewer rows than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memsql.advise.plans import Catalogue, Node
from memsql.sqltext import fold
from memsql.sqltext.tokens import outside, tokenize
from memsql.words import whole_number

# How many rows SQLite expects of an index without statistics, by the number of columns compared for equality
# (https://sqlite.org/optoverview.html, and sqlite3DefaultRowEst in its source).
_UNKNOWN = (10, 9, 8, 7, 6, 5)
# A bound on one side of a range leaves a quarter.
_RANGE = 4
_FULL_TEXT = 10
_READS_ON = frozenset({"WHERE", "GROUP", "DISTINCT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"})


@dataclass(frozen=True, slots=True)
class Statistics:
    """``rows`` of each table, by its folded name; ``entries`` of each index with statistics, by its folded name: the
    number of its entries, then how many of them share the first column, the first two, and so on. ``analyzed``:
    whether the numbers are those of ANALYZE."""

    rows: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def analyzed(self) -> bool:
        return bool(self.entries)


def statistics_of(rows: Sequence[Sequence[object]]) -> Statistics:
    """The statistics in the answer to sql/advise/statistics.sql: table, index (NULL for a table without), numbers."""
    tables: dict[str, int] = {}
    entries: dict[str, tuple[int, ...]] = {}
    for table, index, text in rows:
        numbers = tuple(number for word in str(text).split() if (number := whole_number(word)) is not None)
        if not numbers:
            continue
        if index is not None:
            entries[fold(str(index))] = numbers
        # An index may be partial: the largest one is nearest to the table.
        tables[fold(str(table))] = max(numbers[0], tables.get(fold(str(table)), 0))
    return Statistics(tables, entries)


def estimated(nodes: Sequence[Node], statistics: Statistics, catalogue: Catalogue, sql: str = "") -> int | None:
    """How many rows of tables the plan ``nodes`` reads; None where the size of a table is not known.

    ``sql``, the statement with its values, may end the only loop earlier by its LIMIT.
    """
    tree = _Tree(nodes, statistics, catalogue)
    total = tree.block(0, {}).read
    loops = [node for node in nodes if node.kind in ("scan", "search")]
    if total is not None and len(loops) == 1 and not any(node.temporary for node in nodes):
        total = min(total, _limit(sql) or total)
    return None if total is None else round(total)


@dataclass(frozen=True, slots=True)
class _Block:
    """What a list of steps does: how many rows it reads (None: not known), and how many it returns."""

    read: float | None
    returned: float


class _Tree:
    def __init__(self, nodes: Sequence[Node], statistics: Statistics, catalogue: Catalogue) -> None:
        self._children: dict[int, list[Node]] = {}
        for node in nodes:
            self._children.setdefault(node.parent, []).append(node)
        self._statistics, self._catalogue = statistics, catalogue

    def block(self, parent: int, subqueries: Mapping[str, float]) -> _Block:
        """The steps below ``parent``; ``subqueries`` are the rows of those around it, by name."""
        known = dict(subqueries)
        read: float | None = 0.0
        returned, loops = 1.0, False
        added = 0.0
        for node in self._children.get(parent, []):
            inner = self.block(node.id, known) if node.kind not in ("scan", "search") else _Block(0.0, 0.0)
            if node.kind in ("materialize", "coroutine"):
                known[node.name] = inner.returned
                cost: float | None = inner.read
            elif node.kind == "subquery":
                cost = None if inner.read is None else inner.read * (returned if node.correlated else 1.0)
            elif node.kind == "compound" or node.detail.startswith("INDEX "):
                cost, added = inner.read, added + inner.returned
            elif node.kind == "or":
                cost = None if inner.read is None else returned * inner.read
                returned, loops = returned * max(inner.returned, 1.0), True
            elif node.kind == "filter":
                cost = self._statistics.rows.get(fold(node.table)) if node.table is not None else 0.0
            elif node.kind in ("scan", "search"):
                cost, rows = self._loop(node, returned, known)
                returned, loops = returned * rows, True
            else:
                cost = inner.read
            read = None if read is None or cost is None else read + cost
        return _Block(read, returned if loops else added or 1.0)

    def _loop(self, node: Node, around: float, subqueries: Mapping[str, float]) -> tuple[float | None, float]:
        """What the loop of ``node`` reads in all, and how many rows it returns for each row ``around`` it."""
        if node.table is None:
            return 0.0, max(subqueries.get(node.name, 1.0), 1.0)
        size = self._statistics.rows.get(fold(node.table))
        if node.detail.startswith("USING"):
            # The rows behind IN: all of them, or one for each row around it.
            return (None if size is None else float(size) if node.kind == "scan" else around), 1.0
        if node.kind == "scan":
            return (None if size is None else around * size), float(size or 1)
        rows = self._searched(node, size)
        if node.automatic:
            return (None if size is None else size + around * rows), rows
        return around * rows, rows

    def _searched(self, node: Node, size: int | None) -> float:
        rows = self._equal(node, size)
        for _ in node.ranges:
            rows = rows / _RANGE
        if size is not None:
            rows = min(rows, float(size))
        return max(rows, 1.0)

    def _equal(self, node: Node, size: int | None) -> float:
        """How many rows share the values that are compared for equality."""
        columns = len(node.equality)
        whole = float(size if size is not None else 1_000_000)
        if node.virtual:
            return float(_FULL_TEXT)
        if not columns:
            return whole if node.ranges else 1.0
        if "rowid" in node.equality and node.index is None:
            return 1.0
        index = fold(node.index if node.index is not None else node.table or "")
        numbers = self._statistics.entries.get(index, ())
        if len(numbers) > columns:
            return float(numbers[columns])
        if columns >= self._catalogue.unique.get(index, columns + 1):
            return 1.0
        return float(_UNKNOWN[min(columns, len(_UNKNOWN)) - 1])


def with_sizes(statistics: Statistics, sizes: Mapping[str, int]) -> Statistics:
    """``statistics`` with the ``sizes`` of tables, by folded name, of which they have none."""
    return replace(statistics, rows={**sizes, **statistics.rows})


def _limit(sql: str) -> int | None:
    """The number behind the LIMIT of ``sql`` itself; None where a condition, a group or a function may read more rows
    than that."""
    tokens = [token for _, token in outside(tokenize(sql))]
    if any(token.word in _READS_ON or token.word == ")" for token in tokens):
        return None
    for place, token in enumerate(tokens[:-1]):
        if token.word == "LIMIT" and (number := whole_number(tokens[place + 1].text)) is not None:
            return number
    return None
