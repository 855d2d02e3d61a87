"""yoyo's own commands on the databases of memsql: ``yoyo list --database memsql+libsql://HOST``, ``memsql+sqlite:///path``.

What runs is yoyo: statement by statement, with its tables and its lock, without the proofs of memsql. But a change and its
mark are one transaction, a look writes nothing, and what cannot go on ends with a message. yoyo finds the
class through the entry points ``yoyo.backends`` in setup.cfg.
"""

from __future__ import annotations

import copy
import os
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from yoyo import exceptions, internalmigrations
from yoyo.backends.base import DatabaseBackend, SavepointTransactionManager, TransactionManager

from memsql import config
from memsql.config import Target
from memsql.db.queries import load
from memsql.errors import CommitUnknown, ConfigError, ConnectError, MemsqlError
from memsql.project.files import read_file
from memsql.sqltext import parse_migration_header, statements
from memsql.yoyo import dbapi
from memsql.yoyo.errors import LockTimeout, Stop, stop, told

_savepoints = count(1)


class _Savepoint(SavepointTransactionManager):  # type: ignore[misc]
    """One that is released in the end: a migration of a thousand statements would nest a thousand of them."""

    def _do_begin(self) -> None:
        self.id = f"yoyo_{next(_savepoints)}"
        self.backend.savepoint(self.id)

    def _do_commit(self) -> None:
        self.backend.savepoint_release(self.id)


