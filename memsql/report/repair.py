"""What migrate.repair says."""

from __future__ import annotations

from memsql.actions.repair import Repaired
from memsql.project.plan import way_on
from memsql.visible import page


def text(repaired: Repaired, *, dry_run: bool) -> str:
    """What was changed, what still differs from what was applied, and how to go on with that."""
    lines = [("would " if dry_run else "") + change for change in repaired.changes] or ["nothing to repair"]
    lines += [f"left as it is: {status.id}: {status.note}" for status in repaired.left]
    if repaired.left:
        lines.append(f"next: {way_on(repaired.left[0])}")
    return page(lines)


def data(repaired: Repaired, *, dry_run: bool) -> dict[str, object]:
    """The same for ``--json``."""
    left = [status.id for status in repaired.left]
    return {"changes": list(repaired.changes), "left": left, "dry_run": dry_run}
