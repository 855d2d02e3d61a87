"""Where the boxes of a diagram stand and where its lines run: parents to the left of their children, in columns.

This is the layered drawing of graphs by Sugiyama and others, in short: break cycles, give each box a column, put
boxes in an order with few crossings, and move each one near to its neighbours. Pure; the same input, the same drawing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import sqrt
from statistics import fmean

_GAP_X = 92
_GAP_Y = 26
_LANE = 10
"""The height that a line takes where it passes a column."""
_APART = 48
_SWEEPS = 8
_SETTLING = 24

# A box is its name; the place where the lines from a box pass a later column is that box with the column.
_Node = tuple[str, int]
_BOX = -1
# How far below the tops of two nodes the line between them runs.
_Links = Mapping[tuple[_Node, _Node], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a box in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from a parent to a child. The offsets say how far below the tops of their boxes it begins and ends."""

    parent: str
    child: str
    parent_offset: float = 0.0
    child_offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a line that passes a column: it is at the height ``y`` from ``left`` to ``right``."""

    left: float
    right: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The result: ``corners`` are the upper left corners of boxes by name, ``columns`` the left and right edges of the
    columns in which they stand, ``ways`` the stretches of each pair of boxes that are connected, from the left one to
    the right one."""

    corners: Mapping[str, tuple[float, float]]
    columns: Mapping[str, tuple[float, float]]
    ways: Mapping[tuple[str, str], tuple[Stretch, ...]]
    size: Size


@dataclass(slots=True)
class _Group:
    """Boxes that lines connect, in columns, with a corner of its own at 0, 0."""

    sizes: Mapping[str, Size]
    columns: list[list[_Node]]
    edges: Mapping[tuple[str, str], tuple[float, float]]
    top: dict[_Node, float] = field(default_factory=dict)
    edges_of_columns: list[tuple[float, float]] = field(default_factory=list)

    def height(self, node: _Node) -> float:
        return self.sizes[node[0]].height if node[1] == _BOX else _LANE

    def middle(self, node: _Node) -> float:
        return self.top[node] + self.height(node) / 2


def lay_out(sizes: Mapping[str, Size], edges: Iterable[Edge]) -> Layout:
    """Place boxes of these ``sizes`` so that ``edges`` are short and cross little.

    Boxes that nothing connects come last, side by side in the order of their names.
    """
    offsets = {(e.parent, e.child): (e.parent_offset, e.child_offset) for e in edges if e.parent != e.child}
    unique = sorted(offsets)
    groups = [_arranged(sizes, names, {line: offsets[line] for line in lines}) for names, lines in _connected(unique)]
    groups.sort(key=lambda group: -_extent(group).height)
    alone = sorted(set(sizes) - {name for edge in unique for name in edge}, key=lambda name: (name.lower(), name))
    groups += [_arranged(sizes, [name], {}) for name in alone]
    return _packed(groups)


def _connected(edges: Sequence[tuple[str, str]]) -> Iterator[tuple[list[str], list[tuple[str, str]]]]:
    """The names and edges of each part of the graph that hangs together, without single boxes."""
    neighbours: defaultdict[str, set[str]] = defaultdict(set)
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    group_of: dict[str, int] = {}
    groups: list[list[str]] = []
    for start in sorted(neighbours):
        if start in group_of:
            continue
        members, waiting = [], [start]
        group_of[start] = len(groups)
        while waiting:
            members.append(name := waiting.pop())
            for other in neighbours[name]:
                if other not in group_of:
                    group_of[other] = len(groups)
                    waiting.append(other)
        groups.append(sorted(members))
    lines: list[list[tuple[str, str]]] = [[] for _ in groups]
    for edge in edges:
        lines[group_of[edge[0]]].append(edge)
    yield from zip(groups, lines, strict=True)


def _arranged(
    sizes: Mapping[str, Size], names: Sequence[str], edges: Mapping[tuple[str, str], tuple[float, float]]
) -> _Group:
    order = _without_cycles(names, list(edges))
    place = {name: n for n, name in enumerate(order)}
    forward = {
        (a, b) if place[a] < place[b] else (b, a): offsets if place[a] < place[b] else offsets[::-1]
        for (a, b), offsets in edges.items()
    }
    columns = _columns(sizes, order, list(forward))
    group = _Group(sizes, [[(name, _BOX) for name in column] for column in columns], forward)
    links = _with_lanes(group)
    _order(group, links)
    _settle(group, links)
    return group


