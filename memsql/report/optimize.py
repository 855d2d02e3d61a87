"""What maintain.optimize says."""

from __future__ import annotations

from memsql import hints
from memsql.report.text import indented, table
from memsql.upkeep.optimize import Optimizing
from memsql.visible import page
from memsql.words import count, milliseconds

_WIDTH = 40


def text(result: Optimizing, target: str, *, dry_run: bool) -> str:
    """The statistics and the plans that changed, and the verdict last."""
    lines = [f"database: {target}" + (" (a copy of it: the database itself is not touched)" if dry_run else ""), ""]
    if result.changed:
        rows = [(s.table, s.index, _short(s.before), _short(s.after)) for s in result.changed]
        lines += [*table(("table", "index", "before", "now"), rows), ""]
    if result.plans:
        lines += ["plans that changed:", *indented(result.plans), ""]
    lines += [f"warning: {sentence}" for sentence in result.worse]
    if result.worse:
        lines += [
            f"next: look at that query in {hints.command('analyze.indexes')}; without statistics its plan is "
            f"the former one",
            "",
        ]
    if result.full_text:
        lines += [f"full-text indexes ({', '.join(result.full_text)}) are merged by: {hints.command('fts.optimize')}"]
    return page([*lines, verdict(result)])


def verdict(result: Optimizing) -> str:
    """The result in one line."""
    plans = f"{len(result.plans)} of {count(result.queries, 'plan')} of hot queries changed"
    changed = f"{count(len(result.changed), 'statistic')} changed, {result.statistics} are there"
    return f"{changed}; {plans}; others could not write for {milliseconds(result.locked_ms)} at most"


def data(result: Optimizing, target: str, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "dry_run": dry_run,
        "changed": [{"table": s.table, "index": s.index, "before": s.before, "after": s.after} for s in result.changed],
        "statistics": result.statistics,
        "queries": result.queries,
        "plans": list(result.plans),
        "worse": list(result.worse),
        "full_text": list(result.full_text),
        "locked_ms": round(result.locked_ms, 3),
    }


def _short(numbers: str | None) -> str | None:
    return numbers if numbers is None or len(numbers) <= _WIDTH else numbers[: _WIDTH - 1] + "…"
