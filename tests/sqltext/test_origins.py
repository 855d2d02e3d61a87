"""Where the values come from that a statement writes, as its text says it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memsql.sqltext.origins import Branch, assigned, branches
from memsql.sqltext.selects import Select
from memsql.sqltext.writes import read_view, read_write

TABLES = {"t": ("id", "a", "b"), "u": ("id", "t_id", "c"), "date": ("id", "text", "end")}
VIEWS = {
    "v": "CREATE VIEW v AS SELECT id, b AS a, a AS b FROM t",
    "w": "create temp view if not exists w (x, y) as select id, a from v union select id, 'z' from t",
}


class Schema:
    """A schema of two tables and two views."""

    def columns(self, name: str) -> Sequence[str]:
        """See origins.Schema."""
        return TABLES.get(name, ())

    def view_select(self, name: str) -> Select | None:
        """See origins.Schema."""
        return read_view(VIEWS[name]) if name in VIEWS else None


def read(sql: str) -> list[str]:
    """Each branch of an INSERT as text: ``bare t.a``, ``other t.a t.b``, ``'x'``, ``-``."""
    write = read_write(f"INSERT INTO target {sql}")
    assert write is not None
    return [shown(branch) for branch in branches(write, Schema())]


def shown(branch: Branch) -> str:
    return ", ".join(
        value.constant or " ".join([value.kind, *sorted(f"{t}.{c}" for t, c in value.reads)]) if value.reads or
        value.constant else "-"
        for value in branch.values
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, a, b FROM t", ["bare t.id, bare t.a, bare t.b"]),
        ("SELECT * FROM t AS x", ["bare t.id, bare t.a, bare t.b"]),
        ("SELECT x.b, y.* FROM t AS x, (SELECT c FROM u) AS y", ["bare t.b, bare u.c"]),
        ("SELECT CAST(a AS INTEGER), (b), +a FROM t", ["cast t.a, bare t.b, bare t.a"]),
        ("SELECT CAST(CAST(a AS INTEGER) AS TEXT), (+a COLLATE nocase) FROM t", ["cast t.a, bare t.a"]),
        ("SELECT t.id, u.c FROM t LEFT JOIN u ON u.t_id = t.id", ["bare t.id u.t_id, bare u.c"]),
        ("SELECT t.id FROM t JOIN u ON u.t_id = t.id OR u.c = t.a", ["bare t.id"]),
        ("SELECT a IS DISTINCT FROM b FROM t", ["other t.a t.b"]),
        ("SELECT CAST(a AS INTEGER) || b FROM t", ["other t.a t.b"]),
        ("SELECT a FROM (SELECT b AS a FROM t)", ["bare t.b"]),
        ("SELECT a FROM (SELECT a || b AS a FROM t)", ["other t.a t.b"]),
        ("SELECT upper(a) FROM (SELECT 'x' AS a FROM t)", ["-"]),
        ("SELECT a FROM (SELECT 'x' AS a FROM t)", ["'x'"]),
        ("SELECT a, -1, NULL FROM t", ["bare t.a, -1, NULL"]),
        ("SELECT a FROM t UNION ALL SELECT b FROM t", ["bare t.a", "bare t.b"]),
        ("SELECT a FROM (SELECT a FROM t UNION SELECT b FROM t)", ["bare t.a", "bare t.b"]),
        ("SELECT a FROM t EXCEPT SELECT b FROM t", ["bare t.a"]),
        ("SELECT a FROM t INTERSECT SELECT b FROM t UNION SELECT c FROM u", ["bare t.a", "bare u.c"]),
        ("SELECT a FROM t UNION ALL VALUES ('x'), (1)", ["bare t.a", "'x'", "1"]),
        ("SELECT column1 FROM (VALUES (1), (2)) AS x, t", ["1", "2"]),
        ("VALUES (1)", []),
        ("WITH s(x, y) AS (SELECT a, b FROM t) SELECT y, x FROM s", ["bare t.b, bare t.a"]),
        ("WITH s(x, y, z) AS (SELECT * FROM t) SELECT z FROM s", ["bare t.b"]),
        ("WITH t AS (SELECT id, 'x' AS a FROM main.t) SELECT id, a FROM t", ["bare t.id, 'x'"]),
        ("WITH t AS (SELECT 'x' AS a) SELECT a FROM main.t", ["bare t.a"]),
        ("SELECT a FROM (WITH s AS (SELECT b AS a FROM t) SELECT a FROM s)", ["bare t.b"]),
        ("WITH p AS (SELECT a FROM q), q AS (SELECT b AS a FROM t) SELECT a FROM p", ["bare t.b"]),
        (
            "WITH q AS (SELECT b AS a FROM t), p AS (SELECT a FROM q) "
            "SELECT a FROM (WITH q AS (SELECT 'x' AS a) SELECT a FROM p)",
            ["bare t.b"],
        ),
        (
            "WITH RECURSIVE s(i, n) AS (SELECT id, a FROM t UNION ALL "
            "SELECT u.id, s.n || u.c FROM u JOIN s ON u.t_id = s.i) SELECT i, n FROM s",
            ["bare t.id, bare t.a", "bare u.id, other t.a u.c"],
        ),
        ("SELECT * FROM v", ["bare t.id, bare t.b, bare t.a"]),
        ("SELECT y FROM w", ["bare t.b", "'z'"]),
        ("WITH t AS (SELECT 1 AS a) SELECT a FROM v", ["bare t.b"]),
        ("SELECT * FROM t JOIN u USING (id)", ["bare t.id u.id, bare t.a, bare t.b, bare u.t_id, bare u.c"]),
        ("SELECT id, u.id, c FROM t NATURAL JOIN u", ["bare t.id u.id, bare t.id u.id, bare u.c"]),
        ("SELECT rowid, t._rowid_ FROM t", ["bare t.rowid, bare t.rowid"]),
        ("SELECT x.c FROM (t JOIN u ON t.id = u.t_id) AS x", ["-"]),
        ("SELECT value FROM t, json_each(t.a)", ["-"]),
        ("SELECT (SELECT a FROM t AS n WHERE n.id = 1) FROM t", ["-"]),
        ("SELECT (SELECT c FROM u WHERE t_id = t.a) FROM t", ["other t.a"]),
        ("SELECT (SELECT c FROM u WHERE a = t_id) FROM t", ["other t.a"]),
        ("SELECT (SELECT value FROM json_each(t.a)), (SELECT a FROM json_each('[]')) FROM t", ["other t.a, -"]),
        ("SELECT EXISTS (SELECT 1 FROM u WHERE u.c = (SELECT b)) FROM t", ["other t.b"]),
        ("SELECT CASE WHEN a THEN 'x' ELSE 'y' END b FROM t", ["other t.a"]),
        ("SELECT CASE WHEN id THEN 'x' END FROM date", ["other date.id"]),
        ("SELECT CASE WHEN end THEN end + 1 END FROM date", ["other date.end"]),
        ("SELECT CAST('x' AS text), id COLLATE text FROM date", ["-, bare date.id"]),
        ('SELECT \'a\', "a", "nothing" FROM t', ["'a', bare t.a, -"]),
        ("SELECT sum(id) OVER a FROM t WINDOW a AS (ORDER BY b)", ["other t.id"]),
        ("SELECT a IS NOT NULL AND b LIKE 'x' ESCAPE '!' FROM t", ["other t.a t.b"]),
        ("SELECT nothing FROM t WHERE", ["-"]),
        ("SELECT a FROM nowhere", ["-"]),
    ],
)
def test_where_values_come_from(sql: str, expected: list[str]) -> None:
    assert read(sql) == expected


def test_a_table_joined_with_itself_is_named_twice() -> None:
    write = read_write("INSERT INTO target SELECT x.a, y.a FROM t AS x JOIN t AS y")
    assert write is not None
    (branch,) = branches(write, Schema())
    (one,), (two,) = (value.places for value in branch.values)
    assert one.source != two.source


def test_too_many_ways_are_not_told_apart() -> None:
    both = "(SELECT a FROM t UNION ALL SELECT b FROM t)"
    joined = ", ".join(f"{both} AS j{n}" for n in range(10))
    assert read(f"SELECT j0.a FROM {joined}") == ["-"]


@pytest.mark.parametrize(
    ("sql", "some"),
    [
        ("SELECT * FROM t", False),
        ("SELECT * FROM t ORDER BY id", False),
        ("SELECT t.* FROM t LEFT JOIN u ON u.t_id = t.id", False),
        ("SELECT t.* FROM t JOIN u ON u.t_id = t.id", True),
        ("SELECT * FROM t WHERE a", True),
        ("SELECT * FROM (SELECT * FROM t LIMIT 3)", True),
        ("SELECT DISTINCT * FROM t", True),
        ("SELECT * FROM t EXCEPT SELECT * FROM t", True),
    ],
)
def test_whether_rows_may_be_left_out(sql: str, some: bool) -> None:
    write = read_write(f"INSERT INTO target {sql}")
    assert write is not None
    assert [branch.some for branch in branches(write, Schema())] == [some]


def test_what_an_update_sets() -> None:
    write = read_write(
        "UPDATE u SET c = (SELECT a FROM t WHERE t.id = u.t_id), t_id = t_id + 1, id = x.id, "
        "d = (SELECT upper(a) FROM t AS n WHERE (u.t_id) = n.id AND b), e = (SELECT max(a) FROM t) "
        "FROM t AS x WHERE x.id = u.id"
    )
    assert write is not None
    values = assigned(write, Schema())
    assert {c: (v.kind, sorted(v.reads)) for c, v in values.items()} == {
        "c": ("bare", [("t", "a")]),
        "t_id": ("other", [("u", "t_id")]),
        "id": ("bare", [("t", "id")]),
        "d": ("other", [("t", "a"), ("u", "t_id")]),
        "e": ("other", [("t", "a")]),
    }


def test_which_row_an_update_reads() -> None:
    def linked(condition: str) -> set[tuple[str, str]]:
        write = read_write(f"UPDATE u SET c = (SELECT upper(a) FROM t WHERE {condition})")
        assert write is not None
        return {(place.column, column) for place, column in assigned(write, Schema())["c"].links}

    assert linked("t.id = u.t_id") == {("id", "t_id")}
    assert linked("u.t_id IS t.id AND (b == c) ORDER BY 1 LIMIT 1") == {("id", "t_id"), ("b", "c")}
    assert linked("t.id = u.t_id OR b") == set()
    assert linked("t.id <= u.t_id") == set()
    assert linked("t.id = 1") == set()
    assert linked("t.id = u.t_id + 1") == set()
    assert linked("t.id = t.b") == set()
