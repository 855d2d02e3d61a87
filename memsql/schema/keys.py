"""Whether another index or key of a table does what a missing index did. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.schema.meaning import IndexRules
from memsql.schema.rules import TableRules
from memsql.sqltext.names import quote_if_needed


@dataclass(frozen=True, slots=True)
class Term:
    """A column or an expression, in canonical form, with its collation and its direction."""

    text: str
    collation: str
    descending: bool

    @property
    def compared(self) -> tuple[str, str]:
        """What two rows are compared by."""
        return self.text, self.collation


@dataclass(frozen=True, slots=True)
class SearchKey:
    """The terms of an index, a PRIMARY KEY or a UNIQUE; ``where`` is the condition of a partial index, empty
    otherwise."""

    terms: tuple[Term, ...]
    unique: bool
    where: str = ""


def key_of_index(index: IndexRules, table: TableRules, renamed: Mapping[str, str] | None = None) -> SearchKey:
    """The key of ``index``, which is on ``table``. ``renamed``: new names of columns by old ones, in lower case."""
    names = {quote_if_needed(old): quote_if_needed(new) for old, new in (renamed or {}).items()}
    return SearchKey(_terms(index.terms, table, names), index.unique, index.where)


def keys_of_table(table: TableRules, indexes: Iterable[IndexRules]) -> list[SearchKey]:
    """The keys of ``table``: PRIMARY KEY, UNIQUE and ``indexes``."""
    keys = [*table.unique, *([table.primary_key] if table.primary_key else [])]
    return [
        *(key_of_index(index, table) for index in indexes if not index.unread),
        *(SearchKey(_terms(key.terms, table, {}), unique=True) for key in keys),
    ]


def is_covered(old: SearchKey, keys: Sequence[SearchKey]) -> bool:
    """Whether some of ``keys`` finds rows as ``old`` does, and some forbids duplicates as ``old`` does."""
    usable = [key for key in keys if key.where in ("", old.where)]
    finds = any(_leads(key, old) for key in usable)
    return finds and (not old.unique or any(forbids(key, old) for key in usable))


def _leads(key: SearchKey, old: SearchKey) -> bool:
    """Whether ``key`` begins with the terms of ``old``, in the same order or wholly reversed; or is unique by the first
    terms of ``old``, so that the others find nothing more."""
    length = min(len(key.terms), len(old.terms))
    if not length or (len(key.terms) < len(old.terms) and not key.unique):
        return False
    pairs = list(zip(key.terms, old.terms, strict=False))
    flips = {ours.descending != theirs.descending for ours, theirs in pairs}
    return len(flips) == 1 and all(ours.compared == theirs.compared for ours, theirs in pairs)


def forbids(key: SearchKey, old: SearchKey) -> bool:
    """Whether ``key`` keeps rows apart that ``old`` keeps apart, if both are about the same rows."""
    terms = {term.compared for term in old.terms}
    return key.unique and bool(key.terms) and all(term.compared in terms for term in key.terms)


def _terms(texts: Iterable[str], table: TableRules, renamed: Mapping[str, str]) -> tuple[Term, ...]:
    collations = {quote_if_needed(column.name): column.collation for column in table.columns.values()}
    terms = []
    for text in texts:
        expression, _, collation = text.removesuffix(" desc").partition(" collate ")
        terms.append(
            Term(
                renamed.get(expression, expression),
                collation or collations.get(expression, "binary"),
                text.endswith(" desc"),
            )
        )
    return tuple(terms)
