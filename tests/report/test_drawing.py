"""Diagrams as SVG: well-formed, closed in themselves, with every name as text, and no box upon another."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from acting import HOSTILE
from reference_project import memsql, succeed

from memsql.report.drawing import summary, svg
from memsql.report.layout import Edge, Layout, Size, lay_out
from memsql.schema import from_sql
from memsql.schema.erd import Attribute, Entity, Erd, Relation, erd

NAMES = (
    *HOSTILE,
    "<script>alert(1)</script>",
    "]]>",
    "</text><a href='javascript:1'>",
    "\ufffe\uffff",
    "{{7*7}}",
    "",
    "日本語" * 40,
)


def test_a_picture_is_closed_in_itself() -> None:
    picture = svg(
        erd(from_sql("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id INT UNIQUE REFERENCES a);"))
    )
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"url\(|@import|<image|<script|\shref|https?://(?!www\.w3\.org/2000/svg)", picture)
    assert "prefers-color-scheme: dark" in picture
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "b (a_id) refers to a (id): zero or one a for each b, zero or one b for each a" in texts


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_and_nothing_else(name: str) -> None:
    nodes = tuple(Entity(n, "table", (Attribute(name, name, ("PK",), True),)) for n in (name, "x"))
    relation = Relation(name, "x", "foreign key", "one", "zero or many", (name,), (name,))
    root = ElementTree.fromstring(svg(Erd(nodes, (relation,)), links={name: "#x"}))
    tags = {node.tag.rpartition("}")[2] for node in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "text", "a"}
    assert {value for node in root.iter() for key, value in node.attrib.items() if key == "href"} == {"#x"}


def test_an_empty_schema_is_a_picture_too() -> None:
    assert "There are no tables and no views." in svg(Erd((), ()))
    assert summary(Erd((), ())) == "0 tables, 0 relations"


def _overlap(layout: Layout, sizes: dict[str, Size]) -> list[tuple[str, str]]:
    def apart(one: str, two: str) -> bool:
        (x1, y1), (x2, y2) = layout.corners[one], layout.corners[two]
        return (
            x1 + sizes[one].width <= x2
            or x2 + sizes[two].width <= x1
            or y1 + sizes[one].height <= y2
            or y2 + sizes[two].height <= y1
        )

    return [(one, two) for one, two in combinations(sizes, 2) if not apart(one, two)]


GRAPHS = {
    "nothing": (0, []),
    "alone": (30, []),
    "chain": (12, [(n, n + 1) for n in range(11)]),
    "star": (80, [(0, n) for n in range(1, 80)]),
    "cycle": (5, [(n, (n + 1) % 5) for n in range(5)]),
    "itself": (2, [(0, 0), (0, 1), (1, 0)]),
    "dense": (14, [(a, b) for a in range(14) for b in range(14)]),
    "mixed": (60, [(n // 3, n) for n in range(40)] + [(n, n % 7) for n in range(20, 50)]),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_no_box_lies_upon_another(graph: str) -> None:
    number, pairs = GRAPHS[graph]
    sizes = {f"t{n}": Size(100 + n * 7 % 90, 60 + n * 31 % 300) for n in range(number)}
    layout = lay_out(sizes, [Edge(f"t{a}", f"t{b}", 10, 20) for a, b in pairs])
    assert set(layout.corners) == set(sizes)
    assert _overlap(layout, sizes) == []
    for name, (x, y) in layout.corners.items():
        assert 0 <= x <= layout.size.width - sizes[name].width + 0.1
        assert 0 <= y <= layout.size.height - sizes[name].height + 0.1


def test_parents_are_to_the_left_of_their_children() -> None:
    sizes = {name: Size(100, 100) for name in "abcd"}
    layout = lay_out(sizes, [Edge("a", "b"), Edge("b", "c"), Edge("a", "c"), Edge("d", "c")])
    x = {name: corner[0] for name, corner in layout.corners.items()}
    assert x["a"] < x["b"] == x["d"] < x["c"]
    ((stretch,),) = [way for pair, way in layout.ways.items() if pair == ("a", "c")]
    assert (stretch.left, stretch.right) == layout.columns["b"]
    assert not layout.corners["b"][1] <= stretch.y <= layout.corners["b"][1] + 100


def test_keys_are_shown_where_there_is_room_for_some_columns() -> None:
    columns = ", ".join(f"c{n} TEXT" for n in range(60))
    drawing = erd(
        from_sql(f"CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t ({columns}, last INT REFERENCES p)")
    )
    assert ">last</text>" in svg(drawing)
    assert ">21 more columns</text>" in svg(drawing)
    assert ">c1</text>" not in svg(drawing, keys_only=True)


def test_the_command(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    succeed(database, "migrate.up")
    succeed(database, "schema.diagram", "--output", "erd.svg", "--tables", "users,MEMORIES")
    picture = (tmp_path / "erd.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "entities" not in picture
    assert succeed(database, "schema.diagram", "--format", "svg", "--tables", "users,memories") == f"{picture}\n"
    wrong = memsql(database, "schema.diagram", "--tables", "users,nothing")
    assert (wrong.returncode, "there is no table nothing" in wrong.stderr) == (2, True)
    wrong = memsql(database, "schema.diagram", "--format", "png")
    assert (wrong.returncode, "there are: mermaid, svg" in wrong.stderr) == (2, True)
