"""memsql smoke"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task("smoke", reads_only=True)
def smoke(settings: Settings, progress: Bar) -> Outcome:
    """Try on this database what the application does with it, and leave nothing behind.

    The steps in sql/smoke write and read as the application does: log in by API key, keep and find memories, manage
    entities, search by vector, count usage. They run in one transaction that is rolled back, and a second connection
    proves that nothing was committed. Others wait for the write lock meanwhile.

    Example:  memsql backup migrate verify smoke
    Exit codes: 0 every step passed, 1 a step failed, 2 no step, or the database lacks a migration that one needs,
    3 cannot be read or written, 4 locked.
    """
    from memsql.actions.smoke import smoke
    from memsql.report.smoke import data, text, verdict

    ran = smoke(settings, progress)
    target = str(settings.target)
    return Outcome(text(ran, target), data(ran, target), int(not ran.ok), verdict(ran))
