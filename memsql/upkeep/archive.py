"""Move rows that refer to no row aside, with the rows that refer to them, in one transaction that is proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql.db import Connection, transaction
from memsql.errors import Refused, StatementError
from memsql.ledger import utc_text
from memsql.progress import Progress
from memsql.schema import Schema, Table
from memsql.sqltext import quote
from memsql.upkeep.archives import (
    PREFIX,
    Archive,
    columns_of,
    creation,
    integer,
    is_equal,
    is_row,
    next_number,
    refuse_clash,
)
from memsql.upkeep.bring_back import insertion, put_back
from memsql.upkeep.contents import Content, changes, contents, written
from memsql.upkeep.references import Reference, identity, joined, key, listed, orphaned
from memsql.upkeep.running import ONE_TRANSACTION, stating, watched
from memsql.upkeep.unharmed import Moment, broken_indexes, moment, prove
from memsql.words import count

_WAY_BACK = "memsql_way_back"


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows that were moved into ``archive``; ``why`` says by which reference, ``with_parents`` that they refer to
    rows that were moved."""

    archive: Archive
    rows: int
    why: str
    with_parents: bool = False


class _Mover:
    """Moves the rows of one transaction."""

    def __init__(self, conn: Connection, schema: Schema, references: Sequence[Reference]) -> None:
        self.conn, self.schema, self.references = conn, schema, references
        self.number = next_number(conn)
        self.when = utc_text(datetime.now(UTC))
        self.archives: dict[str, Archive] = {}
        self.moved: dict[tuple[str, str, bool], Moved] = {}

    def keep_orphans(self, tables: Sequence[str] | None) -> None:
        """Copy the orphans, of ``tables`` or of all, into archives."""
        for reference in self.references:
            if (tables is None or reference.child in tables) and not reference.is_unchecked:
                self._keep(reference, orphaned(reference, self.schema), "refers to no row", with_parents=False)

    def keep_descendants(self) -> None:
        """Copy the rows that refer to no other rows than those in the archives, and those that refer to them, and so
        on."""
        again = True
        while again:
            again = False
            for reference in self.references:
                if reference.parent in self.archives:
                    where = self._refers_to_archived(reference)
                    again |= self._keep(reference, where, "refers to a row that was moved", with_parents=True)

    def remove(self) -> None:
        """Delete what is in the archives from the tables, those who refer first."""
        for name, archive in reversed(self.archives.items()):
            self._refuse_unequal(self.schema.tables[name], archive)
            self.conn.execute(self._deletion(archive))

    def statements(self) -> list[str]:
        """What moves the rows and what would bring them back."""
        tables = [(archive, self.schema.tables[name]) for name, archive in self.archives.items()]
        back = [insertion(table, archive, columns_of(table)) for archive, table in tables]
        return [*(self._deletion(archive) for archive, _ in tables), *back]

    def _deletion(self, archive: Archive) -> str:
        table = self.schema.tables[archive.table]
        here = f"EXISTS (SELECT 1 FROM {quote(archive.name)} AS a WHERE {is_row(table, 'a', quote(table.name))})"
        rowid = identity(table)
        if rowid is not None:
            here = f"{quote(rowid)} IN (SELECT memsql_rowid FROM {quote(archive.name)})"
        return f"DELETE FROM {quote(table.name)} WHERE {here}"

    def rows(self) -> dict[str, int]:
        """How many rows of each table were moved."""
        totals: dict[str, int] = dict.fromkeys(self.archives, 0)
        for one in self.moved.values():
            totals[one.archive.table] += one.rows
        return totals

    def _keep(self, reference: Reference, where: str, why: str, *, with_parents: bool) -> bool:
        table = self.schema.tables[reference.child]
        rowid = identity(table)
        if rowid is None and not table.primary_key:
            raise Refused(f"the rows of {table.name} cannot be told apart: columns hide their rowid")
        refuse_clash(table)
        condition = where
        if (archive := self.archives.get(table.name)) is not None:
            condition += f" AND NOT EXISTS (SELECT 1 FROM {quote(archive.name)} AS a WHERE {is_row(table)})"
        there = self.conn.execute(f"SELECT EXISTS (SELECT 1 FROM {quote(table.name)} AS c WHERE {condition})").one()
        if not there:
            return False
        if archive is None:
            archive = self.archives[table.name] = Archive(
                f"{PREFIX}{self.number}_{table.name}", self.number, table.name
            )
            self.conn.execute(creation(archive, table))
        columns = [quote(column) for column in columns_of(table)]
        before = self._count(archive)
        self.conn.execute(
            f"INSERT INTO {quote(archive.name)} (memsql_rowid, memsql_moved_at, memsql_why, {', '.join(columns)})"
            f" SELECT {f'c.{quote(rowid)}' if rowid else 'NULL'}, ?, ?, {', '.join(f'c.{c}' for c in columns)}"
            f" FROM {quote(table.name)} AS c WHERE {condition}",
            (self.when, f"{why}: {reference.shown}"),
        )
        rows = self._count(archive) - before
        sort = (archive.name, reference.shown, with_parents)
        earlier = self.moved.get(sort)
        self.moved[sort] = Moved(archive, rows + (earlier.rows if earlier else 0), reference.shown, with_parents)
        return rows > 0

    def _refers_to_archived(self, reference: Reference) -> str:
        """SQL: whether a row of the child refers to rows in the archive of the parent, and to none beside it."""
        parent, archive = self.schema.tables[reference.parent], self.archives[reference.parent]
        child = self.schema.tables[reference.child]
        moved = f"EXISTS (SELECT 1 FROM {quote(archive.name)} AS a WHERE {is_row(parent, 'a', 'p')})"
        goal = f"SELECT {listed(child, 'n')} FROM {joined(reference)} WHERE"
        return f"{key(child, 'c')} IN ({goal} {moved}) AND {key(child, 'c')} NOT IN ({goal} NOT {moved})"

    def _refuse_unequal(self, table: Table, archive: Archive) -> None:
        sql = f"SELECT count(*) FROM {quote(archive.name)} AS a JOIN {quote(table.name)} AS c ON {is_row(table)}"
        equal = integer(self.conn.execute(f"{sql} WHERE {is_equal(columns_of(table))}").one())
        if equal != self._count(archive):
            raise Refused(f"{count(self._count(archive) - equal, 'row')} of {table.name} cannot be kept as they are")

    def _count(self, archive: Archive) -> int:
        return integer(self.conn.execute(f"SELECT count(*) FROM {quote(archive.name)}").one())


