"""memsql monitor.*"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke import Collection

from memsql.tasks.output import write
from memsql.tasks.task import Outcome, number, task, written

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_LARGEST = 1_000_000


@task(
    "monitor.health",
    reads_only=True,
    help={
        "verify": "--no-verify leaves out the proof, which reads the whole database",
        "days": "how many days of history to search for failed attempts (default 7)",
    },
)
def health(settings: Settings, progress: Bar, *, verify: bool = True, days: str = "7") -> Outcome:
    """Look at everything that should be looked at every day, and change nothing.

    The proof of verify in short, migrations that wait or were edited, failed attempts, the age of the newest proven
    backup, growth since earlier backups, free disk space. Each is ok, a warning or an error.
    Exit codes: 0 no error, 1 an error among them, 3 cannot be read.

    Example:  memsql monitor.health --env production
    """
    from memsql.operate import health
    from memsql.report.monitor import health_data, health_text

    signs = health.health(settings, verify=verify, days=_positive("--days", days), progress=progress)
    target = str(settings.target)
    return Outcome(
        health_text(signs, target),
        health_data(signs, target),
        int(any(sign.level == "error" for sign in signs)),
    )


@task(
    "monitor.metrics",
    reads_only=True,
    help={
        "format": "json (default), or prometheus: the text that a scrape or a textfile collector reads",
        "rounds": "how often to run each query of sql/queries (default 20)",
        "budget": "seconds that the queries may take altogether (default 30)",
        "record": "add the figures as a line to the history file, for monitor.dashboard",
        "history": "the history file (default: history.jsonl in the folder runs)",
    },
    prints_json=lambda values: bool(values["json"] or values["format"] == "json"),
)
def metrics(
    settings: Settings,
    progress: Bar,
    *,
    format: str = "json",
    rounds: str = "20",
    budget: str = "30",
    record: bool = False,
    history: str | None = None,
    json: bool = False,
) -> Outcome:
    """Print figures for a monitoring system, and change nothing in the database; --record keeps them in a file.

    Success rate, mean duration and rollbacks of migrations and the pass rate of verifications (verify --record), from
    the history; bytes and rows of the database and its tables; what each query of sql/queries takes and how many rows
    it returns (with a warning on stderr where that is none) and reads; how many contracts of queries hold; age and
    size of the newest proven backup.
    Prometheus text needs: pip install 'memsql-migrate[metrics]'

    Examples:  memsql monitor.metrics --format prometheus > memsql.prom     memsql monitor.metrics --record
    """
    from memsql.errors import UsageError
    from memsql.operate.metrics import measure
    from memsql.report.monitor import metrics_data, metrics_warnings

    if format not in ("json", "prometheus"):
        raise UsageError(f"--format {format}: there are json and prometheus")
    if json and format == "prometheus":
        raise UsageError("--json and --format prometheus do not go together")
    if history is not None and not record:
        raise UsageError("--history names the file for --record, which is missing", state="nothing was read")
    figures = measure(
        settings,
        rounds=_positive("--rounds", rounds),
        budget=_positive("--budget", budget),
        progress=progress,
    )
    text = ""
    if format == "prometheus":
        from memsql.report import prometheus

        text = prometheus.text(figures)
    for warning in metrics_warnings(figures):
        # Not on stdout, which is for programs.
        write(sys.stderr, f"warning: {warning}")
    headline = f"{len(figures.stats.sizes)} tables and indexes weighed, {len(figures.queries)} queries timed"
    data = metrics_data(figures)
    if record:
        from memsql.operate.history import append

        # The file is named on stderr too: stdout is for programs.
        write(sys.stderr, f"recorded in {append(settings, 'metrics', data, history)}")
    return Outcome(text, data, headline=headline, plain=True)


@task(
    "monitor.slow",
    reads_only=True,
    help={
        "days": "how many days to look back (default 7)",
        "check": "exit with 1 where something was slow",
    },
)
def slow(settings: Settings, progress: Bar, *, days: str = "7", check: bool = False) -> Outcome:
    """List what took slow_query_ms (setup.cfg, 100) or longer, according to what earlier runs recorded.

    Migrations and recorded verifications (verify --record), from the history; statements of rehearsals, checks of
    verify, and the 95th percentile of each query of monitor.metrics, from the reports of chains. Reads only.

    Examples:  memsql monitor.slow     memsql verify monitor.metrics monitor.slow
    """
    from memsql.operate.slow import slow_log
    from memsql.report import slow

    log = slow_log(settings, days=_positive("--days", days))
    target = str(settings.target)
    return Outcome(slow.text(log, target), slow.data(log, target), int(check and bool(log.slow)), slow.verdict(log)[0])


@task(
    "monitor.review",
    reads_only=True,
    help={
        "days": "how many days what was slow counts back (default 31)",
        "format": "text (default) or markdown",
        "rounds": "how often to run each query of sql/queries (default 20)",
        "budget": "seconds that the queries may take altogether (default 10)",
    },
)
def review(
    settings: Settings,
    progress: Bar,
    *,
    days: str = "31",
    format: str = "text",
    rounds: str = "20",
    budget: str = "10",
) -> Outcome:
    """Print the monthly performance review and the quarterly capacity review as one report, and change nothing.

    What asks for attention comes first, each with the command that is next. Then hot queries with times and contracts,
    what was slow, indexes, statistics, wasted space, migrations, backups, drills, and how the database grows: a
    forecast with its uncertainty from the sizes that backups and the reports of chains have recorded.

    Examples:  memsql monitor.review     memsql monitor.review --format markdown > review.md
    """
    from memsql.errors import UsageError
    from memsql.operate.periodic import periodic_review
    from memsql.report import periodic

    if format not in ("text", "markdown"):
        raise UsageError(f"--format {format}: there are text and markdown")
    result = periodic_review(
        settings,
        days=_positive("--days", days),
        rounds=_positive("--rounds", rounds),
        budget=_positive("--budget", budget),
        progress=progress,
    )
    text = periodic.markdown(result) if format == "markdown" else periodic.text(result)
    return Outcome(text, periodic.data(result), headline=periodic.verdict(result), plain=format == "markdown")


@task(
    "monitor.dashboard",
    reads_only=True,
    help={
        "output": "write it to this file instead of printing it",
        "rounds": "how often to run each query of sql/queries (default 20)",
        "budget": "seconds that the queries may take altogether (default 10)",
        "history": "the history file (default: history.jsonl in the folder runs)",
    },
)
def dashboard(
    settings: Settings,
    progress: Bar,
    *,
    output: str | None = None,
    rounds: str = "20",
    budget: str = "10",
    history: str | None = None,
) -> Outcome:
    """Write the state of the database as one HTML page: health, migrations, growth, queries, indexes, backups, drills.

    The page needs no network and no other file and runs no script. Charts show what monitor.metrics --record and
    backup.drill --record kept, what backups say of sizes, and the reports of chains; what is missing, the page says
    with the command that adds it. Reads only.

    Example:  memsql monitor.dashboard --output dashboard.html
    """
    from dataclasses import replace

    from memsql.operate.dashboard import dashboard as collect
    from memsql.report import dashboard as report

    board = collect(
        settings,
        rounds=_positive("--rounds", rounds),
        budget=_positive("--budget", budget),
        progress=progress,
        file=history,
    )
    outcome = written(report.dashboard_page(board), output, "html", report.verdict(board), audience="owner")
    return replace(outcome, data={"database": board.metrics.database, "verdict": report.verdict(board), **outcome.data})


def _positive(option: str, text: str) -> int:
    return number(option, text, least=1, most=_LARGEST, problem=f"give a number from 1 to {_LARGEST:,}")


ns = Collection("monitor", health, metrics, slow, review, dashboard)
