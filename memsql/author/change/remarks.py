"""What a change means for the data, in sentences: what is lost, and what the author may not expect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from memsql.author.change.steps import Loss
from memsql.author.change.tables import TableChange, is_alias
from memsql.schema import Column, Table
from memsql.sqltext.affinity import affinity
from memsql.sqltext.names import fold


def losses(changes: Iterable[TableChange], dropped: Iterable[Table]) -> Iterator[Loss]:
    """What no way back restores: the rows of the tables ``dropped``, and columns of those that stay."""
    for table in dropped:
        yield Loss(table.name, None, f"Loses the rows of {table.name}; the way back makes it again without them.")
    for change in changes:
        for column in change.dropped:
            if not column.hidden:
                name = f"{change.old.name}.{column.name}"
                sentence = f"Loses the values of {name}; the way back makes the column again without them."
                yield Loss(change.old.name, column.name, sentence)
        for column in change.new.columns:
            source = change.source(column)
            if source and _may_be_stored_otherwise(change, source, column):
                yield Loss(change.old.name, source.name, _conversion(change, source, column))
            if source and column.hidden and not source.hidden:
                sentence = f"Loses the values of {change.old.name}.{source.name}, which is computed from now on."
                yield Loss(change.old.name, source.name, sentence)


def notes(changes: Iterable[TableChange], created: Sequence[Table], dropped: Iterable[Table]) -> Iterator[str]:
    """Changes that are perhaps renames, and what is right but may surprise."""
    for change in changes:
        yield from _notes_on(change)
    for table in dropped:
        names = [fold(c.name) for c in table.columns]
        alike = [
            t.name for t in created if t.kind == table.kind == "table" and [fold(c.name) for c in t.columns] == names
        ]
        if alike:
            yield (
                f"{table.name} goes and {alike[0]} comes: if that is the same table, write"
                f" `-- renamed from: {table.name}` above it"
            )


def _notes_on(change: TableChange) -> Iterator[str]:
    table = change.new.name
    for column in change.dropped:
        alike = [c.name for c in change.added if fold(c.type) == fold(column.type)]
        if alike:
            yield (
                f"{table}.{column.name} goes and {' or '.join(alike)} comes: if that is the same column, write "
                f"`-- renamed from: {column.name}` behind it"
            )
    for column in change.added:
        if column.hidden and column.notnull:
            yield f"{table}.{column.name} is computed and NOT NULL: migrate.up fails where its expression gives NULL"
    if change.plain and change.added and change.new.columns[-len(change.added) :] != change.added:
        yield f"{', '.join(c.name for c in change.added)} will be the last of {table}, wherever the text has it"
    if change.new.without_rowid and not change.old.without_rowid:
        yield f"{table} has no rowid from now on: the way back numbers its rows anew"
    for column in change.new.columns:
        source = change.source(column)
        if source and is_alias(column, change.new) and change.may_be_null(source):
            yield (
                f"{table}.{column.name} becomes the number of each row: migrate.up fails where it is NULL, so give"
                " every row a number of its own first"
            )
        elif (
            source
            and _affinity(source, change.old) != _affinity(column, change.new)
            and not _may_be_stored_otherwise(change, source, column)
        ):
            yield (
                f"{table}.{column.name} is copied as it is and then stored as {column.type or 'it comes'}: SQLite turns"
                " what looks like a number into one where the type asks for it, and the way back cannot tell"
            )


def _may_be_stored_otherwise(change: TableChange, source: Column, column: Column) -> bool:
    """Whether ``column`` stores common values of ``source`` so that nobody knows what they were: 7 for '007'."""
    if source.hidden or column.hidden:
        return False
    before, after = _affinity(source, change.old), _affinity(column, change.new)
    return (before in ("text", "blob") and after in ("integer", "numeric", "real")) or (before, after) == (
        "blob",
        "text",
    )


def _conversion(change: TableChange, source: Column, column: Column) -> str:
    becomes = "7 becomes '7'" if _affinity(column, change.new) == "text" else "'007' becomes a number"
    name = f"{change.old.name}.{source.name}"
    return f"May lose values of {name}: it is stored as {column.type}, so that {becomes}, and the way back cannot tell."


def _affinity(column: Column, table: Table) -> str:
    return "blob" if table.strict and fold(column.type) == "any" else affinity(column.type)
