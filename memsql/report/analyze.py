"""What analyze.queries says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql import hints
from memsql.advise.costs import QueryCost
from memsql.report.text import indented
from memsql.visible import page
from memsql.words import count

_INDENT = 9


def text(costs: Sequence[QueryCost], target: str) -> str:
    """A paragraph for each query of the database ``target``, and the verdict last."""
    lines = [f"database: {target}", ""]
    for cost in costs:
        lines += [*_lines(cost), ""]
    return page([*lines, verdict(costs)])


def failed(costs: Sequence[QueryCost]) -> bool:
    """Whether an expectation does not hold, or a query does not run."""
    return any(cost.breaches or cost.has_error for cost in costs)


def verdict(costs: Sequence[QueryCost]) -> str:
    """The result in one line."""
    if not costs:
        return (
            "there are no queries: put them into sql/queries, or name the application's files with queries in "
            f"{hints.settings_file()}"
        )
    broken = sum(1 for cost in costs if cost.breaches)
    errors = sum(1 for cost in costs if cost.has_error)
    expecting = sum(1 for cost in costs if cost.plan.expected)
    parts = [f"{count(len(costs), 'query', 'queries')}, {expecting} with expectations"]
    parts += [f"{broken} not as expected"] if broken else []
    parts += [f"{count(errors, 'query', 'queries')} cannot be planned"] if errors else []
    unproven = sum(1 for cost in costs if cost.unproven and not cost.breaches)
    parts += [f"{unproven} not proven"] if unproven else []
    parts += ["all as expected"] if expecting and not broken and not errors and not unproven else []
    return ": ".join(parts[:1]) + "".join(f", {part}" for part in parts[1:])


def data(costs: Sequence[QueryCost], target: str, price: float | None) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "price_rows_read": price,
        "queries": [_fields(cost) for cost in costs],
        "verdict": verdict(costs),
    }


def _fields(cost: QueryCost) -> dict[str, object]:
    plan, rows = cost.plan, cost.rows
    return {
        "name": plan.name,
        "path": plan.path,
        "line": plan.line,
        "ok": not cost.breaches and not cost.has_error,
        "error": plan.error if cost.has_error else None,
        "plan": list(plan.lines),
        "steps": [
            {
                "kind": node.kind,
                "table": node.table,
                "index": node.index,
                "whole": node.reads_whole_table,
                "covering": node.covering,
                "automatic": node.automatic,
                "equality": list(node.equality),
                "ranges": list(node.ranges),
                "sorts": node.temporary or None,
            }
            for node in plan.nodes
        ],
        "expected": list(plan.expected),
        "breaches": [{"expected": breach.expectation, "reason": breach.reason} for breach in cost.breaches],
        "unproven": list(cost.unproven),
        "rows_read": rows.best,
        "rows_read_by": {
            "server": rows.measured,
            "at_least": rows.at_least,
            "at_most": rows.at_most,
            "estimate": rows.estimated,
            "analyzed": rows.analyzed,
        },
        "not_measured": rows.problem,
        "not_counted": list(rows.uncounted) if rows.measured is None else [],
        "price_of_a_million": cost.price,
        "samples": list(cost.samples),
    }


def _lines(cost: QueryCost) -> list[str]:
    plan, rows = cost.plan, cost.rows
    state = "error" if cost.has_error or cost.breaches else "unproven" if cost.unproven else "ok"
    lines = [f"{state:<8} {plan.name}  ({plan.path}{f':{plan.line}' if plan.line > 1 else ''})"]
    if cost.has_error:
        return [*lines, *indented([f"it does not run here: {plan.error}"], _INDENT)]
    said = [*plan.lines]
    if rows.best is not None:
        money = "" if cost.price is None else f"; a million calls: {cost.price:,.2f}"
        about = "" if rows.measured is not None or rows.estimated is None else f"; the plan promises {rows.estimated:,}"
        said.append(f"reads {rows.said}{about}{money}")
    elif rows.uncounted and rows.at_least is not None:
        said.append(f"reads {rows.said}")
    said += rows.gaps
    said += [str(breach) for breach in cost.breaches]
    said += [f"not proven: {wish}" for wish in cost.unproven]
    said += [f"no value in the file, so one was made up: {', '.join(cost.samples)}"] if cost.samples else []
    return [*lines, *indented(said, _INDENT)]
