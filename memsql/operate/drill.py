"""Prove that a backup restores: into a scratch database, which is verified, on which the smoke test runs, and whose
last migration is rolled back and applied."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from memsql.actions import smoke, up
from memsql.actions.verify import Finding, failed, verify
from memsql.backups.catalogue import Backup, find
from memsql.backups.digest import TableDigest, differences, digests
from memsql.backups.unpack import unpack
from memsql.config import Settings, Target
from memsql.db import connection
from memsql.engine.state import RunOptions, status
from memsql.errors import MemsqlError, Refused
from memsql.ledger import TABLES
from memsql.progress import Progress
from memsql.schema import Schema, diff, read
from memsql.storage import work_folders
from memsql.words import count

Outcome = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class DrillStep:
    """A part of the drill: how it ended, sentences about it, and how many seconds it took."""

    name: str
    outcome: Outcome
    messages: tuple[str, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill of one backup. After a step that failed there is no other."""

    backup: Backup
    steps: tuple[DrillStep, ...]

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.outcome != "failed" for step in self.steps)

    @property
    def seconds(self) -> float:
        """How many seconds all steps took."""
        return sum(step.seconds for step in self.steps)


def drill(settings: Settings, name: str | None, progress: Progress) -> Drill:
    """Restore the backup ``name``, or the newest proven one, into a temporary folder and try it there.

    The database itself is not read. Raises UsageError where there is no such backup; problems of the backup are in the
    result.
    """
    backup = find(settings, name)
    with work_folders.temporary("drill") as folder:
        target = Target(path=folder / "scratch.db", display=f"a scratch copy of {backup.path.name}")
        scratch = replace(settings, target=target, protected=False)
        steps: list[DrillStep] = []
        tries = [_smoke] if smoke.project_steps(settings) else []
        for run in (_restore, _verify, *tries, _back_and_forth):
            started = time.perf_counter()
            step = run(backup, scratch, progress)
            steps.append(replace(step, seconds=time.perf_counter() - started))
            if step.outcome == "failed":
                break
    return Drill(backup, tuple(steps))


def _restore(backup: Backup, scratch: Settings, progress: Progress) -> DrillStep:
    assert scratch.target.path is not None
    progress.start(f"restoring {backup.path.name}")
    try:
        manifest = unpack(backup, scratch.target.path, progress)
        problems = differences(manifest.tables, _tables(scratch, progress))
    except MemsqlError as e:
        return _failed("restore", e.message, e)
    if problems:
        return DrillStep("restore", "failed", tuple(problems))
    message = f"{len(manifest.tables)} tables with {manifest.rows:,} rows, every hash equal"
    return DrillStep("restore", "ok", (message,))


def _verify(backup: Backup, scratch: Settings, progress: Progress) -> DrillStep:
    if status(scratch).is_legacy:
        message = "memsql never migrated this database: what was restored is all that is proven"
        return DrillStep("verify", "skipped", (message,))
    findings = verify(scratch, deep=True, progress=progress)
    problems = [finding for finding in findings if not finding.ok]
    return DrillStep(
        "verify",
        "failed" if failed(findings) else "warning" if problems else "ok",
        tuple(_sentence(finding) for finding in problems) or (f"{len(findings)} checks, all proven",),
    )


def _smoke(backup: Backup, scratch: Settings, progress: Progress) -> DrillStep:
    """Run the smoke test of the project on what was restored."""
    lacks = smoke.missing(smoke.project_steps(scratch), status(scratch))
    if lacks is not None:
        return DrillStep("smoke", "skipped", (lacks,))
    try:
        result = smoke.smoke(scratch, progress)
    except MemsqlError as e:
        return _failed("smoke", e.message, e)
    problems = tuple(problem for step in result.results for problem in step.problems)
    if not result.ok:
        return DrillStep("smoke", "failed", problems)
    return DrillStep("smoke", "ok", (f"{count(len(result.results), 'step')} passed and rolled back",))


def _back_and_forth(backup: Backup, scratch: Settings, progress: Progress) -> DrillStep:
    """Roll the last migration back and apply it again: the schema and the rows must be the same then."""
    name = "back and forth"
    state = status(scratch)
    applied = [s for s in state.statuses if s.is_applied and s.migration]
    if state.is_legacy or not applied:
        return DrillStep(name, "skipped", ("no migration is applied in this backup",))
    version, last = applied[-1].version, f"{applied[-1].version} {applied[-1].name}"
    schema, tables = _schema(scratch), _tables(scratch, progress, without=TABLES)
    try:
        up.down(scratch, RunOptions(steps=1), progress)
    except Refused as e:
        return DrillStep(name, "warning", (f"{last} cannot be rolled back without loss: {e.message}", *e.details))
    except MemsqlError as e:
        return _failed(name, f"{last} cannot be rolled back: {e.message}", e)
    try:
        up.up(scratch, RunOptions(to=version), progress)
    except MemsqlError as e:
        return _failed(name, f"{last} was rolled back and cannot be applied again: {e.message}", e)
    problems = [
        *differences(tables, _tables(scratch, progress, without=TABLES)),
        *diff(schema, _schema(scratch)).lines(),
    ]
    if problems:
        return DrillStep(name, "failed", tuple(problems))
    return DrillStep(name, "ok", (f"{last} rolled back and applied: same schema, same rows",))


def _failed(name: str, message: str, error: MemsqlError) -> DrillStep:
    return DrillStep(name, "failed", (message, *error.details))


def _schema(settings: Settings) -> Schema:
    with connection(settings.target) as conn:
        return read(conn)


def _tables(settings: Settings, progress: Progress, *, without: Collection[str] = ()) -> list[TableDigest]:
    """The digests of all tables but those whose names are in ``without``."""
    with connection(settings.target) as conn:
        return [table for table in digests(conn, progress) if table.name not in without]


def _sentence(finding: Finding) -> str:
    more = f" (and {len(finding.messages) - 1} more)" if len(finding.messages) > 1 else ""
    return f"{finding.name}: {finding.messages[0]}{more}"
