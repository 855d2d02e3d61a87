"""What a drill says."""

from __future__ import annotations

from memsql.operate.drill import Drill
from memsql.report.text import milliseconds


def text(found: Drill) -> str:
    """A line a step, what was found below it, and the verdict."""
    lines = [f"backup: {found.backup.path.name}", ""]
    for step in found.steps:
        lines.append(f"{step.outcome:<8} {step.name}  ({milliseconds(step.seconds * 1000)})")
        lines += [f"           {message}" for message in step.messages]
    verdict = "this backup restores" if found.ok else "the drill failed"
    return "\n".join([*lines, "", f"{verdict}; it took {milliseconds(found.seconds * 1000)}"])


def data(found: Drill) -> dict[str, object]:
    """The same as fields."""
    return {
        "backup": str(found.backup.path),
        "steps": [
            {"name": s.name, "outcome": s.outcome, "messages": list(s.messages), "seconds": round(s.seconds, 3)}
            for s in found.steps
        ],
        "seconds": round(found.seconds, 3),
    }
