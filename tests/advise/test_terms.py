"""What queries ask of tables, and the candidates that are made of it: tables of queries and answers."""

from __future__ import annotations

import pytest

from memsql.advise.candidates import candidates
from memsql.advise.index_list import read_indexes
from memsql.advise.usages import usages_of
from memsql.db.sqlite import memory
from memsql.project.queries import Query
from memsql.schema import read

TABLES = """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE nocase, b, c, "d e", n REAL);
CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER, x, y);
CREATE INDEX t_b ON t (b);
CREATE INDEX t_partial ON t ("n") WHERE (c=7 AND ((a) = 'x'));
CREATE VIEW v AS SELECT c FROM t WHERE n = 1;
"""


def candidates_of(sql: str) -> list[str]:
    conn = memory()
    conn.script(TABLES)
    schema = read(conn)
    query = Query("q", "q.sql", sql, (), text=sql, literals=(("p", "1"), ("limit", "5"), ("text", "'x*'")))
    values = {"a": 3, "b": 2, "c": 5}
    lines = [
        f"{one.table} {one.shown}"
        for one in candidates(
            usages_of(query, schema),
            read_indexes(conn, schema),
            {"t": "id", "u": "id"},
            lambda table, term: values.get(term.text, 1),
        )
    ]
    conn.close()
    return lines


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM t WHERE a = :p", ["t (a)"]),
        ("SELECT * FROM t WHERE b = :p", []),
        # What tells rows apart best is first.
        ("SELECT * FROM t WHERE a = :p AND c = :p", ["t (c, a)"]),
        ('SELECT * FROM t AS "x y" WHERE "x y"."d e" = :p', ['t ("d e")']),
        ("SELECT * FROM t WHERE :p = a AND (c) IS :p", ["t (c, a)"]),
        ("SELECT * FROM t WHERE a IN (1, 2)", ["t (a)"]),
        ("SELECT * FROM t WHERE a = :p ORDER BY c DESC", ["t (a)", "t (a, c DESC)"]),
        ("SELECT * FROM t WHERE a = :p ORDER BY c DESC, n", ["t (a)", "t (a, c DESC, n)"]),
        # The rowid is behind the entries of every index; read backwards it is descending.
        ("SELECT * FROM t ORDER BY c, id", ["t (c)"]),
        ("SELECT * FROM t ORDER BY c DESC, id DESC", ["t (c)"]),
        ("SELECT * FROM t ORDER BY c DESC, id", ["t (c DESC, id)"]),
        ("SELECT * FROM t ORDER BY id", []),
        ("SELECT c AS k FROM t ORDER BY k", ["t (c)"]),
        ("SELECT c, a FROM t ORDER BY 2", ["t (a)"]),
        ("SELECT * FROM t ORDER BY c NULLS LAST", []),
        ("SELECT c, count(*) FROM t WHERE a = :p GROUP BY c", ["t (a)", "t (a, c)"]),
        ("SELECT * FROM t WHERE a = :p AND c > 1 AND n BETWEEN 1 AND 2", ["t (a)", "t (a, c)", "t (a, n)"]),
        # Constants: as a term, and as a condition.
        ("SELECT * FROM t WHERE a = :p AND c = 0", ["t (a)", "t (a) WHERE c = 0", "t (c, a)"]),
        ("SELECT * FROM t WHERE c IS NULL ORDER BY n", ["t (c)", "t (n)", "t (n) WHERE c IS NULL", "t (c, n)"]),
        # An index that is there, with a condition that is written otherwise.
        ("SELECT * FROM t WHERE c = 7 AND a = 'x' ORDER BY n", ["t (n)", "t (c, a)", "t (c, a, n)"]),
        # Expressions and collations.
        ("SELECT * FROM t WHERE date(t.c, 'start of day') = :p", ["t (date(c, 'start of day'))"]),
        ("SELECT * FROM t WHERE c = :p COLLATE NOCASE", ["t (c COLLATE nocase)"]),
        ("SELECT * FROM t WHERE a = :p COLLATE NOCASE", ["t (a)"]),
        # LIKE looks for a range without case, GLOB for one with it, where the pattern begins with something certain.
        ("SELECT * FROM t WHERE a LIKE 'x%'", ["t (a)"]),
        ("SELECT * FROM t WHERE c LIKE 'x%'", ["t (c COLLATE nocase)"]),
        ("SELECT * FROM t WHERE a GLOB 'x*' AND c = :p", ["t (c)", "t (c, a COLLATE binary)"]),
        ("SELECT * FROM t WHERE c GLOB :text ORDER BY n", ["t (c)", "t (n)"]),
        ("SELECT * FROM t AS o WHERE o.\"d e\" LIKE :text ESCAPE '!'", ['t ("d e" COLLATE nocase)']),
        ("SELECT * FROM t WHERE lower(c) LIKE 'x%'", ["t (lower(c) COLLATE nocase)"]),
        ("SELECT * FROM t WHERE c LIKE '%x'", []),
        ("SELECT * FROM t WHERE c LIKE '_x' OR c GLOB '[ab]*'", []),
        ("SELECT * FROM t WHERE c LIKE :text || '%' AND n NOT LIKE 'x%'", []),
        ("SELECT * FROM t WHERE c LIKE :unknown", []),
        ("SELECT * FROM t WHERE c LIKE 'x%' OR n = :p", ["t (c COLLATE nocase)", "t (n)"]),
        ("SELECT * FROM t WHERE c || 'x' = :p", ["t (c || 'x')"]),
        # No index helps with these.
        ("SELECT * FROM t WHERE c <> 1 AND a LIKE :p AND n IS NOT NULL AND +n = 2", []),
        ("SELECT * FROM t WHERE a = c OR c || :p = a", []),
        ("SELECT * FROM t WHERE a = :p OR n = 2", ["t (a)", "t (n)"]),
        ("SELECT * FROM t WHERE NOT (a = :p)", []),
        # Joins, from both sides.
        ("SELECT * FROM t JOIN u ON u.t_id = t.id WHERE u.x = :p", ["u (x)", "u (t_id, x)"]),
        (
            "SELECT * FROM t LEFT JOIN u ON u.t_id = t.id AND u.y = 1",
            ["u (t_id)", "u (t_id) WHERE y = 1", "u (y)", "u (t_id, y)"],
        ),
        ("SELECT a FROM t JOIN u USING (id) WHERE x = :p", ["u (x)"]),
        # Wherever a SELECT stands.
        ("SELECT * FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.c = u.x)", ["t (c)"]),
        ("SELECT * FROM u WHERE t_id IN (SELECT id FROM t WHERE c = :p)", ["t (c)", "u (t_id)"]),
        ("WITH w AS (SELECT * FROM t WHERE c = :p) SELECT * FROM w WHERE n = 2", ["t (c)"]),
        ("SELECT (SELECT max(c) FROM t WHERE a = :p)", ["t (a)", "t (a, c)"]),
        ("SELECT id FROM t WHERE c = 1 UNION SELECT id FROM u WHERE x = 2", ["t (c)", "u (x)"]),
        ("SELECT * FROM v", ["t (n)"]),
        ("DELETE FROM t WHERE c = :p", ["t (c)"]),
        ("UPDATE t SET c = 2 WHERE a = :p", ["t (a)"]),
        ("INSERT INTO u SELECT 1, 2, a, c FROM t WHERE c = :p", ["t (c)"]),
        ("SELECT 1", []),
        ("VALUES (1)", []),
    ],
)
def test_candidates(sql: str, expected: list[str]) -> None:
    assert candidates_of(sql) == expected


def test_what_ends_a_query_early() -> None:
    conn = memory()
    conn.script(TABLES)
    schema = read(conn)

    def usage(sql: str) -> tuple[int | None, bool, bool]:
        (one,) = usages_of(Query("q", "q.sql", sql, (), text=sql, literals=(("limit", "5"),)), schema)
        return one.limit, one.extreme, one.grouped

    assert usage("SELECT * FROM t LIMIT :limit") == (5, False, False)
    assert usage("SELECT count(*) FROM t LIMIT 5") == (None, False, False)
    assert usage("SELECT min(c) FROM t") == (None, True, False)
    assert usage("SELECT a, count(*) FROM t GROUP BY a LIMIT 5") == (None, False, True)
    conn.close()
