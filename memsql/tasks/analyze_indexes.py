"""invoke analyze.indexes"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar


@task("analyze.indexes", reads_only=True)
def indexes(settings: Settings, progress: Bar) -> Outcome:
    """List the indexes of the database: size, which queries use them, which are superfluous, where one is missing.

    The queries are those of sql/queries. Whether an index may go is tried on a clone of the schema in memory: no plan
    of a query and no check of sql/checks may get worse without it. Reads only.

    Examples:  invoke analyze.indexes     invoke analyze.indexes --env production --json
    """
    from memsql.advise.indexes import findings
    from memsql.report import indexes as report

    settings.target.expect_file()
    result, target = findings(settings, 20_000, progress), str(settings.target)
    return Outcome(report.text(result, target), report.data(result, target), headline=report.verdict(result))
