"""A diagram of entities and relations as SVG."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memsql import visible
from memsql.report import templates
from memsql.report.layout import Edge, Layout, Size, Stretch, lay_out
from memsql.schema.erd import Attribute, Entity, Erd, Relation
from memsql.sqltext import fold
from memsql.words import count

# Of letters of 12 pixels that are all equally wide.
_LETTER = 7.3
_ROW = 20
_HEAD = 28
_FOOT = 6
_SIDE = 10
_KEYS = 62
_LONGEST = 34
_ROWS = 40
_MARGIN = 16
_SYMBOL = 20
_LEGEND = 44
_LEGEND_WIDTH = 620
_KINDS = {"table": "", "view": "view", "virtual": "virtual"}
_WORDS = {"one": "exactly one", "zero or one": "zero or one", "zero or many": "zero or many"}


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a box: ``y`` is where its letters stand."""

    y: float
    keys: str
    name: str
    type: str
    required: bool
    title: str


@dataclass(frozen=True, slots=True)
class _Box:
    """An entity in its place. ``more`` says how many columns are not shown, ``link`` where it leads to, and ``indent``
    where the names of columns begin."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    kind_word: str
    name: str
    title: str
    rows: tuple[_Row, ...]
    more: str
    link: str
    indent: int


@dataclass(frozen=True, slots=True)
class _Line:
    """A relation: its way, the symbols at its ends, and what it says to who asks."""

    way: str
    ends: tuple[str, ...]
    dashed: bool
    title: str


def svg(erd: Erd, *, links: Mapping[str, str] | None = None, keys_only: bool = False, inline: bool = False) -> str:
    """``erd`` as SVG, which needs no other file. ``links`` are addresses of entities by name; with ``keys_only`` only
    columns of keys are drawn; ``inline`` is for a page that has the style sheet erd.css itself."""
    plans = {entity.name: _Plan(entity, keys_only) for entity in erd.nodes}
    edges = [
        Edge(r.parent, r.child, plans[r.parent].port(r.parent_columns), plans[r.child].port(r.columns))
        for r in erd.relations
    ]
    drawn = _Drawing(plans, lay_out({name: plan.size for name, plan in plans.items()}, edges), erd.relations)
    layout = drawn.layout
    lines = [drawn.line(relation) for relation in erd.relations]
    legend = bool(lines)
    width = max(layout.size.width, _LEGEND_WIDTH if legend else 260)
    return templates.render(
        "erd.svg.jinja",
        width=_round(width + 2 * _MARGIN),
        height=_round((layout.size.height or _ROW) + 2 * _MARGIN + legend * _LEGEND),
        margin=_MARGIN,
        boxes=[drawn.box(name, (links or {}).get(name, "")) for name in plans],
        lines=lines,
        legend=_legend(layout.size.height + _LEGEND) if legend else (),
        summary=summary(erd),
        inline=inline,
        linked=bool(links),
    )


def summary(erd: Erd) -> str:
    """``3 tables, 1 view, 2 relations``."""
    views = sum(entity.kind == "view" for entity in erd.nodes)
    parts = [count(len(erd.nodes) - views, "table"), *([count(views, "view")] if views else [])]
    return ", ".join([*parts, count(len(erd.relations), "relation")])


def relation_line(relation: Relation) -> str:
    """A relation in words: ``books (author_id) to authors (id): each book has exactly one, …``."""
    if relation.kind == "view":
        return f"{relation.child} reads {relation.parent}"
    if relation.kind == "full text":
        return f"{relation.child} indexes the text of {relation.parent}"
    columns, targets = ", ".join(relation.columns), ", ".join(relation.parent_columns)
    return (
        f"{relation.child} ({columns}) refers to {relation.parent} ({targets}): {_WORDS[relation.parent_end]} "
        f"{relation.parent} for each {relation.child}, {_WORDS[relation.child_end]} {relation.child} for each "
        f"{relation.parent}"
    )


class _Plan:
    """What a box shows, before it has a place."""

    def __init__(self, entity: Entity, keys_only: bool) -> None:
        self.entity = entity
        attributes = [a for a in entity.attributes if a.keys] if keys_only else entity.attributes
        self.shown = _most_important(attributes)
        self.left_out = len(entity.attributes) - len(self.shown)
        self.kind_word = _KINDS[entity.kind]
        head = _cells(_clipped(templates.name(entity.name))) + (_cells(self.kind_word) + 2 if self.kind_word else 0)
        names = max((_cells(_clipped(templates.name(a.name))) for a in self.shown), default=0)
        types = max((_cells(_clipped(a.type)) for a in self.shown), default=0)
        self.indent = _KEYS if any(a.keys for a in self.shown) else _SIDE
        rows = self.indent + (names + types + 2) * _LETTER if self.shown else 0
        width = max(head * _LETTER * 1.08, rows, 110) + 2 * _SIDE
        self.size = Size(_round(width), _HEAD + _ROW * (len(self.shown) + bool(self.left_out)) + _FOOT)

    def port(self, columns: Sequence[str]) -> float:
        """How far below the top of the box the row of the first of ``columns`` is; the head, where it is not shown."""
        for n, attribute in enumerate(self.shown):
            if columns and fold(attribute.name) == fold(columns[0]):
                return _HEAD + _ROW * n + _ROW / 2
        return _HEAD / 2


class _Drawing:
    """Boxes and lines in their places."""

    def __init__(self, plans: Mapping[str, _Plan], layout: Layout, relations: Iterable[Relation]) -> None:
        self.plans = plans
        self.layout = layout
        self.ends: defaultdict[tuple[str, float], set[str]] = defaultdict(set)
        for relation in relations:
            if relation.kind == "foreign key":
                self.ends[relation.parent, self._port(relation.parent, relation.parent_columns)].add(
                    relation.parent_end
                )
        self.loops: defaultdict[str, int] = defaultdict(int)

    def box(self, name: str, link: str) -> _Box:
        plan, (x, y) = self.plans[name], self.layout.corners[name]
        more = count(plan.left_out, "more column") if plan.shown else count(plan.left_out, "column")
        return _Box(
            x,
            y,
            plan.size.width,
            plan.size.height,
            plan.entity.kind,
            plan.kind_word,
            _clipped(templates.name(name)),
            f"{name} ({'full text or virtual table' if plan.entity.kind == 'virtual' else plan.entity.kind})",
            tuple(_row(attribute, _HEAD + _ROW * n + 14) for n, attribute in enumerate(plan.shown)),
            more if plan.left_out else "",
            link,
            plan.indent,
        )

    def line(self, relation: Relation) -> _Line:
        """``relation`` from the row of its first column to the row that it refers to."""
        dashed = relation.kind != "foreign key"
        child_y = self._port(relation.child, relation.columns)
        parent_y = self._port(relation.parent, relation.parent_columns)
        if not dashed and len(self.ends[relation.parent, parent_y]) > 1:
            # Ends that say something else must not lie upon each other.
            parent_y += -6.5 if relation.parent_end == "one" else 6.5
        if relation.parent == relation.child:
            way, ends = self._loop(relation, child_y, parent_y)
        else:
            way, ends = self._connection(relation, child_y, parent_y)
        symbols = () if dashed else tuple(_symbol(end, x, y, side) for end, x, y, side in ends)
        return _Line(way, symbols, dashed, relation_line(relation))

    def _connection(self, relation: Relation, child_y: float, parent_y: float) -> tuple[str, _Ends]:
        names = (relation.parent, relation.child)
        reverse = self._left(relation.parent) > self._left(relation.child)
        first, last = reversed(names) if reverse else names
        start_y, end_y = (child_y, parent_y) if reverse else (parent_y, child_y)
        start_x, end_x = self._right(first), self._left(last)
        way = _way(start_x, start_y, self.layout.columns[first][1], self.layout.ways[first, last], (end_x, end_y))
        start_end, end_end = relation.parent_end, relation.child_end
        if reverse:
            start_end, end_end = end_end, start_end
        return way, ((start_end, start_x, start_y, 1), (end_end, end_x, end_y, -1))

    def _loop(self, relation: Relation, child_y: float, parent_y: float) -> tuple[str, _Ends]:
        x = self._right(relation.child)
        out = _round(x + 34 + 8 * min(self.loops[relation.child], 3))
        self.loops[relation.child] += 1
        way = f"M{x} {child_y}H{x + _SYMBOL}C{out} {child_y} {out} {parent_y} {x + _SYMBOL} {parent_y}H{x}"
        return way, ((relation.parent_end, x, parent_y, 1), (relation.child_end, x, child_y, 1))

    def _port(self, name: str, columns: Sequence[str]) -> float:
        return self.layout.corners[name][1] + self.plans[name].port(columns)

    def _left(self, name: str) -> float:
        return self.layout.corners[name][0]

    def _right(self, name: str) -> float:
        return _round(self.layout.corners[name][0] + self.plans[name].size.width)


# What an end says, where it is, and on which side of the box.
_Ends = tuple[tuple[str, float, float, int], ...]


def _way(x: float, y: float, column: float, stretches: Iterable[Stretch], end: tuple[float, float]) -> str:
    """A line from x, y through the gaps between the columns to ``end``; ``column`` is where the first gap begins. It
    is straight where the symbols of its ends are."""
    begin = _round(max(column, x + _SYMBOL))
    parts = [f"M{x} {y}H{begin}"]
    points = [(begin, y)]
    for stretch in stretches:
        points += [(stretch.left, stretch.y), (stretch.right, stretch.y)]
    points.append((_round(end[0] - _SYMBOL), end[1]))
    for n, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        # Every other piece is a stretch.
        bend = _round((x2 - x1) / 2)
        parts.append(f"H{x2}" if n % 2 else f"C{_round(x1 + bend)} {y1} {_round(x2 - bend)} {y2} {x2} {y2}")
    return "".join([*parts, f"H{end[0]}"])


def _symbol(end: str, x: float, y: float, side: int) -> str:
    """The sign of crow's foot notation for ``end`` at x, y on the left (-1) or right (1) side of a box."""

    def bar(distance: int) -> str:
        return f"M{_round(x + side * distance)} {_round(y - 5)}v10"

    if end == "one":
        return bar(7) + bar(12)
    circle = f"M{_round(x + side * 15 - 4)} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"
    if end == "zero or one":
        return bar(7) + circle
    tip = _round(x + side * 11)
    return f"M{tip} {y}L{x} {_round(y - 6)}M{tip} {y}L{x} {_round(y + 6)}{circle}"