def _without_cycles(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    """The names so that parents come before children, as far as there are no cycles."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    missing = dict.fromkeys(names, 0)
    for a, b in edges:
        children[a].append(b)
        missing[b] += 1
    order: list[str] = []
    ready = [name for name in names if not missing[name]]
    left = dict.fromkeys(names)
    while left:
        # In a cycle the box with the most children is the one to begin with.
        name = ready.pop(0) if ready else min(left, key=lambda n: (missing[n] - len(children[n]), n))
        if name not in left:
            continue
        del left[name]
        order.append(name)
        for child in children[name]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return order


def _columns(sizes: Mapping[str, Size], order: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The boxes by column: each one to the right of its parents. A column that would be much higher than the whole is
    wide becomes several."""
    parents: defaultdict[str, list[str]] = defaultdict(list)
    children: defaultdict[str, list[str]] = defaultdict(list)
    for a, b in edges:
        parents[b].append(a)
        children[a].append(b)
    rank: dict[str, int] = {}
    for name in order:
        rank[name] = max((rank[parent] + 1 for parent in parents[name]), default=0)
    for name in order:
        if not parents[name] and children[name]:
            rank[name] = min(rank[child] for child in children[name]) - 1
    area = sum((size.width + _GAP_X) * (size.height + _GAP_Y) for size in (sizes[name] for name in order))
    highest = max(700.0, sqrt(area))
    columns: list[list[str]] = []
    for level in sorted(set(rank.values())):
        members = [name for name in order if rank[name] == level]
        members.sort(key=lambda name: (sorted(parents[name]), name))
        columns += _split(members, sizes, highest)
    return columns


def _split(names: Sequence[str], sizes: Mapping[str, Size], highest: float) -> list[list[str]]:
    """``names`` in columns of about the same height, none much higher than ``highest``."""
    heights = [sizes[name].height + _GAP_Y for name in names]
    total = sum(heights)
    share = total / max(1, round(total / highest))
    columns: dict[int, list[str]] = defaultdict(list)
    for name, height, end in zip(names, heights, accumulate(heights), strict=True):
        columns[int((end - height / 2) // share)].append(name)
    return [columns[n] for n in sorted(columns)]


def _with_lanes(group: _Group) -> _Links:
    """Add a lane to each column that a line passes; lines from the same box share it. Returns what the pieces of the
    lines connect, from one column to the next."""
    column = {node[0]: n for n, nodes in enumerate(group.columns) for node in nodes}
    links: dict[tuple[_Node, _Node], tuple[float, float]] = {}
    lanes: set[_Node] = set()
    for (a, b), (start, end) in group.edges.items():
        way = [(a, _BOX), *((a, n) for n in range(column[a] + 1, column[b])), (b, _BOX)]
        offsets = [start, *[_LANE / 2] * (len(way) - 2), end]
        for lane in way[1:-1]:
            if lane not in lanes:
                lanes.add(lane)
                group.columns[lane[1]].append(lane)
        links.update(zip(pairwise(way), pairwise(offsets), strict=True))
    return links


def _neighbours(links: Iterable[tuple[_Node, _Node]]) -> tuple[dict[_Node, list[_Node]], dict[_Node, list[_Node]]]:
    """The neighbours of each node on the left, and those on the right."""
    left: defaultdict[_Node, list[_Node]] = defaultdict(list)
    right: defaultdict[_Node, list[_Node]] = defaultdict(list)
    for a, b in links:
        left[b].append(a)
        right[a].append(b)
    return left, right


def _order(group: _Group, links: _Links) -> None:
    """Put the nodes of each column into an order with few crossings: each near the mean of its neighbours."""
    sides = _neighbours(links)
    position = {node: n / max(1, len(nodes)) for nodes in group.columns for n, node in enumerate(nodes)}
    for sweep in range(_SWEEPS):
        near = sides[sweep % 2]
        for nodes in group.columns if sweep % 2 == 0 else reversed(group.columns):
            wish = {n: fmean(position[m] for m in near[n]) if near.get(n) else position[n] for n in nodes}
            nodes.sort(key=lambda node: wish[node])
            for n, node in enumerate(nodes):
                position[node] = n / len(nodes)


def _settle(group: _Group, links: _Links) -> None:
    """Give every node its height, near its neighbours, and every column its edges."""
    # Where the other end of each line is, so far above (or below) the top of the node.
    near: defaultdict[_Node, list[tuple[_Node, float]]] = defaultdict(list)
    behind: defaultdict[_Node, list[tuple[_Node, float]]] = defaultdict(list)
    for (a, b), (start, end) in links.items():
        near[a].append((b, end - start))
        near[b].append((a, start - end))
        behind[b].append((a, start - end))
    for nodes in group.columns:
        tops = accumulate((group.height(node) + _GAP_Y for node in nodes), initial=0.0)
        group.top.update(zip(nodes, tops, strict=False))
    for sweep in range(_SETTLING):
        for nodes in group.columns if sweep % 2 else reversed(group.columns):
            _move(group, nodes, near)
    # Lines that end in a leaf are straight where there is room.
    for nodes in group.columns:
        _move(group, nodes, behind)
    highest = min(group.top.values(), default=0.0)
    group.top = {node: round(y - highest, 1) for node, y in group.top.items()}
    passing = [0] * (len(group.columns) + 1)
    of_node = {node: n for n, nodes in enumerate(group.columns) for node in nodes}
    for _, b in links:
        passing[of_node[b]] += 1
    x = 0.0
    for n, nodes in enumerate(group.columns):
        width = max((group.sizes[node[0]].width for node in nodes if node[1] == _BOX), default=0.0)
        group.edges_of_columns.append((x, x + width))
        x += width + _GAP_X + min(60, 2 * passing[n + 1])


def _move(group: _Group, nodes: Sequence[_Node], near: Mapping[_Node, Sequence[tuple[_Node, float]]]) -> None:
    """Move the nodes of a column as near to what ``near`` says as their order and their heights allow."""
    wishes = [
        fmean(group.top[other] + offset for other, offset in near[node]) if near.get(node) else group.top[node]
        for node in nodes
    ]
    gaps = [group.height(node) + (_GAP_Y if node[1] == _BOX else _LANE) for node in nodes]
    group.top.update(zip(nodes, _apart(wishes, gaps), strict=True))


def _apart(wishes: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The values nearest to ``wishes`` (least squares) of which each is at least ``gaps`` behind the one before it."""
    offsets = [0.0, *accumulate(gaps)][: len(wishes)]
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        value, weight = wish - offset, 1
        while blocks and blocks[-1][0] >= value:
            before, number = blocks.pop()
            value = (before * number + value * weight) / (number + weight)
            weight += number
        blocks.append((value, weight))
    values = [value for value, weight in blocks for _ in range(weight)]
    return [value + offset for value, offset in zip(values, offsets, strict=True)]


def _extent(group: _Group) -> Size:
    bottom = max((group.top[node] + group.height(node) for node in group.top), default=0.0)
    return Size(group.edges_of_columns[-1][1] if group.edges_of_columns else 0.0, bottom)


def _packed(groups: Sequence[_Group]) -> Layout:
    """The groups one behind the other, in rows of about the shape of a screen."""
    extents = [_extent(group) for group in groups]
    area = sum((e.width + _APART) * (e.height + _APART) for e in extents)
    widest = max([sqrt(area * 1.7), *(e.width for e in extents)], default=0.0)
    corners: dict[str, tuple[float, float]] = {}
    columns: dict[str, tuple[float, float]] = {}
    ways: dict[tuple[str, str], tuple[Stretch, ...]] = {}
    x = y = row = width = 0.0
    for group, extent in zip(groups, extents, strict=True):
        if x and x + extent.width > widest:
            x, y, row = 0.0, y + row + _APART, 0.0
        for n, nodes in enumerate(group.columns):
            left, right = (round(edge + x, 1) for edge in group.edges_of_columns[n])
            for node in nodes:
                if node[1] == _BOX:
                    corners[node[0]] = (left, round(group.top[node] + y, 1))
                    columns[node[0]] = (left, right)
        ways |= _ways(group, x, y)
        width, row, x = max(width, x + extent.width), max(row, extent.height), x + extent.width + _APART
    return Layout(corners, columns, ways, Size(width, y + row))


def _ways(group: _Group, x: float, y: float) -> dict[tuple[str, str], tuple[Stretch, ...]]:
    column = {node[0]: n for n, nodes in enumerate(group.columns) for node in nodes if node[1] == _BOX}
    return {
        (a, b): tuple(
            Stretch(
                round(group.edges_of_columns[n][0] + x, 1),
                round(group.edges_of_columns[n][1] + x, 1),
                round(group.middle((a, n)) + y, 1),
            )
            for n in range(column[a] + 1, column[b])
        )
        for a, b in group.edges
    }
