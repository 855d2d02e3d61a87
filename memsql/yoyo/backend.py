"""yoyo's own commands on the databases of memsql, such as ``yoyo list --database memsql+libsql://HOST`` and
``--database memsql+sqlite:///path``.

yoyo runs the migrations: statement by statement, with its tables and its lock, without the proofs of memsql. But a
migration and its mark are one transaction, a command that only reads writes nothing, and every error ends the command
with a message. yoyo loads this class through the entry points ``yoyo.backends`` in setup.cfg.
"""

from __future__ import annotations

import copy
import os
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from yoyo import exceptions, internalmigrations
from yoyo.backends.base import DatabaseBackend, SavepointTransactionManager, TransactionManager

from memsql import config, extensions
from memsql.config import Target
from memsql.db.queries import load
from memsql.errors import CommitUnknown, ConfigError, ConnectError, MemsqlError
from memsql.yoyo import dbapi
from memsql.yoyo.errors import LockTimeout, Stop, raises_stop, stop_for
from memsql.yoyo.run import Run

_savepoints = count(1)


class _Savepoint(SavepointTransactionManager):  # type: ignore[misc]
    """A savepoint that is released at its end. yoyo does not release its savepoints, so that a migration of a thousand
    statements nests a thousand of them."""

    def _do_begin(self) -> None:
        self.id = f"yoyo_{next(_savepoints)}"
        self.backend.savepoint(self.id)

    def _do_commit(self) -> None:
        self.backend.savepoint_release(self.id)


