"""What check says: on which engines SQL runs."""

from __future__ import annotations

from memsql.actions.portability import Portability
from memsql.visible import page
from memsql.words import count


def text(result: Portability) -> str:
    """The obstacles by place, each with the targets that it stops, and a line for each target."""
    lines: list[str] = []
    seen: dict[tuple[str, str], list[str]] = {}
    for obstacle in result.obstacles:
        seen.setdefault((obstacle.place, obstacle.feature), []).append(obstacle.reason)
    for (place, feature), reasons in seen.items():
        lines.append(f"{place}: {feature}: {'; '.join(reasons)}")
    lines += [""] if lines else []
    looked = f"{result.source}, {count(result.statements, 'statement')}"
    for target in result.targets:
        number = len(result.of(target))
        lines.append(f"{target}: {count(number, 'obstacle') if number else 'nothing stands in the way'} ({looked})")
    lines.append(
        "note: by the text alone, from the table of what each engine accepts; what it means there is not tried"
    )
    return page(lines)


def data(result: Portability) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "source": result.source,
        "statements": result.statements,
        "targets": [{"target": str(target), "obstacles": len(result.of(target))} for target in result.targets],
        "obstacles": [
            {"place": o.place, "feature": o.feature, "target": str(o.target), "reason": o.reason}
            for o in result.obstacles
        ],
    }
