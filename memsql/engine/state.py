"""What the person asks for, and how files and ledger stand: all that a status or an idle ``up`` needs.

Apart from the modules that apply migrations, because importing those takes longer than a status may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from memsql import hints, ledger
from memsql.config import Settings
from memsql.db import Connection, Params, Result, Value, connection
from memsql.db.queries import load
from memsql.errors import UsageError
from memsql.ledger import Hashes, Ledger
from memsql.project import plan
from memsql.project.load import Project, load_project
from memsql.project.plan import Status
from memsql.setting_values import SERVER_COPY_ROWS

if TYPE_CHECKING:
    from memsql.engine.job import Done
    from memsql.engine.meter import Cost
    from memsql.engine.repeating import ScriptStatus
    from memsql.engine.seeding import SeedStatus
    from memsql.exchange.ledgers import OtherLedger


# Characters of a schema that a run reads before it knows whether it needs them: a round trip takes longer.
_SMALL_SCHEMA = 1 << 16


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the person asks of an up or a down.

    ``to``: stop at this version. ``steps``: how many to roll back. ``allow_data_loss``: permit every loss.
    ``all_or_nothing``: one transaction for the whole run. ``out_of_order``: also apply those that come before an
    applied one. ``timed``: measure each statement, as a rehearsal does. ``old_permits``: let a ``-- allow: data-loss``
    pass that names no table, because the files are only replayed. ``replayed``: the files ran elsewhere long ago, so
    what they break is not looked at. ``server_copy_rows``: of how many rows of a table a copy is made on a server.
    ``disk_check``: refuse a run for which the disk has no room.
    ``without_rows``: the database is a clone of a schema alone, so that nothing about rows is proven.
    ``take_over``: a table of another tool that is called schema_migrations may be renamed. ``ledger``: the tool whose
    ledger says what is applied, where several tools have one. ``trial_ms``: for how long the run may go on, where it is
    a trial; None for any time. ``beside``: tables that no migration made belong to another program, so that nothing is
    adopted.
    """

    to: int | None = None
    steps: int | None = None
    _: KW_ONLY
    allow_data_loss: bool = False
    all_or_nothing: bool = False
    out_of_order: bool = False
    timed: bool = False
    old_permits: bool = False
    for_server: bool = False
    replayed: bool = False
    server_copy_rows: int = SERVER_COPY_ROWS
    without_rows: bool = False
    disk_check: bool = True
    take_over: bool = False
    ledger: str | None = None
    trial_ms: int | None = None
    beside: bool = False
    seeds: Literal["", "too", "only"] = ""


