"""invoke analyze.indexes"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_MOST_ROWS = 1_000_000_000


@task(
    "analyze.indexes",
    reads_only=True,
    help={
        "rows": "how many rows may be read for statistics (default 100,000; of a server, which bills them, 10,000)",
        "beyond": "propose indexes also for queries whose plans are what their files expect",
    },
)
def indexes(settings: Settings, progress: Bar, *, rows: str | None = None, beyond: bool = False) -> Outcome:
    """List the indexes of the database, say which are superfluous or unused, and propose those that are missing.

    Of each index: its size, which of the hot queries use it, what it is for besides. What might help is tried on a
    clone of the schema in memory, with the statistics of ANALYZE or of a sample of rows, and proposed where SQLite
    takes it and it saves rows, or sorting, or gives a query the plan that its file expects. A query that has that plan
    already needs nothing; --beyond looks at such queries too. Reads only.

    Examples:  invoke analyze.indexes     invoke analyze.indexes --env production --rows 5000 --json
    """
    from memsql.advise.indexes import findings
    from memsql.report import indexes as report

    settings.target.expect_file()
    most = None
    if rows is not None:
        most = number("--rows", rows, least=10, most=_MOST_ROWS, problem=f"give a number from 10 to {_MOST_ROWS:,}")
    result, target = findings(settings, most, beyond=beyond, progress=progress), str(settings.target)
    price = settings.price_rows_read
    text, data = report.text(result, target, price), report.data(result, target, price)
    return Outcome(text, data, headline=report.verdict(result))
