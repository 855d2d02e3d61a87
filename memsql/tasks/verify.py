"""memsql verify"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task(
    "verify",
    reads_only=True,
    help={
        "deep": "SQLite's full integrity_check instead of quick_check; slower",
        "only": "run only the checks whose file in sql/checks begins with this word, as in --only schema",
        "record": "write the verdict into the history of the database, for monitor.metrics",
    },
)
def verify(
    settings: Settings, progress: Bar, *, deep: bool = False, only: str | None = None, record: bool = False
) -> Outcome:
    """Prove everything that can be proven about this database, and change nothing but for --record, which adds a line.

    Pages (quick_check), foreign keys, full-text indexes against their content, the ledger against the
    files, the schema against what the migrations make, every check in sql/checks, the plans of the queries against
    what their files expect, and the schema against the models that the setting models names. Between two legacy
    upgrades the checks that only a later one makes true are reported and do not fail, and so are plans and models that
    need a pending migration.

    Examples:  memsql verify     memsql verify --only schema
    Exit codes: 0 all proven (warnings allowed), 1 something failed, 3 cannot be read.
    """
    from memsql.actions import verify
    from memsql.errors import UsageError
    from memsql.report.verify import data, data_of_tests, text, text_of_tests, verdict

    if only is not None:
        if deep or record:
            raise UsageError(
                f"--only and {'--deep' if deep else '--record'} do not go together: the one runs some checks of "
                "sql/checks, the other is about the whole database"
            )
        tests = verify.verify_only(settings, only, progress)
        code = int(verify.failed(tests))
        return Outcome(text_of_tests(tests, str(settings.target)), data_of_tests(tests, only), code)
    started = datetime.now(UTC)
    findings = verify.verify(settings, deep=deep, progress=progress)
    failed = verify.failed(findings)
    outcome = Outcome(text(findings, str(settings.target)), data(findings), int(failed), verdict(findings))
    if not record:
        return outcome
    from memsql.operate.record import record_verification

    recorded = record_verification(settings, started, verdict(findings), ok=not failed)
    line = (
        "recorded in the history"
        if recorded
        else "not recorded: there is no history yet, which begins with the first migration"
    )
    return replace(outcome, text=f"{outcome.text}\n{line}", data={**outcome.data, "recorded": recorded})
