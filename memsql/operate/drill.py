"""The proof that a backup restores: into a scratch database, verified, its last migration rolled back and forward."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from memsql.actions import up as migrate
from memsql.actions.verify import Finding, verify
from memsql.backups.catalogue import Backup, find
from memsql.backups.digest import TableDigest, differences, digests
from memsql.backups.unpack import unpack
from memsql.config import Settings, Target
from memsql.db import connection
from memsql.engine import state as states
from memsql.engine.state import RunOptions
from memsql.errors import MemsqlError, Refused
from memsql.ledger import TABLES
from memsql.progress import Progress
from memsql.schema import Schema, diff, read

Outcome = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the drill: how it ended, what is to be said about it, and how long it took in seconds."""

    name: str
    outcome: Outcome
    messages: tuple[str, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill of one backup. A step that failed is the last one."""

    backup: Backup
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        return all(step.outcome != "failed" for step in self.steps)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)


def drill(settings: Settings, name: str | None, progress: Progress) -> Drill:
    """Restore the backup ``name``, or the newest proven one, into a temporary folder and try it there.

    The database itself is not looked at. Raises UsageError where there is no such backup; what goes wrong with
    the backup is in the result.
    """
    backup = find(settings, name)
    with tempfile.TemporaryDirectory(prefix="memsql-drill-") as folder:
        scratch = Target(path=Path(folder) / "scratch.db", display=f"a scratch copy of {backup.path.name}")
        there = replace(settings, target=scratch, protected=False)
        done: list[Step] = []
        for act in (_restore, _verify, _back_and_forth):
            begun = time.perf_counter()
            done.append(replace(act(backup, there, progress), seconds=time.perf_counter() - begun))
            if done[-1].outcome == "failed":
                break
    return Drill(backup, tuple(done))


def _restore(backup: Backup, settings: Settings, progress: Progress) -> Step:
    assert settings.target.path is not None
    progress.start(f"restoring {backup.path.name}")
    try:
        manifest = unpack(backup, settings.target.path, progress)
        wrong = differences(manifest.tables, _rows(settings, progress))
    except MemsqlError as e:
        return _failed("restore", e.message, e)
    if wrong:
        return Step("restore", "failed", tuple(wrong))
    return Step("restore", "ok", (f"{len(manifest.tables)} tables with {manifest.rows:,} rows, every hash equal",))


def _verify(backup: Backup, settings: Settings, progress: Progress) -> Step:
    if states.status(settings).is_legacy:
        return Step(
            "verify", "skipped", ("memsql never migrated this database: what was restored is all that is proven",)
        )
    found = verify(settings, deep=True, progress=progress)
    wrong = [f for f in found if not f.ok]
    failed = any(f.severity == "error" for f in wrong)
    return Step(
        "verify",
        "failed" if failed else "warning" if wrong else "ok",
        tuple(_sentence(f) for f in wrong) or (f"{len(found)} checks, all proven",),
    )


def _back_and_forth(backup: Backup, settings: Settings, progress: Progress) -> Step:
    name = "back and forth"
    state = states.status(settings)
    applied = [s for s in state.statuses if s.is_applied and s.migration]
    if state.is_legacy or not applied:
        return Step(name, "skipped", ("no migration is applied in this backup",))
    last, version = applied[-1].name, applied[-1].version
    schema, rows = _schema(settings), _rows(settings, progress, TABLES)
    try:
        migrate.down(settings, RunOptions(steps=1), progress)
    except Refused as e:
        return Step(name, "warning", (f"{version} {last} cannot be rolled back without loss: {e.message}", *e.details))
    except MemsqlError as e:
        return _failed(name, f"{version} {last} cannot be rolled back: {e.message}", e)
    try:
        migrate.up(settings, RunOptions(to=version), progress)
    except MemsqlError as e:
        return _failed(name, f"{version} {last} was rolled back and cannot be applied again: {e.message}", e)
    wrong = [*differences(rows, _rows(settings, progress, TABLES)), *diff(schema, _schema(settings)).lines()]
    return Step(
        name,
        "failed" if wrong else "ok",
        tuple(wrong) or (f"{version} {last} rolled back and applied: same schema, same rows",),
    )


def _failed(name: str, message: str, error: MemsqlError) -> Step:
    return Step(name, "failed", (message, *error.details))


def _schema(settings: Settings) -> Schema:
    with connection(settings.target) as conn:
        return read(conn)


def _rows(settings: Settings, progress: Progress, without: Sequence[str] | frozenset[str] = ()) -> list[TableDigest]:
    with connection(settings.target) as conn:
        return [d for d in digests(conn, progress) if d.name not in without]


def _sentence(finding: Finding) -> str:
    more = f" (and {len(finding.messages) - 1} more)" if len(finding.messages) > 1 else ""
    return f"{finding.name}: {finding.messages[0]}{more}"
