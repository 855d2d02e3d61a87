"""SQLite files through Python's sqlite3 module."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import quote

from memsql import deadline, extensions, hints
from memsql.config import Target
from memsql.db.authorizer import Watch
from memsql.db.confinement import Confinement
from memsql.db.file_format import is_wal, read_head, refuse_irregular, refuse_other_engine, refuse_second_name
from memsql.db.litestream import has_folder
from memsql.db.protocol import Item, Params, Result, Script, Touched, Value, each
from memsql.db.undone import are_settings, undone
from memsql.errors import ConnectError, DamagedError, LockedError, MemsqlError, StatementError
from memsql.storage.new_files import create_empty

_NOTHING = Result((), [])
_UNWATCH = "memsql_unwatch"
_PAGES = 4096
"""How many pages are copied at a time."""
ENGINE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises where SQLite refuses a statement. SQLite may quote a part of a character in its message, or bytes
that are no UTF-8, and Python cannot read that."""
_FAILURES = (*ENGINE_ERRORS, MemoryError)


class SQLiteConnection:
    """A connection to one SQLite file, in autocommit until begin().

    Where SQLite ends a transaction by itself, what belongs to it is refused (see memsql.db.undone).
    """

    requests = 0
    body_limit: int | None = None

    def __init__(self, target: Target, mode: str, busy_timeout: int) -> None:
        assert target.path is not None
        self.target = target
        self._mode = mode
        # Whether a transaction is open as far as the caller knows, and the error behind which it was not.
        self._inside = False
        self._cause: str | None = None
        self._busy_timeout = busy_timeout
        self.lock_timeout: int | None = None
        """For how many milliseconds begin() waits for the lock, where that is not the busy timeout."""
        self._watch: Watch | None = None
        self._confinement: Confinement | None = None
        self._db = self._connected(busy_timeout)

    def _connected(self, busy_timeout: int) -> sqlite3.Connection:
        """The connection of the driver, ready to be used."""
        self._db = _open(self.target, self._mode, busy_timeout)
        try:
            self._prepare(busy_timeout)
        except BaseException:
            # At once and not by the garbage collector: a connection that closes removes the -wal file.
            self._db.close()
            raise
        return self._db

    def _prepare(self, busy_timeout: int) -> None:
        with self._errors():
            try:
                self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError as e:
                # The journal of a crash must be rolled back before anybody can read, and a read-only connection
                # cannot do it. This recovery is SQLite's own; it is no write in the sense of "ro".
                if self._mode != "ro" or not _needs_recovery(e):
                    raise
                self._db.close()
                self._db = _open(self.target, "rw", busy_timeout)
                self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if self._mode == "ro":
                self._db.execute("PRAGMA query_only = on")
                return
            if self._mode != "memory":
                # A commit deletes the rollback journal. Unless its folder is synced, a loss of power brings the journal
                # back, and that undoes what was said to be done (https://sqlite.org/pragma.html#pragma_synchronous).
                self._db.execute("PRAGMA synchronous = extra")
            if has_folder(os.fspath(self.target.path or "")):
                # Litestream alone moves pages from the log into the file, after it has read them.
                self._db.execute("PRAGMA wal_autocheckpoint = 0")

    @property
    def raw(self) -> sqlite3.Connection:
        """The sqlite3 connection, for what only SQLite files have (the backup API)."""
        return self._db

    def copy_to(self, other: SQLiteConnection, copied: Callable[[int], None] | None = None) -> None:
        """Copy one consistent state of this database over ``other`` (https://sqlite.org/backup.html). ``copied`` is
        called again and again with the number of bytes that are copied, and stops the copy where it raises."""
        self._refuse_undone()
        page_size = int(self._db.execute("PRAGMA page_size").fetchone()[0])

        def progress(_: int, remaining: int, total: int) -> None:
            if copied is not None:
                copied((total - remaining) * page_size)

        with self._errors():
            # Between two calls Python notices signals.
            self._db.backup(other.raw, pages=_PAGES, progress=progress)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    @property
    def total_changes(self) -> int:
        """Rows changed since the connection was opened, by triggers and foreign-key actions too."""
        return self._db.total_changes

    def execute(self, sql: str, params: Params = ()) -> Result:
        # No _errors() here and below: a context manager costs time, and this runs ten times a migration.
        if self._inside:
            self._refuse_undone([(sql, params)])
        before = self._db.total_changes
        try:
            result = self._run_one(sql, params)
            if not result.changes and self._db.total_changes != before:
                # Python does not count what a statement changes that begins with WITH.
                result = replace(result, changes=self._db.execute("SELECT changes()").fetchone()[0])
            return result
        except _FAILURES as e:
            raise self._translated(e, sql) from e

    def executemany(self, sql: str, rows: Iterable[Params]) -> None:
        self._refuse_undone()
        with self._errors(sql):
            self._db.executemany(sql, rows)

    def stream_rows(self, sql: str, params: Params = ()) -> Generator[tuple[Value, ...]]:
        self._refuse_undone()
        with self._errors(sql):
            yield from self._db.execute(sql, tuple(params))

    def batch(self, items: Sequence[Item]) -> list[Result]:
        self._refuse_undone(items)
        results: list[Result] = []
        sql: str | None = None
        try:
            for item in items:
                if isinstance(item, Script):
                    sql = None
                    self._run_text(item.sql)
                    results.append(_NOTHING)
                else:
                    sql, params = item
                    results.append(self._run_one(sql, params))
        except _FAILURES as e:
            raise self._translated(e, sql, len(results)) from e
        return results

    def read_each(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        return each(self.execute, reads)

    def read_together(self, reads: Sequence[tuple[str, Params]]) -> list[Result | StatementError]:
        own = not self._db.in_transaction
        if own:
            self.execute("BEGIN")
        try:
            return self.read_each(reads)
        finally:
            if own:
                self.rollback()

    def begin_and_read(
        self, reads: Sequence[tuple[str, Params]], settings: Sequence[str] = ()
    ) -> list[Result | StatementError]:
        for setting in settings:
            self.execute(setting)
        self.begin()
        return self.read_each(reads)

    def write(self, items: Sequence[Item]) -> None:
        self.batch(items)

    def script(self, sql: str, *, watched: bool = True) -> None:
        # executescript() sends a COMMIT first (https://docs.python.org/3.11/library/sqlite3.html). observe() can
        # swallow it; without observe() it would end the caller's transaction.
        self._refuse_undone()
        if self._watch is None:
            with self._errors():
                self._run_text(sql)
            return
        self._watch.permission.swallow_commit = self._db.in_transaction
        try:
            if watched:
                self._db.executescript(sql)
            else:
                with self._unwatched():
                    self._db.executescript(f"SELECT {_UNWATCH}();\n{sql}")
        except _FAILURES as e:
            raise self._translated(e) from e

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """While open, there is a SQL function that removes the authorizer; a text begins with a call of it, because the
        authorizer must stay until it has swallowed the COMMIT. The tick runs more often, because no authorizer calls it
        between the statements."""
        assert self._watch is not None
        authorizer = None if self._confinement is None else self._confinement.authorize
        self._db.create_function(_UNWATCH, 0, lambda: self._db.set_authorizer(authorizer))
        self._db.set_progress_handler(self._watch.tick, 1000)
        try:
            yield
        finally:
            self._db.create_function(_UNWATCH, 0, None)
            self._watch.install(self._db)

    def _run_one(self, sql: str, params: Params) -> Result:
        result = _result(self._db.execute(sql, tuple(params)))
        if self._cause is None:
            self._inside = self._db.in_transaction
        return result

    def _run_text(self, sql: str) -> None:
        from memsql.sqltext import statements

        for statement in statements(sql):
            self._db.execute(statement.text)
        # A COMMIT in a text is none of the caller's.
        self._inside = self._inside or self._db.in_transaction

    @contextmanager
    def observe(self, tick: Callable[[], bool] | None = None) -> Iterator[Touched | None]:
        touched = Touched()
        self._watch = Watch.of(touched, tick if self._confinement is None else deadline.or_over(tick))
        self._watch.install(self._db)
        try:
            yield touched
        finally:
            self._watch = None
            self._set_back()

    def confine(self) -> None:
        """From now on statements reach nothing outside of this database (see memsql.db.confinement)."""
        self._confinement = Confinement(self._db)

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """While open, statements of memsql's own run, which no rule for somebody else's is for."""
        self._db.set_authorizer(None)
        try:
            yield
        finally:
            self._set_back()

    def _set_back(self) -> None:
        """Set the callbacks that hold where nobody observes."""
        if self._confinement is not None:
            self._confinement.install()
            return
        self._db.set_authorizer(None)
        self._db.set_progress_handler(None, 0)

    @contextmanager
    def many_commits(self) -> Iterator[None]:
        """While open, keep the file of the rollback journal between commits. It is as safe, and saves creating,
        deleting and syncing a file for each (https://sqlite.org/pragma.html#pragma_journal_mode)."""
        keep = self.execute("PRAGMA journal_mode").one() == "delete"
        if keep:
            self.execute("PRAGMA journal_mode = persist")
        try:
            yield
        finally:
            if keep and not self._db.in_transaction:
                with suppress(MemsqlError):
                    # A migration may have chosen another mode.
                    if self.execute("PRAGMA journal_mode").one() == "persist":
                        self.execute("PRAGMA journal_mode = delete")

    def begin(self) -> None:
        self._refuse_undone()
        try:
            with self._locking():
                self._db.execute("BEGIN IMMEDIATE")
        except _FAILURES as e:
            raise self._translated(e) from e
        self._inside = True

    @contextmanager
    def _locking(self) -> Iterator[None]:
        """While open, wait for a lock for ``lock_timeout``."""
        if self.lock_timeout is None:
            yield
            return
        self._db.execute(f"PRAGMA busy_timeout = {self.lock_timeout:d}")
        try:
            yield
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {self._busy_timeout:d}")

    def commit(self) -> None:
        self._refuse_undone()
        try:
            self._db.execute("COMMIT")
        except _FAILURES as e:
            raise self._translated(e) from e
        self._inside = False

    def rollback(self) -> None:
        if self._db.in_transaction:
            with self._errors():
                self._db.execute("ROLLBACK")
        self._inside, self._cause = False, None

    def close(self) -> None:
        self._inside = False
        self._db.close()

    def _refuse_undone(self, items: Sequence[Item] | None = None) -> None:
        """Raise TransactionUndone where the transaction is over, unless ``items`` are settings alone."""
        if self._inside and not self._db.in_transaction and (items is None or not are_settings(items)):
            raise undone(self.target, self._cause)

    @contextmanager
    def _errors(self, statement: str | None = None) -> Iterator[None]:
        try:
            yield
        except _FAILURES as e:
            raise self._translated(e, statement) from e

    def _translated(self, error: Exception, statement: str | None = None, index: int | None = None) -> MemsqlError:
        """The MemsqlError for ``error``. Raises deadline.Stopped where the time for somebody else's SQL is over, or its
        memory."""
        if self._inside and self._cause is None and not self._db.in_transaction:
            self._cause = message_of(error) or "out of memory"
        if self._confinement is not None:
            deadline.refuse_over()
            if isinstance(error, MemoryError):
                deadline.refuse_large()
            denied, self._confinement.denied = self._confinement.denied, None
            if denied is not None:
                message = f"{denied} is refused: a statement may reach nothing outside of its own database"
                return StatementError(message, code="SQLITE_AUTH", index=index, statement=statement)
        return translate(error, self.target, statement, index)


def memory() -> SQLiteConnection:
    """A new, empty and writable database in memory, on which SQL of a project may run: it is confined."""
    from pathlib import Path

    conn = SQLiteConnection(Target(path=Path(":memory:"), display="an empty database in memory"), "memory", 0)
    conn.confine()
    return conn


def _open(target: Target, mode: str, busy_timeout: int) -> sqlite3.Connection:
    path = str(target.path)
    try:
        if mode == "memory" or (mode == "ro" and not os.path.exists(path)):
            return _connect(":memory:", busy_timeout, uri=False)
        if os.path.isdir(path):
            raise ConnectError(f"{target} is a folder, not a database file")
        if mode == "rw" and not os.path.exists(path):
            raise ConnectError(f"{target} does not exist", hint="check --database, or create it with migrate.up")
        refuse_irregular(path, str(target))
        head = read_head(path)
        refuse_other_engine(path, head, str(target))
        if mode != "ro":
            refuse_second_name(path, head, str(target))
        if mode == "ro" and is_wal(head):
            # A read-only connection to a WAL database leaves its -wal and -shm files. A connection that may write, and
            # is kept from it by PRAGMA query_only, removes them when it closes.
            mode = "rw" if os.access(path, os.W_OK) and os.access(os.path.dirname(path) or ".", os.W_OK) else "ro"
        if mode == "rwc" and not os.path.exists(path):
            # A link that leads to no file yet is followed, as SQLite does.
            create_empty(os.path.realpath(path))
        # As bytes: a file name need not be UTF-8.
        return _connect(f"file:{quote(os.fsencode(path))}?mode={mode}", busy_timeout, uri=True)
    except sqlite3.Error as e:
        raise translate(e, target) from e


def _connect(name: str, busy_timeout: int, *, uri: bool) -> sqlite3.Connection:
    if extensions.chosen() is not extensions.NONE:
        from memsql.db import libraries

        return libraries.connect(name, busy_timeout, uri=uri)
    return sqlite3.connect(name, timeout=busy_timeout / 1000, isolation_level=None, uri=uri, check_same_thread=False)


def _needs_recovery(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in (
        "SQLITE_READONLY_ROLLBACK",
        "SQLITE_READONLY_RECOVERY",
        "SQLITE_READONLY_CANTINIT",
        "SQLITE_CANTOPEN",
    )


def _result(cursor: sqlite3.Cursor) -> Result:
    columns = cursor.description
    if columns is None:
        return Result((), [], cursor.rowcount) if cursor.rowcount > 0 else _NOTHING
    rows = cursor.fetchall()
    # With RETURNING the number is known only after the last row.
    return Result(tuple([d[0] for d in columns]), rows, max(cursor.rowcount, 0))


def message_of(error: Exception) -> str:
    """The message of SQLite in ``error``, one of ENGINE_ERRORS."""
    return error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)


def translate(error: Exception, target: Target, statement: str | None = None, index: int | None = None) -> MemsqlError:
    """The LockedError, ConnectError or StatementError for an error of sqlite3, which raises MemoryError too.

    ``statement`` and ``index`` are the text that was run and its place in the batch. Result codes:
    https://sqlite.org/rescode.html.
    """
    code = getattr(error, "sqlite_errorname", None) or ""
    text = message_of(error)
    if isinstance(error, MemoryError):
        return StatementError("out of memory", code="SQLITE_NOMEM", index=index, statement=statement)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED_SHAREDCACHE")):
        return _locked(target)
    if code == "SQLITE_NOTADB":
        return ConnectError(f"{target} is not a SQLite database (or it is encrypted)", state="nothing was changed")
    if code == "SQLITE_CANTOPEN":
        return ConnectError(
            f"cannot open {target}: {text}",
            hint="check that the folder exists and that you may read and write it",
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return ConnectError(
            f"{target} cannot be written: {text}",
            state="nothing was changed",
            hint="check the permissions of the file and of its folder (SQLite writes a journal beside the file)",
        )
    if code == "SQLITE_CORRUPT":
        if text.startswith("malformed database schema") and text.endswith("syntax error"):
            from memsql.db import libraries

            return DamagedError(
                f"the schema of {target} is not what SQLite {libraries.version()} can read: {text}",
                state="nothing was changed",
                hint="drop that object with the engine that wrote it, such as a newer SQLite or that of Turso",
            )
        return DamagedError(
            f"{target} is damaged: {text}",
            hint="restore a backup, or recover what is readable with: sqlite3 FILE .recover",
        )
    return StatementError(text, code=code or None, index=index, statement=statement, hint=_hint(text))


def _hint(message: str) -> str | None:
    """What to do where SQLite says in ``message`` that it does not know a function or the like; else None."""
    from memsql.db.unknown import unknown_part

    part = unknown_part(message)
    if part is None:
        return None
    return f"where an extension of SQLite has {part}, name it in {hints.settings_file()}: extensions = PATH"


def _locked(target: Target) -> LockedError:
    """The error of a lock, with the processes that hold one, or else with those that have the file open."""
    from memsql.db.holders import files_beside, holders, lock_holders, named

    path = target.path
    locking = lock_holders(path) if path is not None else []
    opened = holders([path, *files_beside(path)]) if path is not None and not locking else []
    # What holds the lock may have ended meanwhile.
    details = (f"open in: {named(opened)}",) if opened else ()
    return LockedError(
        f"{target} is locked by another process" + (f": {named(locking)}" if locking else ""),
        state="nothing was changed",
        details=details,
        hint=f"wait for the other writer to finish, or stop it; or raise busy_timeout in {hints.settings_file()}",
    )
