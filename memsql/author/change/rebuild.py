"""The rebuild of a table: which expression over the old table fills each column of the new one.

The procedure is that of https://sqlite.org/lang_altertable.html, section 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from memsql.author.change.steps import CannotChange, RebuildTable
from memsql.author.change.tables import (
    TableChange,
    has_sequence,
    is_alias,
    is_unfillable,
    refuse_unfillable,
)
from memsql.author.change.values import default_of
from memsql.schema import Column, Schema, Table
from memsql.schema.definition import definition_of, under_name
from memsql.sqltext import identifiers
from memsql.sqltext.names import fold, free_rowid, quote_if_needed

NO_ORPHANS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Fill:
    """How a column is filled: the expression, None for its default, and a sentence about it where it is no copy."""

    expression: str | None
    remark: str = ""


def rebuild_step(
    change: TableChange,
    temporary: str,
    *,
    back: bool = False,
    orphans: Mapping[str, str] = NO_ORPHANS,
    unique: frozenset[str] = frozenset(),
    dangling: Mapping[str, str] = NO_ORPHANS,
) -> RebuildTable:
    """The step that makes the new table of ``change`` under the name ``temporary`` and then renames it.

    The early renames of ``change`` are done before it. ``back``: it is the way back of a migration, on which a value
    that nobody knows is replaced by one that says nothing. ``orphans`` are columns that refer to what does not come
    back, each with the table or column that it refers to; ``unique`` are columns that may be part of a unique key;
    ``dangling`` are those whose default refers to no row, each with the table; all in lower case.

    Raises CannotChange where a column can have no value.
    """
    return _Copier(change, back, orphans, unique, dangling).step(temporary)


@dataclass(frozen=True, slots=True)
class _Copier:
    change: TableChange
    back: bool
    orphans: Mapping[str, str]
    unique: frozenset[str]
    dangling: Mapping[str, str]

    def step(self, temporary: str) -> RebuildTable:
        new = self.change.new
        fills = [(column, self._fill(column)) for column in new.columns if not column.hidden]
        copies = [(quote_if_needed(c.name), f.expression) for c, f in fills if f.expression is not None]
        rowid = self._rowid
        if rowid is not None and not any(is_alias(column, new) for column in new.columns):
            copies.insert(0, (rowid, rowid))
        return RebuildTable(
            new.name,
            temporary,
            under_name(new.sql, temporary),
            tuple(copies),
            has_sequence(self.change.old) and has_sequence(new) and self.change.keeps_key,
            tuple(f.remark for _, f in fills if f.remark),
        )

    @property
    def _rowid(self) -> str | None:
        """A name for the rowid in both tables; None where one of them has no rowid, or no free name for it."""
        old, new = self.change.old, self.change.new
        if old.without_rowid or new.without_rowid:
            return None
        return free_rowid(c.name for table in (old, new) for c in table.columns)

    def _fill(self, column: Column) -> _Fill:
        if fold(column.name) in self.orphans:
            return self._orphaned(column)
        if column.name in self.change.kept:
            return self._copied(column)
        return self._unknown(column)

    def _copied(self, column: Column) -> _Fill:
        """A column that takes its values from one of the old table."""
        source = self.change.kept[column.name]
        old = next(c for c in self.change.old.columns if c.name == source)
        renamed = {fold(before): after for before, after in self.change.early}
        name = renamed.get(fold(source), source)
        copy = quote_if_needed(name)
        if not self.change.may_be_null(old):
            return _Fill(copy)
        to_see = f"to see these rows: SELECT * FROM {quote_if_needed(self.change.new.name)} WHERE {copy} IS NULL"
        if is_alias(column, self.change.new):
            # SQLite would give a number of its own to a row without one. It takes no text for a number.
            remark = f"Fails with a datatype mismatch where {name}, the key from now on, is NULL; {to_see}"
            return _Fill(f"coalesce({copy}, 'no number')", remark)
        if not column.notnull:
            return _Fill(copy)
        default = default_of(column)
        if default is not None:
            return _Fill(f"coalesce({copy}, {default})", f"NULLs in {column.name} become {default}.")
        return _Fill(copy, f"Fails where {name} is NULL; {to_see}")

    def _orphaned(self, column: Column) -> _Fill:
        goal = self.orphans[fold(column.name)]
        later = self.change.source(column)
        # After the way back it is empty, and the way up again has to copy that.
        required = later is not None and not self.change.may_be_null(later) and default_of(later) is None
        if column.notnull or column.pk or required:
            which = "is NOT NULL" if column.notnull or column.pk else "is not to be NULL any more"
            raise CannotChange(
                f"{self.change.new.name}.{column.name} refers to {goal}, which goes, and {which}: the way back would"
                " have nothing to refer to",
                self.change.new.name,
                None,
                f"first make it NULL in a migration of its own, then drop {goal} in another"
                if which == "is NOT NULL"
                else f"first drop {goal} in a migration of its own, then change {column.name} in another",
            )
        remark = f"What {column.name} refers to in {goal} does not come back, so it becomes empty."
        return _Fill(None if default_of(column) is None else "NULL", remark)

    def _unknown(self, column: Column) -> _Fill:
        """A column that no column of the old table has values for."""
        new, rowid = self.change.new, self._rowid
        if is_alias(column, new):
            return _Fill(rowid)
        lost = f"Nobody knows {column.name} any more: it becomes"
        is_unique = fold(column.name) in self.unique
        refers = any(fold(column.name) in map(fold, key.columns) for key in new.foreign_keys)
        dangles = fold(column.name) in self.dangling
        if dangles and not self.back:
            self._refuse_dangling(column)
        if dangles and not column.notnull:
            return _Fill("NULL", f"{lost} NULL.")
        if self.back and is_unique and default_of(column) is not None and not column.notnull:
            # Its default in every row would not be unique.
            return _Fill("NULL", f"{lost} NULL.")
        if self.back and is_unique and column.notnull and rowid is not None and not refers:
            return _Fill(rowid, f"{lost} {rowid}.")
        if not (is_unfillable(column, new) or dangles):
            return _Fill(None)
        if not self.back:
            refuse_unfillable(self.change)
        if refers or (is_unique and rowid is None):
            raise CannotChange(
                f"{new.name}.{column.name} cannot go: it is NOT NULL{' and refers to another table' if refers else ''},"
                " so the way back would have no value for it",
                new.name,
                None,
                "first make it NULL in a migration of its own, then drop it in another",
            )
        value = _empty(column)
        return _Fill(value, f"{lost} {value}.")

    def _refuse_dangling(self, column: Column) -> NoReturn:
        parent = self.dangling[fold(column.name)]
        nullable = "" if column.notnull else "leave the DEFAULT out, so that the rows that are there get NULL, or "
        raise CannotChange(
            f"{self.change.new.name}.{column.name} is new, and its default {default_of(column)} refers to no row of"
            f" {parent} that a migration makes",
            self.change.new.name,
            column.name,
            f"{nullable}insert that row of {parent} in a migration of its own first",
        )


def unique_columns(table: Table, schema: Schema) -> frozenset[str]:
    """The columns, in lower case, that may be part of a unique key; names in an expression of an index count too."""
    unique = {fold(c.name) for c in table.columns if c.pk}
    for clause in definition_of(table).clauses:
        if clause.name and clause.has("UNIQUE"):
            unique.add(clause.name)
        elif not clause.name and (clause.has("UNIQUE") or clause.has("PRIMARY")):
            unique |= identifiers(clause.text)
    for index in schema.of(table.name, "index"):
        if index.sql[:13].lower() == "create unique":
            unique |= identifiers(index.sql)
    return frozenset(unique) & {fold(c.name) for c in table.columns}


def _empty(column: Column) -> str:
    """A value that says nothing, of the type of ``column`` (https://sqlite.org/datatype3.html, section 3.1)."""
    declared = fold(column.type)
    if "int" in declared or re.search(r"real|floa|doub|num|dec|bool|date", declared):
        return "0"
    return "x''" if "blob" in declared else "''"