class MemsqlBackend(DatabaseBackend):  # type: ignore[misc]
    """A backend of yoyo over a memsql Connection, for every kind of database that memsql can open."""

    driver_module = "memsql.yoyo.dbapi"
    list_tables_sql = load("engine/tables")

    _in_transaction: bool = False
    _is_locked: bool = False
    _internal_schema_updated: bool = False

    def __init__(self, dburi: Any, migration_table: str) -> None:
        self._target, self._busy_timeout = _target(dburi)
        # Seconds to wait for yoyo's lock before the first write; None outside lock().
        self._patience: float | None = None
        # Without the token: yoyo and tracebacks show the URL.
        super().__init__(dburi._replace(password=None, args={}, database=dburi.database or ""), migration_table)
        # yoyo's commands never close their connection, and asyncio would warn about that of a server at exit.
        weakref.finalize(self, self._connection.close)

    def connect(self, dburi: Any) -> dbapi.Connection:
        """A connection for reading; _write() opens it for writing. A file that does not exist reads as an empty one."""
        try:
            return dbapi.connect(self._target, "ro", self._busy_timeout)
        except dbapi.Error as e:
            raise stop_for(e) from None

    def init_database(self) -> None:
        """Do nothing. yoyo would create its lock table here, and another table to try whether CREATE TABLE can be
        rolled back; SQLite can do that."""

    def copy(self) -> MemsqlBackend:
        """A second connection to the same database."""
        twin = copy.copy(self)
        twin._connection = self.connect(self.uri)
        twin._connection.make_writable()
        twin._in_transaction = False
        return twin

    def execute(self, sql: str, params: Any = None) -> Any:
        """Run one statement of yoyo's own. An error that no other statement would help, such as a wrong token, ends the
        command; yoyo would take it for a lock that is held."""
        try:
            return super().execute(sql, params)
        except dbapi.InterfaceError as e:
            raise stop_for(e) from None

    def begin(self) -> None:
        """BEGIN IMMEDIATE: a writer waits for the lock at the beginning of its transaction."""
        assert not self._in_transaction
        self._write()
        try:
            self.connection.begin()
        except dbapi.InterfaceError as e:
            raise stop_for(e) from None
        self._in_transaction = True

    def rollback(self) -> None:
        """ROLLBACK. It never raises, because it follows an error, which is the one to report; where ROLLBACK fails, the
        end of the stream ends the transaction."""
        self._in_transaction = False
        with suppress(dbapi.Error):
            self.connection.rollback()

    def commit(self) -> None:
        self._in_transaction = False
        self.connection.commit()

    def transaction(self, rollback_on_exit: bool = False) -> Any:
        kind = _Savepoint if self._in_transaction else TransactionManager
        return kind(self, rollback_on_exit=rollback_on_exit)

    def savepoint(self, id: str) -> None:
        self.connection.later(f"SAVEPOINT {self.quote_identifier(id)}")

    def savepoint_release(self, id: str) -> None:
        name = self.quote_identifier(id)
        if not self.connection.take_back(f"SAVEPOINT {name}"):
            self.connection.later(f"RELEASE {name}")

    def savepoint_rollback(self, id: str) -> None:
        """ROLLBACK TO the savepoint. Where that fails, the whole transaction is rolled back, and further statements are
        refused."""
        name = self.quote_identifier(id)
        if self.connection.take_back(f"SAVEPOINT {name}"):
            return
        try:
            self.connection.run(f"ROLLBACK TO {name}")
            self.connection.later(f"RELEASE {name}")
        except dbapi.Error:
            with suppress(dbapi.Error):
                self.connection.abandon()

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """yoyo's lock, but taken only before the first write, because ``yoyo list`` only reads. Where another process
        migrated between the reading and the lock, apply_one() and rollback_one() notice it."""
        if self._patience is not None:
            yield
            return
        self._patience = timeout
        try:
            yield
        except BaseException as e:
            held = self._is_locked
            try:
                self._unlock()
            except dbapi.Error:
                if held and isinstance(e, Stop):
                    raise Stop(f"{e}\n  yoyo's lock stays behind: yoyo break-lock", e.problem) from None
            raise
        else:
            raises_stop(MemsqlBackend._unlock)(self)

    def _unlock(self) -> None:
        self._patience = None
        if self._is_locked:
            self._is_locked = False
            self._delete_lock_row(os.getpid())

    def _write(self) -> None:
        """Prepare for writing: open the connection for writing, and take yoyo's lock inside lock()."""
        self.connection.make_writable()
        if self._patience is None or self._is_locked:
            return
        patience, self._patience = self._patience, None
        try:
            if self.lock_table not in self.list_tables():
                self.create_lock_table()
            self._insert_lock_row(os.getpid(), patience)
            self._is_locked = True
        except exceptions.LockTimeout as e:
            by_row = str(e).startswith("Process")
            raise LockTimeout(
                str(e)
                if by_row
                else f"{self._target} is locked by another writer\n"
                "  state: nothing was changed\n  next: wait for it to finish and run it again"
            ) from None
        finally:
            self._patience = patience

    @raises_stop
    def ensure_internal_schema_updated(self) -> None:
        """Create or upgrade yoyo's tables, in one transaction. Called before a write."""
        if self._internal_schema_updated:
            return
        self._write()
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)
        self._internal_schema_updated = True

    @raises_stop
    def get_applied_migration_hashes(self) -> list[str]:
        """The hashes of the applied migrations in the order of their application. Only reads, unless the tables are
        those of a yoyo before 6.0."""
        if not self._internal_schema_updated:
            version = internalmigrations.get_current_version(self)
            if version == 0:
                return []
            if version < max(internalmigrations.schema_versions):
                self.ensure_internal_schema_updated()
        return [row[0] for row in self.execute(self.format_sql(self.applied_migrations_sql)).fetchall()]

    @raises_stop
    def break_lock(self) -> None:
        if self.lock_table in self.list_tables():
            super().break_lock()

    @raises_stop
    def mark_migrations(self, migrations: Any) -> None:
        if migrations:
            super().mark_migrations(migrations)

    @raises_stop
    def unmark_migrations(self, migrations: Any) -> None:
        if migrations:
            super().unmark_migrations(migrations)

    def mark_one(self, migration: Any, log: bool = True) -> None:
        """Mark the migration as applied, unless another process did so meanwhile."""
        if not self._is_marked(migration):
            super().mark_one(migration, log)

    @raises_stop
    def rollback_migrations(self, migrations: Any, force: bool = False) -> None:
        # yoyo would create its tables even where nothing is to be rolled back.
        for migration in migrations:
            self.rollback_one(migration, force)

    def apply_one(self, migration: Any, force: Any = False, mark: Any = True) -> None:
        """Run the migration and mark it, in one transaction; do nothing where another process applied it meanwhile."""
        self._run(Run(migration, "apply", force, mark))

    def rollback_one(self, migration: Any, force: Any = False) -> None:
        """Roll the migration back and remove its mark, in one transaction. Raises Stop where a SQL migration has no
        rollback file: yoyo would remove the mark and leave the change."""
        run = Run(migration, "rollback", force, mark=True)
        if run.is_sql and not run.has_statements():
            raise Stop(
                f"{migration.id} cannot be rolled back: {run.file.name} is missing or "
                "holds no statement\n  state: it is still applied, and still marked\n"
                "  next: write that file, or take only the mark away: yoyo unmark"
            )
        self._run(run)

    def _run(self, run: Run) -> None:
        state = run.state_after_failure(transactional=True)
        try:
            self.ensure_internal_schema_updated()
            self._load(run.migration)
            foreign_keys = run.foreign_keys()
            if run.migration.use_transactions:
                self._in_one_transaction(run, foreign_keys)
            else:
                state = run.state_after_failure(transactional=False)
                self._without_transaction(run, foreign_keys)
        except dbapi.Error as e:
            lost = isinstance(e.problem, CommitUnknown)
            happened = self._happened(run) if lost else False
            if happened:
                return
            unknown = happened is None or (isinstance(e, Stop) and not lost)
            prefix = f"{run.direction} of {run.migration.id} failed: "
            raise stop_for(e, prefix, "" if unknown else state) from None
        except MemsqlError as e:
            where = f"{e.where}: " if e.where is not None else ""
            raise stop_for(dbapi.Error(f"{where}{e}", e), state=state) from None

    def _load(self, migration: Any) -> None:
        try:
            migration.load()
        except exceptions.BadMigration:
            # yoyo would go on with the next migration, which may need this one.
            raise Stop(
                f"{migration.path} cannot be loaded\n  state: nothing of it was run\n  next: see the message above"
            ) from None

    def _in_one_transaction(self, run: Run, foreign_keys: bool) -> None:
        _set_foreign_keys(self.connection, foreign_keys)
        with self.transaction():
            if run.mark and self._is_marked(run.migration) == run.applies:
                return
            before = {} if foreign_keys else self._orphans()
            run.migration.process_steps(self, run.direction, force=run.force)
            for pair, rows in ({} if foreign_keys else self._orphans()).items():
                if rows > before.get(pair, 0):
                    raise dbapi.IntegrityError(
                        f"{rows - before.get(pair, 0)} rows of {pair[0]} refer to rows of {pair[1]} that do not exist"
                    )
            self._note(run)

    def _without_transaction(self, run: Run, foreign_keys: bool) -> None:
        with self.copy() as other:
            _set_foreign_keys(other.connection, foreign_keys)
            run.migration.process_steps(other, run.direction, force=run.force)
        with self.transaction():
            self._note(run)

    def _note(self, run: Run) -> None:
        self.log_migration(run.migration, run.direction)
        if not run.mark:
            return
        if run.applies:
            self.mark_one(run.migration, log=False)
        else:
            self.unmark_one(run.migration, log=False)

    def _is_marked(self, migration: Any) -> bool:
        return migration.hash in self.get_applied_migration_hashes()

    def _orphans(self) -> dict[tuple[object, object], int]:
        rows = self.execute(load("engine/foreign_key_violations")).fetchall()
        return {(table, parent): number for table, parent, number in rows}

    def _happened(self, run: Run) -> bool | None:
        """Whether a COMMIT without an answer took place; None where the server does not answer. The write lock is free
        when the server has finished the COMMIT."""
        self.rollback()
        try:
            with self.transaction():
                return self._is_marked(run.migration) == run.applies
        except dbapi.Error:
            return None

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """yoyo's data for the log, but with the short name of this host: yoyo looks its full name up, which can take
        seconds inside the transaction."""
        data: dict[str, Any] = super().get_log_data(migration, operation)
        return data | {"hostname": socket.gethostname()}


