"""Which indexes may help queries: made of what they compare, sort and group by. Pure; the planner decides later.

An index leads to rows by what is compared for equality, and behind that by one range, or in one order. What is compared
with constants of the query can be the condition of a partial index instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from memsql.advise.index_list import Index, column_term
from memsql.advise.redundancy import superseded
from memsql.advise.terms import Condition, TermUse, Usage
from memsql.schema.keys import Term
from memsql.sqltext.names import quote_if_needed

_MOST_TERMS = 6
Key = tuple[str, tuple[tuple[str, str, bool], ...], str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that is not there: its terms, each with whether it is descending, and the condition of a partial one, as
    SQL (``where``) and in canonical form (``condition``)."""

    table: str
    terms: tuple[tuple[TermUse, bool], ...]
    where: str = ""
    condition: str = ""

    @property
    def key(self) -> Key:
        """What tells it from other candidates."""
        return self.table, tuple((t.text, t.collation, down) for t, down in self.terms), self.condition

    @property
    def shown(self) -> str:
        """What stands behind the table in CREATE INDEX."""
        terms = ", ".join(term.sql + " DESC" * down for term, down in self.terms)
        return f"({terms})" + (f" WHERE {self.where}" if self.where else "")

    def statement(self, name: str) -> str:
        """The CREATE INDEX that makes it."""
        return f"CREATE INDEX {quote_if_needed(name)} ON {quote_if_needed(self.table)} {self.shown}"

    def as_index(self, name: str) -> Index:
        """The index that it would be."""
        terms = tuple(Term(term.text, term.collation, down) for term, down in self.terms)
        return Index(name, self.table, terms, self.shown, self.statement(name), where=self.condition)


def candidates(
    usages: Sequence[Usage],
    existing: Sequence[Index],
    rowids: dict[str, str | None],
    distinct: Callable[[str, TermUse], float],
) -> list[Candidate]:
    """The indexes that may help with ``usages``, each once, and none that one of ``existing`` does the work of.

    ``distinct``: how many different values a term of a table has.
    """
    shared: dict[tuple[str, str], int] = {}
    for usage in usages:
        for text in {c.term.text for c in usage.of("equal") if c.term is not None}:
            shared[usage.table, text] = shared.get((usage.table, text), 0) + 1
    keys: dict[Key, Candidate] = {}
    for usage in usages:
        for candidate in _of(usage, shared, rowids.get(usage.table), distinct):
            keys.setdefault(candidate.key, candidate)
    new = [candidate for candidate in keys.values() if not _is_there(candidate, existing, rowids)]
    return sorted(new, key=lambda c: (c.table, len(c.terms), c.shown))


def covering(candidate: Candidate, usage: Usage, spelled: Iterable[str], most: int) -> Candidate | None:
    """``candidate`` with the other columns that ``usage`` reads behind its terms, at most so many; None where there is
    none to add, or more. ``spelled``: the names of the columns as the schema has them."""
    if usage.columns is None or usage.table != candidate.table:
        return None
    texts = {term.text for term, _ in candidate.terms}
    terms = {column_term(name).text: name for name in spelled}
    wanted = [quote_if_needed(name) for name in sorted(usage.columns)]
    missing = [TermUse(text, quote_if_needed(terms[text])) for text in wanted if text in terms and text not in texts]
    if not 0 < len(missing) <= most:
        return None
    return Candidate(
        candidate.table, (*candidate.terms, *((term, False) for term in missing)), candidate.where, candidate.condition
    )


def foreign_key(table: str, columns: Sequence[str]) -> Candidate:
    """The index that a foreign key on ``columns`` needs."""
    return Candidate(table, tuple((TermUse(column_term(c).text, quote_if_needed(c)), False) for c in columns))


def _of(
    usage: Usage,
    shared: dict[tuple[str, str], int],
    rowid: str | None,
    distinct: Callable[[str, TermUse], float],
) -> Iterator[Candidate]:
    for conditions in (usage.conditions, *(_with(usage, branch) for branch in usage.alternatives)):
        equal = _unique(c for c in conditions if c.kind == "equal" and c.term is not None)
        constant = [c for c in equal if c.constant and c.sql]
        variable = [c for c in equal if c not in constant]
        # Where the table is read first, nothing is known yet of those after it.
        alone = [c for c in equal if c.sql]
        ranges = _unique(c for c in conditions if c.kind == "range" and c.term is not None)
        for leading, where in ((equal, []), (alone, []), (variable, constant), (variable, [])):
            texts = {c.term.text for c in leading if c.term is not None}
            order = tuple(o for o in usage.order if o[0].text not in texts)
            ends = [order, *(((c.term, False),) for c in ranges if c.term is not None and c.term.text not in texts), ()]
            for end in dict.fromkeys(ends):
                for first in _orders(leading, usage.table, shared, distinct):
                    terms = _shortened((*((term, False) for term in first), *end), rowid, len(first))
                    if terms and len(terms) <= _MOST_TERMS:
                        condition = " and ".join(c.text for c in where)
                        yield Candidate(usage.table, terms, " AND ".join(c.sql for c in where), condition)


def _with(usage: Usage, branch: Sequence[Condition]) -> tuple[Condition, ...]:
    return (*(c for c in usage.conditions if c.kind == "equal"), *branch)


def _unique(conditions: Iterable[Condition]) -> list[Condition]:
    """The first of the conditions on each term with each collation."""
    by_term: dict[tuple[str, str], Condition] = {}
    for condition in conditions:
        if condition.term is not None:
            by_term.setdefault((condition.term.text, condition.term.collation), condition)
    return list(by_term.values())


def _orders(
    conditions: Sequence[Condition],
    table: str,
    shared: dict[tuple[str, str], int],
    distinct: Callable[[str, TermUse], float],
) -> list[list[TermUse]]:
    """The orders in which to try the terms of ``conditions``: what most queries share first, and what most tells rows
    apart first. The former lets one index serve several queries."""
    terms = [c.term for c in conditions if c.term is not None]
    values = {term.text: distinct(table, term) for term in terms}
    by_values = sorted(terms, key=lambda t: (-values[t.text], -shared.get((table, t.text), 0), t.text))
    by_queries = sorted(terms, key=lambda t: (-shared.get((table, t.text), 0), -values[t.text], t.text))
    return [by_queries] if by_queries == by_values else [by_queries, by_values]


def _shortened(
    terms: tuple[tuple[TermUse, bool], ...], rowid: str | None, fixed: int
) -> tuple[tuple[TermUse, bool], ...]:
    """``terms`` without what an index has anyway: nothing behind the rowid orders rows further, and equal entries are
    sorted by it. The direction of the first ``fixed`` is free."""
    if rowid is None:
        return terms
    text = column_term(rowid).text
    place = next((n for n, (term, _) in enumerate(terms) if term.text == text), None)
    if place is None:
        return terms
    if place < fixed:
        return ()
    directions = {down for _, down in terms[fixed : place + 1]}
    if len(directions) > 1:
        return terms[: place + 1]
    # Read backwards, it gives all of them in the other direction.
    return tuple((term, False) for term, _ in terms[:place])


def _is_there(candidate: Candidate, existing: Sequence[Index], rowids: dict[str, str | None]) -> bool:
    index = candidate.as_index("")
    others = [other for other in existing if other.table == candidate.table]
    return any(one.index is index for one in superseded([*others, index], rowids, {o.name for o in others}))
