"""Try on a database what the application does with it, and leave nothing behind.

The steps run in one transaction that is rolled back. A second connection proves that nothing was committed: SQLite
tells it whether any other connection changed the database (https://sqlite.org/pragma.html#pragma_data_version).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.config import Settings
from memsql.db import Connection, Item, Value, connection, rolled_back
from memsql.engine.signals import interruptible
from memsql.engine.state import State, read_state
from memsql.errors import Interrupted, StatementError, UsageError
from memsql.ledger import version_of
from memsql.progress import Progress
from memsql.project.checks import time_limit
from memsql.project.folded import known_to
from memsql.project.load import load_project
from memsql.project.smoke import FOLDER, SmokeStep, read_steps

_SHOWN = 20
_ATTEMPTS = 3
_STATE = "nothing was run, and nothing was changed"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step: a sentence for each ``problem``, and how many milliseconds it took. ``ran`` is False where
    an earlier step ended the transaction."""

    step: SmokeStep
    problems: tuple[str, ...]
    duration_ms: int
    ran: bool = True

    @property
    def ok(self) -> bool:
        """Whether it ran and everything was as it should be."""
        return self.ran and not self.problems


@dataclass(frozen=True, slots=True)
class Smoke:
    """A smoke test. ``version`` is the newest applied migration, None where there is none. ``unproven`` says why it is
    not proven that nothing was left behind; None where it is."""

    results: tuple[StepResult, ...]
    version: int | None
    unproven: str | None

    @property
    def ok(self) -> bool:
        """Whether every step passed."""
        return all(result.ok for result in self.results)


def project_steps(settings: Settings) -> tuple[SmokeStep, ...]:
    """The steps of the project, none where it has no folder sql/smoke. Raises FileError for a file that is no step."""
    return read_steps(settings.sql / FOLDER, f"{settings.show(settings.sql)}/{FOLDER}", settings.check_timeout)


def smoke(settings: Settings, progress: Progress) -> Smoke:
    """Run the steps of the project on its database, in one transaction that is rolled back.

    Raises UsageError where the project has no steps, and where the database is not at the version that they need;
    FileError for a file that is no step; ConnectError, LockedError and Interrupted.
    """
    steps = project_steps(settings)
    if not steps:
        folder = f"{settings.show(settings.sql)}/{FOLDER}"
        raise UsageError(
            f"this project has no smoke test: there is no step in {folder}",
            state=_STATE,
            hint=f"write steps, {folder}/NAME.sql, as docs/formats.md describes them",
        )
    project = load_project(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
    lacks = missing(steps, state)
    if lacks is not None:
        raise UsageError(
            f"{settings.target} is not at the version that the steps need: {lacks}",
            state=_STATE,
            hint=f"apply what is pending: {hints.command('migrate.up')}; or choose another database with --env "
            f"or --database",
        )
    try:
        results, unproven = _run(settings, steps, progress)
    except KeyboardInterrupt:
        raise Interrupted(
            "the smoke test was stopped", state="its transaction was rolled back", hint="run it again"
        ) from None
    return Smoke(results, _version(state), unproven)


def missing(steps: Sequence[SmokeStep], state: State) -> str | None:
    """Why ``steps`` cannot run on a database in this ``state``, as a sentence; None where they can."""
    needy = [step for step in steps if step.needs is not None and step.needs not in _applied(state)]
    if not needy:
        return None
    step = max(needy, key=lambda step: step.needs or 0)
    if state.is_legacy:
        at = "it was never adopted"
    else:
        version = _version(state)
        at = "no migration is applied" if version is None else f"it is at {version:04d}"
    return f"{step.path} needs migration {step.needs:04d}, and {at}"


def _applied(state: State) -> set[int]:
    """The versions that are applied, and those that were folded into one of them."""
    applied = [status for status in state.statuses if status.is_applied]
    folded = {version_of(name) for s in applied if s.migration is not None for name in known_to(s.migration)}
    return {status.version for status in applied} | {version for version in folded if version is not None}


def _version(state: State) -> int | None:
    return max(_applied(state), default=None)


def _run(
    settings: Settings, steps: Sequence[SmokeStep], progress: Progress
) -> tuple[tuple[StepResult, ...], str | None]:
    """The results of ``steps``, and why it is not proven that nothing was left behind."""
    with (
        connection(settings.target, "rw", settings.busy_timeout) as conn,
        connection(settings.target, "ro", settings.busy_timeout) as witness,
        interruptible() as interrupted,
    ):
        # As a connection of the application should have it.
        conn.execute("PRAGMA foreign_keys = on")
        for _ in range(_ATTEMPTS):
            with rolled_back(conn):
                before = _commits(witness)
                results = tuple(_results(conn, steps, progress, interrupted))
            progress.start("proving that nothing was left behind")
            after = _commits(witness)
            if before is None or after is None:
                return results, "the server does not answer PRAGMA data_version"
            if before == after:
                return results, None
            # Somebody else got the write lock between the end of the transaction and the look of the witness.
    return results, "others wrote to the database at the moment of each ROLLBACK; run it again when it is quieter"


def _commits(witness: Connection) -> Value:
    """A number that changes when another connection commits anything; None where it cannot be known."""
    try:
        return witness.execute("PRAGMA data_version").one()
    except StatementError:
        return None


def _results(
    conn: Connection, steps: Sequence[SmokeStep], progress: Progress, interrupted: Callable[[], bool]
) -> list[StepResult]:
    results = []
    for number, step in enumerate(steps):
        progress.start(step.name)
        progress.tick(number / len(steps))
        if interrupted():
            break
        # Outside of the transaction its statements would stay.
        if not conn.in_transaction:
            results.append(StepResult(step, (), 0, ran=False))
            continue
        begun = time.perf_counter()
        problems = _problems(conn, step, interrupted)
        results.append(StepResult(step, tuple(problems[:_SHOWN]), round((time.perf_counter() - begun) * 1000)))
    return results


def _problems(conn: Connection, step: SmokeStep, interrupted: Callable[[], bool]) -> list[str]:
    """Run ``step``. A sentence for everything that is not as it should be."""
    items: list[Item] = [(statement.sql, ()) for statement in step.statements]
    try:
        with conn.observe(time_limit(step.timeout, interrupted)):
            answers = conn.batch(items)
    except StatementError as e:
        if e.is_interrupt:
            return [f"{step.path}: it did not end within {step.timeout / 1000:g} s, and was stopped"]
        line = f":{step.statements[e.index].line}" if e.index is not None else ""
        return [f"{step.path}{line}: the statement does not run: {e.message}"]
    return [
        f"{step.path}:{statement.line}: {row[0]!s}"
        for statement, answer in zip(step.statements, answers, strict=True)
        if statement.reads
        for row in answer.rows[:_SHOWN]
    ]
