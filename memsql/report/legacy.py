"""What legacy.status says."""

from __future__ import annotations

from memsql import hints
from memsql.engine.state import State
from memsql.legacy.baseline import Baseline
from memsql.legacy.claims import Outlook
from memsql.legacy.recognise import Detection, drift, extra
from memsql.legacy.shapes import Fit, Unknown
from memsql.report.text import shown
from memsql.visible import page

_SHOWN = 25


def text(
    state: State,
    detection: Detection | None,
    target: str,
    unknown: Unknown | None = None,
    *,
    outlook: Outlook | None = None,
) -> str:
    """Which era the database has and why, what is missing or extra, and what an adoption would do.

    ``detection`` is None for an empty database. ``unknown``: the migration at which the known shapes end. ``outlook``:
    what the ledgers of other tools say.
    """
    lines = [f"database: {target}"]
    if unknown is not None:
        lines.append(f"note: {unknown.id} does not run on a scratch database, so nothing from it on is compared")
        lines.append(f"  {unknown.problem}")
    if outlook is not None:
        lines += [f"it has a ledger of another tool: {name}" for name in outlook.ledgers]
    if outlook is not None and outlook.decides:
        return page([*lines, *_outlook_lines(outlook)])
    if detection is None:
        return page([*lines, f"it is empty; nothing to adopt. next: {hints.command('migrate.up')}"])
    if state.ledger.is_foreign:
        rows = ", ".join(f"{r.version} {r.status}" for r in state.ledger.rows.values())
        lines.append(f"it has a ledger of another tool: {rows or 'no rows'}; the dates of applied rows are kept")
    fit = detection.fit
    if detection.rivals and not state.is_legacy:
        return page([*lines, "the ledger knows this database; there is nothing to adopt"])
    if detection.rivals:
        titles = [rival.shape.title for rival in detection.rivals]
        lines.append(f"problem: {len(titles)} versions fit equally well, so nothing would be changed")
        lines += [f"  {title}" for title in titles]
        return page([*lines, f"next: say which one it is at: {hints.command('legacy.adopt --version N')}"])
    if fit is None:
        lines.append("problem: no known shape fits, so nothing would be changed")
        if detection.nearest is not None:
            lines += [f"nearest: {detection.nearest.shape.title}", *_differences(detection.nearest)]
        return page(lines)
    description = fit.shape.era.description
    lines.append(f"era: {fit.shape.title}" + (f" ({description.rstrip('.')})" if description else ""))
    lines.append(
        "why: everything in that shape is here"
        + (", and nothing else" if not fit.extra and not fit.optional_missing else "; the differences are")
    )
    lines += _differences(fit)
    if not state.is_legacy:
        return page([*lines, "the ledger knows this database; there is nothing to adopt"])
    if detection.unknown:
        lines.append(f"problem: whether {detection.unknown.id} ran too cannot be told, so nothing would be changed")
        return page(
            [
                *lines,
                f"next: correct the file, or say which version it is at: {hints.command('legacy.adopt --version N')}",
            ]
        )
    lines.append("to adopt it: " + (", then ".join(f"upgrade {p}" for p in fit.shape.pending) or "no upgrade needed"))
    ids = [m.id for m in state.project.ordered if m.version in fit.shape.era.counts_as]
    lines.append(f"then {', '.join(ids)} {'count' if len(ids) > 1 else 'counts'} as applied")
    lines.append(
        f"next: {hints.command('legacy.adopt --dry-run')}, or {hints.command('migrate.up')}, which adopts and goes on"
    )
    return page(lines)


def _outlook_lines(outlook: Outlook) -> list[str]:
    if outlook.problem is not None:
        hint = [f"next: {outlook.problem.hint}"] if outlook.problem.hint else []
        details = [f"  {line}" for line in shown(outlook.problem.details)]
        return [f"problem: {outlook.problem.message}, so nothing would be changed", *details, *hint]
    few = ", ".join(outlook.migrations[:_SHOWN])
    more = f" and {len(outlook.migrations) - _SHOWN} more" if len(outlook.migrations) > _SHOWN else ""
    counts = f"{few}{more} {'count' if len(outlook.migrations) > 1 else 'counts'} as applied"
    return [
        f"to adopt it: {outlook.table} says that {counts}, which the schema has to prove",
        f"next: {hints.command('legacy.adopt --dry-run')}, or {hints.command('migrate.up')}, which adopts and goes on",
    ]


def data(
    state: State, detection: Detection | None, unknown: Unknown | None = None, *, outlook: Outlook | None = None
) -> dict[str, object]:
    """The same as fields of the JSON output."""
    fit = detection.fit if detection else None
    nearest = detection.nearest if detection else None
    shown = fit or nearest
    return {
        "empty": detection is None and not state.is_legacy,
        "managed": not state.is_legacy and detection is not None,
        "era": fit.shape.era.name if fit else None,
        "shape": fit.shape.title if fit else None,
        "phases": list(fit.shape.pending) if fit else [],
        "counts_as": list(fit.shape.era.counts_as) if fit else list(outlook.versions) if outlook else [],
        "nearest": nearest.shape.title if nearest else None,
        "missing": list(shown.missing) if shown else [],
        "different": list(shown.different) if shown else [],
        "extra": list(shown.extra) if shown else [],
        "rivals": [rival.shape.title for rival in detection.rivals] if detection else [],
        "unknown": {"id": unknown.id, "problem": unknown.problem} if unknown else None,
        "optional_missing": list(shown.optional_missing) if shown else [],
    }


def baseline_text(baseline: Baseline, *, dry_run: bool) -> str:
    """What a baseline marked as applied, or would mark, and how the database differs from what they make."""
    if not baseline.ids:
        return f"nothing to do: the ledger says already that the database is at {baseline.version}"
    verb = "would count" if dry_run else "counts"
    lines = [f"{name} {verb} as applied" for name in baseline.ids]
    lines += [baseline.renamed] if baseline.renamed else []
    lines += [f"left as it is, of another tool: {name}" for name in baseline.left]
    lines += [f"accepted as it is: {line}" for line in drift(baseline.fit)]
    if baseline.fit.extra:
        lines.append(f"kept, though no migration made it: {extra(baseline.fit)}")
    return page([*lines, *([] if dry_run else [f"next: {hints.command('migrate.up')}"])])


def baseline_data(baseline: Baseline, *, dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "dry_run": dry_run,
        "version": baseline.version,
        "marked": list(baseline.ids),
        "missing": list(baseline.fit.missing),
        "different": list(baseline.fit.different),
        "extra": list(baseline.fit.extra),
        "left": list(baseline.left),
        "renamed": baseline.renamed,
    }


def _differences(fit: Fit) -> list[str]:
    lines = []
    for title, names in (
        ("missing", fit.missing),
        ("different", fit.different),
        ("not there, which this era allows", fit.optional_missing),
        ("extra, kept", fit.extra),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            lines.append(f"  {title}: {', '.join(names[:_SHOWN])}{more}")
    return lines
