"""Constraints that ALTER TABLE can change from SQLite 3.53 on (https://sqlite.org/lang_altertable.html): NOT NULL and
CHECK."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from memsql.author.change.steps import AddCheck, ConstraintStep, DropConstraint, DropNotNull, SetNotNull
from memsql.author.change.values import default_of
from memsql.schema import Table
from memsql.schema.definition import definition_of
from memsql.schema.meaning import expression_text
from memsql.schema.rules import Check, ColumnRule, Key, Reference, TableRules
from memsql.sqltext.names import fold, unquote
from memsql.sqltext.tokens import tokenize

Constraint = Key | Check | Reference


def in_place(
    new: Table,
    columns: tuple[Mapping[str, ColumnRule], Mapping[str, ColumnRule]],
    constraints: tuple[Collection[Constraint], Collection[Constraint]],
    *,
    has_triggers: bool,
) -> tuple[ConstraintStep, ...] | None:
    """The steps that make of a table with these ``columns`` and ``constraints``, before and after the change, the table
    ``new``; None where they cannot.

    ``columns`` are those that both have, by their new names. ``has_triggers``: filling a column with its default would
    fire them.
    """
    one, two = (set(part) for part in constraints)
    gone, come = list(one - two), list(two - one)
    if not all(isinstance(c, Check) for c in (*gone, *come)):
        return None
    names = [c.name for c in one if isinstance(c, Check)]
    if any(not c.name or names.count(c.name) > 1 for c in gone if isinstance(c, Check)):
        return None
    pairs = [(before, columns[1][name]) for name, before in columns[0].items()]
    if not all(_differs_in_not_null(*pair) for pair in pairs):
        return None
    nullable, required = _changed(pairs)
    defaults = {c: default_of(next(x for x in new.columns if fold(x.name) == c)) for c in required}
    if has_triggers and any(default is not None for default in defaults.values()):
        return None
    spelled = {fold(c.name): c.name for c in new.columns}
    checks = sorted((c for c in come if isinstance(c, Check)), key=str)
    return (
        *(DropConstraint(new.name, c.name) for c in sorted(gone, key=str) if isinstance(c, Check)),
        *(DropNotNull(new.name, spelled[c]) for c in nullable),
        *(SetNotNull(new.name, spelled[c], default) for c, default in defaults.items()),
        *(AddCheck(new.name, _spelled(new, c.name), _written(new, c)) for c in checks),
    )


def same_frame(one: TableRules, two: TableRules) -> bool:
    """Whether two tables have the same options and the same primary key."""
    return (one.without_rowid, one.strict, one.unread) == (
        two.without_rowid,
        two.strict,
        two.unread,
    ) and one.primary_key == two.primary_key


def _differs_in_not_null(before: ColumnRule, after: ColumnRule) -> bool:
    if before == after:
        return True
    plain = {before.not_null, after.not_null} == {"", "not null"} and not after.generated
    return plain and replace(before, not_null=after.not_null) == after


def _changed(pairs: list[tuple[ColumnRule, ColumnRule]]) -> tuple[list[str], list[str]]:
    """The columns that may be NULL from now on, and those that may not."""
    changed = [after for before, after in pairs if before != after]
    return [c.name for c in changed if not c.not_null], [c.name for c in changed if c.not_null]


def _spelled(table: Table, name: str) -> str:
    """The name of a constraint with the letters of its author."""
    pairs = pairwise(tokenize(table.sql))
    return next((unquote(t.text) for word, t in pairs if word.word == "CONSTRAINT" and t.name == name), name)


def _written(table: Table, check: Check) -> str:
    """The expression of ``check`` as its author wrote it."""
    columns = [c.name for c in table.columns]
    return next(_same_texts(table, check, columns), check.expression)


def _same_texts(table: Table, check: Check, columns: list[str]) -> Iterator[str]:
    for text in definition_of(table).checks:
        if expression_text(text, table.name, columns) == check.expression:
            yield text
