"""Which columns of a table a file copies as they are before they go: their values are not lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from memsql.lint.catalogue import Catalogue
from memsql.lint.step import Step, Steps
from memsql.sqltext import fold
from memsql.sqltext.origins import assigned, branches
from memsql.sqltext.selects import Select, reference_of
from memsql.sqltext.tokens import Token
from memsql.sqltext.writes import Write, read_view

_NOT_NULL = ["IS", "NOT", "NULL"]


def carried(steps: Steps, before: Catalogue, after: Catalogue) -> Mapping[str, frozenset[str]]:
    """The columns of each table that some statement of the file copies into another column that is there in the end,
    of every row or of every row that has a value. Names are folded, tables are called as before the file."""
    shapes = _Shapes(steps, before, after)
    columns: defaultdict[str, set[str]] = defaultdict(set)
    for step in steps:
        copies = step.kind == "update" or (step.kind == "insert" and "select" in step.text.lower()) or step.selects
        write = step.write if copies else None
        if write is None or write.ignores or write.replaces or step.effect.schema == "temp":
            continue
        if after.has(shapes.final_name(write.table, step)):
            for table, column in _copied(write, shapes):
                columns[shapes.earlier_name(table)].add(column)
    return {table: frozenset(names) for table, names in columns.items()}


def _copied(write: Write, shapes: _Shapes) -> Iterator[tuple[str, str]]:
    """The columns, as (table, column), that a statement copies as they are."""
    if write.verb == "update":
        for column, expression in assigned(write, shapes).items():
            for table, source in expression.reads if expression.kind == "bare" else ():
                if (table, source) != (write.table, column) and _reaches(write.condition, source, write.some):
                    yield table, source
        return
    wheres = [arm.conditions for arm in write.select.arms] if write.select is not None else []
    for branch in branches(write, shapes):
        where = wheres[0][1:] if len(wheres) == 1 and wheres[0] and wheres[0][0].word == "WHERE" else ()
        for _, expression in branch.columns:
            for table, source in expression.reads if expression.kind == "bare" else ():
                if _reaches(where, source, branch.some):
                    yield table, source


def _reaches(condition: Sequence[Token], column: str, some: bool) -> bool:
    """Whether every row is meant, or ``condition`` leaves out only those without a value in ``column``."""
    if not some:
        return True
    reference = reference_of(condition[:-3])
    words = [token.word for token in condition[-3:]]
    return words == _NOT_NULL and reference is not None and reference[1] == column


class _Shapes:
    """The columns of the tables of a file, under each of their names."""

    def __init__(self, steps: Steps, before: Catalogue, after: Catalogue) -> None:
        self._steps, self._before, self._after = steps, before, after
        self._renames = [(step.at, step.name, step.new_name) for step in steps.of("alter_rename")]

    def final_name(self, table: str, step: Step) -> str:
        """What the table that ``step`` calls ``table`` is called in the end."""
        for at, old, new in self._renames:
            if at > step.at and old == table:
                table = new
        return table

    def earlier_name(self, table: str) -> str:
        """What the table was called before the file, if it was there."""
        if self._before.has(table):
            return table
        return next((old for _, old, new in self._renames if new == table and self._before.has(old)), table)

    def columns(self, name: str) -> Sequence[str]:
        """The columns, folded, that ``SELECT *`` has; empty where there is no such table."""
        shape = self._before.table(self.earlier_name(name)) or self._after.table(name)
        if shape is not None:
            return [fold(column.name) for column in shape.columns if column.hidden != 1]
        new = next((step for step in self._steps.making("table") if step.name == name), None)
        return [column.name for column in new.definition.columns] if new is not None else []

    def view_select(self, name: str) -> Select | None:
        """The SELECT of a view; None where ``name`` is none."""
        entry = next((e for c in (self._before, self._after) if (e := c.entry((False, name))) is not None), None)
        return read_view(entry.sql) if entry is not None and entry.type == "view" else None