class MemsqlBackend(DatabaseBackend):  # type: ignore[misc]
    """A backend over a memsql Connection, for every kind of database that memsql speaks to."""

    driver_module = "memsql.yoyo.dbapi"
    list_tables_sql = load("engine/tables")

    _in_transaction: bool = False
    _is_locked: bool = False
    _internal_schema_updated: bool = False

    def __init__(self, dburi: Any, migration_table: str) -> None:
        self._target, self._busy_timeout = _target(dburi)
        # How long to wait for yoyo's lock when something is about to be written; None outside lock().
        self._patience: float | None = None
        # Whatever yoyo or a traceback shows of the URL holds no token.
        super().__init__(dburi._replace(password=None, args={}, database=dburi.database or ""), migration_table)
        # yoyo's commands never close what they opened; a server's connection would complain about that at the end.
        weakref.finalize(self, self._connection.close)

    def connect(self, dburi: Any) -> dbapi.Connection:
        """Opened for reading; what is about to write asks for more. A file that does not exist reads as an empty one."""
        try:
            return dbapi.connect(self._target, "ro", self._busy_timeout)
        except dbapi.Error as e:
            raise stop(e) from None

    def init_database(self) -> None:
        """Nothing: yoyo would create its lock table, and a table to see whether CREATE TABLE can be rolled back. It can."""

    def copy(self) -> MemsqlBackend:
        """A second connection to the same database."""
        twin = copy.copy(self)
        twin._connection = self.connect(self.uri)
        twin._connection.make_writable()
        twin._in_transaction = False
        return twin

    def execute(self, sql: str, params: Any = None) -> Any:
        """One statement of yoyo's own. An error that no statement can help, such as a wrong token, ends the command; it is not
        taken for a lock that is held."""
        try:
            return super().execute(sql, params)
        except dbapi.InterfaceError as e:
            raise stop(e) from None

    def begin(self) -> None:
        """BEGIN IMMEDIATE: who is about to write waits for the lock at the beginning, and has it."""
        assert not self._in_transaction
        self._write()
        try:
            self.connection.begin()
        except dbapi.InterfaceError as e:
            raise stop(e) from None
        self._in_transaction = True

    def rollback(self) -> None:
        """Never raises: it follows an error, which must be the one that is told; the stream ends with its transaction."""
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
        """Back to the savepoint; where that is impossible everything is undone, and nothing may follow."""
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
        """yoyo's lock, taken when something is about to be written: ``yoyo list`` only looks, and who looked
        before somebody else wrote finds that out in apply_one() and rollback_one()."""
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
            told(MemsqlBackend._unlock)(self)

    def _unlock(self) -> None:
        self._patience = None
        if self._is_locked:
            self._is_locked = False
            self._delete_lock_row(os.getpid())

    def _write(self) -> None:
        """What has to be there before anything is written: a connection that may, and the lock where lock() wants it."""
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

    @told
    def ensure_internal_schema_updated(self) -> None:
        """Create or upgrade yoyo's tables, in one transaction. Called where something is about to be written."""
        if self._internal_schema_updated:
            return
        self._write()
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)
        self._internal_schema_updated = True

    @told
    def get_applied_migration_hashes(self) -> list[str]:
        """Hashes in the order of application. Only reads, unless the tables are those of a yoyo before 6.0."""
        if not self._internal_schema_updated:
            version = internalmigrations.get_current_version(self)
            if version == 0:
                return []
            if version < max(internalmigrations.schema_versions):
                self.ensure_internal_schema_updated()
        return [row[0] for row in self.execute(self.format_sql(self.applied_migrations_sql)).fetchall()]

    @told
    def break_lock(self) -> None:
        if self.lock_table in self.list_tables():
            super().break_lock()

    @told
    def mark_migrations(self, migrations: Any) -> None:
        if migrations:
            super().mark_migrations(migrations)

    @told
    def unmark_migrations(self, migrations: Any) -> None:
        if migrations:
            super().unmark_migrations(migrations)

    def mark_one(self, migration: Any, log: bool = True) -> None:
        """Nothing where somebody else marked it meanwhile."""
        if not self._is_marked(migration):
            super().mark_one(migration, log)

    @told
    def rollback_migrations(self, migrations: Any, force: bool = False) -> None:
        # yoyo would create its tables even where nothing is to be rolled back.
        for migration in migrations:
            self.rollback_one(migration, force)

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:
        """Run the migration and mark it, in one transaction; nothing where another process applied it meanwhile."""
        self._run(migration, "apply", force, mark)

    def rollback_one(self, migration: Any, force: bool = False) -> None:
        """Roll the migration back and take its mark away, in one transaction. Raises Stop where a SQL migration has no
        rollback: yoyo would take the mark away and leave the change."""
        if migration.is_raw_sql() and not _has_statements(_file_of(migration, "rollback")):
            raise Stop(
                f"{migration.id} cannot be rolled back: {_file_of(migration, 'rollback').name} is missing or "
                "holds no statement\n  state: it is still applied, and still marked\n"
                "  next: write that file, or take only the mark away: yoyo unmark"
            )
        self._run(migration, "rollback", force, True)

    def _run(self, migration: Any, direction: str, force: bool, mark: bool) -> None:
        done = (
            f"nothing of {migration.id} was kept; it is {'not ' if direction == 'apply' else 'still '}marked as applied"
        )
        try:
            self.ensure_internal_schema_updated()
            self._load(migration)
            keys = not migration.is_raw_sql() or _foreign_keys(_file_of(migration, direction))
            if migration.use_transactions:
                self._in_one(migration, direction, force, mark, keys)
            else:
                done = f"what ran of {migration.id} before that stays (`-- transactional: false`), and the mark is as it was"
                with self.copy() as other:
                    _set_foreign_keys(other.connection, keys)
                    migration.process_steps(other, direction, force=force)
                with self.transaction():
                    self._note(migration, direction, mark)
        except dbapi.Error as e:
            lost = isinstance(e.problem, CommitUnknown)
            happened = self._happened(migration, direction) if lost else False
            if happened:
                return
            unknown = happened is None or (isinstance(e, Stop) and not lost)
            raise stop(e, f"{direction} of {migration.id} failed: ", "" if unknown else done) from None
        except MemsqlError as e:
            where = f"{e.where}: " if e.where is not None else ""
            raise stop(dbapi.Error(f"{where}{e}", e), state=done) from None

    def _load(self, migration: Any) -> None:
        try:
            migration.load()
        except exceptions.BadMigration:
            # yoyo goes on with the next one, which may need this one.
            raise Stop(
                f"{migration.path} cannot be loaded\n  state: nothing of it was run\n  next: see the message above"
            ) from None

    def _in_one(self, migration: Any, direction: str, force: bool, mark: bool, keys: bool) -> None:
        _set_foreign_keys(self.connection, keys)
        with self.transaction():
            if mark and self._is_marked(migration) == (direction == "apply"):
                return
            before = {} if keys else self._orphans()
            migration.process_steps(self, direction, force=force)
            for pair, rows in ({} if keys else self._orphans()).items():
                if rows > before.get(pair, 0):
                    raise dbapi.IntegrityError(
                        f"{rows - before.get(pair, 0)} rows of {pair[0]} refer to rows of {pair[1]} that do not exist"
                    )
            self._note(migration, direction, mark)

    def _note(self, migration: Any, direction: str, mark: bool) -> None:
        self.log_migration(migration, direction)
        if not mark:
            return
        if direction == "apply":
            self.mark_one(migration, log=False)
        else:
            self.unmark_one(migration, log=False)

    def _is_marked(self, migration: Any) -> bool:
        return migration.hash in self.get_applied_migration_hashes()

    def _orphans(self) -> dict[tuple[object, object], int]:
        rows = self.execute(load("engine/foreign_key_violations")).fetchall()
        return {(table, parent): number for table, parent, number in rows}

    def _happened(self, migration: Any, direction: str) -> bool | None:
        """Whether a COMMIT without an answer took place: the write lock is had when the server is done with it. None where the
        server stays away."""
        self.rollback()
        try:
            with self.transaction():
                return self._is_marked(migration) == (direction == "apply")
        except dbapi.Error:
            return None

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """yoyo's, with the name of this host as it is: a search for its full name can take seconds, in the transaction."""
        found: dict[str, Any] = super().get_log_data(migration, operation)
        return found | {"hostname": socket.gethostname()}


