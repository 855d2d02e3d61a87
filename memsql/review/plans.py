"""How the plans of the application's queries change, and whether they are what their files expect."""

from __future__ import annotations

from collections.abc import Container, Sequence

from memsql.advise.queries import QueryPlan
from memsql.lint import Finding
from memsql.review.findings import finding_of
from memsql.review.model import PlanChange


def plan_changes(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[PlanChange]:
    """The plans that changed, by file."""
    old = {p.key: p for p in before}
    changes = []
    for now in after:
        was = old.get(now.key)
        lines = was.lines if was and not was.error else ()
        if now.error:
            effect, message = ("broken", now.error) if was and not was.error else ("other", "")
        elif was is None or was.error:
            # New, or it needs what the change makes.
            effect, message = "other", ""
        else:
            effect, message = _compare(was, now)
        if message or (lines and lines != now.lines):
            changes.append(PlanChange(now.name, now.path, lines, now.lines, effect, message))
    return changes


def contract_findings(
    before: Sequence[QueryPlan], after: Sequence[QueryPlan], changed: Container[str]
) -> list[Finding]:
    """Findings for expectations that do not hold. One that did not hold in the base either is a warning, unless its
    file is among the ``changed`` ones."""
    earlier = {(*plan.key, wish) for plan in before for wish in plan.unmet if plan.path not in changed}
    return [
        finding_of(
            "MR18",
            plan.path,
            f"{plan.name}: {breach}",
            line=plan.line,
            severity="warning" if (*plan.key, breach.expectation) in earlier else None,
            fix="keep or make the index it needs, or change what its file expects",
        )
        for plan in after
        for breach in plan.breaches
    ]


def plan_findings(changes: Sequence[PlanChange]) -> list[Finding]:
    """Findings for what got slower or stopped running."""
    problems = []
    for change in changes:
        if change.effect == "broken":
            problems.append(
                finding_of(
                    "MR12",
                    change.path,
                    f"{change.name} no longer runs: {change.message}",
                    fix="change the query with the schema, or keep what it reads",
                )
            )
        elif change.effect == "slower":
            plans = [*(["; ".join(change.before)] if change.before else []), "; ".join(change.after)]
            problems.append(
                finding_of(
                    "MR11",
                    change.path,
                    f"{change.name}: {change.message} ({' -> '.join(plans)})",
                    fix="keep or make the index it needs",
                )
            )
    return problems


def _compare(was: QueryPlan, now: QueryPlan) -> tuple[str, str]:
    worse, better = now.worse_than(was), was.worse_than(now)
    if worse:
        return "slower", "it now " + " and ".join(worse)
    return ("faster", "it no longer " + " or ".join(better)) if better else ("other", "")
