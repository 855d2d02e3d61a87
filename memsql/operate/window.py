"""Whether a run fits into a maintenance window, as far as its rehearsal tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.actions.rehearse import Rehearsal
from memsql.engine.job import Done
from memsql.errors import Refused, UsageError

MARGIN = 2.0
"""The factor from a rehearsed time to an estimate: a clone has the disk to itself and does not wait for it to sync."""

_LONGER = "take a longer one"


@dataclass(frozen=True, slots=True)
class Slot:
    """A migration in a window: what it took on the clone, and when it will have ended, counted from the start of the
    run and with the margin."""

    id: str
    version: int
    rehearsed_ms: float
    ends_ms: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run in a window of ``window_ms``; ``direction`` is up or down.

    ``other_ms`` is what the rehearsal took outside of the migrations, for an adoption and the bookkeeping. The estimate
    puts this time before the first migration.
    """

    direction: str
    window_ms: float
    other_ms: float
    slots: tuple[Slot, ...]

    @property
    def ends_ms(self) -> float:
        """When the run will have ended, counted from its start."""
        return self.slots[-1].ends_ms if self.slots else self.other_ms * MARGIN

    @property
    def fits(self) -> bool:
        """Whether the run will end within the window."""
        return self.ends_ms <= self.window_ms

    @property
    def first_too_late(self) -> Slot | None:
        """The first migration that would end after the window does."""
        return next((s for s in self.slots if s.ends_ms > self.window_ms), None)

    @property
    def fitting(self) -> tuple[Slot, ...]:
        """The migrations that would end in time."""
        return tuple(s for s in self.slots if s.ends_ms <= self.window_ms)


def parse_window(text: str) -> float:
    """The milliseconds of ``text``, which is a number of minutes such as ``10`` or ``0.5``.

    Raises UsageError for anything else, and for 0.
    """
    minutes = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0
    if minutes <= 0:
        raise UsageError(
            f"--maintenance-window {text}: give a number of minutes, more than 0", state="nothing was changed"
        )
    return minutes * 60_000


def estimate_run(direction: str, done: Sequence[Done], run_ms: float, window_ms: float) -> Estimate:
    """The estimate for a run that took ``run_ms`` on a clone, of which ``done`` are the migrations."""
    other = max(0.0, run_ms - sum(d.duration_ms for d in done))
    slots, elapsed = [], other
    for migration in done:
        elapsed += migration.duration_ms
        slots.append(Slot(migration.id, migration.version, migration.duration_ms, elapsed * MARGIN))
    return Estimate(direction, window_ms, other, tuple(slots))


def of_rehearsal(rehearsal: Rehearsal, window_ms: float) -> Estimate:
    """The estimate for a run that was rehearsed. Raises the problem of the rehearsal, where it has one."""
    if rehearsal.problem is not None:
        raise rehearsal.problem
    done = rehearsal.report.done if rehearsal.report else ()
    return estimate_run(rehearsal.direction, done, rehearsal.run_seconds * 1000, window_ms)


def refusal(estimate: Estimate, lines: Sequence[str]) -> Refused | None:
    """Why the run must not begin, or None where it fits. ``lines`` are the estimate in words, for the details."""
    if estimate.fits:
        return None
    late, fitting = estimate.first_too_late, estimate.fitting
    if estimate.other_ms * MARGIN > estimate.window_ms or late is None:
        message = "what is no migration (an adoption, the ledger) alone would not end within the maintenance window"
        hint = _LONGER
    elif not fitting:
        message, hint = f"not even {late.id}, the first one, would end within the maintenance window", _LONGER
    else:
        message = f"{late.id} would not end within the maintenance window"
        option = f"--to {fitting[-1].version}" if estimate.direction == "up" else f"--steps {len(fitting)}"
        number = "one" if len(fitting) == 1 else len(fitting)
        fits = hints.command(f"migrate.{estimate.direction} {option}")
        hint = f"the first {number} would: {fits}; or take a longer window"
    return Refused(message, details=tuple(line.strip() for line in lines), state="nothing was changed", hint=hint)
