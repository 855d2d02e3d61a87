"""memsql analyze.queries"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_LONGEST = 86_400


@task(
    "analyze.queries",
    reads_only=True,
    help={
        "only": "only the queries whose name or file holds this word",
        "run": "--no-run plans the queries and runs none, so that no row is counted",
        "budget": "seconds that the runs may take altogether (default 30)",
    },
)
def queries(
    settings: Settings, progress: Bar, *, only: str | None = None, run: bool = True, budget: str = "30"
) -> Outcome:
    """Show how this database runs every hot query, what it costs, and whether that is what its file expects.

    The queries are those of sql/queries, and those that the setting queries names. For each: its plan, the rows that a
    run reads (estimated, and counted by SQLite or the server), what a million calls cost (setting price_rows_read), and
    which of its expectations (`-- plan: no scan of memories, rows read <= 100`) do not hold. Each query that only reads
    runs once. Changes nothing.

    Examples:  memsql analyze.queries     memsql analyze.queries --only memories --no-run
    Exit codes: 0 everything holds, 1 an expectation does not hold or a query does not run, 2 a file is no query,
    3 cannot be read.
    """
    from memsql.actions.contracts import analyze
    from memsql.report import analyze as report

    seconds = number("--budget", budget, least=1, most=_LONGEST, problem=f"give seconds from 1 to {_LONGEST:,}")
    costs = analyze(settings, only=only, budget=seconds if run else 0, progress=progress)
    target = str(settings.target)
    return Outcome(
        report.text(costs, target),
        report.data(costs, target, settings.price_rows_read),
        int(report.failed(costs)),
        report.verdict(costs),
    )
