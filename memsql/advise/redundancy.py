"""Which indexes another index or the primary key makes superfluous. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from memsql.advise.index_list import Index, column_term
from memsql.schema.keys import SearchKey, Term, forbids
from memsql.sqltext.tokens import Token, join, outside, split_outside, tokenize

Kind = Literal["rowid", "same", "prefix", "partial", "unique"]
_COMPARISONS = frozenset({"=", "==", "<", ">", "<=", ">=", "<>", "!=", "LIKE", "GLOB", "IN", "BETWEEN"})


@dataclass(frozen=True, slots=True)
class Superseded:
    """An index and the one that does the same. ``kind`` rowid: its column is the key of the table itself, and ``by`` is
    None; same: the same terms; prefix: ``by`` begins with its terms; partial: ``by`` holds the same rows and more;
    unique: ``by`` is unique by the first of its terms, so that the others find nothing more."""

    index: Index
    by: Index | None
    kind: Kind


def superseded(
    indexes: Sequence[Index],
    rowids: Mapping[str, str | None],
    preferred: Collection[str] = (),
    never_null: Mapping[str, Collection[str]] | None = None,
) -> list[Superseded]:
    """The indexes that could be dropped, all of them together, and which of those that stay does the work of each.

    ``rowids``: the column of each table that is its rowid, if any. Of two equal indexes the one whose name is in
    ``preferred`` stays, or else the first by name. Constraints stay, and so does an index that is unique where no other
    is so by the same columns. ``never_null``: the terms of each table that hold no NULL, of which a unique index may
    hold many.
    """
    sure = never_null or {}
    staying = list(indexes)
    dropped = []
    ordered = sorted((index for index in indexes if not index.constraint), key=lambda index: index.name, reverse=True)
    for index in sorted(ordered, key=lambda i: (i.name in preferred, i.unique, len(i.terms), not i.where)):
        rowid = rowids.get(index.table)
        others = [other for other in staying if other is not index and other.table == index.table]
        reason = _reason(index, others, rowid, sure.get(index.table, ()))
        if reason is not None:
            staying.remove(index)
            dropped.append(reason)
    # What did the work of one may itself have been dropped for a longer one.
    return [
        _reason(
            one.index,
            [other for other in staying if other.table == one.index.table],
            rowids.get(one.index.table),
            sure.get(one.index.table, ()),
        )
        or one
        for one in dropped
    ]


def unindexed(columns: Sequence[str], indexes: Iterable[Index], rowid: str | None) -> bool:
    """Whether no whole index of a table begins with ``columns``, in whatever order. ``rowid``: see superseded()."""
    wanted = {column_term(column).text for column in columns}
    if rowid is not None and wanted == {column_term(rowid).text}:
        return False
    return not any(not i.where and {term.text for term in i.terms[: len(wanted)]} == wanted for i in indexes)


def implies(condition: str, other: str) -> bool:
    """Whether every row for which ``condition`` holds is one for which ``other`` holds, as far as their parts joined by
    AND show it. Both are canonical; the empty one holds for every row."""
    if not other:
        return True
    parts = _conjuncts(condition)
    texts = {join(part) for part in parts}
    return all(join(part) in texts or _is_compared(part, parts) for part in _conjuncts(other))


def _reason(index: Index, others: Sequence[Index], rowid: str | None, never_null: Collection[str]) -> Superseded | None:
    if rowid is not None and not index.where and [t.text for t in index.terms] == [column_term(rowid).text]:
        return Superseded(index, None, "rowid")
    reasons = [(other, kind) for other in others if (kind := _kind(index, other, rowid, never_null)) is not None]
    order = ("same", "unique", "prefix", "partial")
    if not reasons:
        return None
    by, kind = min(reasons, key=lambda r: (order.index(r[1]), not r[0].constraint, len(r[0].terms), r[0].name))
    return Superseded(index, by, kind)


def _kind(index: Index, other: Index, rowid: str | None, never_null: Collection[str]) -> Kind | None:
    """How ``other`` does the work of ``index``, None where it does not."""
    if index.unique and not (implies(index.where, other.where) and forbids(_key(other), _key(index))):
        return None
    if not implies(index.where, other.where):
        return None
    ours, theirs = _without_rowid(index.terms, rowid), _without_rowid(other.terms, rowid)
    if not _in_step(ours, theirs):
        return None
    if index.where and other.where != index.where:
        return "partial" if len(ours) <= len(theirs) else None
    if len(ours) == len(theirs):
        return "same"
    if len(ours) < len(theirs):
        return "prefix"
    return "unique" if other.unique and all(term.text in never_null for term in other.terms) else None


def _in_step(ours: Sequence[Term], theirs: Sequence[Term]) -> bool:
    """Whether the terms that both have are the same, in the same order or wholly reversed."""
    pairs = list(zip(ours, theirs, strict=False))
    flips = {one.descending != two.descending for one, two in pairs}
    return len(flips) == 1 and all(one.compared == two.compared for one, two in pairs)


def _without_rowid(terms: tuple[Term, ...], rowid: str | None) -> tuple[Term, ...]:
    """``terms`` without the rowid behind the others, by which SQLite sorts equal entries anyway."""
    if rowid is not None and len(terms) > 1 and terms[-1].text == column_term(rowid).text and not terms[-1].descending:
        return terms[:-1]
    return terms


def _key(index: Index) -> SearchKey:
    return SearchKey(index.terms, index.unique, index.where)


def _conjuncts(condition: str) -> list[list[Token]]:
    """The parts of a condition that AND joins: one where there is an OR."""
    tokens = tokenize(condition)
    if any(token.word == "OR" for _, token in outside(tokens)):
        return [tokens]
    return [part for part in split_outside(tokens, "AND") if part]


def _is_compared(part: Sequence[Token], parts: Sequence[Sequence[Token]]) -> bool:
    """Whether ``part`` says that a column is not NULL, and one of ``parts`` compares it with something."""
    words = [token.word for token in part[1:]]
    if words not in (["IS", "NOT", "NULL"], ["NOTNULL"], ["NOT", "NULL"]):
        return False
    return any(len(p) > 2 and p[0].text == part[0].text and p[1].word in _COMPARISONS for p in parts)
