"""How the plans of the application's queries change."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.lint import Finding
from memsql.project.queries import QueryPlan
from memsql.review.model import PlanChange
from memsql.review.rules import found


def plan_changes(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[PlanChange]:
    """What changed, by file; a query that could not run before is compared with what it expects alone."""
    old = {p.path: p for p in before}
    changes = []
    for now in after:
        was = old.get(now.path)
        lines = was.lines if was and not was.error else ()
        if now.error:
            effect, message = ("broken", now.error) if was and not was.error else ("other", "")
        elif was is None or was.error:
            # New, or it needs what the change makes.
            effect, message = (
                ("slower", f"it is not as it wants to be: {', '.join(now.unmet)}") if now.unmet else ("other", "")
            )
        else:
            effect, message = _compare(was, now)
        if message or (lines and lines != now.lines):
            changes.append(PlanChange(now.name, now.path, lines, now.lines, effect, message))
    return changes


def plan_findings(changes: Sequence[PlanChange]) -> list[Finding]:
    """Findings for what got slower or stopped running."""
    problems = []
    for change in changes:
        if change.effect == "broken":
            problems.append(
                found(
                    "MR12",
                    change.path,
                    f"{change.name} no longer runs: {change.message}",
                    fix="change the query with the schema, or keep what it reads",
                )
            )
        elif change.effect == "slower":
            told = (
                f" ({'; '.join(change.before)} -> {'; '.join(change.after)})"
                if change.before
                else f" ({'; '.join(change.after)})"
            )
            problems.append(
                found(
                    "MR11",
                    change.path,
                    f"{change.name}: {change.message}{told}",
                    fix="keep or make the index it needs, or change what its file expects",
                )
            )
    return problems


def _compare(was: QueryPlan, now: QueryPlan) -> tuple[str, str]:
    worse, better = now.worse_than(was), was.worse_than(now)
    told = [f"no-{word[:-1]}" for word in worse]
    unmet = [wish for wish in now.unmet if wish not in was.unmet and wish not in told]
    if worse or unmet:
        said = [
            *(["it now " + " and ".join(worse)] if worse else []),
            *(["it no longer " + ", ".join(unmet)] if unmet else []),
        ]
        return "slower", "; ".join(said)
    return ("faster", "it no longer " + " or ".join(better)) if better else ("other", "")
