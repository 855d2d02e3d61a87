"""Values and results of every size: they come back as they were, or are refused before they are sent."""

from __future__ import annotations

import math

import extent
import pytest
import servers
from connections import count
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsql.db import Connection, Script, Value
from memsql.errors import StatementError


def test_rows_are_streamed(conn: Connection) -> None:
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, "
        "hex(zeroblob(10)) FROM n"
    )
    conn.begin()
    rows = conn.stream_rows(sql, (1,))
    assert next(rows) == (1, "00" * 10)
    assert sum(1 for _ in rows) == 4999
    rows = conn.stream_rows(sql, (1,))
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert conn.in_transaction
    assert list(conn.stream_rows("SELECT 1 WHERE 0")) == []
    assert conn.execute("SELECT 1").one() == 1
    conn.rollback()
    with pytest.raises(StatementError, match="no such table"):
        list(conn.stream_rows("SELECT * FROM nope"))
    with pytest.raises(StatementError):
        list(conn.stream_rows("SELEC"))
    assert conn.execute("SELECT 1").one() == 1


def test_a_result_of_many_megabytes(conn: Connection) -> None:
    conn.begin()
    rows = conn.execute("""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15)
        SELECT i AS number, hex(zeroblob(500000)) FROM n
    """)
    assert [r[0] for r in rows.rows] == list(range(1, 16))
    assert rows.columns[0] == "number"
    assert conn.in_transaction


EDGES: list[Value] = [
    None,
    0,
    1,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    0.1,
    5e-324,
    1.7976931348623157e308,
    1.0,
    1e15,
    "",
    "a",
    "a\0b",
    "\0",
    "emoji 😀 and Ünïcode",
    "\ufeff",
    "\u2028 line",
    "'quoted'",
    "x" * 100_000,
    b"",
    b"\0",
    bytes(range(256)),
    b"x" * 100_000,
]


@pytest.mark.parametrize("value", EDGES, ids=lambda v: repr(v)[:20])
def test_values_round_trip(shared: Connection, value: Value) -> None:
    assert_same(shared.execute("SELECT ?", (value,)).one(), value)
    assert_same(shared.batch([("SELECT ?", (value,))])[0].one(), value)
    assert_same(next(iter(shared.stream_rows("SELECT ?", (value,))))[0], value)


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
    st.binary(),
)


@pytest.mark.slow
@settings(
    max_examples=extent.number(30, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(values, values), max_size=5))
def test_any_values_round_trip(shared: Connection, rows: list[tuple[Value, Value]]) -> None:
    shared.begin()
    try:
        shared.execute("CREATE TABLE t (a, b)")
        shared.executemany("INSERT INTO t VALUES (?, ?)", rows)
        read = shared.execute("SELECT a, b FROM t ORDER BY rowid").rows
    finally:
        shared.rollback()
    assert len(read) == len(rows)
    for one, other in zip(read, rows, strict=True):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)


def assert_same(read: Value, given_value: Value) -> None:
    assert type(read) is type(given_value)
    assert read == given_value
    if isinstance(read, float) and isinstance(given_value, float):
        assert math.copysign(1, read) == math.copysign(1, given_value)


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, "inf"),
        (-math.inf, "inf"),
        (math.nan, "nan"),
        (2**63, "64 bits"),
        ("\ud83d", "surrogate"),
    ],
)
def test_values_that_cannot_be_sent_are_refused_before_they_are(shared: Connection, value: Value, text: str) -> None:
    shared.begin()
    before = shared.requests
    for run in (
        lambda: shared.execute("SELECT ?", (value,)),
        lambda: shared.batch([("SELECT 1", ()), ("SELECT ?", (value,))]),
    ):
        with pytest.raises(StatementError, match=text) as caught:
            run()
        assert caught.value.statement == "SELECT ?"
    assert caught.value.index == 1
    assert (shared.in_transaction, shared.requests) == (True, before)
    shared.rollback()


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_an_infinite_result_is_an_error_and_not_a_null(shared: Connection) -> None:
    for run in (lambda: shared.execute("SELECT 1e999"), lambda: list(shared.stream_rows("SELECT -1e999"))):
        with pytest.raises(StatementError, match="infinite"):
            run()


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize(
    "sql",
    [
        "VACUUM",
        "ATTACH 'x' AS y",
        "/* c */ attach 'x' AS y",
        "ANALYZE",
        "PRAGMA optimize",
        "PRAGMA writable_schema = on",
        "PRAGMA legacy_alter_table = on",
        "PRAGMA query_only = on",
        "PRAGMA wal_checkpoint",
        "CREATE TEMP TABLE x (a)",
    ],
)
def test_statements_that_servers_refuse(shared: Connection, sql: str) -> None:
    shared.begin()
    with pytest.raises(StatementError, match="does not run statements of this kind") as caught:
        shared.execute(sql)
    assert caught.value.statement == sql
    assert "VACUUM" in (caught.value.hint or "")
    with pytest.raises(StatementError, match="does not run statements of this kind") as caught:
        shared.batch([("SELECT 1", ()), (sql, ())])
    assert (caught.value.index, caught.value.statement) == (1, sql)
    with pytest.raises(StatementError, match="does not run one of the statements of this text"):
        shared.script(f"SELECT 1; {sql}; SELECT 2")
    assert shared.in_transaction
    shared.rollback()


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_long_text_in_one_request(conn: Connection) -> None:
    assert conn.body_limit is not None
    line = "INSERT INTO t VALUES ('" + "x" * 200 + "');\n"
    text = "CREATE TABLE t (a);\n" + line * ((conn.body_limit - 100) // len(line))
    conn.begin()
    conn.script(text)
    conn.commit()
    assert conn.requests == 3
    assert count(conn) == text.count("INSERT")


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_text_that_is_not_unicode_is_refused_before_it_is_sent(shared: Connection) -> None:
    shared.begin()
    before = shared.requests
    for run in (
        lambda: shared.execute("SELECT '\ud83d'"),
        lambda: shared.script("SELECT '\ud83d'"),
        lambda: shared.batch([Script("SELECT '\ud83d'")]),
        lambda: list(shared.stream_rows("SELECT '\ud83d'")),
    ):
        with pytest.raises(StatementError, match="surrogate"):
            run()
    assert (shared.in_transaction, shared.requests) == (True, before)
    shared.rollback()


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_large_rows_in_and_out(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a, b)")
    rows = [(n, bytes([n]) * 1_000_000) for n in range(20)]
    conn.begin()
    conn.executemany("INSERT INTO t VALUES (?, ?)", rows)
    conn.commit()
    assert list(conn.stream_rows("SELECT a, b FROM t ORDER BY a")) == rows


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_request_of_any_size_is_run_or_refused(kind: str, conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    text = ("INSERT INTO t VALUES ('" + "x" * 1000 + "');\n") * 17_000
    conn.begin()
    if kind == "ws":
        with pytest.raises(StatementError, match="larger than a WebSocket frame"):
            conn.script(text)
        assert not conn.in_transaction
        assert count(conn) == 0
    else:
        conn.script(text)
        assert count(conn) == 17_000
    conn.rollback()
