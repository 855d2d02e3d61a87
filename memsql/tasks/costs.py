"""What the runs of migrations do about forecasts of their costs: keep them, and warn of long locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memsql.actions.rehearse import Rehearsal
    from memsql.config import Settings
    from memsql.engine.state import Proposal, Report


def after_rehearsal(settings: Settings, rehearsal: Rehearsal, *, record: bool) -> tuple[str, ...]:
    """The warnings after ``rehearsal``: of long locks, and of a forecast that was not kept. ``record``: keep what it
    measured."""
    from memsql.advise import forecasts

    if rehearsal.report is None:
        return ()
    done = rehearsal.report.done
    measured = forecasts.of_run(settings, done, rehearsal.costs)
    warnings = forecasts.lock_warnings(measured, settings.lock_budget, forecasts.advice_for(done))
    if rehearsal.place == "server":
        warnings += _of_lock(settings, rehearsal.report, "in this rehearsal")
    problem = forecasts.keep(settings, measured) if record else ""
    return (*warnings, *([f"the forecast is not kept: {problem}"] if problem else []))


def before_run(settings: Settings, proposal: Proposal) -> tuple[str, ...]:
    """The warnings of long locks in what ``proposal`` will run, by the newest dry run of the same files on this
    database."""
    if settings.lock_budget is None:
        return ()
    from memsql.advise import forecasts

    known = forecasts.newest(forecasts.kept(settings), proposal.direction)
    chosen = [known[checksum] for checksum in proposal.checksums if checksum in known]
    return tuple(forecasts.lock_warnings(chosen, settings.lock_budget))


def after_run(settings: Settings, report: Report) -> tuple[str, ...]:
    """The warning where the run held the write lock for longer than it may. What it cost is kept where it had been
    forecast."""
    from memsql.advise import outcomes

    problem = outcomes.keep(settings, report.costs) if report.costs else ""
    kept = [f"what this run cost is not kept: {problem}"] if problem else []
    return (*_of_lock(settings, report, "by this run"), *kept)


def lines(warnings: Sequence[str]) -> list[str]:
    """``warnings`` as lines for people."""
    return [f"warning: {warning}" for warning in warnings]


def _of_lock(settings: Settings, report: Report, when: str) -> list[str]:
    from memsql.words import milliseconds

    budget = settings.lock_budget
    if budget is None or report.locked_ms <= budget:
        return []
    return [
        f"the write lock was held for {milliseconds(report.locked_ms)} {when}, longer than lock_budget"
        f" ({milliseconds(budget)})"
    ]
