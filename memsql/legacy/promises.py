"""What a database on the legacy track promises already: the checks that the upgrades it still waits for would change.

Decided by a trial, not by lists: its schema is made again in memory without rows, and the pending upgrades run there.
A check that fails before an upgrade and passes after it is a promise of that upgrade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from memsql import deadline
from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.schema_replica import make
from memsql.engine.state import State
from memsql.engine.statements import run_guarded
from memsql.errors import MemsqlError
from memsql.legacy.eras import Phase, known_shapes, read_phases, record_objects
from memsql.legacy.recognise import detect
from memsql.progress import SILENT
from memsql.project.checks import Check, run_checks
from memsql.sandbox import isolated


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a database came on the legacy track.

    ``title``: the shape that it has. ``pending``: the upgrades that it waits for, in order. ``later``: the upgrade that
    a check waits for, by the path of the check.
    """

    title: str
    pending: tuple[str, ...]
    later: Mapping[str, str]


def reached(conn: Connection, state: State, checks: Sequence[Check]) -> Reached | None:
    """How far the database of ``state`` came. Reads only.

    None where it is not on the legacy track: it has a ledger, no known shape fits, or it waits for the first upgrade.
    """
    phases = read_phases(state.project.settings)
    if not state.is_legacy or not phases:
        return None
    fit = detect(conn, known_shapes(state.project), state.ledger).fit
    if fit is None or next(iter(phases)) in fit.shape.pending:
        return None
    objects = conn.execute(load("engine/stored_schema")).rows
    pending = [phases[name] for name in fit.shape.pending]
    return Reached(fit.shape.title, fit.shape.pending, isolated(_later, objects, pending, checks))


def _later(objects: Sequence[tuple[Value, ...]], pending: Sequence[Phase], checks: Sequence[Check]) -> dict[str, str]:
    """The upgrade of ``pending`` that a check waits for, by the path of the check. ``objects`` is the schema."""
    later: dict[str, str] = {}
    with closing(memory()) as trial:
        make(trial, objects)
        trial.begin()
        failing = _failing(trial, checks)
        for phase in pending:
            try:
                with deadline.part(phase.up.path):
                    record_objects(trial, phase.name)
                    run_guarded(trial, phase.up, SILENT)
                    still = _failing(trial, failing)
            except (MemsqlError, deadline.Stopped):
                # It does not run without rows, or not on this SQLite. Then nothing is excused.
                break
            later |= {check.path: phase.name for check in failing if check not in still}
            failing = still
    return later


def _failing(conn: SQLiteConnection, checks: Sequence[Check]) -> list[Check]:
    return [result.check for result in run_checks(conn, checks) if not result.ok]
