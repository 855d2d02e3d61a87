"""Checking foreign keys in a database.

On a file count() asks at once. For a server the questions travel with the migration: a Counts of its schema, whose
numbers are still open, becomes a list of questions(), and answered() fills the numbers in.
"""

from __future__ import annotations

from collections.abc import Sequence

from memsql.db import Connection, Params, Result
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.engine.loss import sentences
from memsql.engine.loss.guard import Counts, Virtual, Watch
from memsql.engine.loss.model import Loss
from memsql.errors import StatementError
from memsql.sqltext import fold, quote


def virtual_tables(conn: Connection) -> Virtual:
    """The virtual tables and their shadow tables.

    From sqlite_schema, for ``pragma_table_list`` computes the columns of every view, which takes exponential time where
    views join views.
    """
    rows = conn.execute(load("engine/virtual_tables")).rows
    return virtual_of([(str(name), None if sql is None else str(sql)) for name, sql in rows])


def virtual_of(tables: Sequence[tuple[str, str | None]]) -> Virtual:
    """virtual_tables() of ``tables``: names, each with the CREATE statement if it is virtual."""
    owners = {fold(name): sql for name, sql in tables if sql is not None}
    if not owners:
        return Virtual()
    # Imported only here: most runs need nothing else of that package, which takes long to import.
    from memsql.sqltext.internal import shadows_of

    shadows = frozenset().union(*(shadows_of(name, sql) for name, sql in owners.items()))
    return Virtual(frozenset(owners), frozenset(fold(name) for name, _ in tables) & shadows, owners)


def tables(conn: Connection) -> frozenset[str]:
    """The names of all tables, folded."""
    return frozenset(fold(str(row[0])) for row in conn.execute(load("engine/tables")).rows)


def count(conn: Connection, watch: Watch) -> Counts:
    """Check the foreign keys of everything in ``watch`` that exists."""
    return Counts(_violations(conn, watch.linked), _keyless(conn, watch.keyed))


def questions(schema: Connection, counts: Counts) -> list[tuple[str, Params]]:
    """What to ask a server so that answered() can fill in the numbers that ``counts`` leaves open. ``schema`` is a
    connection to a copy of the server's schema."""
    reads: list[tuple[str, Params]] = []
    for child, parent in sorted(counts.violations):
        read: tuple[str, Params] = (load("engine/foreign_key_check"), (child, parent))
        try:
            schema.execute(*read)
        except StatementError:
            read = (f"SELECT count(*) FROM {quote(child)}", ())
        reads.append(read)
    return reads


def answered(counts: Counts, answers: Sequence[Result]) -> Counts:
    """``counts`` with the numbers that the ``answers`` to questions() hold."""
    numbers = [_integer(answer.one()) for answer in answers]
    return Counts(dict(zip(sorted(counts.violations), numbers, strict=True)), counts.keyless)


def cascades(conn: Connection, dropped: frozenset[str]) -> list[Loss]:
    """Rows that ON DELETE CASCADE would delete if the tables ``dropped`` (folded names) were dropped."""
    # Imported here because it is rarely needed and costs milliseconds.
    from memsql.schema import read

    losses: list[Loss] = []
    gone = set(dropped)
    references = [
        (table, key)
        for table in read(conn).tables.values()
        for key in table.foreign_keys
        if key.on_delete.upper() == "CASCADE"
    ]
    grown = True
    while grown:
        grown = False
        for table, key in references:
            if fold(key.parent) not in gone or fold(table.name) in gone:
                continue
            gone.add(fold(table.name))
            grown = True
            filled = " AND ".join(f"{quote(column)} IS NOT NULL" for column in key.columns)
            numbers = conn.execute(f"SELECT count(*), sum({filled}) FROM {quote(table.name)}").rows[0]
            rows, going = _integer(numbers[0]), _integer(numbers[1] or 0)
            if going:
                message = sentences.rows_by_effect(table.name, going, rows, "a foreign-key action")
                losses.append(Loss(table.name, None, going, message))
    return losses


def _violations(conn: Connection, linked: frozenset[str]) -> dict[tuple[str, str], int]:
    """Rows that break a foreign key, by (child, parent), of the tables in ``linked`` and of those that refer to
    them."""
    if not linked:
        return {}
    counts: dict[tuple[str, str], int] = {}
    for child, parent in conn.execute(load("engine/foreign_keys")).rows:
        if fold(str(child)) not in linked and fold(str(parent)) not in linked:
            continue
        key = (fold(str(child)), fold(str(parent)))
        try:
            counts[key] = _integer(conn.execute(load("engine/foreign_key_check"), (child, parent)).one())
        except StatementError:
            # The parent has no key of that name, so every row of the child refers to nothing.
            counts[key] = _integer(conn.execute(f"SELECT count(*) FROM {quote(str(child))}").one())
    return counts


def _keyless(conn: Connection, keyed: frozenset[str]) -> frozenset[str]:
    """For the tables ``keyed``: which foreign keys name columns of them that are no key. In the words of SQLite's error
    "foreign key mismatch", which it raises when it compiles a DELETE."""
    mismatches = set()
    for name in sorted(keyed):
        try:
            compile_only(conn, f"DELETE FROM {quote(name)}")
        except StatementError as e:
            if "foreign key mismatch" in e.message:
                mismatches.add(e.message.rpartition(" - ")[2])
    return frozenset(mismatches)


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value
