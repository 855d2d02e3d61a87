"""What a maintenance window says."""

from __future__ import annotations

from memsql.operate.window import MARGIN, Estimate
from memsql.words import milliseconds


def text(estimate: Estimate) -> list[str]:
    """The estimate in one line, then a line for each migration."""
    lines = [
        f"estimated: {milliseconds(estimate.ends_ms)} of {milliseconds(estimate.window_ms)} "
        f"(times of a rehearsal on a clone, times {MARGIN:g})"
    ]
    if estimate.other_ms * MARGIN >= 1:
        lines.append(f"  {milliseconds(estimate.other_ms * MARGIN)} for the ledger and all that is no migration")
    for slot in estimate.slots:
        lines.append(
            f"  {slot.id}: rehearsed in {milliseconds(slot.rehearsed_ms)}, ends after {milliseconds(slot.ends_ms)}"
            + ("" if slot.ends_ms <= estimate.window_ms else ", too late")
        )
    return lines


def data(estimate: Estimate) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "window_ms": round(estimate.window_ms),
        "estimated_ms": round(estimate.ends_ms),
        "margin": MARGIN,
        "fits": estimate.fits,
        "other_ms": round(estimate.other_ms, 3),
        "migrations": [
            {"id": s.id, "version": s.version, "rehearsed_ms": s.rehearsed_ms, "ends_ms": round(s.ends_ms, 3)}
            for s in estimate.slots
        ],
    }
