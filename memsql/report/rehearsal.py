"""What a rehearsal says."""

from __future__ import annotations

from memsql.actions.rehearse import Place, Rehearsal
from memsql.report import text as show
from memsql.report.migrate import done_data

_SLOWEST = 20
PLACES: dict[Place, str] = {
    "clone": "rehearsal on a clone: everything below was executed there, nothing on the database itself",
    "schema": "rehearsal on a clone of the schema, without rows: nothing that depends on data was tried; use --with-data",
    "server": "rehearsal on the server: everything below was executed in one transaction there, which was rolled back",
}


def text(found: Rehearsal) -> str:
    """Statements with times and rows, schema and row differences, plan changes, and the verdict."""
    verb = "apply" if found.direction == "up" else "roll back"
    lines = [PLACES[found.place], *(f"left out: {what}" for what in found.omitted), ""]
    if found.report is not None:
        lines += list(found.report.adopted)
        for done in found.report.done:
            lines.append(f"would {verb} {done.id}  ({show.milliseconds(done.duration_ms)}, proven)")
            lines += [f"  would lose, as allowed: {loss}" for loss in done.lost]
            lines += [f"  warning: {warning}" for warning in done.warnings]
            shown = done.timings
            if len(shown) > _SLOWEST:
                shown = tuple(sorted(shown, key=lambda t: -t.ms)[:_SLOWEST])
                lines.append(f"  the {_SLOWEST} slowest of {show.count(len(done.timings), 'statement')}:")
            rows = [(t.number, t.line, show.milliseconds(t.ms), f"{t.rows:,}", show.shorten(t.text, 70)) for t in shown]
            lines += (
                [
                    "  " + line
                    for line in show.table(
                        ("#", "line", "took", "rows", "statement"), rows, frozenset({0, 1, 2, 3})
                    ).splitlines()
                ]
                if rows
                else []
            )
        if not found.report.done:
            lines.append(f"nothing to {verb}")
    lines += _section("schema", found.schema.lines())
    lines += _section(
        "rows", [f"{name}: {_rows(before)} -> {_rows(after)}" for name, (before, after) in found.rows.items()]
    )
    lines += _section("query plans", list(found.plans))
    lines.append("")
    if found.problem is not None:
        lines.append("this would fail:")
        lines.append(show.error(found.problem))
    else:
        so_far = "as far as the schema tells, it would work" if found.place == "schema" else "it would work"
        cloning = "" if found.place == "server" else " with the cloning"
        lines.append(f"{so_far}; the rehearsal took {show.milliseconds(found.seconds * 1000)}{cloning}")
    return "\n".join(lines)


def data(found: Rehearsal) -> dict[str, object]:
    """The same as fields."""
    report = found.report
    return {
        "dry_run": True,
        "place": found.place,
        "omitted": list(found.omitted),
        "done": [done_data(d) for d in report.done] if report else [],
        "adopted": list(report.adopted) if report else [],
        "schema": found.schema.lines(),
        "rows": {name: {"before": before, "after": after} for name, (before, after) in found.rows.items()},
        "plans": list(found.plans),
        "error": show.error_json(found.problem) if found.problem else None,
        "duration_ms": round(found.seconds * 1000),
    }


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *("  " + line for line in lines)] if lines else []


def _rows(number: int | None) -> str:
    return "no table" if number is None else f"{number:,}"
