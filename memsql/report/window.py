"""What a maintenance window says."""

from __future__ import annotations

from memsql.operate.window import MARGIN, Estimate
from memsql.report.text import milliseconds


def text(found: Estimate) -> list[str]:
    """The estimate in one line, then one for each migration."""
    lines = [
        f"estimated: {milliseconds(found.ends_ms)} of {milliseconds(found.window_ms)} "
        f"(times of a rehearsal on a clone, times {MARGIN:g})"
    ]
    if found.other_ms * MARGIN >= 1:
        lines.append(f"  {milliseconds(found.other_ms * MARGIN)} for the ledger and all that is no migration")
    for slot in found.slots:
        lines.append(
            f"  {slot.id}: rehearsed in {milliseconds(slot.rehearsed_ms)}, ends after {milliseconds(slot.ends_ms)}"
            + ("" if slot.ends_ms <= found.window_ms else ", too late")
        )
    return lines


def data(found: Estimate) -> dict[str, object]:
    """The same as fields."""
    return {
        "window_ms": round(found.window_ms),
        "estimated_ms": round(found.ends_ms),
        "margin": MARGIN,
        "fits": found.fits,
        "other_ms": round(found.other_ms, 3),
        "migrations": [
            {"id": s.id, "version": s.version, "rehearsed_ms": s.rehearsed_ms, "ends_ms": round(s.ends_ms, 3)}
            for s in found.slots
        ],
    }
