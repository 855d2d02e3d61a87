"""What plans mean, by plans that engines made: Python's SQLite, the newest one, and a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from random import Random

import pytest
import random_queries
import servers
from random_queries import random_query

from memsql.advise.cursors import instructions
from memsql.advise.plans import Node, catalogue_of, nodes_of
from memsql.db import Script, Value, connect
from memsql.db.queries import load
from memsql.db.sqlite import memory
from memsql.errors import StatementError
from memsql.server import Running

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT);
CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INT REFERENCES users, kind TEXT, body TEXT, gone INT, at TEXT);
CREATE INDEX by_user ON memories (user_id, at DESC);
CREATE INDEX by_kind ON memories (lower(kind));
CREATE INDEX active ON memories (user_id) WHERE gone = 0;
CREATE TABLE pairs (a TEXT, b INT, c INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE INDEX by_c ON pairs (c);
CREATE TABLE kinds (a);
CREATE TABLE "odd name" (a, "b c");
CREATE INDEX "odd index" ON "odd name" ("b c");
CREATE VIRTUAL TABLE words USING fts5(body);
CREATE VIRTUAL TABLE old_words USING fts4(body);
CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
CREATE VIEW owned AS SELECT m.id, m.body, u.name FROM memories AS m JOIN users AS u ON u.id = m.user_id;
CREATE VIEW counted AS SELECT kind, count(*) AS n FROM memories GROUP BY kind;
CREATE VIEW both AS SELECT * FROM counted WHERE n > 1 UNION ALL SELECT name, 1 FROM users;
CREATE VIEW searched AS SELECT w.body FROM words AS w;
"""
# A query, the tables that it reads whole, and those that it searches.
MEANINGS: dict[str, tuple[set[str], set[str]]] = {
    "SELECT * FROM memories": ({"memories"}, set()),
    "SELECT count(*) FROM kinds": ({"kinds"}, set()),
    "SELECT count(*) FROM memories": ({"memories"}, set()),
    "SELECT * FROM memories AS m WHERE user_id = 1 ORDER BY at": (set(), {"memories"}),
    # An alias that is the name of another table.
    "SELECT * FROM users AS memories WHERE memories.id = 3": (set(), {"users"}),
    "SELECT * FROM memories AS users, users AS memories WHERE memories.id = users.user_id": ({"memories"}, {"users"}),
    "WITH memories AS (SELECT a FROM kinds LIMIT 5) SELECT * FROM memories": ({"kinds"}, set()),
    "WITH memories (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM memories WHERE n < 5) SELECT n FROM memories": (
        set(),
        set(),
    ),
    "WITH RECURSIVE t (n) AS (SELECT 1 UNION SELECT u.id FROM t JOIN users AS u ON u.id = t.n + 1) SELECT n FROM t": (
        set(),
        {"users"},
    ),
    "SELECT * FROM owned WHERE id = 3": (set(), {"memories", "users"}),
    "SELECT * FROM owned": ({"memories"}, {"users"}),
    "SELECT * FROM counted WHERE n = 2": ({"memories"}, set()),
    "SELECT * FROM both WHERE kind = 'a'": ({"memories", "users"}, set()),
    "SELECT * FROM (SELECT * FROM kinds LIMIT 10) AS s ORDER BY a": ({"kinds"}, set()),
    "SELECT (SELECT count(*) FROM memories AS m WHERE m.user_id = u.id) FROM users AS u": ({"users"}, {"memories"}),
    "SELECT * FROM users AS u WHERE EXISTS (SELECT 1 FROM memories AS m WHERE m.user_id = u.id)": (
        {"users"},
        {"memories"},
    ),
    "SELECT * FROM kinds AS x, kinds AS y, kinds AS z WHERE x.a = y.a AND y.a = z.a": ({"kinds"}, set()),
    "SELECT * FROM memories AS m WHERE m.id IN (SELECT id FROM users)": ({"users"}, {"memories"}),
    "SELECT * FROM memories AS m WHERE m.id IN (SELECT id FROM users WHERE name = 'x')": ({"users"}, {"memories"}),
    "SELECT * FROM memories AS m WHERE user_id IN (1, 2) AND at > 'x'": (set(), {"memories"}),
    "SELECT * FROM memories WHERE user_id = 1 OR lower(kind) = 'b'": (set(), {"memories"}),
    "SELECT * FROM pairs WHERE a = 'x'": (set(), {"pairs"}),
    "SELECT * FROM pairs AS p ORDER BY a, b": ({"pairs"}, set()),
    "SELECT b FROM pairs WHERE c = 3": (set(), {"pairs"}),
    'SELECT * FROM "odd name" WHERE "b c" = 1': (set(), {"odd name"}),
    'SELECT * FROM "odd name" AS "x y"': ({"odd name"}, set()),
    "SELECT * FROM words WHERE words MATCH 'x' ORDER BY rank": (set(), {"words"}),
    "SELECT * FROM words AS w JOIN memories AS m ON m.id = w.rowid": ({"words"}, {"memories"}),
    "SELECT * FROM words ORDER BY rowid DESC": ({"words"}, set()),
    "SELECT * FROM searched": ({"words"}, set()),
    "SELECT * FROM old_words WHERE old_words MATCH 'x'": (set(), {"old_words"}),
    "SELECT * FROM old_words": ({"old_words"}, set()),
    "SELECT * FROM boxes WHERE low > 1": (set(), {"boxes"}),
    "SELECT * FROM boxes WHERE id = 1": (set(), {"boxes"}),
    "SELECT * FROM boxes": ({"boxes"}, set()),
    "SELECT * FROM json_each('[1]') AS j JOIN memories AS m ON m.id = j.value": (set(), {"memories"}),
    "SELECT * FROM (VALUES (1), (2)) AS t JOIN memories AS m ON m.id = t.column1": (set(), {"memories"}),
    "SELECT max(id) FROM memories": (set(), {"memories"}),
    # Lines of alternatives stand behind their code.
    "SELECT DISTINCT u.id FROM memories AS users JOIN users AS u WHERE users.user_id = 5 OR users.id = 2": (
        {"users"},
        {"memories"},
    ),
    # The key of a table without rowid is an index without a row in the schema.
    "SELECT * FROM kinds AS k WHERE k.a IN (SELECT a FROM pairs AS users)": ({"kinds"}, {"pairs"}),
    "SELECT * FROM pairs AS users WHERE users.b IN (SELECT id FROM users AS x) AND users.a = 'x'": (
        {"users"},
        {"pairs"},
    ),
    "SELECT 1": (set(), set()),
    "SELECT * FROM users AS u WHERE u.id BETWEEN 3 AND 5": (set(), {"users"}),
    "SELECT * FROM users AS u WHERE u.id < 5": (set(), {"users"}),
    "SELECT id FROM users UNION SELECT user_id FROM memories": ({"users", "memories"}, set()),
    "SELECT * FROM sqlite_schema": ({"sqlite_schema"}, set()),
}
Ask = Callable[[str], Sequence[Sequence[Value]]]


