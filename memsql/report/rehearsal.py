"""What a rehearsal says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.actions.rehearse import Place, Rehearsal
from memsql.engine.job import Done
from memsql.report import cost
from memsql.report.migrate import account_lines, done_data, outcome, structure_lines
from memsql.report.text import error, error_json, indented, shorten, table
from memsql.visible import page
from memsql.words import count, milliseconds

_SLOWEST = 20
PLACES: dict[Place, str] = {
    "clone": "rehearsal on a clone: everything below was executed there, nothing on the database itself",
    "schema": "rehearsal on a clone of the schema, without rows: nothing that depends on data was tried; "
    "use --with-data",
    "server": "rehearsal on the server: everything below was executed in one transaction there, which was rolled back",
}


def text(rehearsal: Rehearsal, warnings: Sequence[str] = ()) -> str:
    """Statements with times and rows, schema and row differences, plan changes, ``warnings``, and the verdict."""
    verb = "apply" if rehearsal.direction == "up" else "roll back"
    lines = [PLACES[rehearsal.place], *(f"left out: {what}" for what in rehearsal.omitted), ""]
    if rehearsal.report is not None:
        lines += rehearsal.report.adopted
        for done in rehearsal.report.done:
            lines += _done(done, verb, without_rows=rehearsal.place == "schema")
            lines += cost.lines(done.id, rehearsal.costs)
        lines += [
            f"would run {'seed' if done.script == 'seed' else 'script'} {done.name}"
            for done in rehearsal.report.scripts
        ]
        if not (rehearsal.report.done or rehearsal.report.scripts):
            lines.append(f"nothing to {verb}")
    rows = [f"{name}: {shown_rows(before)} -> {shown_rows(after)}" for name, (before, after) in rehearsal.rows.items()]
    lines += _section("schema", rehearsal.schema.lines())
    lines += _section("rows", rows)
    lines += _section("query plans", rehearsal.plans)
    lines += _section("disk", cost.disk_lines(rehearsal.disk))
    lines += _section("counted by the server", cost.tally_lines(rehearsal.tally))
    lines += ["", *(f"warning: {warning}" for warning in warnings)] if warnings else []
    return page([*lines, "", *_verdict(rehearsal)])


def data(rehearsal: Rehearsal, warnings: Sequence[str] = ()) -> dict[str, object]:
    """The same as fields of the JSON output."""
    report = rehearsal.report
    return {
        "dry_run": True,
        "place": rehearsal.place,
        "omitted": list(rehearsal.omitted),
        "unproven": _unproven(rehearsal),
        "done": [done_data(d) for d in report.done] if report else [],
        "adopted": list(report.adopted) if report else [],
        "schema": rehearsal.schema.lines(),
        "rows": {name: {"before": before, "after": after} for name, (before, after) in rehearsal.rows.items()},
        "plans": list(rehearsal.plans),
        "costs": cost.data(rehearsal.costs),
        "disk": cost.disk_data(rehearsal.disk),
        "server": cost.tally_data(rehearsal.tally),
        "warnings": list(warnings),
        "error": error_json(rehearsal.problem) if rehearsal.problem else None,
        "duration_ms": round(rehearsal.seconds * 1000),
    }


def _unproven(rehearsal: Rehearsal) -> list[str]:
    """What the rehearsal as a whole could not prove; each migration has its own besides."""
    rows = ["no rows were copied from the server: nothing that depends on data was tried"]
    return [*(rows if rehearsal.place == "schema" else []), *(f"left out: {what}" for what in rehearsal.omitted)]


def _done(done: Done, verb: str, *, without_rows: bool) -> list[str]:
    """A migration that ran in the rehearsal, with its slowest statements. ``verb`` is "apply" or "roll back"."""
    lines = [
        f"would {verb} {done.id}  ({milliseconds(done.duration_ms)}, {outcome(done)}{' without rows' * without_rows})"
    ]
    lines += account_lines(done, "would lose, as allowed")
    lines += structure_lines(done)
    lines += [f"  warning: {warning}" for warning in done.warnings]
    timings = done.timings
    if len(timings) > _SLOWEST:
        lines.append(f"  the {_SLOWEST} slowest of {count(len(timings), 'statement')}:")
        timings = tuple(sorted(timings, key=lambda t: -t.ms)[:_SLOWEST])
    if timings:
        headers = ("#", "line", "took", "rows", "statement")
        rows = [(t.number, t.line, milliseconds(t.ms), f"{t.rows:,}", shorten(t.text, 70)) for t in timings]
        lines += indented(table(headers, rows, frozenset({0, 1, 2, 3})))
    return lines


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *indented(lines)] if lines else []


def _verdict(rehearsal: Rehearsal) -> list[str]:
    if rehearsal.problem is not None:
        return ["this would fail:", *error(rehearsal.problem).split("\n")]
    so_far = "as far as the schema tells, it would work" if rehearsal.place == "schema" else "it would work"
    cloning = "" if rehearsal.place == "server" else " with the cloning"
    return [f"{so_far}; the rehearsal took {milliseconds(rehearsal.seconds * 1000)}{cloning}"]


def shown_rows(number: int | None) -> str:
    """The rows of a table as people read them; None means that there is no table."""
    return "no table" if number is None else f"{number:,}"
