"""One suite for every kind of connection: an SQLite file, a server over HTTP, a server over WebSocket."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsql.db import Connection, Item, Script, Value, connect
from memsql.db.connect import Mode
from memsql.db.sqlite import memory
from memsql.errors import ConnectError, LockedError, StatementError

Opener = Callable[..., Connection]


@pytest.fixture(params=servers.FILE_AND_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opener(kind: str, tmp_path: Path) -> Iterator[Opener]:
    """Opens connections to one empty database and closes them in the end."""
    opened: list[Connection] = []

    def open_on(url: str) -> Opener:
        def one(mode: Mode = "rwc", busy_timeout: int = 300) -> Connection:
            conn = connect(servers.target(url), mode, busy_timeout)
            opened.append(conn)
            return conn

        return one

    if kind == "file":
        yield open_on(str(tmp_path / "a.db"))
    else:
        with servers.fresh(tmp_path / "sqld") as found:
            yield open_on(found.url.replace("http", kind))
            for conn in opened:
                conn.close()
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(opener: Opener) -> Connection:
    return opener()


def count(conn: Connection, table: str = "t") -> Value:
    return conn.execute(f"SELECT count(*) FROM {table}").one()


def test_execute_returns_columns_rows_and_changes(conn: Connection) -> None:
    assert conn.execute("CREATE TABLE t (a, b)").rows == []
    assert conn.execute("INSERT INTO t VALUES (?, ?), (?, ?)", (1, "x", 2, None)).changes == 2
    found = conn.execute("SELECT a, b AS other FROM t WHERE a >= ? ORDER BY a", (1,))
    assert (found.columns, found.rows) == (("a", "other"), [(1, "x"), (2, None)])
    assert conn.execute("SELECT a FROM t WHERE 0").columns == ("a",)
    assert conn.execute("SELECT a FROM t WHERE 0").one() is None
    assert conn.execute("INSERT INTO t VALUES (3, 'y') RETURNING a").rows == [(3,)]
    assert conn.execute("SELECT 1 AS same, 2 AS same").rows == [(1, 2)]


def test_statement_errors_carry_text_code_and_statement(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b NOT NULL, CHECK (a < 100))")
    conn.execute("INSERT INTO t VALUES (1, 1)")
    for sql, code, text in (
        ("SELECT * FROM nope", "SQLITE_ERROR", "no such table: nope"),
        ("SELECT nope FROM t", "SQLITE_ERROR", "no such column: nope"),
        ("INSERT INTO t VALUES (1, 1)", "SQLITE_CONSTRAINT", "UNIQUE constraint failed: t.a"),
        ("INSERT INTO t VALUES (2, NULL)", "SQLITE_CONSTRAINT_NOTNULL", "NOT NULL constraint failed: t.b"),
        ("INSERT INTO t VALUES (200, 1)", "SQLITE_CONSTRAINT_CHECK", "CHECK constraint failed"),
    ):
        with pytest.raises(StatementError) as found:
            conn.execute(sql)
        assert text in found.value.message
        assert (found.value.code or "").startswith(code)
        assert (found.value.statement, found.value.index) == (sql, None)
    with pytest.raises(StatementError):
        conn.execute("SELEC 1")
    assert count(conn) == 1


def test_a_batch_stops_at_the_first_failure(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a PRIMARY KEY)")
    with pytest.raises(StatementError) as found:
        conn.batch([("INSERT INTO t VALUES (?)", (v,)) for v in (1, 2, 2, 3)])
    assert (found.value.index, found.value.statement) == (2, "INSERT INTO t VALUES (?)")
    assert conn.execute("SELECT a FROM t ORDER BY a").rows == [(1,), (2,)]
    assert not conn.in_transaction


def test_a_statement_that_cannot_be_read_is_found_in_the_batch(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    conn.begin()
    for bad in ("SELEC 1", "SELECT 'open", "SELECT 1; SELECT 2"):
        with pytest.raises(StatementError) as found:
            conn.batch([("SELECT 1", ()), ("SELECT 2", ()), (bad, ())])
        assert (found.value.index, found.value.statement) == (2, bad)
        assert conn.in_transaction
    conn.commit()


def test_a_batch_in_a_transaction_leaves_it_open_when_it_fails(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a PRIMARY KEY)")
    conn.begin()
    with pytest.raises(StatementError):
        conn.batch([("INSERT INTO t VALUES (1)", ()), ("INSERT INTO t VALUES (1)", ())])
    assert conn.in_transaction
    assert count(conn) == 1
    conn.rollback()
    assert not conn.in_transaction
    assert count(conn) == 0


def test_a_batch_may_hold_pragmas_begin_and_commit(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    before = conn.requests
    found = conn.batch(
        [
            ("PRAGMA foreign_keys = off", ()),
            ("BEGIN IMMEDIATE", ()),
            ("SELECT count(*) FROM t", ()),
            ("PRAGMA foreign_keys", ()),
        ]
    )
    assert [r.one() for r in found] == [None, None, 0, 0]
    assert conn.in_transaction
    found = conn.batch([Script("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"), ("SELECT count(*) FROM t", ())])
    assert found[1].one() == 2
    conn.batch([("INSERT INTO t VALUES (?)", (3,)), ("COMMIT", ())])
    assert not conn.in_transaction
    assert conn.requests - before in (0, 3)
    assert count(conn) == 3


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1); INSERT INTO nope VALUES (1); INSERT INTO t VALUES (2)",
        "INSERT INTO t VALUES (1); SELEC 1; INSERT INTO t VALUES (2)",
    ],
    ids=["missing table", "no SQL"],
)
def test_a_batch_with_a_text_that_fails_runs_nothing_behind_it(conn: Connection, text: str) -> None:
    conn.execute("CREATE TABLE t (a)")
    with pytest.raises(StatementError) as found:
        conn.batch(
            [
                ("BEGIN IMMEDIATE", ()),
                Script(text),
                ("INSERT INTO t VALUES (10)", ()),
                Script("INSERT INTO t VALUES (11)"),
                ("COMMIT", ()),
            ]
        )
    assert found.value.index == 1
    assert conn.in_transaction
    assert conn.execute("SELECT count(*) FROM t WHERE a > 1").one() == 0
    conn.rollback()
    assert count(conn) == 0


def test_a_text_does_not_run_when_what_comes_before_it_fails(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    with pytest.raises(StatementError) as found:
        conn.batch([("BEGIN IMMEDIATE", ()), ("INSERT INTO nope VALUES (1)", ()), Script("INSERT INTO t VALUES (1)")])
    assert found.value.index == 1
    conn.rollback()
    conn.begin()
    with pytest.raises(StatementError) as found:
        conn.batch([("BEGIN IMMEDIATE", ()), Script("INSERT INTO t VALUES (1); COMMIT")])
    assert found.value.index == 0
    assert conn.in_transaction
    conn.rollback()
    assert count(conn) == 0


def test_a_script_runs_in_the_open_transaction(conn: Connection) -> None:
    conn.begin()
    conn.script("""
        CREATE TABLE t (a); -- a ; in a comment
        CREATE TRIGGER tr AFTER INSERT ON t WHEN new.a < 3 BEGIN INSERT INTO t VALUES (new.a + 1); SELECT 1; END;
        INSERT INTO t VALUES (';'); SELECT 'rows nobody wants';
    """)
    assert conn.in_transaction
    with pytest.raises(StatementError) as found:
        conn.script("INSERT INTO t VALUES (5); INSERT INTO nope VALUES (1); INSERT INTO t VALUES (6)")
    assert found.value.index is None
    assert "no such table: nope" in found.value.message
    assert conn.in_transaction
    assert count(conn) == 2
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'").one() == 0


def test_executemany(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a, b)")
    conn.begin()
    conn.executemany("INSERT INTO t VALUES (?, ?)", ((n, str(n)) for n in range(2500)))
    conn.executemany("INSERT INTO t VALUES (?, ?)", [])
    conn.commit()
    assert conn.execute("SELECT count(*), min(a), max(b), sum(a) FROM t").rows == [(2500, 0, "999", 2499 * 1250)]


def test_transactions(conn: Connection) -> None:
    assert not conn.in_transaction
    conn.rollback()
    conn.begin()
    assert conn.in_transaction
    conn.execute("CREATE TABLE t (a)")
    conn.rollback()
    assert not conn.in_transaction
    conn.begin()
    conn.execute("CREATE TABLE t (a)")
    conn.commit()
    assert not conn.in_transaction
    assert count(conn) == 0
    with pytest.raises(StatementError, match="no transaction is active"):
        conn.commit()
    conn.execute("SAVEPOINT a")
    assert conn.in_transaction
    conn.execute("RELEASE a")
    assert not conn.in_transaction


def test_a_transaction_that_the_engine_ended_is_noticed(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a PRIMARY KEY ON CONFLICT ROLLBACK)")
    conn.begin()
    conn.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(StatementError):
        conn.execute("INSERT INTO t VALUES (1)")
    assert not conn.in_transaction
    conn.rollback()
    assert count(conn) == 0


def test_pragmas_hold_on_the_stream(opener: Opener) -> None:
    one, two = opener(), opener()
    one.execute("PRAGMA foreign_keys = off")
    two.execute("PRAGMA foreign_keys = on")
    assert one.execute("PRAGMA foreign_keys").one() == 0
    assert two.execute("PRAGMA foreign_keys").one() == 1
    one.execute("CREATE TABLE p (a PRIMARY KEY)")
    one.execute("CREATE TABLE c (a REFERENCES p)")
    one.begin()
    one.execute("INSERT INTO c VALUES (1)")
    one.execute("PRAGMA foreign_keys = on")
    assert one.execute("PRAGMA foreign_keys").one() == 0, "a no-op inside a transaction"
    one.commit()
    with pytest.raises(StatementError) as found:
        two.execute("INSERT INTO c VALUES (2)")
    assert found.value.code == "SQLITE_CONSTRAINT_FOREIGNKEY"


def test_what_is_committed_is_read_elsewhere(opener: Opener) -> None:
    one, two = opener(), opener()
    one.execute("CREATE TABLE t (a)")
    one.begin()
    one.execute("INSERT INTO t VALUES (1)")
    assert count(one) == 1
    assert count(two) == 0
    one.commit()
    assert count(two) == 1


def test_closing_rolls_back(opener: Opener) -> None:
    one = opener()
    one.execute("CREATE TABLE t (a)")
    one.begin()
    one.execute("INSERT INTO t VALUES (1)")
    one.close()
    one.close()
    two = opener(busy_timeout=2000)
    two.begin()
    assert count(two) == 0
    two.rollback()


def test_the_second_writer_is_told(opener: Opener) -> None:
    one, two = opener(), opener()
    one.execute("CREATE TABLE t (a)")
    two.execute("PRAGMA foreign_keys = off")
    one.begin()
    one.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(LockedError, match="locked by another"):
        two.begin()
    assert not two.in_transaction
    one.execute("INSERT INTO t VALUES (2)")
    one.commit()
    assert two.execute("PRAGMA foreign_keys").one() == 0
    two.begin()
    assert count(two) == 2
    two.commit()


def test_a_read_that_is_too_old_to_write_is_locked(kind: str, opener: Opener) -> None:
    one, two = opener(), opener()
    if kind == "file":
        one.execute("PRAGMA journal_mode = wal")
    one.execute("CREATE TABLE t (a)")
    one.execute("BEGIN")
    assert count(one) == 0
    two.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(LockedError):
        one.execute("INSERT INTO t VALUES (2)")
    assert one.in_transaction
    one.rollback()
    assert count(one) == 1


def test_reading_connections_do_not_write(opener: Opener) -> None:
    opener().execute("CREATE TABLE t (a)")
    conn = opener("ro")
    assert count(conn) == 0
    conn.execute("BEGIN")
    assert conn.batch([("SELECT 1", ()), ("PRAGMA table_info(t)", ())])[0].one() == 1
    conn.rollback()
    for sql in ("INSERT INTO t VALUES (1)", "DROP TABLE t", "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"):
        with pytest.raises((ConnectError, StatementError)):
            conn.execute(sql)
    assert count(opener()) == 0


def test_rows_are_streamed(conn: Connection) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, hex(zeroblob(10)) FROM n"
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(values, values), max_size=5))
def test_any_values_round_trip(shared: Connection, rows: list[tuple[Value, Value]]) -> None:
    shared.begin()
    try:
        shared.execute("CREATE TABLE t (a, b)")
        shared.executemany("INSERT INTO t VALUES (?, ?)", rows)
        found = shared.execute("SELECT a, b FROM t ORDER BY rowid").rows
    finally:
        shared.rollback()
    assert len(found) == len(rows)
    for one, other in zip(found, rows, strict=True):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)


ITEMS: list[Item] = [
    ("INSERT INTO t VALUES (?)", (1,)),
    ("INSERT INTO t VALUES (?)", (2,)),
    ("INSERT INTO t VALUES (3) RETURNING a", ()),
    ("INSERT INTO nope VALUES (1)", ()),
    ("INSERT OR ROLLBACK INTO t VALUES (1)", ()),
    ("DELETE FROM t", ()),
    ("SELECT count(*), sum(a) FROM t", ()),
    ("BEGIN IMMEDIATE", ()),
    ("COMMIT", ()),
    ("ROLLBACK", ()),
    ("SAVEPOINT s", ()),
    ("RELEASE s", ()),
    ("ROLLBACK TO s", ()),
    ("PRAGMA foreign_keys", ()),
    Script("INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)"),
    Script("-- nothing\n"),
    Script("DELETE FROM t; -- ; end"),
    Script("INSERT INTO t VALUES (6); INSERT INTO t VALUES (6); DELETE FROM t;"),
    Script("INSERT OR ROLLBACK INTO t VALUES (1);"),
]


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=st.lists(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=6), min_size=1, max_size=3))
def test_a_batch_does_on_a_server_what_it_does_in_a_file(shared: Connection, lists: list[list[Item]]) -> None:
    model = memory()
    seen = []
    for conn in (model, shared):
        conn.rollback()
        conn.batch(
            [("PRAGMA foreign_keys = on", ()), ("DROP TABLE IF EXISTS t", ()), ("CREATE TABLE t (a PRIMARY KEY)", ())]
        )
        told: list[object] = []
        for items in lists:
            try:
                told.append([r.rows for r in conn.batch(items)])
            except StatementError as e:
                told.append((e.index, e.message))
            told.append((conn.in_transaction, conn.execute("SELECT a FROM t ORDER BY a").rows))
        conn.rollback()
        told.append(conn.execute("SELECT a FROM t ORDER BY a").rows)
        seen.append(told)
    model.close()
    assert seen[0] == seen[1]


@pytest.fixture
def shared(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    url = (
        str(tmp_path / "a.db") if kind == "file" else request.getfixturevalue("shared_server").url.replace("http", kind)
    )
    conn = connect(servers.target(url), "rwc")
    yield conn
    conn.close()


def assert_same(found: Value, given_value: Value) -> None:
    assert type(found) is type(given_value)
    assert found == given_value
    if isinstance(found, float) and isinstance(given_value, float):
        assert math.copysign(1, found) == math.copysign(1, given_value)


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
        with pytest.raises(StatementError, match=text) as found:
            run()
        assert found.value.statement == "SELECT ?"
    assert found.value.index == 1
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
    with pytest.raises(StatementError, match="does not run statements of this kind") as found:
        shared.execute(sql)
    assert found.value.statement == sql
    assert "VACUUM" in (found.value.hint or "")
    with pytest.raises(StatementError, match="does not run statements of this kind") as found:
        shared.batch([("SELECT 1", ()), (sql, ())])
    assert (found.value.index, found.value.statement) == (1, sql)
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


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_signal_stops_a_long_statement(conn: Connection) -> None:
    asked = threading.Event()

    def stop() -> bool:
        asked.set()
        return True

    conn.execute("CREATE TABLE t (a)")
    conn.begin()
    conn.execute("INSERT INTO t VALUES (1)")
    with conn.observe() as touched:
        assert touched is None
    with conn.observe(stop), pytest.raises(StatementError) as found:
        conn.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) SELECT max(i) FROM n"
        )
    assert asked.is_set()
    assert found.value.code == "SQLITE_INTERRUPT"
    assert not conn.in_transaction
    assert count(conn) == 0
