"""invoke monitor.*"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection, Context, task

from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run

if TYPE_CHECKING:
    from memsql.config import Settings

_LARGEST = 1_000_000


@task(
    help={
        **COMMON_HELP,
        "verify": "--no-verify leaves out the proof, which reads the whole database",
        "days": "how many days of history to search for failed attempts (default 7)",
    },
    auto_shortflags=False,
)
def health(
    c: Context,
    verify: bool = True,
    days: str = "7",
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Look at everything that should be looked at every day, and change nothing.

    The proof of verify in short, migrations that wait or were edited, failed attempts, the age of the newest proven
    backup, growth since earlier backups, free disk space. Each is ok, a warning or an error.
    Exit codes: 0 no error, 1 an error among them, 3 cannot be read.

    Example:  invoke monitor.health --env production
    """

    def work(settings: Settings) -> Outcome:
        from memsql.operate.health import health as look
        from memsql.report import monitor as report
        from memsql.report.progress import Bar

        number = _positive(days, "--days")
        with Bar() as bar:
            signs = look(settings, verify=verify, days=number, progress=bar)
        target = str(settings.target)
        return Outcome(
            report.health_text(signs, target),
            report.health_data(signs, target),
            int(any(s.level == "error" for s in signs)),
        )

    run("monitor.health", Options(project, env, database, json), work)


@task(
    help={
        **COMMON_HELP,
        "format": "json (default), or prometheus: the text that a scrape or a textfile collector reads",
        "rounds": "how often to run each query of sql/queries (default 20)",
        "budget": "seconds that the queries may take altogether (default 30)",
    },
    auto_shortflags=False,
)
def metrics(
    c: Context,
    format: str = "json",
    rounds: str = "20",
    budget: str = "30",
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Print figures for a monitoring system, and change nothing.

    Success rate, mean duration and rollbacks of migrations and the pass rate of verifications (verify --record), from the
    history; bytes and rows of the database and its tables; what each query of sql/queries takes; age and size
    of the newest proven backup. Prometheus text needs: pip install 'memsql-migrate[metrics]'

    Example:  invoke monitor.metrics --format prometheus > memsql.prom
    """

    def work(settings: Settings) -> Outcome:
        from memsql.errors import UsageError
        from memsql.operate.metrics import measure
        from memsql.report import monitor as report
        from memsql.report.progress import Bar

        if format not in ("json", "prometheus"):
            raise UsageError(f"--format {format}: there are json and prometheus")
        if json and format == "prometheus":
            raise UsageError("--json and --format prometheus do not go together")
        often, seconds = _positive(rounds, "--rounds"), _positive(budget, "--budget")
        with Bar() as bar:
            found = measure(settings, rounds=often, budget=seconds, progress=bar)
        text = ""
        if format == "prometheus":
            from memsql.report.prometheus import text as as_prometheus

            text = as_prometheus(found)
        size = f"{len(found.stats.sizes)} tables and indexes weighed, {len(found.queries)} queries timed"
        return Outcome(text, report.metrics_data(found), headline=size, plain=True)

    run("monitor.metrics", Options(project, env, database, json or format == "json"), work)


def _positive(text: str, option: str) -> int:
    from memsql.errors import UsageError

    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LARGEST):
        raise UsageError(f"{option} {text}: give a number from 1 to {_LARGEST:,}")
    return int(text)


ns = Collection("monitor")
for one_task in (health, metrics):
    ns.add_task(one_task)
