"""Charts of figures over time and over sizes, as SVG that stands inside of a page and takes its colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from memsql.report import templates

_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 24
_MOST = 120
"""So many points of a line are drawn; of more, some at equal distances."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, and its (time, value), the oldest first."""

    name: str
    points: tuple[tuple[datetime, float], ...]


Point = tuple[int, float]
"""A size, such as a number of rows, and the milliseconds that something took with it."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line over sizes: its name, and its points, the smallest size first."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    number: int
    way: str
    x: float
    y: float


def line_chart(title: str, series: Sequence[Series], shown: Callable[[float], str], step: int = 10) -> Markup | None:
    """``series`` as lines over one axis of time, from 0 up; None where there are not two moments to draw. The number of
    a line, which gives it its colour, is its place in ``series``.

    ``shown`` writes a value as people do, and ``step`` is by how much its units differ: 1024 for bytes.
    """
    lines = [one for one in series if one.points]
    times = [when for one in lines for when, _ in one.points]
    if not times or min(times) == max(times):
        return None
    first, last = min(times), max(times)
    top = _round_up(max(value for one in lines for _, value in one.points), step)
    span = (last - first).total_seconds()

    def x(when: datetime) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (when - first).total_seconds() / span, 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top, 1)

    drawn = [
        _line(one.name, number, [(x(when), y(value)) for when, value in _thinned(one.points)])
        for number, one in enumerate(series, 1)
        if one.points
    ]
    ticks = [(y(value), shown(value)) for value in (0.0, top / 2, top)]
    return _drawn(title, _summary(lines, shown), drawn, ticks, (_date(first, span), _date(last, span)))


def logarithmic_chart(
    title: str, curves: Sequence[Curve], size: Callable[[int], str], shown: Callable[[float], str]
) -> Markup | None:
    """``curves`` over sizes; both axes are logarithmic, because both span powers of ten. The number of a line, which
    gives it its colour, is its place in ``curves``. None without a point above 0 ms. ``size`` and ``shown``
    write a size and a time as people do."""
    every = [point for curve in curves for point in curve.points if point[1] > 0]
    if not every:
        return None
    sizes = sorted({at for at, _ in every})
    low = math.floor(math.log10(min(ms for _, ms in every)))
    high = max(low + 1, math.ceil(math.log10(max(ms for _, ms in every))))
    span = math.log10(sizes[-1] / sizes[0]) or 1.0

    def x(at: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(at / sizes[0]) / span, 1)

    def y(ms: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (math.log10(ms) - low) / (high - low), 1)

    lines, summary = [], []
    for number, curve in enumerate(curves, 1):
        points = [point for point in curve.points if point[1] > 0]
        if points:
            lines.append(_line(curve.name, number, [(x(at), y(ms)) for at, ms in points]))
            summary += [f"{curve.name} at {size(at)}: {shown(ms)}" for at, ms in points]
    ticks = [(y(10.0**power), _power(power)) for power in range(low, high + 1)]
    ends = size(sizes[0]), size(sizes[-1]) if len(sizes) > 1 else ""
    # The first is drawn over the others; a broken line over a whole one shows both.
    return _drawn(title, "; ".join(summary), lines[::-1], ticks, ends)


def _power(exponent: int) -> str:
    """A power of ten of milliseconds, short enough for the edge of a chart."""
    return f"{10.0**exponent:g} ms" if exponent < 3 else f"{10 ** (exponent - 3):,} s"


def _line(name: str, number: int, places: Sequence[tuple[float, float]]) -> _Line:
    return _Line(name, number, "M" + "L".join(f"{a:g} {b:g}" for a, b in places), *places[-1])


def _drawn(
    title: str, summary: str, lines: Sequence[_Line], ticks: Sequence[tuple[float, str]], ends: tuple[str, str]
) -> Markup:
    """The SVG of ``lines``; ``ends`` are the words below both ends of the axis."""
    text = templates.render(
        "chart.svg.jinja",
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        bottom=_HEIGHT - _BOTTOM,
        title=title,
        summary=summary,
        lines=lines,
        ticks=ticks,
        first=ends[0],
        last=ends[1],
    )
    return templates.markup(text)


def _summary(lines: Sequence[Series], shown: Callable[[float], str]) -> str:
    """The chart in words, for who cannot see it."""
    sentences = []
    for one in lines:
        (begun, before), (ended, after) = one.points[0], one.points[-1]
        sentences.append(
            f"{one.name}: {shown(before)} at {begun:%Y-%m-%d %H:%M}, {shown(after)} at {ended:%Y-%m-%d %H:%M}"
        )
    return "; ".join(sentences)


def _thinned(points: Sequence[tuple[datetime, float]]) -> Sequence[tuple[datetime, float]]:
    if len(points) <= _MOST:
        return points
    return [points[round(n * (len(points) - 1) / (_MOST - 1))] for n in range(_MOST)]


def _round_up(value: float, step: int) -> float:
    """The next round number from ``value`` up, for the end of an axis."""
    if value <= 0:
        return 1.0
    unit = float(step) ** math.floor(math.log(value, step))
    for factor in (1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400, 600, 800):
        if factor * unit >= value:
            return factor * unit
    return step * unit


def _date(when: datetime, span: float) -> str:
    return f"{when:%Y-%m-%d}" if span > 2 * 86_400 else f"{when:%m-%d %H:%M}"
