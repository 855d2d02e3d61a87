"""What the person asked for, and how files and ledger stand: all that a status or an idle ``up`` needs.

Kept apart from the machinery that applies, because importing that takes longer than a status may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memsql import ledger as books
from memsql.config import Settings
from memsql.db import Connection, connect
from memsql.db.queries import load
from memsql.errors import UsageError
from memsql.ledger import Ledger
from memsql.project import load as projects
from memsql.project import plan
from memsql.project.load import Project
from memsql.project.plan import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from memsql.engine.job import Done, Job


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to know how it goes: a job starts, a fraction is done (None: still alive)."""

    started: Callable[[Job], None] = lambda _: None
    tick: Callable[[float | None], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked ``up`` or ``down`` to do."""

    to: int | None = None
    steps: int | None = None
    allow_data_loss: bool = False
    all_or_nothing: bool = False
    out_of_order: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be done, for who may still stop it: ``what`` completes the sentence "it will". ``empty``: the
    database holds no table, so that nothing of it can be lost."""

    direction: Literal["up", "down"]
    what: str
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``completed`` are migrations that yoyo applied and whose ledger rows were
    filled in; ``adopted`` says in sentences how a legacy database was taken over."""

    done: tuple[Done, ...]
    applied: int
    waiting: int
    completed: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Files and ledger side by side."""

    project: Project
    ledger: Ledger
    statuses: tuple[Status, ...]
    has_tables: bool

    @property
    def is_legacy(self) -> bool:
        """Tables, but no migration of ours or yoyo's was ever applied here. Where the first one was rolled
        back the tables are somebody else's, beside which it may be applied again."""
        if self.ledger.yoyo or not self.has_tables:
            return False
        first = self.statuses[0].version if self.statuses else None
        return self.ledger.is_foreign or first is None or first not in self.ledger.rows


def read_state(project: Project, conn: Connection) -> State:
    """Read the ledger and hold it against the files; two requests."""
    ledger, answers = books.read_with(conn, [(load("engine/has_tables"), ())])
    return State(project, ledger, tuple(plan.statuses(project.ordered, ledger)), bool(answers[0].rows))


def status(settings: Settings) -> State:
    """The state of every migration. Reads only; a database that does not exist reads as empty."""
    project = projects.load(settings)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        return read_state(project, conn)
    finally:
        conn.close()


def direction_to(settings: Settings, version: int) -> Literal["up", "down"]:
    """Whether ``version`` is above or below what is applied. Raises UsageError where it does not exist."""
    state = status(settings)
    if version != 0 and version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {version}", hint="see: invoke migrate.status")
    above = any(s.is_applied and s.version > version for s in state.statuses)
    return "down" if above or version == 0 else "up"


def unchanged(state: State, newly: int = 0) -> Report:
    """The report of a run that began at ``state`` and applied ``newly`` migrations (fewer than none: rolled back). The
    database is not asked again: when that failed, what was done would go unsaid."""
    applied = sum(1 for s in state.statuses if s.is_applied)
    return Report((), applied + newly, sum(1 for s in state.statuses if s.state in plan.WAITING) - newly)
