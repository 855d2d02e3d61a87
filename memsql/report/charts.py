"""Charts of figures over time, as SVG that stands inside of a page and takes its colours."""

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


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    number: int
    way: str
    x: float
    y: float


def line_chart(title: str, series: Sequence[Series], shown: Callable[[float], str], step: int = 10) -> Markup | None:
    """``series`` as lines over one axis of time, from 0 up; None where there are not two moments to draw.

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

    drawn = []
    for number, one in enumerate(lines, 1):
        places = [(x(when), y(value)) for when, value in _thinned(one.points)]
        way = "M" + "L".join(f"{a:g} {b:g}" for a, b in places)
        drawn.append(_Line(one.name, number, way, *places[-1]))
    text = templates.render(
        "chart.svg.jinja",
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        bottom=_HEIGHT - _BOTTOM,
        title=title,
        summary=_summary(lines, shown),
        lines=drawn,
        ticks=[(y(value), shown(value)) for value in (0.0, top / 2, top)],
        first=_date(first, span),
        last=_date(last, span),
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
