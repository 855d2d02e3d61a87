"""What a drill says."""

from __future__ import annotations

from memsql.operate.drill import Drill
from memsql.visible import page
from memsql.words import milliseconds


def text(drill: Drill) -> str:
    """A line for each step, with its messages below it, and the verdict."""
    lines = [f"backup: {drill.backup.path.name}", ""]
    for step in drill.steps:
        lines.append(f"{step.outcome:<8} {step.name}  ({milliseconds(step.seconds * 1000)})")
        lines += [f"           {message}" for message in step.messages]
    verdict = "this backup restores" if drill.ok else "the drill failed"
    return page([*lines, "", f"{verdict}; it took {milliseconds(drill.seconds * 1000)}"])


def data(drill: Drill) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "backup": str(drill.backup.path),
        "steps": [
            {"name": s.name, "outcome": s.outcome, "messages": list(s.messages), "seconds": round(s.seconds, 3)}
            for s in drill.steps
        ],
        "seconds": round(drill.seconds, 3),
    }
