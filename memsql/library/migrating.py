"""migrate(): apply what waits, once, however many processes ask for it at the same time."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import extensions
from memsql.config import Settings
from memsql.db import Visit, connection, rolled_back
from memsql.db.borrowed import MEMORY, BorrowedConnection, BorrowedVisit, borrowed
from memsql.engine.signals import Stop
from memsql.engine.state import Proposal, Report, RunOptions, status
from memsql.errors import LockedError, MemsqlError, Refused, UsageError
from memsql.library import calls
from memsql.library.calls import Listener, ProgressCallback
from memsql.library.results import AppliedMigration, MigrateReport
from memsql.library.source import Project, StrPath, opened

if TYPE_CHECKING:
    from memsql.engine.job import Done
    from memsql.library.keeping import Keeper

Database = StrPath | sqlite3.Connection
"""A database: a path, a URL, ``":memory:"``, or an open connection, which is used as it is and not closed."""

_NOTHING = "nothing was changed"
_SLICE = 1.0
"""For how many seconds one wait for the lock lasts: somebody who interrupts the call waits no longer."""
_PAUSE = 0.02
_BUSY_MS = 5000


@dataclass(frozen=True, slots=True)
class Order:
    """What migrate() was asked for, but for database and project."""

    options: RunOptions
    wait: bool = True
    timeout: float = 60.0
    backup: StrPath | bool = False
    yes: bool = False
    progress: ProgressCallback | None = None


def migrate(
    database: Database | None = None,
    *,
    project: Project | StrPath | None = None,
    env: str | None = None,
    token: str | None = None,
    to: int | None = None,
    allow_data_loss: bool = False,
    all_or_nothing: bool = False,
    out_of_order: bool = False,
    beside: bool = False,
    backup: StrPath | bool = False,
    wait: bool = True,
    timeout: float = 60.0,
    yes: bool = False,
    progress: ProgressCallback | None = None,
) -> MigrateReport:
    """Apply every migration that waits, each proven before it is committed, as ``memsql migrate.up`` does.

    ``database``: a path, a URL (``libsql://``, ``https://``, …), ":memory:" (the report then has the connection), or an
    open sqlite3.Connection without an open transaction, which is used as it is and not closed; by default what the
    settings and the environment say. ``project``: a folder, a package such as "my_app.migrations", or a Project; by
    default the project of the working directory. ``env``: an environment of its settings. ``token``: that of a server;
    by default the variable TURSO_AUTH_TOKEN.

    ``to``: stop after this version. ``allow_data_loss``: go on where rows would be lost. ``all_or_nothing``: one
    transaction for all. ``out_of_order``: also apply those that come before one that is applied. ``beside``: tables
    that are there already belong to another program, such as Django; otherwise they are a legacy database, which is
    taken over where it is recognised. ``backup``: before
    anything is changed make a proven backup, in this folder or with True in that of the settings. ``yes``: change an
    environment that the settings protect; it needs a young proven backup, or ``backup``.

    Where several processes or threads call it at once, each migration runs once: one call applies it, the others wait
    for at most ``timeout`` seconds and then report "current"; with ``wait=False`` they return at once and report
    "busy". ``progress`` hears what begins, in the thread that works.

    Raises MemsqlError: MigrationFailed (undone), Refused (rows would be lost), LockedError (timeout), ConnectError,
    FileError, ConfigError, UsageError; its ``state`` says what the database holds and ``finished`` which migrations
    this call committed before. A KeyboardInterrupt is raised when the migration that runs is undone.

    Example::

        report = memsql.migrate("app.db", project="my_app.migrations")
    """
    options = RunOptions(
        to=to,
        allow_data_loss=allow_data_loss,
        all_or_nothing=all_or_nothing,
        out_of_order=out_of_order,
        beside=beside,
    )
    order = Order(
        options,
        wait=wait,
        timeout=timeout,
        backup=backup,
        yes=yes,
        progress=progress,
    )
    source = Project.of(project, env)
    here = isinstance(database, sqlite3.Connection)
    return calls.run(lambda stop: carry_out(database, source, token, order, stop), here=here)


def carry_out(
    database: Database | None, project: Project, token: str | None, order: Order, stop: Stop
) -> MigrateReport:
    """migrate(), in this thread."""
    if database == ":memory:":
        new = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            return replace(carry_out(new, project, token, order, stop), connection=new)
        except BaseException:
            new.close()
            raise
    with access(database, project, token) as (settings, conn):
        run = _Run(settings, conn, order, stop)
        if settings.target.path == MEMORY:
            if order.backup:
                raise UsageError("a database in memory cannot be backed up here", state=_NOTHING)
            run.order = replace(order, options=replace(order.options, disk_check=False))
        return run.run()


@contextmanager
def access(
    database: Database | None, project: Project, token: str | None
) -> Iterator[tuple[Settings, BorrowedConnection | None]]:
    """The settings for ``database`` in ``project``, and the connection that it is, if it is one."""
    with ExitStack() as stack:
        conn = None
        if isinstance(database, sqlite3.Connection):
            conn = stack.enter_context(borrowed(database, _BUSY_MS))
            settings = stack.enter_context(opened(project, conn.target, token))
        else:
            settings = stack.enter_context(opened(project, database, token))
        stack.enter_context(extensions.used(settings.opening))
        yield settings, conn


@dataclass
class _Run:
    """One call. ``finished``: ids of what it committed in attempts that then met a lock."""

    settings: Settings
    conn: BorrowedConnection | None
    order: Order
    stop: Stop
    keeper: Keeper | None = None
    ends: float = 0.0
    finished: tuple[str, ...] = ()

    def run(self) -> MigrateReport:
        """Try until it is done, or the time is over."""
        self.ends = time.monotonic() + (self.order.timeout if self.order.wait else 0.0)
        try:
            return self._tried()
        finally:
            if self.keeper is not None:
                self.keeper.close()

    def _tried(self) -> MigrateReport:
        while True:
            left = self.ends - time.monotonic()
            try:
                return self._report(self._attempt(min(left, _SLICE) if self.order.wait else 0.0))
            except LockedError as e:
                self.finished += e.finished
                if not self.order.wait:
                    return self._busy()
                if time.monotonic() >= self.ends:
                    e.finished = self.finished
                    e.hint = (
                        f"wait for the other writer to finish; or raise timeout, now {self.order.timeout:g} seconds"
                    )
                    raise
            except MemsqlError as e:
                e.finished = self.finished + e.finished
                raise
            calls.refuse_stopped(self.stop)
            # Those who wait do not come back at the same moment.
            time.sleep(random.uniform(0, _PAUSE))

    def _attempt(self, seconds: float) -> Report:
        from memsql.actions.up import up

        milliseconds = max(0, round(seconds * 1000))
        settings = self.settings
        # Whoever has the lock waits for readers, so that its work is not lost.
        if self.conn is not None:
            visit: Visit = BorrowedVisit(self.conn, milliseconds)
        else:
            visit = Visit(settings.target, settings.busy_timeout, milliseconds)
        listener = Listener(self.order.progress, self.stop)
        return up(settings, self.order.options, listener, self._gate, visit=visit)

    def _gate(self, proposal: Proposal) -> None:
        settings, order = self.settings, self.order
        if not order.wait and settings.target.is_server:
            _refuse_locked(settings)
        if settings.protected and not order.yes:
            env = f"the environment {settings.env}" if settings.env else "this database"
            raise Refused(
                f"{env} is protected, and it would {proposal.what}", state=_NOTHING, hint="if that is meant: yes=True"
            )
        if proposal.empty:
            return
        if order.backup:
            if self.keeper is None:
                from memsql.library.keeping import Keeper

                folder = None if order.backup is True else Path(str(order.backup)).absolute()
                self.keeper = Keeper(settings, folder, self.stop)
            self.keeper.keep(self.ends)
        elif settings.protected:
            from memsql.operate.gate import require_backup

            require_backup(settings)

    def _busy(self) -> MigrateReport:
        return MigrateReport(
            database=str(self.settings.target),
            outcome="busy",
            applied=self._earlier(),
            pending=None,
            backup=self.keeper.path if self.keeper else None,
        )

    def _report(self, report: Report) -> MigrateReport:
        applied = (*self._earlier(), *map(_applied, report.done))
        did = applied or report.completed or report.adopted or report.scripts
        return MigrateReport(
            database=str(self.settings.target),
            outcome="migrated" if did else "current",
            applied=applied,
            pending=report.waiting,
            adopted=report.adopted,
            notices=report.notices,
            locked_ms=report.locked_ms,
            backup=self.keeper.path if self.keeper else None,
        )

    def _earlier(self) -> tuple[AppliedMigration, ...]:
        """What attempts before the last one committed, as the ledger has it."""
        if not self.finished:
            return ()
        by_id = {s.id: s for s in status(self.settings).statuses}
        known = [by_id[name] for name in self.finished if name in by_id]
        return tuple(AppliedMigration(s.id, s.version, s.name, s.duration_ms) for s in known)


def _refuse_locked(settings: Settings) -> None:
    """Raise LockedError where somebody holds the lock of a server. A run there sends its BEGIN together with what comes
    behind it, and a server lets that wait for five seconds."""
    with connection(settings.target, "rw", 0) as conn, rolled_back(conn):
        pass


def _applied(done: Done) -> AppliedMigration:
    account = done.account
    return AppliedMigration(
        id=done.id,
        version=done.version,
        name=done.name,
        duration_ms=done.duration_ms,
        changes=tuple(change.message for change in account.changes),
        losses=tuple(loss.message for loss in account.losses),
        warnings=(*done.warnings, *done.broken, *done.weaker, *account.unproven, *done.unproven),
    )
