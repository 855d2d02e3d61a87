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
    charts = [(name, _chart(name, result, path, part)) for path, part, name in names]
    tables = [
        (report.scale_title(one), kind, [(q.name, report.cells(q, kind)) for q in one.queries if q.before is not None])
        for one in result.scales
        for kind in ("warm", "cold")
        if one.queries
    ]
    return templates.page(
        "bench.html.jinja",
        before=result.plan.before,
        after=result.plan.after,
        verdict=report.verdict(result),
        place=report.place(result.plan),
        cold=report.cold_means(result),
        charts=[(name, drawing) for name, drawing in charts if drawing is not None],
        tables=tables,
        headings=report.HEADINGS,
        problems=[(one.scale.factor, one.problem) for one in result.scales if one.problem is not None]
        + [(one.scale.factor, f"{q.name}: {q.error}") for one in result.scales for q in one.queries if q.error],
    )


def points(result: Bench, path: str, part: str) -> tuple[list[Point], list[Point]]:
    """The warm medians of a query before and after, a point for each scale."""
    sides: tuple[list[Point], list[Point]] = ([], [])
    for one in result.scales:
        for query in one.queries:
            if (query.path, query.part) == (path, part):
                for line, side in zip(sides, (query.before, query.after), strict=True):
                    if side is not None and side.warm is not None:
                        line.append((one.scale.factor, side.warm.p50))
    return sides


def _chart(title: str, result: Bench, path: str, part: str) -> Markup | None:
    curves = [Curve(*one) for one in zip(("before", "after"), points(result, path, part), strict=True)]
    return logarithmic_chart(title, curves, lambda scale: f"scale {scale}", lambda ms: f"{report.milliseconds(ms)} ms")
