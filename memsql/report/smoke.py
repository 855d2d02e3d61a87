"""What a smoke test says."""

from __future__ import annotations

from memsql.actions.smoke import Smoke, StepResult
from memsql.visible import page
from memsql.words import count, milliseconds


def text(smoke: Smoke, target: str) -> str:
    """A line for each step on the database ``target``, with its problems below it, and the verdict last."""
    at = "no migration is applied" if smoke.version is None else f"at {smoke.version:04d}"
    lines = [f"database: {target} ({at})", ""]
    for result in smoke.results:
        took = f"  ({milliseconds(result.duration_ms)})" if result.ran else ""
        lines.append(f"{_state(result):<8} {result.step.name}{took}")
        lines += [f"           {problem}" for problem in result.problems]
        if not result.ok and result.step.why:
            lines.append(f"           ({result.step.why})")
    return page([*lines, "", verdict(smoke)])


def verdict(smoke: Smoke) -> str:
    """The result in one line."""
    bad = sum(not result.ok for result in smoke.results)
    steps = count(len(smoke.results), "step")
    outcome = f"{bad} of {steps} failed" if bad else f"the application can work: {steps} passed"
    left = f"not proven that nothing was left behind: {smoke.unproven}" if smoke.unproven else "nothing was left behind"
    return f"{outcome}; rolled back, {left}"


def data(smoke: Smoke, target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "version": smoke.version,
        "steps": [
            {
                "name": result.step.name,
                "path": result.step.path,
                "ok": result.ok,
                "ran": result.ran,
                "messages": list(result.problems),
                "why": result.step.why,
                "duration_ms": result.duration_ms,
            }
            for result in smoke.results
        ],
        "nothing_left": smoke.unproven is None,
        "unproven": [smoke.unproven] if smoke.unproven else [],
    }


def _state(result: StepResult) -> str:
    return "ok" if result.ok else "failed" if result.ran else "not run"
