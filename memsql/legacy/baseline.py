"""Saying at which version a database without a ledger is: the person names it, and the schema is compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

from memsql import hints, ledger
from memsql.config import Settings
from memsql.db import Connection, connection, transaction
from memsql.engine.replay import replay_schema
from memsql.engine.state import State, read_state
from memsql.errors import CommitUnknown, LockedError, MemsqlError, Refused, UsageError
from memsql.legacy import kept
from memsql.legacy.adoption import free_name, left, refuse_taken_name
from memsql.legacy.recognise import differences, refuse_ahead
from memsql.legacy.shapes import Era, Fit, Shape, fit_of
from memsql.legacy.writing import write_ledger
from memsql.project.load import Project
from memsql.schema import read
from memsql.schema.compare import Definitions, definitions


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a baseline marks, or would mark, as applied: ``ids``, in order; none where the ledger has them already.

    ``fit`` says how the database agrees with the schema that these migrations make. ``renamed``: a sentence about the
    table of another tool that had the name of the ledger. ``left``: the tables of other tools that stay as they are.
    """

    version: int
    ids: tuple[str, ...]
    fit: Fit
    renamed: str | None = None
    left: tuple[str, ...] = ()


def shape_at(project: Project, version: int) -> Shape:
    """The schema that the migrations up to ``version`` make. Raises UsageError where there is no such version."""
    versions = tuple(m.version for m in project.ordered if m.version <= version)
    if version not in versions:
        raise UsageError(
            f"there is no migration {version}",
            state="nothing was changed",
            hint=f"see: {hints.command('migrate.status')}",
        )
    title = next(m.id for m in project.ordered if m.version == version)
    era = Era(f"migration {title}", "", (), versions, frozenset(), is_prefix=True)
    return Shape(era, (), definitions(replay_schema(project, version)))


def last_shape(project: Project) -> Definitions:
    """The schema that all migrations make; nothing where they do not run, which is another question."""
    try:
        return definitions(replay_schema(project))
    except MemsqlError:
        return {}


def look(
    conn: Connection, project: Project, shape: Shape, *, last: Definitions | None, take_over: bool = False
) -> Baseline:
    """What a baseline at ``shape`` would mark in the database. Reads only.

    ``last`` is the schema after all migrations, None where the database may differ. ``take_over``: a table of another
    tool with the name of the ledger may be renamed. Raises Refused where the database is empty or has a ledger, where
    it needs that name, and, unless it may differ, where it lacks something of ``shape``, has it otherwise, or has what
    later migrations make.
    """
    state = read_state(project, conn)
    wanted = tuple(m.id for m in project.ordered if m.version in shape.era.counts_as)
    version = max(shape.era.counts_as)
    fit = fit_of(definitions(read(conn)), shape)
    if state.ledger.yoyo:
        if set(state.ledger.yoyo) == set(wanted):
            return Baseline(version, (), fit)
        raise _has_ledger(state)
    if not state.has_tables:
        raise Refused(
            "the database is empty: there is nothing that a migration could have made",
            state="nothing was changed",
            hint=f"name another database, or apply the migrations: {hints.command('migrate.up')}",
        )
    if (fit.missing or fit.different) and last is not None:
        raise Refused(
            f"this database is not what the migrations up to {shape.era.name.removeprefix('migration ')} make",
            details=differences(fit),
            state="nothing was changed",
            hint="name the version that fits; where the difference is known and may stay, add --accept-drift",
        )
    if last is not None:
        refuse_ahead(fit, last)
    refuse_taken_name(state, take_over=take_over, task=f"migrate.baseline --version {version}")
    return Baseline(version, wanted, fit, left=left(state))


def write(
    settings: Settings, project: Project, shape: Shape, *, last: Definitions | None, take_over: bool = False
) -> Baseline:
    """Write the ledger of a database that is at ``shape``, in one transaction. The options are those of look().

    Raises like look(), and LockedError where yoyo holds its lock.
    """
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        result: Baseline | None = None

        def is_there() -> bool | None:
            return ledger.has_marks(conn, () if result is None else result.ids)

        try:
            with transaction(conn, is_there):
                result = look(conn, project, shape, last=last, take_over=take_over)
                if not result.ids:
                    return result
                renamed = free_name(conn, read_state(project, conn))
                _write(conn, project, result)
                return replace(result, renamed=renamed)
        except CommitUnknown:
            raise
        except MemsqlError as e:
            e.state = e.state or "nothing was changed"
            raise


def _write(conn: Connection, project: Project, result: Baseline) -> None:
    lock = ledger.read(conn).yoyo_lock
    if lock is not None:
        raise LockedError(
            f"yoyo (process {lock}) holds its lock on this database",
            hint="wait for it; if it crashed, remove its lock with: yoyo break-lock",
        )
    write_ledger(conn, project, result.fit, "baseline")
    kept.record(conn, result.fit, "baseline")


def _has_ledger(state: State) -> Refused:
    applied = ", ".join(sorted(state.ledger.yoyo or ())[-5:])
    return Refused(
        "this database has a ledger, which says what is applied",
        details=(f"applied, the newest last: {applied}",),
        state="nothing was changed",
        hint=f"see: {hints.command('migrate.status')}",
    )
