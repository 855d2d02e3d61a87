"""Bring rows that were moved aside back into their tables, where what they refer to is there again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memsql.db import Connection, transaction
from memsql.db.queries import load
from memsql.errors import Refused, StatementError
from memsql.progress import Progress
from memsql.schema import Schema, Table
from memsql.sqltext import fold, quote
from memsql.upkeep.archives import OWN, Archive, archives, integer, is_equal, is_row
from memsql.upkeep.references import Reference, identity, refers, same
from memsql.upkeep.running import ONE_TRANSACTION, stating, watched
from memsql.upkeep.unharmed import moment, prove


@dataclass(frozen=True, slots=True)
class Returned:
    """An archive: how many of its rows went back, and how many stay because what they refer to is missing, or because
    another row has their key."""

    archive: Archive
    rows: int
    left: int


@dataclass(frozen=True, slots=True)
class _Work:
    archive: Archive
    table: Table
    columns: tuple[str, ...]

    @property
    def source(self) -> str:
        return quote(self.archive.name)


def bring_back(
    conn: Connection,
    schema: Schema,
    references: Iterable[Reference],
    tables: Sequence[str] | None,
    *,
    progress: Progress,
) -> list[Returned]:
    """Bring the rows of ``tables`` (None: of all) back, in one transaction that is proven. An archive that is empty
    then is dropped.

    Raises Refused where a table is gone or lacks a column, or the proof fails; LockedError; Interrupted.
    """
    usable = [reference for reference in references if reference.problem is None]
    with stating("maintain.orphans", lambda: ONE_TRANSACTION) as stopped, watched(conn, stopped):
        conn.execute("PRAGMA foreign_keys = on")
        with transaction(conn):
            conn.execute("PRAGMA defer_foreign_keys = on")
            chosen = [a for a in archives(conn) if tables is None or fold(a.table) in {fold(t) for t in tables}]
            work = _in_order([_work(conn, schema, archive) for archive in chosen], usable)
            if not work:
                return []
            progress.start("looking which rows can go back")
            _mark(conn, work, usable)
            before = moment(conn, schema, usable, {one.table.name for one in work})
            progress.start("bringing them back")
            returned = [_insert(conn, one) for one in work]
            expected: dict[str, int] = {}
            for one, result in zip(work, returned, strict=True):
                expected[one.table.name] = expected.get(one.table.name, 0) + result.rows
            progress.start("proving it")
            prove(before, moment(conn, schema, usable, {one.table.name for one in work}), expected)
            for one, result in zip(work, returned, strict=True):
                _empty(conn, one, result)
            if stopped():
                raise KeyboardInterrupt
    return returned


def put_back(
    conn: Connection, schema: Schema, references: Iterable[Reference], chosen: Iterable[Archive]
) -> list[Returned]:
    """Put every row of the archives ``chosen`` back, whether or not what it refers to is there. Within a transaction
    with deferred foreign keys that the caller rolls back. Raises Refused where rows would not be as they were."""
    work = _in_order([_work(conn, schema, archive) for archive in chosen], list(references))
    for one in work:
        conn.execute(f"UPDATE {one.source} SET memsql_back = 1")
    return [_insert(conn, one) for one in work]


def insertion(table: Table, archive: Archive, columns: Sequence[str]) -> str:
    """The statement that puts the rows of ``archive`` that go back into ``table``: those of its ``columns`` that are
    not generated."""
    generated = {fold(column.name) for column in table.columns if column.hidden != 0}
    listed = ", ".join(quote(column) for column in columns if fold(column) not in generated)
    rowid = identity(table)
    head, values = (listed, listed) if rowid is None else (f"{quote(rowid)}, {listed}", f"memsql_rowid, {listed}")
    source = quote(archive.name)
    return f"INSERT INTO {quote(table.name)} ({head}) SELECT {values} FROM {source} WHERE memsql_back = 1"


def _work(conn: Connection, schema: Schema, archive: Archive) -> _Work:
    table = schema.table(archive.table)
    if table is None or table.kind != "table":
        raise Refused(f"there is no table {archive.table} any more, from which the rows of {archive.name} came")
    columns = [str(row[0]) for row in conn.execute(load("engine/columns"), (archive.name,)).rows]
    columns = [column for column in columns if column not in OWN]
    now = {fold(column.name) for column in table.columns}
    missing = [column for column in columns if fold(column) not in now]
    if missing:
        raise Refused(f"{table.name} has no column {missing[0]} any more, which {archive.name} holds values of")
    return _Work(archive, table, tuple(columns))


def _in_order(work: Sequence[_Work], references: Sequence[Reference]) -> list[_Work]:
    """``work`` with the tables that others refer to first, as far as there is no circle."""
    parents: dict[str, set[str]] = {}
    for one in references:
        if one.child != one.parent:
            parents.setdefault(one.child, set()).add(one.parent)
    ordered: list[_Work] = []
    rest = list(work)
    while rest:
        names = {one.table.name for one in rest}
        free = [one for one in rest if not parents.get(one.table.name, set()) & names] or rest
        ordered += free
        rest = [one for one in rest if one not in free]
    return ordered


def _mark(conn: Connection, work: Sequence[_Work], references: Sequence[Reference]) -> None:
    """Set memsql_back of the rows that can go back together: all of them, without those whose key is taken, and again
    and again without those whose parents neither are there nor go back."""
    for one in work:
        conn.execute(f"UPDATE {one.source} SET memsql_back = 1")
        if one.table.primary_key:
            taken = " AND ".join(f"c.{quote(k)} = {one.source}.{quote(k)}" for k in one.table.primary_key)
            clash = f"SELECT 1 FROM {quote(one.table.name)} AS c WHERE {taken}"
            conn.execute(f"UPDATE {one.source} SET memsql_back = 0 WHERE EXISTS ({clash})")
    again = True
    while again:
        again = False
        for one in work:
            for reference in references:
                if reference.child == one.table.name:
                    again |= conn.execute(_stays(one, reference, work)).changes > 0


def _stays(one: _Work, reference: Reference, work: Sequence[_Work]) -> str:
    """The UPDATE of the rows of ``one`` that cannot go back because of ``reference``."""
    parents = [quote(reference.parent)]
    parents += [
        f"(SELECT * FROM {other.source} WHERE memsql_back = 1)"
        for other in work
        if other.table.name == reference.parent
    ]
    goal = f"SELECT n.memsql_number FROM {{}} AS p JOIN {one.source} AS n ON {same(reference, 'n')}"
    missing = " AND ".join(f"memsql_number NOT IN ({goal.format(parent)})" for parent in parents)
    where = f"memsql_back = 1 AND {refers(reference, one.source)} AND {missing}"
    return f"UPDATE {one.source} SET memsql_back = 0 WHERE {where}"


def _insert(conn: Connection, one: _Work) -> Returned:
    going, left = (
        integer(conn.execute(f"SELECT count(*) FROM {one.source} WHERE memsql_back = {flag}").one()) for flag in (1, 0)
    )
    table, rowid = quote(one.table.name), identity(one.table)
    try:
        if rowid is not None:
            # Without an INTEGER PRIMARY KEY the rowid is SQLite's own, and another row may have it now.
            highest = f"SELECT max(n) FROM (SELECT max({quote(rowid)}) AS n FROM {table}"
            highest += f" UNION ALL SELECT max(memsql_rowid) FROM {one.source})"
            taken = f"EXISTS (SELECT 1 FROM {table} AS c WHERE c.{quote(rowid)} = {one.source}.memsql_rowid)"
            conn.execute(
                f"UPDATE {one.source} SET memsql_rowid = ({highest}) + memsql_number WHERE memsql_back = 1 AND {taken}"
            )
        conn.execute(insertion(one.table, one.archive, one.columns))
    except StatementError as e:
        if e.is_interrupt or e.is_full:
            raise
        raise Refused(f"the rows of {one.archive.name} do not fit into {one.table.name}: {e.message}") from e
    sql = f"SELECT count(*) FROM {one.source} AS a JOIN {table} AS c ON {is_row(one.table)} WHERE a.memsql_back = 1"
    if integer(conn.execute(f"{sql} AND {is_equal(one.columns)}").one()) != going:
        raise Refused(
            f"rows of {one.archive.name} would not be in {one.table.name} as they were: a trigger changes them"
        )
    return Returned(one.archive, going, left)


def _empty(conn: Connection, one: _Work, result: Returned) -> None:
    if result.left:
        conn.execute(f"DELETE FROM {one.source} WHERE memsql_back = 1")
    else:
        conn.execute(f"DROP TABLE {one.source}")
