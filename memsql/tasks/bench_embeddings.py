"""invoke bench.embeddings"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memsql.tasks.bench_queries import MOST_SECONDS, page_file, sizes
from memsql.tasks.task import PROJECT_OPTIONS, Outcome, number, task

if TYPE_CHECKING:
    from memsql.advise.embeddings.forms import Form
    from memsql.config import Settings
    from memsql.report.progress import Bar

_MOST_ROWS, _MOST_DIMENSIONS, _MOST_QUERIES = 10_000_000, 16_000, 10_000


@task(
    "bench.embeddings",
    common=PROJECT_OPTIONS,
    reads_only=True,
    help={
        "rows": "how many embeddings, with commas between several numbers (default 1000,10000)",
        "dimensions": "how many numbers an embedding has (default 1536)",
        "forms": "the forms to measure, with commas (default: all of them)",
        "queries": "how many queries each search runs (default 10)",
        "budget": "seconds that all of it may take (default 300)",
        "html": "write a page with charts to this file too",
    },
)
def embeddings(
    _settings: Settings,
    progress: Bar,
    *,
    rows: str = "1000,10000",
    dimensions: str = "1536",
    forms: str | None = None,
    queries: str = "10",
    budget: str = "300",
    html: str | None = None,
) -> Outcome:
    """Measure what embeddings cost as JSON text, as blobs, in libSQL with and without its index, and in sqlite-vec.

    For each number of rows and each form, a database in the temporary folder gets made-up unit vectors, the same each
    time: bytes, time of inserts, time of searches for the ten nearest, and how many of the true ten come back. A form
    whose share of --budget is over stops with the rows that it has, and the report says so. libSQL needs the server of
    server.install, sqlite-vec the extra [bench]; what is missing is named, and the rest is measured.

    Forms: json, blob, both, vec0, vec0-bits, libsql-json, libsql-blob, libsql-both, libsql-vector32, libsql-index,
    libsql-index-small

    Examples:  invoke bench.embeddings --rows 1000 --forms json,blob     invoke bench.embeddings --html embeddings.html
    """
    from memsql.advise.embeddings import bench
    from memsql.report import bench_embeddings as report

    plan = bench.Plan(
        tuple(sizes("--rows", rows, _MOST_ROWS)),
        number("--dimensions", dimensions, least=2, most=_MOST_DIMENSIONS, problem="give a number from 2 to 16,000"),
        _forms(forms),
        number("--queries", queries, least=1, most=_MOST_QUERIES, problem="give a number of queries, 1 or more"),
        float(number("--budget", budget, least=1, most=MOST_SECONDS, problem="give a number of seconds, 1 or more")),
    )
    file = page_file(html)
    result = bench.bench(plan, progress)
    text, data = report.text(result), report.data(result)
    if file is not None:
        from memsql.report import bench_embeddings_page

        text += file.write(bench_embeddings_page.html(result))
        data["file"] = file.name
    return Outcome(text, data, headline=report.verdict(result))


def _forms(names: str | None) -> tuple[Form, ...]:
    """The forms called ``names``, in the order of the report. Raises UsageError for a name that no form has."""
    from memsql.advise.embeddings.forms import FORMS
    from memsql.errors import UsageError

    if names is None:
        return FORMS
    wanted = {name.strip() for name in names.split(",")}
    unknown = sorted(wanted - {form.name for form in FORMS})
    if unknown:
        raise UsageError(
            f"--forms: there is no form called {unknown[0]!r}",
            state="nothing was run",
            hint=f"the forms are {', '.join(form.name for form in FORMS)}",
        )
    return tuple(form for form in FORMS if form.name in wanted)
