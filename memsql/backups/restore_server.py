"""Loading a proven SQLite file into a libSQL server, in one transaction that is committed only when it was proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from memsql.backups.digest import Hasher, Reading, TableDigest, differences, readings
from memsql.backups.manifest import Manifest
from memsql.backups.rows import Thing, all_readings, inserts, longest_row, read_rows, sequence_statements, things
from memsql.config import Target
from memsql.db import connect
from memsql.db.exact import exact_lists
from memsql.db.libsql import ROW_LIMIT, LibsqlConnection
from memsql.db.protocol import Item
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, CommitUnknown, ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts import check_in_transaction, discover, rebuild_in_transaction
from memsql.progress import Progress
from memsql.schema import read
from memsql.sqltext import quote

_AT_ONCE = 1 << 19
_OBJECTS_AT_ONCE = 100
_AS_BEFORE = "nothing was restored: the server has what it had before"
_DROP = ("trigger", "view", "vector", "virtual", "table")


def restore_server(
    plain: Path,
    manifest: Manifest,
    target: Target,
    busy_timeout: int,
    progress: Progress,
    *,
    replace: bool,
) -> tuple[TableDigest, ...]:
    """Make the database at ``target`` what the proven SQLite file ``plain`` is; return what its tables hold now.

    One transaction: whatever ends it early, the server has what it had. Before COMMIT every table is read back and compared
    with ``manifest``, and full-text indexes are checked; one that was broken in the backup is built anew. Raises
    Refused where the database holds anything and ``replace`` is not set, LockedError where the server gave the lock away, CheckFailed
    where the server refuses something or holds something else in the end, ConnectError, and CommitUnknown where the answer to COMMIT
    was lost and the server cannot be asked any more.
    """
    with closing(connect(Target(path=plain, display=plain.name), "ro", busy_timeout)) as file:
        assert isinstance(file, SQLiteConnection)
        work = _Restore(file, manifest, target, progress)
        work.refuse_too_large()
        with closing(connect(target, "rw", busy_timeout)) as server, _told(target):
            assert isinstance(server, LibsqlConnection)
            work.fill(server, replace)
            progress.start("committing")
            try:
                server.commit()
            except CommitUnknown as e:
                return work.look_again(busy_timeout, e)
    return manifest.tables


class _Restore:
    def __init__(self, file: SQLiteConnection, manifest: Manifest, target: Target, progress: Progress) -> None:
        self._file = file
        self._manifest = manifest
        self._target = target
        self._progress = progress
        self._things = things(file)
        self._readings = all_readings(file)
        # Their rows must be read back in another way.
        self._odd: set[str] = set()
        self._done = 0
        self._size = _number(file, "page_count") * _number(file, "page_size")

    def refuse_too_large(self) -> None:
        """Raise Refused for a row that a server does not take, before anything is sent."""
        if self._size <= ROW_LIMIT:
            return
        for reading in self._readings.values():
            size = longest_row(self._file.raw, reading)
            if size > ROW_LIMIT:
                raise Refused(
                    f"{reading.name} holds a row of {size:,} bytes, and a libSQL server takes {ROW_LIMIT:,}",
                    state="nothing was sent: the server has what it had before",
                    hint="restore it to a file",
                )

    def fill(self, server: LibsqlConnection, replace: bool) -> None:
        """Everything up to COMMIT."""
        server.execute("PRAGMA foreign_keys = off")
        server.begin()
        self._make_room(server, replace)
        self._tables(server)
        for name in sorted(self._readings, key=lambda name: name == "sqlite_sequence"):
            self._rows(server, self._readings[name])
        self._progress.start("making indexes, views and triggers")
        self._run(server, [(sql, ()) for sql in self._rest()])
        self._settings(server)
        self._prove(server)

    def look_again(self, busy_timeout: int, lost: CommitUnknown) -> tuple[TableDigest, ...]:
        """What became of a COMMIT whose answer was lost. Raises ``lost`` where nobody can tell."""
        self._progress.start("looking whether it was committed")
        found: list[str] | None = None
        with suppress(MemsqlError), closing(connect(self._target, "rw", busy_timeout)) as server:
            assert isinstance(server, LibsqlConnection)
            # The server is done with the lost transaction when it gives the lock away.
            server.begin()
            found = differences(self._manifest.tables, self._hashes(server))
            server.rollback()
        if found is None:
            lost.hint = "see what the server holds: invoke verify; restore again if it is not what the backup holds"
            raise lost
        if found:
            raise ConnectError(
                f"{self._target}: the connection broke when the restore was to be committed, and it was not",
                state=_AS_BEFORE,
                hint="check the network and the server, and restore again",
            )
        return self._manifest.tables

    def _make_room(self, server: LibsqlConnection, replace: bool) -> None:
        found = [
            Thing(str(t), str(n), str(o), str(s), str(k or t))
            for t, n, o, s, k in server.execute(load("backups/objects")).rows
        ]
        owners = {thing.name for thing in found if "libsql_vector_idx" in thing.sql}
        shown = [
            t
            for t in found
            if t.type == "table" and t.kind != "shadow" and t.name.rpartition("_shadow")[0] not in owners
        ]
        if found and not replace:
            names = ", ".join(t.name for t in shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
            raise Refused(
                f"{self._target} is not empty: it holds {names or found[0].name}",
                state=_AS_BEFORE,
                hint="restore to an empty database, or replace what is there: --replace",
            )
        if found:
            self._progress.start("dropping what is there")
        drops = []
        for kind in _DROP:
            for thing in found:
                if kind == (thing.kind if thing.type == "table" else "vector" if thing.name in owners else thing.type):
                    drops.append(f"DROP {thing.type.upper()} IF EXISTS {quote(thing.name)}")
        self._run(server, [(sql, ()) for sql in drops])

    def _tables(self, server: LibsqlConnection) -> None:
        """Virtual tables make their own shadows, whose first rows give way to those of the backup."""
        self._progress.start("making tables")
        tables = [t for t in self._things if t.type == "table"]
        self._run(server, [(t.sql, ()) for t in tables if t.kind != "shadow"])
        self._run(server, [(f"DELETE FROM {quote(t.name)}", ()) for t in tables if t.kind == "shadow"])

    def _rows(self, server: LibsqlConnection, reading: Reading) -> None:
        self._progress.start(f"restoring {reading.name}")
        if reading.name == "sqlite_sequence":
            # The rows of the others have moved it already.
            self._run(server, [(sql, ()) for sql in sequence_statements(self._things, self._readings)])
        for some in read_rows(self._file, reading.sql, _AT_ONCE):
            if some.odd:
                self._odd.add(reading.name)
            try:
                server.batch(inserts(reading.name, reading.columns, some))
            except StatementError as e:
                raise self._refused(f"the server does not take a row of {reading.name}: {e.message}", e) from e
            self._tick(some.weight)

    def _rest(self) -> list[str]:
        omitted = [(o.type.rpartition(" ")[2], o.sql) for o in self._manifest.omitted if o.sql]
        everything = [(t.type, t.sql) for t in self._things] + omitted
        return [sql for kind in ("index", "view", "trigger") for type_, sql in everything if type_ == kind]

    def _settings(self, server: LibsqlConnection) -> None:
        server.execute(f"PRAGMA user_version = {_number(self._file, 'user_version')}")
        application = _number(self._file, "application_id")
        if application:
            try:
                server.execute(f"PRAGMA application_id = {application}")
            except StatementError:
                self._progress.start(
                    f"left out: application_id {application}, which the server does not let anybody set"
                )

    def _prove(self, server: LibsqlConnection) -> None:
        found = differences(self._manifest.tables, self._hashes(server))
        if found:
            raise CheckFailed(
                "what the server holds is not what the backup holds", details=tuple(found), state=_AS_BEFORE
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

    def _hashes(self, server: LibsqlConnection) -> Iterator[TableDigest]:
        for reading in readings(read(server, internal=True)):
            self._progress.start(f"reading {reading.name} back")
            hasher = Hasher(reading.name)
            lists = (
                exact_lists(server, reading.sql, reading.columns)
                if reading.name in self._odd
                else server.stream_lists(reading.sql)
            )
            for rows in lists:
                before = hasher.bytes
                hasher.add(rows)
                self._tick(hasher.bytes - before)
            yield hasher.digest()

    def _run(self, server: LibsqlConnection, items: Sequence[Item]) -> None:
        for start in range(0, len(items), _OBJECTS_AT_ONCE):
            try:
                server.batch(items[start : start + _OBJECTS_AT_ONCE])
            except StatementError as e:
                raise self._refused(f"the server does not take a statement of the backup: {e.message}", e) from e

    def _refused(self, message: str, e: StatementError) -> CheckFailed:
        statement = e.statement if e.statement and len(e.statement) < 2000 else None
        return CheckFailed(message, statement=statement, state=_AS_BEFORE, hint=e.hint)

    def _tick(self, weight: int) -> None:
        """All rows go there and come back."""
        self._done += weight
        self._progress.tick(min(1.0, self._done / (2 * self._size)))


@contextmanager
def _told(target: Target) -> Iterator[None]:
    """Errors of the connection, with what they mean here."""
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


def _number(file: SQLiteConnection, pragma: str) -> int:
    found = file.execute(f"PRAGMA {pragma}").one()
    assert isinstance(found, int)
    return found