def _target(uri: Any) -> tuple[Target, int]:
    """Which database yoyo's parsed URL means, and how long to wait for its lock in milliseconds. In a memsql project its
    setup.cfg and .env are heeded. Raises Stop."""
    scheme = uri.scheme.lower().removeprefix("memsql+")
    host = f"[{uri.hostname}]" if ":" in (uri.hostname or "") else uri.hostname or ""
    port = f":{uri.port}" if uri.port else ""
    path = f"/{uri.database}" if uri.database else ""
    query = f"?{urlencode(uri.args)}" if uri.args else ""
    text = f"{scheme}://{host}{port}{path}{query}"
    try:
        try:
            settings = config.load(database=text)
            found, patience = settings.target, settings.busy_timeout
        except ConfigError:
            # No project here, or one whose settings are about other things: the URL says what is needed.
            found, patience = config.parse_target(text, Path.cwd(), os.environ.get("TURSO_AUTH_TOKEN")), 5000
        if found.url is not None and uri.password:
            found = Target(url=found.url, token=uri.password, display=found.display)
    except MemsqlError as e:
        raise stop(dbapi.Error(e.message, e)) from None
    return found, patience


def _file_of(migration: Any, direction: str) -> Path:
    path = Path(migration.path)
    return path if direction == "apply" else path.with_name(f"{path.stem}.rollback.sql")


def _has_statements(path: Path) -> bool:
    return path.is_file() and any(True for _ in statements(read_file(path, path.name).text()))


def _foreign_keys(path: Path) -> bool:
    """What the header of the file says. Raises FileError for a header that memsql would refuse."""
    return parse_migration_header(read_file(path, path.name).head(), path.name).foreign_keys


def _set_foreign_keys(connection: dbapi.Connection, on: bool) -> None:
    """As memsql does before BEGIN: dropping a table that others refer to would delete their rows otherwise."""
    connection.run(f"PRAGMA foreign_keys = {'on' if on else 'off'}")
    if connection.run("PRAGMA foreign_keys").one() != int(on):
        raise dbapi.InterfaceError(
            "the engine did not take PRAGMA foreign_keys", ConnectError("", state="nothing was changed")
        )
