"""The page of bench.queries: a chart for each query, and the tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from memsql.advise.bench import Bench
from memsql.report import bench as report
from memsql.report import templates

_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 24
_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Point:
    """The median of a side at a scale, in milliseconds."""

    scale: int
    ms: float


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    number: int
    way: str
    x: float
    y: float


def html(result: Bench) -> str:
    """The page as HTML, which needs nothing else."""
    names = list(dict.fromkeys((query.path, query.part, query.name) for one in result.scales for query in one.queries))
    charts = [
        (kind, [(name, chart(f"{name}, {kind}", points(result, path, part, kind))) for path, part, name in names])
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
        before=result.plan.before,
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
                        line.append(Point(one.scale.factor, times.p50))
    return sides


def chart(title: str, sides: tuple[Sequence[Point], Sequence[Point]]) -> Markup | None:
    """Both sides as lines over the scales; both axes are logarithmic, because both span powers of ten. None without a
    point."""
    every = [point for side in sides for point in side if point.ms > 0]
    if not every:
        return None
    scales = sorted({point.scale for point in every})
    low = math.floor(math.log10(min(point.ms for point in every)))
    high = max(low + 1, math.ceil(math.log10(max(point.ms for point in every))))
    span = math.log10(scales[-1] / scales[0]) or 1.0

    def x(scale: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(scale / scales[0]) / span, 1)

    def y(ms: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (math.log10(ms) - low) / (high - low), 1)

    lines, summary = [], []
    for number, side in enumerate(sides):
        drawn = [point for point in side if point.ms > 0]
        if drawn:
            places = [(x(point.scale), y(point.ms)) for point in drawn]
            way = "M" + "L".join(f"{a:g} {b:g}" for a, b in places)
            lines.append(_Line(_SIDES[number], number + 1, way, *places[-1]))
            summary += [f"{_SIDES[number]} at scale {p.scale}: {report.milliseconds(p.ms)} ms" for p in drawn]
    text = templates.render(
        "chart.svg.jinja",
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        bottom=_HEIGHT - _BOTTOM,
        title=title,
        summary="; ".join(summary),
        # The first is drawn over the others; a broken line over a whole one shows both.
        lines=lines[::-1],
        ticks=[(y(10.0**power), f"{10.0**power:g} ms") for power in range(low, high + 1)],
        first=f"scale {scales[0]}",
        last=f"scale {scales[-1]}" if len(scales) > 1 else "",
    )
    return templates.markup(text)
