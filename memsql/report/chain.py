"""What a chain of tasks says at its end."""

from __future__ import annotations

from memsql.operate.chain import ChainStep, Run
from memsql.report.text import shorten, table
from memsql.visible import page
from memsql.words import milliseconds

_WIDTH = 100


def text(run: Run, report: str | None) -> str:
    """A line for each step, the result of the chain, and where the file ``report`` lies, if it was written."""
    rows = [
        (
            s.command,
            _result(s),
            milliseconds(s.seconds * 1000) if s.seconds is not None else "",
            shorten(s.headline, _WIDTH),
        )
        for s in run.steps
    ]
    lines = ["", *table(("step", "result", "took", "what"), rows, frozenset({2})), ""]
    passed = sum(1 for s in run.steps if s.status == "ok")
    if run.exit_code:
        lines.append(f"stopped with exit code {run.exit_code}: {passed} of {len(run.steps)} steps done")
    else:
        lines.append(f"all {len(run.steps)} steps done")
    if report is not None:
        lines.append(f"report: {report}")
    return page(lines)


def _result(step: ChainStep) -> str:
    if step.status == "waiting":
        return "did not run"
    return f"failed ({step.exit_code})" if step.status == "failed" else step.status
