"""What verify says of the repeatable scripts of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memsql.engine.repeating import ScriptStatus
from memsql.schema.compare import Comparison, Element

WHY = "every view and trigger of sql/repeatable is in the database as its script makes it"


def problems(scripts: Sequence[ScriptStatus]) -> tuple[bool, tuple[str, ...]]:
    """Whether somebody changed an object of a script, and a sentence for each script that is not as it ran."""
    waiting = [s for s in scripts if s.state != "applied"]
    changed = any(s.note and s.state == "changed" and not s.is_edited for s in waiting)
    return changed, tuple(f"{s.name}: {s.note or 'it has not run here yet'}" for s in waiting)


def without_theirs(comparison: Comparison, scripts: Sequence[ScriptStatus]) -> Comparison:
    """``comparison`` without the objects of ``scripts``, some of which have yet to run."""
    theirs = {obj for s in scripts for obj in (*s.stale, *(s.script.objects if s.script else ()))}

    def is_other(element: Element) -> bool:
        return (element.kind, element.name) not in theirs and ("view", element.table) not in theirs

    return replace(
        comparison,
        missing=tuple(filter(is_other, comparison.missing)),
        different=tuple(d for d in comparison.different if is_other(d.element)),
        extra=tuple(filter(is_other, comparison.extra)),
    )
