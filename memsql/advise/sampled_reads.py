"""How many rows a plan reads, by what a sample shows of the rows of its tables. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.advise.index_list import Index
from memsql.advise.plans import Node
from memsql.advise.table_samples import TableSample
from memsql.advise.terms import Condition, Usage
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed

_LOOPS = frozenset({"scan", "search"})
_INNER = frozenset({"subquery", "materialize", "coroutine", "compound", "or"})
_UNKNOWN = 10.0
# The part of the rows that SQLite, too, expects to meet a condition of which it knows nothing.
_GUESSED = 0.25


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one call of a query reads: ``rows`` of tables and entries of indexes. ``sorted_rows``: how many it sorts all
    at once; ``lookups``: for how many entries it reads the row beside the index."""

    rows: float
    sorted_rows: float = 0.0
    lookups: float = 0.0

    @property
    def shown(self) -> int:
        """The rows, as a whole number."""
        return max(1, round(self.rows))


@dataclass(frozen=True, slots=True)
class Known:
    """What an estimate needs of a database: the samples by table, and the indexes by folded name."""

    samples: Mapping[str, TableSample]
    indexes: Mapping[str, Index]


def estimate(nodes: Sequence[Node], usages: Sequence[Usage], known: Known) -> Estimate:
    """What a query with the plan ``nodes`` reads, which asks ``usages`` of its tables."""
    return _Walk(nodes, usages, known).total()


class _Walk:
    def __init__(self, nodes: Sequence[Node], usages: Sequence[Usage], known: Known) -> None:
        self._children: dict[int, list[Node]] = defaultdict(list)
        for node in nodes:
            self._children[node.parent].append(node)
        self._usages = list(usages)
        self._known = known
        self._lookups = 0.0
        self._passed: set[str] = set()

    def total(self) -> Estimate:
        rows, out, usage = self._level(0)
        sorts = [node.temporary for node in self._children[0] if node.temporary]
        partly = any("PART" in text or "LAST" in text for text in sorts)
        if usage is not None and usage.limit is not None and (not sorts or partly):
            wanted = usage.limit + (self._tie(usage, out) if partly else 0.0)
            part = min(1.0, wanted / out) if out else 1.0
            rows, self._lookups = rows * part, self._lookups * part
        if usage is not None and usage.extreme and self._is_in_order(usage):
            rows, self._lookups = 1.0, 0.0
        return Estimate(rows, out if sorts and not partly else 0.0, self._lookups)

    def _is_in_order(self, usage: Usage) -> bool:
        """Whether the index of the only loop gives the rows in the order of ``usage``."""
        node = next((node for node in self._children[0] if node.kind in _LOOPS), None)
        index = self._known.indexes.get(fold(node.index or "")) if node is not None else None
        if node is None or index is None:
            return False
        terms = index.terms[len(node.equality) :]
        return bool(terms) and terms[0].text == usage.order[0][0].text

    def _level(self, parent: int) -> tuple[float, float, Usage | None]:
        """What the steps below ``parent`` read, how many rows come out of them, and what the first loop is about."""
        read, out = 0.0, 1.0
        first: Usage | None = None
        for node in self._children[parent]:
            if node.kind in _LOOPS:
                usage = self._usage(node)
                first = first or usage
                per, passed = self._loop(node, usage)
                read += out * per
                if node.index is not None and not node.covering:
                    self._lookups += out * per
                out *= passed
            elif node.kind in _INNER:
                inner, passed, usage = self._level(node.id)
                first = first or usage
                read += inner * (out if node.correlated else 1.0)
                if node.kind == "or" and usage is not None:
                    out *= max(1.0, passed)
        return read, out, first

    def _usage(self, node: Node) -> Usage | None:
        same = [usage for usage in self._usages if usage.table == node.table]
        return next((usage for usage in same if usage.label == fold(node.name)), same[0] if same else None)

    def _loop(self, node: Node, usage: Usage | None) -> tuple[float, float]:
        """How many rows or entries one run of a loop reads, and how many rows pass its conditions."""
        sample = self._known.samples.get(node.table or "")
        if usage is None or sample is None:
            return _UNKNOWN, _UNKNOWN
        index = self._known.indexes.get(fold(node.index or ""))
        used = _used(node, usage, index)
        read = self._rows(sample, used, index)
        if node.automatic:
            read += sample.rows
        known = self._passed | {usage.label}
        passed = self._rows(sample, [c for c in usage.conditions if c.others <= known], None)
        self._passed = known
        if node.kind == "search" and index is None and not node.virtual and "rowid" in node.equality:
            return 1.0, min(1.0, passed)
        return read, min(read, passed)

    def _rows(self, sample: TableSample, conditions: Iterable[Condition], index: Index | None) -> float:
        chosen = list(conditions)
        measured = [c for c in chosen if c.sql and not c.varies]
        where = [index.where] if index is not None and index.where else []
        if sample.is_assumed:
            rows = self._assumed(sample, measured) * sample.share(where)
        else:
            rows = sample.rows * sample.share([*(c.sql for c in measured), *where])
        # What is compared with another table has another value for each row of that.
        joined = [c.term for c in chosen if not c.sql and c.kind == "equal" and c.term is not None]
        if joined:
            rows /= sample.distinct(joined)
        rows *= _GUESSED ** sum(1 for c in chosen if c.varies or (not c.sql and c.kind == "range"))
        terms = {c.term.text for c in chosen if c.kind == "equal" and c.term is not None}
        if index is not None and index.unique and terms >= {term.text for term in index.terms}:
            return min(rows, 1.0)
        return rows

    @staticmethod
    def _assumed(sample: TableSample, conditions: Iterable[Condition]) -> float:
        rows = float(sample.rows)
        for condition in conditions:
            equal = condition.term if condition.kind == "equal" else None
            rows *= _GUESSED if equal is None else 1 / sample.distinct([equal])
        return rows

    def _tie(self, usage: Usage, out: float) -> float:
        """How many rows are equal in the first term of the order, and are sorted among each other."""
        sample = self._known.samples[usage.table]
        where = [c.sql for c in usage.conditions if c.sql in sample.expressions and not c.varies]
        return out / sample.distinct([term for term, _ in usage.order[:1]], where) if usage.order else 0.0


def _used(node: Node, usage: Usage, index: Index | None) -> list[Condition]:
    """The conditions of ``usage`` that lead the search of ``node``."""
    names = {quote_if_needed(fold(name)) for name in (*node.equality, *node.ranges) if name != "<expr>"}
    if index is not None and "<expr>" in (*node.equality, *node.ranges):
        names |= {term.text for term in index.terms if not term.text.isidentifier()}
    if node.kind == "scan":
        return []
    return [c for c in usage.conditions if c.term is not None and c.kind != "other" and c.term.text in names]
