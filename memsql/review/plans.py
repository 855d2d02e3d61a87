"""How the plans of the application's queries change."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.advise.queries import QueryPlan
from memsql.lint import Finding
from memsql.review.findings import finding_of
from memsql.review.model import PlanChange


def plan_changes(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[PlanChange]:
    """The plans that changed, by file. A query that could not run before is compared only with what its file
    expects."""
    old = {p.key: p for p in before}
    changes = []
    for now in after:
        was = old.get(now.key)
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
                    fix="keep or make the index it needs, or change what its file expects",
                )
            )
    return problems


def _compare(was: QueryPlan, now: QueryPlan) -> tuple[str, str]:
    worse, better = now.worse_than(was), was.worse_than(now)
    in_worse = [f"no-{word[:-1]}" for word in worse]
    unmet = [wish for wish in now.unmet if wish not in was.unmet and wish not in in_worse]
    if worse or unmet:
        changes = [
            *(["it now " + " and ".join(worse)] if worse else []),
            *(["it no longer " + ", ".join(unmet)] if unmet else []),
        ]
        return "slower", "; ".join(changes)
    return ("faster", "it no longer " + " or ".join(better)) if better else ("other", "")
