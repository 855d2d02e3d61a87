"""memsql bench.writes"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.bench_queries import LARGEST
from memsql.tasks.task import PROJECT_OPTIONS, Outcome, number, task

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.report.progress import Bar

_MOST_ROUNDS, _MOST_SECONDS, _MOST_ROWS = 100_000, 86_400, 1_000_000


@task(
    "bench.writes",
    common=PROJECT_OPTIONS,
    reads_only=True,
    help={
        "schemas": "versions, or eras of sql/legacy, with commas; the others are compared with the first one",
        "scale": "how many times the rows of scale 1 (default 1)",
        "owners": "among how many owners they are divided; :owners in sql/bench (default 10)",
        "rows": "how many rows are written in one transaction (default 50)",
        "rounds": "how often each batch is written (default 20)",
        "budget": "seconds that all of it may take (default 120)",
        "triggers": "--no-triggers drops the triggers first, to see the indexes alone",
    },
)
def writes(
    settings: Settings,
    progress: Bar,
    *,
    schemas: str,
    scale: str = "1",
    owners: str = "10",
    rows: str = "50",
    rounds: str = "20",
    budget: str = "120",
    triggers: bool = True,
) -> Outcome:
    """Time inserts, updates and deletes with the indexes of several schemas, and weigh the indexes.

    A file of each schema gets the rows of sql/bench (made-up rows where the project has none). Of each table that all
    have, some rows are deleted, inserted again, and updated in every column, a statement for each row, in one
    transaction; the schemas take turns. The files lie in the temporary folder, and are removed.

    Example:  memsql bench.writes --schemas 1.2,1.2_phase1,1 --scale 10 --no-triggers
    """
    from memsql.advise import bench_writes
    from memsql.advise.bench_databases import OutOfTimeError, Scale
    from memsql.errors import UsageError
    from memsql.report import bench_writes as report

    names = tuple(dict.fromkeys(name.strip() for name in schemas.split(",")))
    if len(names) < 2:
        raise UsageError("--schemas: give two or more names with commas between them", state="nothing was run")
    size = Scale(_positive("--scale", scale, LARGEST), _positive("--owners", owners, LARGEST))
    plan = bench_writes.Plan(
        names,
        size,
        rows=_positive("--rows", rows, _MOST_ROWS),
        rounds=_positive("--rounds", rounds, _MOST_ROUNDS),
        budget=float(_positive("--budget", budget, _MOST_SECONDS)),
        triggers=triggers,
    )
    try:
        result = bench_writes.bench(settings, plan, progress)
    except OutOfTimeError:
        raise UsageError(
            f"--budget {budget}: the rows were not there in half of this time",
            state="nothing was measured",
            hint="give more seconds, or a smaller --scale",
        ) from None
    return Outcome(report.text(result), report.data(result), headline=report.verdict(result))


def _positive(option: str, value: str, most: int) -> int:
    return number(option, value, least=1, most=most, problem=f"give a number from 1 to {most:,}")
