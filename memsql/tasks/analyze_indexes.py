"""memsql analyze.indexes"""

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
        "measure": "run the queries on a clone with and without what is proposed (small files are measured anyway)",
        "write": "write a migration of this name that creates what is missing and drops what is superfluous",
    },
)
def indexes(
    settings: Settings,
    progress: Bar,
    *,
    rows: str | None = None,
    beyond: bool = False,
    measure: bool = False,
    write: str | None = None,
) -> Outcome:
    """List the indexes of the database, say which are superfluous or unused, and propose those that are missing.

    Of each index: its size, which of the hot queries use it, what it is for besides. What might help is tried on a
    clone of the schema in memory, with the statistics of ANALYZE or of a sample of rows, and proposed where SQLite
    takes it and it saves rows, or sorting, or gives a query the plan that its file expects. A query that has that plan
    already needs nothing; --beyond looks at such queries too. Reads only.

    --write NAME writes the next migration with its rollback and a check, proven like those of migrate.create --from.

    Examples:  memsql analyze.indexes     memsql analyze.indexes --env production --rows 5000 --json
               memsql analyze.indexes --write tune_indexes
    """
    from memsql.advise import measuring
    from memsql.advise.index_list import equal_index
    from memsql.advise.indexes import findings
    from memsql.author.index_pair import Advice, Pair, defined_indexes, write_pair
    from memsql.errors import UsageError
    from memsql.report import indexes as report

    settings.target.expect_file()
    if measure and settings.target.is_server:
        raise UsageError(
            "--measure copies the database, and a server bills every row", hint="measure a restored backup"
        )
    most = None
    if rows is not None:
        most = number("--rows", rows, least=10, most=_MOST_ROWS, problem=f"give a number from 10 to {_MOST_ROWS:,}")
    defined = defined_indexes(settings)
    result = findings(settings, most, beyond=beyond, defined=defined, progress=progress)
    proposals = (*result.proposals.needed, *result.proposals.beyond)
    in_migrations = frozenset(one.name for one in proposals if equal_index(one.index, defined) is not None)
    pair: Pair | None = None
    if write is not None:
        pair = write_pair(settings, write, Advice(proposals, (*result.redundant, *result.replaced)), progress)
    measured = measuring.measure(settings, proposals, progress) if measure or measuring.is_small(settings) else {}
    view = report.View(str(settings.target), settings.price_rows_read, in_migrations, pair, measured, measures=measure)
    headline = report.verdict(result) if pair is None else report.written(pair)[-1]
    return Outcome(report.text(result, view), report.data(result, view), headline=headline)
