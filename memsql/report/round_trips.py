"""Shows how far the migrations are covered: rollback, check, dry run, round trip."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.author.round_trips import FRESH, Coverage, RoundTrips
from memsql.report.text import indented, table
from memsql.visible import page
from memsql.words import count

_HEADERS = ("what", "rollback", "check", "dry run", "round trip", "coverage", "tried from")


def text(result: RoundTrips) -> str:
    """A line for each migration and legacy upgrade, the problems below the table, and the verdict last."""
    rows = [(*_row(coverage), _starts(coverage, result)) for coverage in result.all]
    lines = [f"tried from {', '.join(result.starts)}; no database of yours was opened", ""]
    lines += [*table(_HEADERS, rows), ""] if rows else []
    for coverage in result.all:
        if coverage.problems:
            lines += [f"{coverage.id}:", *indented(coverage.problems)]
    lines += [f"problem: {problem}" for problem in result.problems]
    return page([*lines, verdict(result)])


def verdict(result: RoundTrips) -> str:
    """The result in one line."""
    covered, needed = sum(c.covered for c in result.all), sum(c.needed for c in result.all)
    percent = f", {100 * covered // needed} % covered" if needed else ""
    what = count(len(result.migrations), "migration")
    if result.upgrades:
        what += f" and {count(len(result.upgrades), 'legacy upgrade')}"
    failed = [c.id for c in result.all if c.failed]
    if failed:
        return f"{len(failed)} failed: {', '.join(failed)}; {what}{percent}"
    return f"failed at the end; {what}{percent}" if result.failed else f"all passed: {what}{percent}"


def data(result: RoundTrips) -> dict[str, object]:
    """The same as fields of the JSON output."""
    covered, needed = sum(c.covered for c in result.all), sum(c.needed for c in result.all)
    return {
        "starts": list(result.starts),
        "migrations": [_fields(coverage) for coverage in result.migrations],
        "upgrades": [_fields(coverage) for coverage in result.upgrades],
        "problems": list(result.problems),
        "covered": covered,
        "needed": needed,
        "complete": result.complete,
    }


def _row(coverage: Coverage) -> Sequence[str]:
    shown = (
        _word(coverage.rollback, "yes", "no"),
        _word(coverage.check, "yes", "no"),
        _word(coverage.dry_run, "ok", "failed" if coverage.problems else "no"),
        # Not tried without a rollback, nor behind one that failed.
        _word(coverage.round_trip, "ok", "failed" if coverage.problems else "no"),
    )
    return (coverage.id, *shown, f"{coverage.covered} of {coverage.needed}")


def _word(aspect: bool | None, good: str, bad: str) -> str:
    return "-" if aspect is None else good if aspect else bad


def _starts(coverage: Coverage, result: RoundTrips) -> str:
    if not coverage.starts:
        return "nowhere"
    if len(coverage.starts) == len(result.starts) > 1:
        return "all"
    return ", ".join("fresh" if start == FRESH else start for start in coverage.starts)


def _fields(coverage: Coverage) -> dict[str, object]:
    return {
        "id": coverage.id,
        "rollback": coverage.rollback,
        "check": coverage.check,
        "dry_run": coverage.dry_run,
        "round_trip": coverage.round_trip,
        "covered": coverage.covered,
        "needed": coverage.needed,
        "coverage": f"{coverage.covered} of {coverage.needed}",
        "starts": list(coverage.starts),
        "problems": list(coverage.problems),
    }
