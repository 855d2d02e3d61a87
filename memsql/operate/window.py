"""Whether a run fits into a maintenance window, by what its rehearsal took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.actions.rehearse import Rehearsal
from memsql.engine.job import Done
from memsql.errors import Refused, UsageError

MARGIN = 2.0
"""What a rehearsed time is multiplied by. A clone has the disk to itself and does not wait for it to sync."""

_LONGER = "take a longer one"


@dataclass(frozen=True, slots=True)
class Slot:
    """A migration in a window: what it took on the clone, and when it will have ended, margin included, counted from
    the start of the run."""

    id: str
    version: int
    rehearsed_ms: float
    ends_ms: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run in a window of ``window_ms``. ``other_ms`` is what the rehearsal took outside of migrations: an adoption,
    the bookkeeping; it comes first. ``direction`` is up or down."""

    direction: str
    window_ms: float
    other_ms: float
    slots: tuple[Slot, ...]

    @property
    def ends_ms(self) -> float:
        return self.slots[-1].ends_ms if self.slots else self.other_ms * MARGIN

    @property
    def fits(self) -> bool:
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
    """Minutes, as in ``10`` or ``0.5``, in milliseconds. Raises UsageError for anything else, and for none at all."""
    minutes = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0
    if minutes <= 0:
        raise UsageError(
            f"--maintenance-window {text}: give a number of minutes, more than 0", state="nothing was changed"
        )
    return minutes * 60_000


def estimate(direction: str, done: Sequence[Done], run_ms: float, window_ms: float) -> Estimate:
    """What the migrations ``done`` on a clone, of a run of ``run_ms`` there, come to in a window."""
    other = max(0.0, run_ms - sum(d.duration_ms for d in done))
    slots, elapsed = [], other
    for one in done:
        elapsed += one.duration_ms
        slots.append(Slot(one.id, one.version, one.duration_ms, elapsed * MARGIN))
    return Estimate(direction, window_ms, other, tuple(slots))


def of_rehearsal(found: Rehearsal, window_ms: float) -> Estimate:
    """The estimate of a run that was rehearsed. Raises what the rehearsal found wrong."""
    if found.problem is not None:
        raise found.problem
    done = found.report.done if found.report else ()
    return estimate(found.direction, done, found.run_seconds * 1000, window_ms)


def refusal(found: Estimate, lines: Sequence[str]) -> Refused | None:
    """Why the run must not begin, or None where it fits; ``lines`` say the estimate in detail."""
    if found.fits:
        return None
    late, fitting = found.first_too_late, found.fitting
    if found.other_ms * MARGIN > found.window_ms or late is None:
        message, hint = (
            "what is no migration (an adoption, the ledger) alone would not end within the maintenance window",
            _LONGER,
        )
    elif not fitting:
        message, hint = f"not even {late.id}, the first one, would end within the maintenance window", _LONGER
    else:
        message = f"{late.id} would not end within the maintenance window"
        option = f"--to {fitting[-1].version}" if found.direction == "up" else f"--steps {len(fitting)}"
        fitting_ones = "one would" if len(fitting) == 1 else f"{len(fitting)} would"
        hint = f"the first {fitting_ones}: invoke migrate.{found.direction} {option}; or take a longer window"
    return Refused(message, details=tuple(line.strip() for line in lines), state="nothing was changed", hint=hint)