def _target(uri: Any) -> tuple[Target, int]:
    """The database of yoyo's parsed URL, and how many milliseconds to wait for its lock. Inside a memsql project its
    setup.cfg and .env are read. Raises Stop."""
    scheme = uri.scheme.lower().removeprefix("memsql+")
    host = f"[{uri.hostname}]" if ":" in (uri.hostname or "") else uri.hostname or ""
    port = f":{uri.port}" if uri.port else ""
    path = f"/{uri.database}" if uri.database else ""
    query = f"?{urlencode(uri.args)}" if uri.args else ""
    text = f"{scheme}://{host}{port}{path}{query}"
    try:
        try:
            settings = config.load(database=text)
            target, busy_timeout = settings.target, settings.busy_timeout
            extensions.use(settings.opening)
        except ConfigError:
            # There is no project here, or its settings are wrong. They are not needed: the URL names the database.
            target, busy_timeout = config.parse_target(text, Path.cwd(), os.environ.get("TURSO_AUTH_TOKEN")), 5000
        if target.url is not None and uri.password:
            target = replace(target, token=uri.password)
    except MemsqlError as e:
        raise stop_for(dbapi.Error(e.message, e)) from None
    return target, busy_timeout


def _set_foreign_keys(connection: dbapi.Connection, on: bool) -> None:
    """PRAGMA foreign_keys, before BEGIN. With foreign keys on, DROP of a table deletes rows that refer to it
    (https://sqlite.org/foreignkeys.html, section 5)."""
    connection.run(f"PRAGMA foreign_keys = {'on' if on else 'off'}")
    if connection.run("PRAGMA foreign_keys").one() != int(on):
        raise dbapi.InterfaceError(
            "the engine did not take PRAGMA foreign_keys", ConnectError("", state="nothing was changed")
        )