def _remove(mover: _Mover) -> None:
    try:
        mover.remove()
    except StatementError as e:
        if e.is_interrupt or e.is_full:
            raise
        raise Refused(f"the rows cannot be moved: {e.message}", statement=e.statement) from e


def _try_way_back(mover: _Mover, before: Moment, rows: Mapping[str, Content]) -> None:
    """Bring the rows back, compare all that this may have changed with what was there ``before``, and undo it.

    Raises Refused where not everything is as it was.
    """
    conn, schema = mover.conn, mover.schema
    conn.execute(f"SAVEPOINT {_WAY_BACK}")
    try:
        put_back(conn, schema, mover.references, mover.archives.values())
        problems = changes(conn, schema, rows, mover.archives)
        problems += sorted(broken_indexes(conn, mover.archives) - before.broken)
    except Refused as e:
        problems = [e.message, *e.details]
    finally:
        # A trigger with RAISE(ROLLBACK) has ended all of it.
        if conn.in_transaction:
            conn.execute(f"ROLLBACK TO {_WAY_BACK}")
            conn.execute(f"RELEASE {_WAY_BACK}")
    if problems:
        raise Refused(
            "the rows would not come back as they were: what brought them back was tried, and undone",
            details=tuple(problems),
            hint="where a trigger is in the way, drop it for the time; --table moves the rows of one table alone",
        )


def archive_orphans(
    conn: Connection,
    schema: Schema,
    references: Iterable[Reference],
    tables: Sequence[str] | None,
    *,
    progress: Progress,
) -> list[Moved]:
    """Move the orphans of ``tables`` (None: of all) aside, and the rows that refer to them. Foreign keys are on.

    Raises Refused where the proof fails, LockedError, and Interrupted where a signal came: nothing was changed then.
    """
    usable = [reference for reference in references if reference.problem is None]
    with stating("maintain.orphans", lambda: ONE_TRANSACTION) as stopped, watched(conn, stopped):
        conn.execute("PRAGMA foreign_keys = on")
        with transaction(conn):
            conn.execute("PRAGMA defer_foreign_keys = on")
            mover = _Mover(conn, schema, usable)
            progress.start("copying the rows that refer to nothing")
            mover.keep_orphans(tables)
            if not mover.archives:
                return []
            mover.keep_descendants()
            before = moment(conn, schema, usable, mover.archives)
            rows = contents(conn, written(conn, schema, mover.statements()))
            progress.start("moving them aside")
            _remove(mover)
            progress.start("proving it")
            prove(
                before, moment(conn, schema, usable, mover.archives), {n: -number for n, number in mover.rows().items()}
            )
            progress.start("trying whether they would come back")
            _try_way_back(mover, before, rows)
            if stopped():
                raise KeyboardInterrupt
    return list(mover.moved.values())
