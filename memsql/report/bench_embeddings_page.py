"""The page of bench.embeddings: charts of searches and inserts over the number of rows, and the tables."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from memsql.advise.embeddings.bench import Bench
from memsql.advise.embeddings.forms import Engine
from memsql.report import bench_embeddings as report
from memsql.report import templates
from memsql.report.bench import milliseconds
from memsql.report.charts import Curve, Point, logarithmic_chart
from memsql.words import count

ENGINES: dict[Engine, str] = {"sqlite": "Python's SQLite", "sqlite-vec": "sqlite-vec", "libsql": "a libSQL server"}

Figure = tuple[str, Markup, Sequence[str]]
"""A title, its chart, and the names of the lines in the order of their colours."""


def html(result: Bench) -> str:
    """The page as HTML, which needs nothing else."""
    figures = [
        figure
        for kind, curves in (("Search", searches), ("Insert a row", inserts))
        for engine, words in ENGINES.items()
        for exact in (True, False)
        if (figure := _figure(_title(kind, words, exact), curves(result, engine, exact))) is not None
    ]
    return templates.page(
        "bench_embeddings.html.jinja",
        dimensions=f"{result.plan.dimensions:,}",
        verdict=report.verdict(result),
        versions=report.versions(result),
        forms=[(form.name, form.title) for form in result.plan.forms],
        figures=figures,
        headings=report.HEADINGS,
        tables=[(report.size_title(one), list(report.rows(one))) for one in result.sizes if one.forms],
        problems=[(report.size_title(one), problem) for one in result.sizes for problem in report.problems(one)],
    )


def searches(result: Bench, engine: Engine, exact: bool) -> list[Curve]:
    """The median of each search in ``engine`` that is exact, or is not, over the rows that it searched."""
    points: dict[str, list[Point]] = {}
    for one in result.sizes:
        for form in one.forms:
            for search in form.searches:
                if (search.search.engine, search.search.exact) == (engine, exact) and search.times is not None:
                    points.setdefault(report.label(form, search), []).append((form.inserted, search.times.p50))
    return [Curve(name, sorted(line)) for name, line in points.items()]


def inserts(result: Bench, engine: Engine, exact: bool) -> list[Curve]:
    """What it takes on average to insert a row into each form of ``engine`` whose searches are exact, or are not."""
    points: dict[str, list[Point]] = {}
    for one in result.sizes:
        for form in one.forms:
            if (form.form.engine, form.form.is_exact) == (engine, exact) and form.inserted:
                points.setdefault(form.form.name, []).append((form.inserted, 1000 * form.seconds / form.inserted))
    return [Curve(name, sorted(line)) for name, line in points.items()]


def _title(kind: str, engine: str, exact: bool) -> str:
    return f"{kind}: {engine}{'' if exact else ', not exact'}"


def _figure(title: str, curves: Sequence[Curve]) -> Figure | None:
    drawing = logarithmic_chart(title, curves, lambda rows: count(rows, "row"), lambda ms: f"{milliseconds(ms)} ms")
    return None if drawing is None else (title, drawing, [curve.name for curve in curves])