def of_python() -> Ask:
    conn = memory()
    for sql in SCHEMA.strip().split(";\n"):
        conn.execute(sql)
    return lambda sql: conn.execute(sql).rows


def of_newest() -> Ask:
    import apsw

    conn = apsw.Connection(":memory:")
    conn.execute(SCHEMA)
    return lambda sql: list(conn.execute(sql))


@pytest.fixture(scope="module", params=["python", "newest"])
def ask(request: pytest.FixtureRequest) -> Ask:
    if request.param == "newest":
        pytest.importorskip("apsw")
        return of_newest()
    return of_python()


def meaning(ask: Ask, sql: str) -> tuple[Node, ...]:
    catalogue = catalogue_of(ask(load("advise/catalogue")))
    return nodes_of(ask(f"EXPLAIN QUERY PLAN {sql}"), instructions(ask(f"EXPLAIN {sql}")), catalogue, sql)


def tables(nodes: Sequence[Node]) -> tuple[set[str], set[str]]:
    read = [node for node in nodes if node.table is not None]
    whole = {str(node.table) for node in read if node.reads_whole_table}
    return whole, {str(node.table) for node in read} - whole


@pytest.mark.parametrize("sql", MEANINGS)
def test_which_tables_a_plan_reads_and_how(ask: Ask, sql: str) -> None:
    nodes = meaning(ask, sql)
    assert tables(nodes) == MEANINGS[sql], nodes
    assert not [node for node in nodes if node.index and node.table is None]


def test_columns_of_a_search(ask: Ask) -> None:
    (node,) = meaning(ask, "SELECT at FROM memories AS m WHERE m.user_id = 1 AND m.at > 'x'")
    assert (node.kind, node.table, node.index, node.covering) == ("search", "memories", "by_user", True)
    assert (node.equality, node.ranges) == (("user_id",), ("at",))
    (node,) = meaning(ask, "SELECT * FROM memories WHERE lower(kind) = 'x'")
    assert node.equality == ("<expr>",)
    (node,) = meaning(ask, "SELECT * FROM users WHERE id > 2 AND id < 9")
    assert (node.equality, node.ranges) == ((), ("rowid",))


def test_what_is_sorted_and_collected(ask: Ask) -> None:
    sql = "SELECT kind, count(DISTINCT body) FROM memories GROUP BY kind ORDER BY 2"
    kinds = [node.temporary for node in meaning(ask, sql) if node.temporary]
    assert kinds == ["GROUP BY", "count(DISTINCT)", "ORDER BY"]


def test_a_subquery_for_each_row_is_correlated(ask: Ask) -> None:
    sql = "SELECT {} FROM users AS u"
    each = meaning(ask, sql.format("(SELECT max(m.at) FROM memories AS m WHERE m.user_id = u.id)"))
    once = meaning(ask, sql.format("(SELECT max(m.at) FROM memories AS m)"))
    assert [node.correlated for nodes in (each, once) for node in nodes if node.kind == "subquery"] == [True, False]


def test_random_queries_read_what_their_bytecode_opens() -> None:
    conn = memory()
    for sql in random_queries.SCHEMA.strip().split(";")[:-1]:
        conn.execute(sql)
    catalogue = catalogue_of(conn.execute(load("advise/catalogue")).rows)
    random, planned = Random(15), 0
    for _ in range(400):
        sql = random_query(random)
        try:
            rows = conn.execute(f"EXPLAIN QUERY PLAN {sql}").rows
        except StatementError:
            # Some refer to what is not there.
            continue
        planned += 1
        code = instructions(conn.execute(f"EXPLAIN {sql}").rows)
        opened = {catalogue.roots[i.p2] for i in code if i.opcode in ("OpenRead", "ReopenIdx")}
        assert {n.table for n in nodes_of(rows, code, catalogue, sql) if n.table} == opened, sql
    assert planned > 300


def test_a_server_says_the_same(empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rwc")) as conn:
        conn.batch([Script(SCHEMA)])
        asked = [(f"EXPLAIN {word}{sql}", ()) for sql in MEANINGS for word in ("QUERY PLAN ", "")]
        first, *answers = (answer.rows for answer in conn.batch([(load("advise/catalogue"), ()), *asked]))
    catalogue = catalogue_of(first)
    for sql, plan, code in zip(MEANINGS, answers[::2], answers[1::2], strict=True):
        assert (sql, tables(nodes_of(plan, instructions(code), catalogue, sql))) == (sql, MEANINGS[sql])
