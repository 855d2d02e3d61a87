"""invoke verify"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from invoke import Context, task

from memsql.tasks.harness import COMMON_HELP, Options, Outcome, run

if TYPE_CHECKING:
    from memsql.config import Settings


@task(
    help={
        **COMMON_HELP,
        "deep": "SQLite's full integrity_check instead of quick_check; slower",
        "record": "write the verdict into the history of the database, for monitor.metrics",
    },
    auto_shortflags=False,
)
def verify(
    c: Context,
    deep: bool = False,
    record: bool = False,
    database: str | None = None,
    env: str | None = None,
    project: str | None = None,
    json: bool = False,
) -> None:
    """Prove everything that can be proven about this database, and change nothing but for --record, which adds a line.

    Pages (quick_check), foreign keys, full-text indexes against their content, the ledger against the
    files, the schema against what the migrations make, and every check in sql/checks.
    Exit codes: 0 all proven (warnings allowed), 1 something failed, 3 cannot be read.
    """

    def work(settings: Settings) -> Outcome:
        from memsql.actions.verify import failed
        from memsql.actions.verify import verify as prove
        from memsql.report import verify as report
        from memsql.report.progress import Bar

        started = datetime.now(UTC)
        with Bar() as bar:
            found = prove(settings, deep=deep, note=bar.start)
        text, data = report.text(found, str(settings.target)), report.data(found)
        if record:
            from memsql.operate.record import record_verification

            noted = record_verification(settings, started, report.verdict(found), ok=not failed(found))
            data["recorded"] = noted
            text += "\n" + (
                "recorded in the history"
                if noted
                else "not recorded: there is no history yet, which begins with the first migration"
            )
        return Outcome(text, data, int(failed(found)), report.verdict(found))

    run("verify", Options(project, env, database, json), work)
