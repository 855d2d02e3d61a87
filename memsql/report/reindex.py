"""What maintain.reindex says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.report.text import indented, limited, table
from memsql.upkeep.reindex import Rebuilt, Reindexing
from memsql.visible import page
from memsql.words import count, milliseconds

_SHOWN = 10


def text(result: Reindexing, target: str, *, dry_run: bool) -> str:
    """A line for each index, what was wrong with it below, and the verdict last."""
    lines = [f"database: {target}", ""]
    rows = [(i.candidate.name, i.candidate.table, _before(i), _outcome(i, dry_run=dry_run)) for i in result.indexes]
    if rows:
        lines += [*table(("index", "table", "before", "now"), rows), ""]
    for index in result.indexes:
        if index.before or index.after:
            lines += [f"{index.candidate.name}:", *limited(index.after or index.before, _SHOWN, 2)]
    if result.notes:
        lines += ["not about these indexes:", *indented(result.notes)]
    return page([*lines, verdict(result, dry_run=dry_run)])


def verdict(result: Reindexing, *, dry_run: bool) -> str:
    """The result in one line."""
    indexes, wrong = result.indexes, [i for i in result.indexes if i.before]
    disagreed = (
        f"{count(len(wrong), 'index', 'indexes')} disagreed with {'its table' if len(wrong) == 1 else 'their tables'}"
    )
    if not indexes:
        return "there is no such index"
    if dry_run:
        return f"would build {count(len(indexes), 'index', 'indexes')} anew; {disagreed}"
    failed = [i for i in indexes if i.problem or i.after]
    lock = max((i.locked_ms or 0 for i in indexes), default=0)
    done = (
        f"{count(len(indexes) - len(failed), 'index', 'indexes')} built anew in {milliseconds(result.seconds * 1000)}"
    )
    bad = f"; failed: {', '.join(i.candidate.name for i in failed)}" if failed else "; all agree now"
    return f"{done}, the write lock was held for {milliseconds(lock)} at most; {disagreed}{bad}"


def data(result: Reindexing, target: str, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "dry_run": dry_run,
        "indexes": [
            {
                "name": i.candidate.name,
                "table": i.candidate.table,
                "depends_on": list(i.candidate.depends),
                "before": list(i.before),
                "locked_ms": None if i.locked_ms is None else round(i.locked_ms, 3),
                "after": list(i.after),
                "problem": i.problem,
            }
            for i in result.indexes
        ],
        "notes": list(result.notes),
        "seconds": round(result.seconds, 3),
    }


def names(indexes: Sequence[Rebuilt]) -> str:
    """The names of ``indexes`` in one line, at most ten of them."""
    shown = [i.candidate.name for i in indexes[:_SHOWN]]
    return ", ".join([*shown, *([f"and {len(indexes) - _SHOWN} more"] if len(indexes) > _SHOWN else [])])


def _before(index: Rebuilt) -> str:
    return f"wrong: {count(len(index.before), 'finding')}" if index.before else "agreed"


def _outcome(index: Rebuilt, *, dry_run: bool) -> str:
    if index.problem:
        return f"not built: {index.problem}"
    if dry_run:
        return "would be built" + (
            f" (depends on {', '.join(index.candidate.depends)})" if index.candidate.depends else ""
        )
    return f"built in {milliseconds(index.locked_ms)}" + (", still wrong" if index.after else "")
