"""Load a proven SQLite file into a libSQL server, in one transaction that is committed only after the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from memsql import hints
from memsql.backups.connections import file_connection, server_connection
from memsql.backups.digest import Hasher, TableDigest, TableSelect, content_selects, differences
from memsql.backups.manifest import Manifest
from memsql.backups.rows import (
    DumpObject,
    all_selects,
    dump_objects,
    inserts,
    longest_row,
    read_rows,
    sequence_statements,
)
from memsql.config import Target
from memsql.db.exact import exact_lists
from memsql.db.libsql import ROW_LIMIT, LibsqlConnection
from memsql.db.protocol import Item
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, CommitUnknown, ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts import check_in_transaction, discover, rebuild_in_transaction
from memsql.progress import Progress
from memsql.schema import read
from memsql.sqltext import quote

_BATCH_BYTES = 1 << 19
_OBJECTS_AT_ONCE = 100
_SHOWN = 8
_AS_BEFORE = "nothing was restored: the server has what it had before"
MADE_BY_SERVER = ("index", "view", "trigger")
"""The kinds of objects that are made behind all rows, in this order; also those that a SQLite file could not hold."""
_DROP_ORDER = ("trigger", "view", "vector", "virtual", "table")


def restore_server(
    plain: Path, manifest: Manifest, target: Target, *, busy_timeout: int, replace: bool, progress: Progress
) -> tuple[TableDigest, ...]:
    """Make the database at ``target`` what the proven SQLite file ``plain`` is; return what its tables hold now.

    This is one transaction: whatever ends it early, the server has what it had. Before COMMIT every table is read back
    and compared with ``manifest``, and the full-text indexes are checked; one that was broken in the backup is built
    anew.

    Raises Refused where the database holds anything and ``replace`` is not set; LockedError where the server released
    the lock; CheckFailed where the server refuses a statement or holds something else in the end; ConnectError; and
    CommitUnknown where the answer to COMMIT was lost and the server cannot be asked any more.
    """
    with file_connection(plain, plain.name, "ro", busy_timeout) as file:
        work = _Restore(file, manifest, target, progress)
        work.refuse_too_large()
        with server_connection(target, "rw", busy_timeout) as server, _explained():
            work.fill(server, replace=replace)
            progress.start("committing")
            try:
                server.commit()
            except CommitUnknown as e:
                return work.look_again(busy_timeout, e)
    return manifest.tables


class _Restore:
    """The restore of ``file`` onto ``target``."""

    def __init__(self, file: SQLiteConnection, manifest: Manifest, target: Target, progress: Progress) -> None:
        self._file = file
        self._manifest = manifest
        self._target = target
        self._progress = progress
        self._objects = dump_objects(file)
        self._selects = all_selects(file)
        # The tables with a value that Hrana cannot carry as it is: their rows are read back in another way.
        self._inexact: set[str] = set()
        self._done = 0
        self._size = _pragma(file, "page_count") * _pragma(file, "page_size")

    def refuse_too_large(self) -> None:
        """Raise Refused for a row that a server does not take, before anything is sent."""
        if self._size <= ROW_LIMIT:
            return
        for select in self._selects.values():
            size = longest_row(self._file.raw, select)
            if size > ROW_LIMIT:
                raise Refused(
                    f"{select.name} holds a row of {size:,} bytes, and a libSQL server takes {ROW_LIMIT:,}",
                    state="nothing was sent: the server has what it had before",
                    hint="restore it to a file",
                )

    def fill(self, server: LibsqlConnection, *, replace: bool) -> None:
        """Do everything up to COMMIT."""
        server.execute("PRAGMA foreign_keys = off")
        server.begin()
        self._make_room(server, replace)
        self._create_tables(server)
        for name in sorted(self._selects, key=lambda name: name == "sqlite_sequence"):
            self._insert_rows(server, self._selects[name])
        self._progress.start("making indexes, views and triggers")
        self._run(server, self._other_objects())
        self._set_pragmas(server)
        self._prove(server)

    def look_again(self, busy_timeout: int, lost: CommitUnknown) -> tuple[TableDigest, ...]:
        """Find out what became of a COMMIT whose answer was lost. Raises ``lost`` where nobody can tell."""
        self._progress.start("looking whether it was committed")
        unlike: list[str] | None = None
        with suppress(MemsqlError), server_connection(self._target, "rw", busy_timeout) as server:
            # The server releases the lock when it is done with the lost transaction.
            server.begin()
            unlike = differences(self._manifest.tables, self._digests(server))
            server.rollback()
        if unlike is None:
            lost.hint = (
                f"see what the server holds: {hints.command('verify')}; restore again if it is not what the "
                "backup holds"
            )
            raise lost
        if unlike:
            raise ConnectError(
                f"{self._target}: the connection broke when the restore was to be committed, and it was not",
                state=_AS_BEFORE,
                hint="check the network and the server, and restore again",
            )
        return self._manifest.tables

    def _make_room(self, server: LibsqlConnection, replace: bool) -> None:
        """Drop everything that the server holds. Raises Refused where there is anything and ``replace`` is not set."""
        objects = dump_objects(server)
        if not objects:
            return
        vectors = {o.name for o in objects if "libsql_vector_idx" in o.sql}
        if not replace:
            raise Refused(
                f"{self._target} is not empty: it holds {_named(objects, vectors)}",
                state=_AS_BEFORE,
                hint="restore to an empty database, or replace what is there: --replace",
            )
        self._progress.start("dropping what is there")
        self._run(
            server,
            [
                f"DROP {o.type.upper()} IF EXISTS {quote(o.name)}"
                for kind in _DROP_ORDER
                for o in objects
                if kind == (o.kind if o.type == "table" else "vector" if o.name in vectors else o.type)
            ],
        )

    def _create_tables(self, server: LibsqlConnection) -> None:
        """Create all tables. Virtual tables create their shadow tables, whose first rows give way to those of the
        backup."""
        self._progress.start("making tables")
        tables = [o for o in self._objects if o.type == "table"]
        self._run(server, [table.sql for table in tables if table.kind != "shadow"])
        self._run(server, [f"DELETE FROM {quote(table.name)}" for table in tables if table.kind == "shadow"])

    def _insert_rows(self, server: LibsqlConnection, select: TableSelect) -> None:
        self._progress.start(f"restoring {select.name}")
        if select.name == "sqlite_sequence":
            # The rows of the other tables have changed it already.
            self._run(server, sequence_statements(self._objects, self._selects))
        for batch in read_rows(self._file, select.sql, _BATCH_BYTES):
            if batch.inexact:
                self._inexact.add(select.name)
            try:
                server.batch(inserts(select.name, select.columns, batch))
            except StatementError as e:
                raise _refused(f"the server does not take a row of {select.name}: {e.message}", e) from e
            self._tick(batch.weight)

    def _other_objects(self) -> list[str]:
        """The statements that create indexes, views and triggers, also those that a SQLite file could not hold."""
        omitted = [(o.type.rpartition(" ")[2], o.sql) for o in self._manifest.omitted if o.sql]
        objects = [(o.type, o.sql) for o in self._objects] + omitted
        return [sql for kind in MADE_BY_SERVER for type_, sql in objects if type_ == kind]

    def _set_pragmas(self, server: LibsqlConnection) -> None:
        server.execute(f"PRAGMA user_version = {_pragma(self._file, 'user_version')}")
        application = _pragma(self._file, "application_id")
        if application:
            try:
                server.execute(f"PRAGMA application_id = {application}")
            except StatementError:
                self._progress.start(
                    f"left out: application_id {application}, which the server does not let anybody set"
                )

    def _prove(self, server: LibsqlConnection) -> None:
        """Raise CheckFailed where the server does not hold what the backup holds. Broken full-text indexes are built
        anew."""
        unlike = differences(self._manifest.tables, self._digests(server))
        if unlike:
            raise CheckFailed(
                "what the server holds is not what the backup holds", details=tuple(unlike), state=_AS_BEFORE
            )
        for table in discover(server):
            self._progress.start(f"checking {table.name}")
            if not check_in_transaction(server, [table.name]):
                continue
            if table.kind != "contentless":
                self._progress.start(
                    f"building {table.name} anew: it did not agree with its content in the backup either"
                )
                rebuild_in_transaction(server, [table.name])
            if problems := check_in_transaction(server, [table.name]):
                raise CheckFailed(problems[0], state=_AS_BEFORE)

    def _digests(self, server: LibsqlConnection) -> Iterator[TableDigest]:
        """The digests of the tables on the server."""
        for select in content_selects(read(server, internal=True)):
            self._progress.start(f"reading {select.name} back")
            hasher = Hasher(select.name)
            lists = (
                exact_lists(server, select.sql, select.columns)
                if select.name in self._inexact
                else server.stream_lists(select.sql)
            )
            for rows in lists:
                before = hasher.bytes
                hasher.add(rows)
                self._tick(hasher.bytes - before)
            yield hasher.digest()

    def _run(self, server: LibsqlConnection, statements: Sequence[str]) -> None:
        """Run statements of the backup, many in one request."""
        items: list[Item] = [(sql, ()) for sql in statements]
        for start in range(0, len(items), _OBJECTS_AT_ONCE):
            try:
                server.batch(items[start : start + _OBJECTS_AT_ONCE])
            except StatementError as e:
                raise _refused(f"the server does not take a statement of the backup: {e.message}", e) from e

    def _tick(self, weight: int) -> None:
        """Count ``weight`` bytes. All rows go to the server and come back."""
        self._done += weight
        self._progress.tick(min(1.0, self._done / (2 * self._size)))


@contextmanager
def _explained() -> Iterator[None]:
    """Say in errors of the connection what they mean for a restore."""
    try:
        yield
    except LockedError as e:
        raise LockedError(
            e.message,
            state=_AS_BEFORE,
            details=e.details,
            hint="a restore takes longer than a server lets anybody hold the lock while others want it: "
            "stop whatever writes to it, and restore again",
        ) from e
    except ConnectError as e:
        if not isinstance(e, CommitUnknown):
            e.state = _AS_BEFORE
        raise
    except StatementError as e:
        raise CheckFailed(f"the server does not take the backup: {e.message}", state=_AS_BEFORE, hint=e.hint) from e


def _refused(message: str, error: StatementError) -> CheckFailed:
    statement = error.statement if error.statement and len(error.statement) < 2000 else None
    return CheckFailed(message, statement=statement, state=_AS_BEFORE, hint=error.hint)


def _named(objects: Sequence[DumpObject], vectors: set[str]) -> str:
    """The names of the first tables, without shadow tables and those behind the vector indexes ``vectors``."""
    tables = [
        o.name
        for o in objects
        if o.type == "table" and o.kind != "shadow" and o.name.rpartition("_shadow")[0] not in vectors
    ]
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    return ", ".join(tables[:_SHOWN]) + more or objects[0].name


def _pragma(file: SQLiteConnection, name: str) -> int:
    value = file.execute(f"PRAGMA {name}").one()
    assert isinstance(value, int)
    return value