def takes_late(options: RunOptions, settings: Settings) -> bool:
    """Whether a run applies migrations that come before one that is applied already."""
    return options.out_of_order or settings.out_of_order


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is about to be done, for the gate that may still stop it.

    ``what`` completes the sentence "it will". ``empty``: the database holds no table, so that nothing of it can be
    lost. ``checksums`` are those of the migrations that will run.
    """

    direction: Literal["up", "down"]
    what: str
    empty: bool = False
    checksums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completed:
    """A row of the ledger that follows what happened outside: yoyo ran ``id`` by itself, its file was called
    ``former``, or the migrations ``folded`` were folded into it."""

    id: str
    former: str | None = None
    folded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, and how many migrations are ``applied`` and ``waiting`` after it.

    ``completed``: rows of the ledger that were written or moved now. ``adopted``: sentences about how a legacy database
    was taken over. ``notices``: what changed in files that are applied and still do the same.
    ``locked_ms``: for how many milliseconds the longest transaction held the write lock. ``costs``: what each
    transaction took, where that was measured. ``scripts``: those without a version that ran.
    """

    done: tuple[Done, ...]
    applied: int
    waiting: int
    completed: tuple[Completed, ...] = ()
    adopted: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    locked_ms: int = 0
    costs: tuple[Cost, ...] = ()
    scripts: tuple[Done, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """The schema of a server: ``version`` is its PRAGMA schema_version, ``objects`` are the rows (type, name, table,
    sql) of its sqlite_schema."""

    version: object
    objects: Sequence[tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class State:
    """Files and ledger side by side. ``has_tables``: the database has tables that are not bookkeeping. ``history``: the
    hashes of what was applied, by version and checksum; read only where a file differs from it. ``others``: the ledgers
    of other tools, read only where there is none of ours. ``stored``: the schema as of the same moment, where it was
    to be read and is small. ``beside``: as in RunOptions. ``scripts``: the repeatable
    ones."""

    project: Project
    ledger: Ledger
    statuses: tuple[Status, ...]
    has_tables: bool
    history: Mapping[tuple[int, str], Hashes] = field(default_factory=dict)
    others: tuple[OtherLedger, ...] = ()
    stored: StoredSchema | None = None
    beside: bool = False
    scripts: tuple[ScriptStatus, ...] = ()
    seeds: tuple[SeedStatus, ...] = ()

    @property
    def waiting_seeds(self) -> tuple[str, ...]:
        """The names of the seeds that have not run."""
        return tuple(seed.seed.name for seed in self.seeds if seed.waits)

    @property
    def waiting_scripts(self) -> bool:
        """Whether a repeatable script is to run."""
        return any(script.waits for script in self.scripts)

    @property
    def incomplete(self) -> list[Status]:
        """The migrations whose rows in the ledger have to be written or moved; each has its file."""
        return [s for s in self.statuses if s.incomplete and s.migration]

    @property
    def is_legacy(self) -> bool:
        """Whether there are tables, or another tool says that it applied something, but no migration was ever applied
        here by memsql or yoyo.

        False where the first migration was rolled back: then the tables belong to somebody else, and it may be
        applied again beside them.
        """
        if self.ledger.yoyo or self.beside:
            return False
        if not self.has_tables:
            return any(other.counts for other in self.others)
        first = self.statuses[0].version if self.statuses else None
        return self.ledger.is_foreign or first is None or first not in self.ledger.rows

    @property
    def must_be_adopted(self) -> bool:
        """Whether an adoption comes before the first migration: of a legacy database, and of the name of the ledger
        where another tool has it."""
        return self.is_legacy or self.ledger.taken

    def is_another_now(self, conn: Connection) -> bool:
        """Whether another process has created tables, or dropped them, so that the database would count as legacy, or
        no longer. Ask inside the lock; the ledger is compared apart."""
        return not self.ledger.yoyo and bool(conn.execute(load("engine/has_tables")).rows) != self.has_tables


def read_state(project: Project, conn: Connection, *, to_run: bool = False, beside: bool = False) -> State:
    """Read the ledger and compare it with the files; one request to a server, and a second where a file differs from
    what was applied, or the ledgers of other tools have to be read. ``to_run``: read what a run on a server needs in
    the same request. ``beside``: see RunOptions."""
    questions: list[tuple[str, Params]] = [(load("engine/has_tables"), ())]
    if to_run and conn.target.path is None:
        questions += [("PRAGMA schema_version", ()), (load("engine/small_schema"), (_SMALL_SCHEMA,))]
    if project.repeatables:
        questions.insert(1, (load("engine/views_and_triggers"), ()))
    books, (has_tables, *schema) = ledger.read_with(conn, questions)
    live = schema.pop(0).rows if project.repeatables else ()
    statuses = plan.statuses(project.ordered, books)
    state = State(
        project,
        books,
        tuple(statuses),
        bool(has_tables.rows),
        stored=_stored(*schema) if schema else None,
        beside=beside,
        scripts=_scripts(project, books, live),
        seeds=_seeds(project, books),
    )
    # What memsql rolled back is still in the ledger of the other tool, which counts no more.
    if books.others and not books.yoyo and (books.is_foreign or not books.rows):
        from memsql.exchange import ledgers

        return replace(state, others=ledgers.read(conn, books.others))
    if not plan.has_changed(statuses):
        return state
    history = ledger.read_hashes(conn, books)
    return replace(state, statuses=tuple(plan.statuses(project.ordered, books, history)), history=history)


def _scripts(project: Project, books: ledger.Ledger, live: Sequence[tuple[Value, ...]]) -> tuple[ScriptStatus, ...]:
    """The states of the repeatable scripts; ``live`` are the views and triggers of the database."""
    if not project.repeatables:
        return ()
    from memsql.engine.repeating import statuses

    return statuses(project.repeatables, books, live)


def _seeds(project: Project, books: ledger.Ledger) -> tuple[SeedStatus, ...]:
    if not project.seeds:
        return ()
    from memsql.engine.seeding import statuses

    return statuses(project.seeds, books)


def _stored(version: Result, objects: Result) -> StoredSchema | None:
    """The schema; None where it was too large to be read."""
    return StoredSchema(version.one(), objects.rows) if objects.rows or version.one() == 0 else None


def status(settings: Settings) -> State:
    """The state of every migration. Reads only; a database that does not exist reads as empty."""
    project = load_project(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        return read_state(project, conn)


def direction_to(settings: Settings, version: int) -> Literal["up", "down"]:
    """Whether ``version`` is above or below what is applied. Raises UsageError where it does not exist."""
    state = status(settings)
    if version != 0 and version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {version}", hint=f"see: {hints.command('migrate.status')}")
    above = any(s.is_applied and s.version > version for s in state.statuses)
    return "down" if above or version == 0 else "up"


def report(
    state: State, done: Sequence[Done] = (), *, newly: Sequence[Done] = (), completed: tuple[Completed, ...] = ()
) -> Report:
    """The report of a run that did ``done``, of which ``newly`` since ``state`` was read.

    The database is not read again: if that failed, what was done would go unsaid.
    """
    applied = sum(1 for s in state.statuses if s.is_applied)
    waiting = sum(1 for s in state.statuses if s.state in plan.WAITING)
    change = sum(1 if d.direction == "up" else -1 for d in newly if d.script is None)
    notices = plan.notices(state.statuses)
    scripts = tuple(d for d in done if d.script)
    done = [d for d in done if d.script is None]
    return Report(tuple(done), applied + change, waiting - change, completed, notices=notices, scripts=scripts)
