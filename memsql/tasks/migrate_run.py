"""What migrate.up, migrate.down and migrate.to share: rehearsal, maintenance window, gate, run and replicas."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from memsql.tasks import costs, replicas
from memsql.tasks.gate import admit
from memsql.tasks.output import write
from memsql.tasks.task import Outcome, refuse_without_dry_run
from memsql.visible import page

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.engine.job import Direction
    from memsql.engine.state import Proposal, RunOptions
    from memsql.operate.window import Estimate
    from memsql.report.progress import Bar
    from memsql.tasks.manner import Manner


def run(direction: Direction, settings: Settings, options: RunOptions, progress: Bar, *, manner: Manner) -> Outcome:
    """Rehearse or run an up or a down. Raises any MemsqlError."""
    outcome = _with_replicas(direction, settings, options, progress, manner=manner)
    of = f" of the environment {settings.env}" if settings.env else ""
    return replace(
        outcome,
        text=page([f"database: {settings.target}{of}", *outcome.text.split("\n")]),
        data={"database": str(settings.target), "env": settings.env, **outcome.data},
    )


def _with_replicas(
    direction: Direction, settings: Settings, options: RunOptions, progress: Bar, *, manner: Manner
) -> Outcome:
    options = replace(options, server_copy_rows=settings.server_copy_rows)
    work = _rehearse if manner.dry_run else _run
    if manner.wait_replicas is None:
        return work(direction, settings, options, progress, manner=manner)
    targets = replicas.named(settings, manner.wait_replicas, manner.replica_timeout)
    if manner.dry_run:
        return work(direction, settings, options, progress, manner=manner)
    replicas.look(targets)
    outcome = work(direction, settings, options, progress, manner=manner)
    return replicas.wait(settings, outcome, targets, manner.replica_timeout, progress=progress)


def _rehearse(
    direction: Direction, settings: Settings, options: RunOptions, progress: Bar, *, manner: Manner
) -> Outcome:
    from memsql.actions.rehearse import Flag, place_for, rehearse
    from memsql.errors import UsageError
    from memsql.report.rehearsal import data, text

    if manner.maintenance_window is not None:
        raise UsageError(
            "--maintenance-window and --dry-run do not go together: both rehearse, and one goes on afterwards",
            state="nothing was changed",
            hint="leave one of them out",
        )
    flags: dict[Flag, bool] = {"with-data": manner.with_data, "on-server": manner.on_server}
    place = place_for(settings.target, frozenset(flag for flag, on in flags.items() if on))
    rehearsal = rehearse(settings, direction, options, progress, place=place)
    warnings = costs.after_rehearsal(settings, rehearsal, record=manner.record)
    return Outcome(text(rehearsal, warnings), data(rehearsal, warnings), rehearsal.exit_code)


def _run(direction: Direction, settings: Settings, options: RunOptions, progress: Bar, *, manner: Manner) -> Outcome:
    from memsql.actions import up
    from memsql.report.migrate import run_data, run_text

    gate = _Gate(settings, options, progress, manner)
    refuse_without_dry_run(with_data=manner.with_data, on_server=manner.on_server, record=manner.record)
    report = (up.up if direction == "up" else up.down)(settings, options, progress, gate)
    warnings = costs.after_run(settings, report)
    text = run_text(report, "applied" if direction == "up" else "rolled back")
    text = page([*text.split("\n"), *costs.lines(warnings)])
    data = {**run_data(report), "warnings": [*gate.warnings, *warnings]}
    if gate.estimate is None:
        return Outcome(text, data)
    from memsql.report import window

    lines = [*window.text(gate.estimate), *text.split("\n")]
    return Outcome(page(lines), {**data, "window": window.data(gate.estimate)})


class _Gate:
    """Stands before a run: estimates whether it fits into the maintenance window, and lets a person agree to it.

    ``estimate`` is None where there is no window, or nothing to run; ``warnings`` are what the person was told.
    """

    def __init__(self, settings: Settings, options: RunOptions, progress: Bar, manner: Manner) -> None:
        self._settings, self._options, self._progress, self._yes = settings, options, progress, manner.yes
        self._window_ms = _milliseconds(manner.maintenance_window)
        self.estimate: Estimate | None = None
        self.warnings: tuple[str, ...] = ()

    def __call__(self, proposal: Proposal) -> None:
        """Return where ``proposal`` may be done. Raises Refused, or what would stop the run."""
        self.warnings = costs.before_run(self._settings, proposal)
        if self.warnings:
            self._progress.clear()
            for warning in costs.lines(self.warnings):
                write(sys.stderr, warning)
        admit(
            self._settings,
            proposal.what,
            yes=self._yes,
            backup="needless" if proposal.empty else "required",
            before_asking=lambda: self._line_about_the_window(proposal.direction),
        )

    def _line_about_the_window(self, direction: Direction) -> str:
        """Estimate the run, and return what the question says of it; "" without a window."""
        line = ""
        if self._window_ms is not None:
            from memsql.report import window

            self.estimate = self._rehearsed(direction, self._window_ms)
            line = f"\n  {window.text(self.estimate)[0]}"
        # The question comes next.
        self._progress.clear()
        return line

    def _rehearsed(self, direction: Direction, window_ms: float) -> Estimate:
        """Rehearse the run, and return the estimate. Raises Refused where it does not fit."""
        from memsql.actions.rehearse import rehearse
        from memsql.operate.window import of_rehearsal, refusal
        from memsql.report import window

        rehearsal = rehearse(self._settings, direction, self._options, self._progress)
        estimate = of_rehearsal(rehearsal, window_ms)
        refused = refusal(estimate, window.text(estimate))
        if refused is not None:
            raise refused
        costs.after_rehearsal(self._settings, rehearsal, record=True)
        return estimate


def _milliseconds(window: str | None) -> float | None:
    """Return the maintenance window, which is minutes as text. Raises UsageError."""
    if window is None:
        return None
    from memsql.operate.window import parse_window

    return parse_window(window)