def _legend(y: float) -> Iterator[tuple[float, float, str, str, str]]:
    """The signs and their meaning: where the words stand, the line, the sign, the words."""
    x = 0.0
    for end, words in _WORDS.items():
        yield x + 44, y + 4, f"M{x} {y}h36", _symbol(end, x, y, 1), words
        x += 44 + _cells(words) * _LETTER + 22
    yield x + 44, y + 4, f"M{x} {y}h36", "", "reads or indexes"


def _row(attribute: Attribute, y: float) -> _Row:
    title = f"{attribute.name} {attribute.type}".rstrip() + (", never NULL" if attribute.required else "")
    return _Row(
        y,
        " ".join(attribute.keys),
        _clipped(templates.name(attribute.name)),
        _clipped(attribute.type),
        attribute.required,
        title,
    )


def _most_important(attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
    """The columns that a box has room for, in order: those of keys first."""
    if len(attributes) <= _ROWS:
        return tuple(attributes)
    ranked = sorted(range(len(attributes)), key=lambda n: (not attributes[n].keys, n))
    return tuple(attributes[n] for n in sorted(ranked[:_ROWS]))


def _clipped(text: str) -> str:
    shown = visible.line(text)
    if _cells(shown) <= _LONGEST:
        return shown
    while _cells(shown) >= _LONGEST:
        shown = shown[: max(1, len(shown) - max(1, (_cells(shown) - _LONGEST) // 2))]
    return shown + "…"


def _cells(text: str) -> int:
    """How many letters of equal width ``text`` takes: a letter of Chinese takes two, an accent none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _round(number: float) -> float:
    return round(number, 1)
