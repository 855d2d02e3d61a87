"""The page of bench.queries: a chart for each query, and the tables."""

from __future__ import annotations

from markupsafe import Markup

from memsql.advise.bench import Bench
from memsql.report import bench as report
from memsql.report import templates
from memsql.report.charts import Curve, Point, logarithmic_chart


def html(result: Bench) -> str:
    """The page as HTML, which needs nothing else."""
    names = list(dict.fromkeys((query.path, query.part, query.name) for one in result.scales for query in one.queries))
    charts = [
        (kind, [(name, _chart(f"{name}, {kind}", points(result, path, part, kind))) for path, part, name in names])
        for kind in report.KINDS
    ]
    tables = [
        (report.scale_title(one), kind, [(q.name, report.cells(q, kind)) for q in one.queries if q.before is not None])
        for one in result.scales
        for kind in report.KINDS
        if one.queries
    ]
    return templates.page(
        "bench.html.jinja",
        before=report.before_of(result.plan),
        after=result.plan.after,
        verdict=report.verdict(result),
        place=report.place(result.plan),
        cold=report.cold_means(result),
        charts=[(kind, [(n, drawing) for n, drawing in drawn if drawing is not None]) for kind, drawn in charts],
        tables=tables,
        headings=report.HEADINGS,
        problems=[(one.scale.factor, one.problem) for one in result.scales if one.problem is not None]
        + [(one.scale.factor, f"{q.name}: {q.error}") for one in result.scales for q in one.queries if q.error],
    )


def points(result: Bench, path: str, part: str, kind: str) -> tuple[list[Point], list[Point]]:
    """The medians of a query before and after, warm or cold, a point for each scale."""
    sides: tuple[list[Point], list[Point]] = ([], [])
    for one in result.scales:
        for query in one.queries:
            if (query.path, query.part) == (path, part):
                for line, side in zip(sides, (query.before, query.after), strict=True):
                    times = report.times_of(side, kind)
                    if times is not None:
                        line.append((one.scale.factor, times.p50))
    return sides


def _chart(title: str, sides: tuple[list[Point], list[Point]]) -> Markup | None:
    curves = [Curve(*one) for one in zip(("before", "after"), sides, strict=True)]
    return logarithmic_chart(title, curves, lambda scale: f"scale {scale}", lambda ms: f"{report.milliseconds(ms)} ms")
