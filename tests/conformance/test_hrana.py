"""Hrana 3, as its specification has it (https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md).

The same operations have the same answers over HTTP, over a WebSocket and through the driver turso-serverless.

Where sqld differs from the specification, the operation says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import hrana_ways
import pytest
import servers
from hrana_ways import Refused, Way, batch, error, execute, failed, ok, opened, pipeline, result, step, value

from memsql.db import connect
from memsql.db.answers import Json
from memsql.server import Running

TABLE = "CREATE TABLE hrana (id INTEGER PRIMARY KEY, a TEXT UNIQUE NOT NULL, b VARCHAR(10))"
ROWS = "INSERT INTO hrana (a, b) VALUES ('x', NULL), ('y', 'q')"
UNIQUE = ("SQLite error: UNIQUE constraint failed: hrana.a", "SQLITE_CONSTRAINT")
EDGES: list[object] = [
    *(None, 0, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e15, 1e16),
    *("", "a\0b", "it's", "Zoë 😀", "\ufeff\u2028\r\n\t\x01", "x" * 5000),
    *(b"", b"\0", b"\x00\xff\x10", bytes(range(256))),
]
COLS = [("id", "INTEGER"), ("a", "TEXT"), ("b", "VARCHAR(10)")]


def _one(cell: object, name: str) -> Json:
    """The answer to a SELECT of one value under a name."""
    return ok("execute", result=result([cell], cols=[(name, None)]))


def select(number: int) -> Json:
    """The result of ``SELECT number``."""
    return result([number], cols=[(str(number), None)])


ARGUMENTS = [
    (
        execute("SELECT ?2, ?1", value(1), value("two")),
        ok("execute", result=result(["two", 1], cols=[("?2", None), ("?1", None)])),
    ),
    (
        execute(
            "SELECT :a, @b, $c",
            named_args=[{"name": name, "value": value(n)} for n, name in enumerate((":a", "b", "$c"))],
        ),
        ok("execute", result=result([0, 1, 2], cols=[(":a", None), ("@b", None), ("$c", None)])),
    ),
    (
        execute("SELECT ?, ?", value(1)),
        failed("Arguments do not match SQL parameters: value for parameter 2 not found", "ARGS_INVALID"),
    ),
    (
        execute("SELECT ?", value(1), value(2)),
        failed("Arguments do not match SQL parameters: too many parameters, expected 1 found 2", "ARGS_INVALID"),
    ),
    # A server may refuse the two together.
    (
        execute("SELECT :a, ?", value(1), named_args=[{"name": "a", "value": value(2)}]),
        failed("Specifying both positional and named arguments is not supported", "ARGS_BOTH_POSITIONAL_AND_NAMED"),
    ),
]
WRITES = [
    (execute("INSERT INTO hrana (a) VALUES ('z')"), ok("execute", result=result(changed=1, rowid=3))),
    (execute("UPDATE hrana SET b = 'n' WHERE id > 1"), ok("execute", result=result(changed=2))),
    (execute("DELETE FROM hrana WHERE id = 2"), ok("execute", result=result(changed=1))),
    (
        execute("INSERT INTO hrana (a) VALUES ('w') RETURNING id, a AS name"),
        ok("execute", result=result([4, "w"], cols=[("id", "INTEGER"), ("name", "TEXT")], changed=1, rowid=4)),
    ),
    (
        execute("SELECT *, 1 + 1 FROM hrana WHERE id IN (1, 3) ORDER BY id"),
        ok("execute", result=result([1, "x", None, 2], [3, "z", "n", 2], cols=[*COLS, ("1 + 1", None)])),
    ),
    (execute("SELECT * FROM hrana WHERE 0"), ok("execute", result=result(cols=COLS))),
]
ERRORS = [
    (execute("INSERT INTO hrana (a) VALUES ('x')"), failed(*UNIQUE)),
    (
        execute("INSERT INTO hrana (id) VALUES (9)"),
        failed("SQLite error: NOT NULL constraint failed: hrana.a", "SQLITE_CONSTRAINT"),
    ),
    (execute("SELECT * FROM nope"), failed("SQLite error: no such table: nope", "SQLITE_UNKNOWN")),
    (execute("SELECT 1; SELECT 2"), failed("SQL string contains more than one statement", "SQL_MANY_STATEMENTS")),
    (execute("-- nothing"), failed("SQL string does not contain any statement", "SQL_NO_STATEMENT")),
    (execute("COMMIT"), failed("SQLite error: cannot commit - no transaction is active", "SQLITE_UNKNOWN")),
    # All requests of a pipeline are carried out, whatever came of those before.
    (execute("SELECT 1"), ok("execute", result=select(1))),
]
CONDITIONS: list[tuple[Json, object]] = [
    (step("SELECT 0"), select(0)),
    (step("INSERT INTO hrana (a) VALUES ('x')", {"type": "ok", "step": 0}), error(*UNIQUE)),
    (step("SELECT 2", {"type": "ok", "step": 1}), None),
    (step("SELECT 3", {"type": "error", "step": 1}), select(3)),
    (step("SELECT 4", {"type": "not", "cond": {"type": "ok", "step": 1}}), select(4)),
    # What was skipped neither succeeded nor failed by the specification. For sqld it failed.
    (step("SELECT 5", {"type": "ok", "step": 2}), None),
    (step("SELECT 6", {"type": "error", "step": 2}), select(6)),
    (step("SELECT 7", {"type": "and", "conds": []}), select(7)),
    (step("SELECT 8", {"type": "or", "conds": []}), None),
    (
        step("SELECT 9", {"type": "and", "conds": [{"type": "ok", "step": 0}, {"type": "error", "step": 1}]}),
        select(9),
    ),
    (step("SELECT 10", {"type": "or", "conds": [{"type": "ok", "step": 1}, {"type": "ok", "step": 0}]}), select(10)),
    (step("SELECT 11", {"type": "is_autocommit"}), select(11)),
    (step("BEGIN"), result()),
    (step("SELECT 13", {"type": "is_autocommit"}), None),
    (step("ROLLBACK", {"type": "not", "cond": {"type": "is_autocommit"}}), result()),
]
SEQUENCES = [
    ({"type": "sequence", "sql": ""}, ok("sequence")),
    ({"type": "sequence", "sql": "SELECT 1; -- only a comment"}, ok("sequence")),
    (
        {"type": "sequence", "sql": "INSERT INTO hrana (a) VALUES ('s;'); " + ROWS + "; DELETE FROM hrana"},
        failed(*UNIQUE),
    ),
    # What ran before the failure stays, what comes after it did not run.
    (
        execute("SELECT count(*) AS n, max(a = 's;') AS s FROM hrana"),
        ok("execute", result=result([3, 1], cols=[("n", None), ("s", None)])),
    ),
]
DESCRIPTIONS = [
    (
        {"type": "describe", "sql": "SELECT id, a AS n, :x, ?3, ? FROM hrana"},
        {
            "params": [{"name": ":x"}, {"name": None}, {"name": "?3"}, {"name": None}],
            "cols": [
                *({"name": name, "decltype": kind} for name, kind in (("id", "INTEGER"), ("n", "TEXT"))),
                *({"name": name, "decltype": None} for name in (":x", "?3", "?")),
            ],
            "is_explain": False,
            "is_readonly": True,
        },
    ),
    (
        {"type": "describe", "sql": "INSERT INTO hrana (a) VALUES (?)"},
        {"params": [{"name": None}], "cols": [], "is_explain": False, "is_readonly": False},
    ),
    (
        {"type": "describe", "sql": "EXPLAIN QUERY PLAN SELECT 1"},
        {
            "params": [],
            "cols": [{"name": name, "decltype": None} for name in ("id", "parent", "notused", "detail")],
            "is_explain": True,
            "is_readonly": True,
        },
    ),
]
STORED: list[tuple[Json, Json]] = [
    ({"type": "store_sql", "sql_id": 7, "sql": "SELECT 7"}, ok("store_sql")),
    ({"type": "execute", "stmt": {"sql_id": 7}}, ok("execute", result=select(7))),
    (
        {"type": "batch", "batch": {"steps": [{"stmt": {"sql_id": 7}}]}},
        ok("batch", result={"step_results": [select(7)], "step_errors": [None]}),
    ),
    ({"type": "sequence", "sql_id": 7}, ok("sequence")),
    (
        {"type": "describe", "sql_id": 7},
        ok(
            "describe",
            result={"params": [], "cols": [{"name": "7", "decltype": None}], "is_explain": False, "is_readonly": True},
        ),
    ),
    ({"type": "close_sql", "sql_id": 7}, ok("close_sql")),
    # That of an id which is not used is no error.
    ({"type": "close_sql", "sql_id": 7}, ok("close_sql")),
    ({"type": "store_sql", "sql_id": 7, "sql": "SELECT 8"}, ok("store_sql")),
    ({"type": "execute", "stmt": {"sql_id": 7}}, ok("execute", result=select(8))),
    ({"type": "close_sql", "sql_id": 7}, ok("close_sql")),
]
AUTOCOMMIT: list[tuple[Json, Json]] = [
    ({"type": "get_autocommit"}, ok("get_autocommit", is_autocommit=True)),
    (execute("BEGIN"), ok("execute", result=result())),
    ({"type": "get_autocommit"}, ok("get_autocommit", is_autocommit=False)),
    (execute("INSERT OR ROLLBACK INTO hrana (a) VALUES ('x')"), failed(*UNIQUE)),
    ({"type": "get_autocommit"}, ok("get_autocommit", is_autocommit=True)),
]
VIOLATIONS: dict[str, Json] = {
    "no text": {"type": "execute", "stmt": {}},
    "a text that is not stored": {"type": "execute", "stmt": {"sql_id": 99}},
    "a condition on a later step": batch(step("SELECT 1", {"type": "ok", "step": 5})),
    "an unknown kind of request": {"type": "magic"},
    "a value of unknown type": execute("SELECT ?", {"type": "magic"}),
    "an integer beyond 64 bits": execute("SELECT ?", {"type": "integer", "value": str(1 << 63)}),
}


@pytest.fixture
def url(shared_server: Running) -> Iterator[str]:
    """A server with the table, which is as new for every test."""
    texts = ("DROP TABLE IF EXISTS hrana", TABLE, ROWS)
    assert pipeline(shared_server.url, None, *(execute(sql) for sql in texts), {"type": "close"})[0] == 200
    yield shared_server.url
    pipeline(shared_server.url, None, execute("DROP TABLE hrana"), {"type": "close"})


@pytest.fixture(params=hrana_ways.NAMES)
def way(request: pytest.FixtureRequest, url: str) -> Iterator[Way]:
    with opened(url, request.param) as stream:
        yield stream


def test_values_come_back_as_they_went(way: Way) -> None:
    answers = way.send([execute("SELECT ? AS v", value(edge)) for edge in EDGES])
    assert answers == [_one(edge, "v") for edge in EDGES]
    kinds = way.send([execute("SELECT typeof(?) AS v", value(edge)) for edge in EDGES])
    names = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}
    assert kinds == [_one(names[type(edge)], "v") for edge in EDGES]


@pytest.mark.parametrize(
    "operations",
    [ARGUMENTS, WRITES, ERRORS, SEQUENCES, STORED, AUTOCOMMIT],
    ids=["arguments", "writes", "errors", "sequences", "stored texts", "autocommit"],
)
def test_each_operation_has_its_answer(way: Way, operations: list[tuple[Json, Json]]) -> None:
    assert way.send([request for request, _ in operations]) == [answer for _, answer in operations]


def test_a_batch_runs_the_steps_whose_condition_holds(way: Way) -> None:
    (answer,) = way.send([batch(*(one for one, _ in CONDITIONS))])
    expected = [of for _, of in CONDITIONS]
    is_error = [isinstance(of, dict) and "message" in of for of in expected]
    assert answer == ok(
        "batch",
        result={
            "step_results": [None if bad else of for bad, of in zip(is_error, expected, strict=True)],
            "step_errors": [of if bad else None for bad, of in zip(is_error, expected, strict=True)],
        },
    )
    assert way.send([batch()]) == [ok("batch", result={"step_results": [], "step_errors": []})]


def test_a_statement_is_described_and_not_run(way: Way) -> None:
    answers = way.send([request for request, _ in DESCRIPTIONS])
    assert answers == [ok("describe", result=description) for _, description in DESCRIPTIONS]
    assert way.send([{"type": "describe", "sql": "SELEC"}])[0]["error"]["code"] == "SQL_INPUT_ERROR"


@pytest.mark.parametrize("name", VIOLATIONS)
def test_what_violates_the_protocol_is_refused_as_a_whole(way: Way, name: str) -> None:
    with pytest.raises(Refused):
        way.send([VIOLATIONS[name]])
    # The next request has a stream of its own.
    assert way.send([execute("SELECT 1")]) == [ok("execute", result=select(1))]


def test_a_cursor_has_the_rows_of_the_batch(way: Way) -> None:
    assert way.rows("SELECT id, a, b FROM hrana ORDER BY id") == [(1, "x", None), (2, "y", "q")]
    assert way.rows("SELECT 1 WHERE 0") == []
    for bad in ("SELEC 1", "SELECT * FROM nope", "SELECT abs(-9223372036854775808)"):
        with pytest.raises(Refused):
            way.rows(bad)
    assert way.rows("SELECT 2") == [(2,)]


@pytest.mark.parametrize("name", ["http", "ws"])
def test_a_cursor_tells_of_each_step(url: str, name: str) -> None:
    steps = [
        step("SELECT a FROM hrana ORDER BY id"),
        step("INSERT INTO hrana (a) VALUES ('x')"),
        step("SELECT 2", {"type": "ok", "step": 1}),
        step("INSERT INTO hrana (a) VALUES ('z')", {"type": "error", "step": 1}),
    ]
    with hrana_ways.opened_cursor(url, name) as way:
        entries = way.entries({"steps": steps})
    assert [entry for entry in entries if entry["type"] != "replication_index"] == [
        {"type": "step_begin", "step": 0, "cols": [{"name": "a", "decltype": "TEXT"}]},
        *({"type": "row", "row": [value(a)]} for a in "xy"),
        {"type": "step_end", "affected_row_count": 0, "last_insert_rowid": None},
        {"type": "step_begin", "step": 1, "cols": []},
        {"type": "step_error", "step": 1, "error": error(*UNIQUE)},
        {"type": "step_begin", "step": 3, "cols": []},
        # By the specification the rowid is a text.
        {"type": "step_end", "affected_row_count": 1, "last_insert_rowid": 3},
    ]


@pytest.mark.parametrize("other", hrana_ways.NAMES)
def test_a_transaction_is_seen_when_it_is_committed(way: Way, url: str, other: str) -> None:
    count = execute("SELECT count(*) AS n FROM hrana")
    with opened(url, other) as reader:
        assert way.send([execute("BEGIN IMMEDIATE"), execute("DELETE FROM hrana")])[1]["type"] == "ok"
        assert (way.send([count]), reader.send([count])) == ([_one(0, "n")], [_one(2, "n")])
        way.send([execute("COMMIT")])
        assert reader.send([count]) == [_one(0, "n")]


def test_a_transaction_ends_with_its_stream(way: Way, url: str) -> None:
    way.send([execute("BEGIN IMMEDIATE"), execute("DELETE FROM hrana")])
    way.close()
    answer = pipeline(url, None, execute("SELECT count(*) AS n FROM hrana"), {"type": "close"})[1]
    assert hrana_ways.without_measures(answer["results"][0]) == _one(2, "n")


def test_the_versions_that_a_server_speaks(shared_server: Running) -> None:
    connection = HTTPConnection(urlsplit(shared_server.url).netloc, timeout=10)
    for path, is_there in (("/v2", True), ("/v3", True), ("/v3-protobuf", True), ("/v4", False)):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert (response.status // 100 == 2) == is_there, path
    connection.close()


def test_a_baton_is_good_for_one_request(url: str) -> None:
    status, first = pipeline(url, None, execute("BEGIN"))
    assert (status, first["base_url"]) == (200, None)
    status, second = pipeline(url, first["baton"], {"type": "get_autocommit"})
    assert second["results"] == [ok("get_autocommit", is_autocommit=False)]
    assert second["baton"] != first["baton"]
    for baton in (first["baton"], "bm90IGEgYmF0b24=", "", second["baton"][:-8]):
        assert pipeline(url, baton, {"type": "get_autocommit"})[0] == 400, baton
    # Nothing of that did the stream any harm.
    status, third = pipeline(url, second["baton"], {"type": "get_autocommit"}, {"type": "close"})
    assert (status, third["results"][0], third["baton"]) == (200, ok("get_autocommit", is_autocommit=False), None)
    status, last = pipeline(url, None, execute("SELECT 1"), {"type": "close"})
    assert (status, last["baton"]) == (200, None)
    assert last["results"][1] == ok("close")


def test_the_connections_of_memsql_and_of_the_driver_give_the_same_rows(url: str) -> None:
    driver = pytest.importorskip("turso_serverless")
    # The driver cuts the lines of a cursor at every character that Unicode calls an end of line.
    edges = [edge.replace("\u2028", "") if isinstance(edge, str) else edge for edge in EDGES]
    sql = "SELECT " + ", ".join(f"? AS c{place}" for place in range(len(edges)))
    rows = []
    for kind in servers.KINDS:
        with closing(connect(servers.target(url.replace("http", kind)), "ro")) as conn:
            answer = conn.execute(sql, edges)  # type: ignore[arg-type]
            rows.append((answer.columns, answer.rows))
            rows.append((answer.columns, [*conn.stream_rows(sql, edges)]))  # type: ignore[arg-type]
    with closing(driver.connect(url)) as conn:
        cursor = conn.execute(sql, edges)
        rows.append((tuple(column[0] for column in cursor.description), cursor.fetchall()))
    shown = [repr(one) for one in rows]
    assert shown == [shown[0]] * len(shown)
    assert rows[0][1] == [tuple(edges)]
