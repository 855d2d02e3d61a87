"""What maintain.vacuum says."""

from __future__ import annotations

from memsql.upkeep.space import VacuumForecast, lacking
from memsql.upkeep.vacuum import Vacuumed, gained
from memsql.visible import page
from memsql.words import count, milliseconds, size


def forecast_lines(outlook: VacuumForecast, target: str) -> list[str]:
    """The forecast, a line for each thing."""
    unused = "" if outlook.unused is None else f", {size(outlook.unused)} unused in the others"
    lines = [
        f"database: {target}, {size(outlook.size)}: {size(outlook.free)} in free pages{unused}",
        f"forecast: about {size(outlook.expected)} afterwards, {size(outlook.most)} at most;"
        f" {milliseconds(outlook.seconds * 1000)} at the rate of a small VACUUM just now",
    ]
    lines += [
        f"space: {n.what} needs up to {size(n.bytes)} in {n.folder}, {size(n.free)} are free" for n in outlook.needs
    ]
    lines += [f"not enough space: {sentence}" for sentence in lacking(outlook.needs)]
    return lines


def warnings(outlook: VacuumForecast) -> list[str]:
    """What somebody should know of a VACUUM in place before it starts."""
    lines = ["warning: everybody else waits while it runs, those who read too once it ends"]
    if outlook.journal_mode == "wal":
        lines = [
            "warning: others cannot write while it runs; the log gets as long as the database until it is given back"
        ]
    if outlook.replicated:
        lines.append("warning: Litestream replicates this file, and will send the whole database again")
    if outlook.renumbered:
        lines.append(
            f"warning: rows of {', '.join(outlook.renumbered)} may get other rowids: nothing else may keep them"
        )
    return lines


def text(outlook: VacuumForecast, result: Vacuumed | None, target: str) -> str:
    """The forecast, and where it was run what was gained."""
    lines = forecast_lines(outlook, target)
    if result is None:
        return page([*lines, f"would give back about {size(outlook.size - outlook.expected)}"])
    if result.log_left:
        lines.append(f"the log still has {size(result.log_left)}: somebody reads from it; it is given back later")
    return page([*lines, verdict(result)])


def verdict(result: Vacuumed) -> str:
    """The result in one line."""
    took = milliseconds(result.seconds * 1000)
    if result.into is None:
        return f"{gained(result)} in {took}"
    lock = "; somebody wrote meanwhile, so the write lock was held" if result.locked else ""
    tables, rows = count(result.tables, "table"), count(result.rows, "row")
    return f"wrote {result.into}: {gained(result)} in {took}; {tables} with {rows}, every hash equal (proven){lock}"


def data(outlook: VacuumForecast | None, result: Vacuumed | None, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "forecast": None
        if outlook is None
        else {
            "bytes": outlook.size,
            "free_bytes": outlook.free,
            "unused_bytes": outlook.unused,
            "expected_bytes": outlook.expected,
            "most_bytes": outlook.most,
            "seconds": round(outlook.seconds, 3),
            "needs": [
                {"folder": str(n.folder), "what": n.what, "bytes": n.bytes, "free": n.free} for n in outlook.needs
            ],
            "renumbered": list(outlook.renumbered),
            "bound": list(outlook.bound),
        },
        "before": None if result is None else result.before,
        "after": None if result is None else result.after,
        "seconds": None if result is None else round(result.seconds, 3),
        "into": None if result is None or result.into is None else str(result.into),
        "tables": None if result is None or result.into is None else result.tables,
        "rows": None if result is None or result.into is None else result.rows,
    }
