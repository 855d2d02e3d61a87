"""What an index or a key of a table is for, read from the texts, and whether another one does as well. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.schema.definition import Clause, Definition, split_at_commas
from memsql.schema.model import Object
from memsql.schema.normalise import normalise
from memsql.sqltext.tokens import Token, join, tokenize

_BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Term:
    """A column or an expression, in canonical form, with its collation (folded) and its direction."""

    text: str
    collation: str
    descending: bool = False

    @property
    def compared(self) -> tuple[str, str]:
        """What two rows are compared by."""
        return self.text, self.collation


@dataclass(frozen=True, slots=True)
class Key:
    """The terms of an index, a PRIMARY KEY or a UNIQUE constraint; ``where`` is the canonical condition of a partial
    index, empty otherwise."""

    terms: tuple[Term, ...]
    unique: bool
    where: str = ""


def key_of_index(index: Object, table: Definition, renamed: Mapping[str, str]) -> Key:
    """The key of ``index``, which is on ``table``. ``renamed``: new names of columns by old ones, folded."""
    tokens = tokenize(index.sql)
    opening = next((place for place, token in enumerate(tokens) if token.text == "("), len(tokens))
    groups, closing = split_at_commas(tokens, opening)
    behind = tokens[closing + 1 :]
    where = _canonical(behind[1:], renamed) if behind and behind[0].word == "WHERE" else ""
    collations = _collations(table)
    unique = any(token.word == "UNIQUE" for token in tokens[:2])
    return Key(tuple(_term(group, collations, renamed) for group in groups), unique, where)


def keys_of_table(table: Definition, indexes: Iterable[Object]) -> list[Key]:
    """The keys of ``table``: PRIMARY KEY, UNIQUE constraints and ``indexes``."""
    collations = _collations(table)
    keys = [key_of_index(index, table, {}) for index in indexes]
    for clause in table.columns:
        if clause.has("PRIMARY", "KEY") or clause.has("UNIQUE"):
            keys.append(Key((Term(clause.name, collations[clause.name]),), unique=True))
    for constraint in table.constraints:
        if constraint.has("PRIMARY", "KEY") or constraint.has("UNIQUE"):
            keys.append(Key(_terms_of(constraint, collations), unique=True))
    return keys


def is_covered(old: Key, keys: Sequence[Key]) -> bool:
    """Whether some of ``keys`` finds rows as ``old`` does, and some forbids duplicates as ``old`` does."""
    usable = [key for key in keys if key.where in ("", old.where)]
    finds = any(_leads(key, old) for key in usable)
    return finds and (not old.unique or any(_forbids(key, old) for key in usable))


def _leads(key: Key, old: Key) -> bool:
    """Whether ``key`` begins with the terms of ``old``, in the same order or wholly reversed; or is unique by the first
    terms of ``old``, so that the others find nothing more."""
    length = min(len(key.terms), len(old.terms))
    if not length or (len(key.terms) < len(old.terms) and not key.unique):
        return False
    pairs = list(zip(key.terms, old.terms, strict=False))
    flips = {ours.descending != theirs.descending for ours, theirs in pairs}
    return len(flips) == 1 and all(ours.compared == theirs.compared for ours, theirs in pairs)


def _forbids(key: Key, old: Key) -> bool:
    terms = {term.compared for term in old.terms}
    return key.unique and bool(key.terms) and all(term.compared in terms for term in key.terms)


def _collations(table: Definition) -> dict[str, str]:
    collations = {}
    for clause in table.columns:
        behind = clause.behind("COLLATE")
        collations[clause.name] = behind[0].name if behind else _BINARY
    return collations


def _terms_of(constraint: Clause, collations: Mapping[str, str]) -> tuple[Term, ...]:
    tokens = constraint.tokens
    opening = next((place for place, token in enumerate(tokens) if token.text == "("), len(tokens))
    return tuple(_term(group, collations, {}) for group in split_at_commas(tokens, opening)[0])


def _term(group: Sequence[Token], collations: Mapping[str, str], renamed: Mapping[str, str]) -> Term:
    descending = group[-1].word == "DESC"
    if group[-1].word in ("ASC", "DESC") and len(group) > 1:
        group = group[:-1]
    collation = None
    if len(group) > 2 and group[-2].word == "COLLATE":
        collation, group = group[-1].name, group[:-2]
    text = _canonical(group, renamed)
    return Term(text, collation or collations.get(group[0].name if len(group) == 1 else "", _BINARY), descending)


def _canonical(tokens: Sequence[Token], renamed: Mapping[str, str]) -> str:
    if len(tokens) == 1 and tokens[0].name:
        return renamed.get(tokens[0].name, tokens[0].name)
    return normalise(join(list(tokens)))
