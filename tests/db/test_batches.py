"""Batches, scripts and many rows at once: on every kind of connection the same."""

from __future__ import annotations

import extent
import pytest
import servers
from connections import count
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsql.db import Connection, Item, Script
from memsql.db.sqlite import memory
from memsql.errors import StatementError, TransactionUndone


def test_a_batch_stops_at_the_first_failure(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a PRIMARY KEY)")
    with pytest.raises(StatementError) as caught:
        conn.batch([("INSERT INTO t VALUES (?)", (v,)) for v in (1, 2, 2, 3)])
    assert (caught.value.index, caught.value.statement) == (2, "INSERT INTO t VALUES (?)")
    assert conn.execute("SELECT a FROM t ORDER BY a").rows == [(1,), (2,)]
    assert not conn.in_transaction


def test_a_statement_that_cannot_be_read_is_found_in_the_batch(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    conn.begin()
    for bad in ("SELEC 1", "SELECT 'open", "SELECT 1; SELECT 2"):
        with pytest.raises(StatementError) as caught:
            conn.batch([("SELECT 1", ()), ("SELECT 2", ()), (bad, ())])
        assert (caught.value.index, caught.value.statement) == (2, bad)
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
    answers = conn.batch(
        [
            ("PRAGMA foreign_keys = off", ()),
            ("BEGIN IMMEDIATE", ()),
            ("SELECT count(*) FROM t", ()),
            ("PRAGMA foreign_keys", ()),
        ]
    )
    assert [r.one() for r in answers] == [None, None, 0, 0]
    assert conn.in_transaction
    answers = conn.batch(
        [Script("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"), ("SELECT count(*) FROM t", ())]
    )
    assert answers[1].one() == 2
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
    with pytest.raises(StatementError) as caught:
        conn.batch(
            [
                ("BEGIN IMMEDIATE", ()),
                Script(text),
                ("INSERT INTO t VALUES (10)", ()),
                Script("INSERT INTO t VALUES (11)"),
                ("COMMIT", ()),
            ]
        )
    assert caught.value.index == 1
    assert conn.in_transaction
    assert conn.execute("SELECT count(*) FROM t WHERE a > 1").one() == 0
    conn.rollback()
    assert count(conn) == 0


def test_a_text_does_not_run_when_what_comes_before_it_fails(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    with pytest.raises(StatementError) as caught:
        conn.batch([("BEGIN IMMEDIATE", ()), ("INSERT INTO nope VALUES (1)", ()), Script("INSERT INTO t VALUES (1)")])
    assert caught.value.index == 1
    conn.rollback()
    conn.begin()
    with pytest.raises(StatementError) as caught:
        conn.batch([("BEGIN IMMEDIATE", ()), Script("INSERT INTO t VALUES (1); COMMIT")])
    assert caught.value.index == 0
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
    with pytest.raises(StatementError) as caught:
        conn.script("INSERT INTO t VALUES (5); INSERT INTO nope VALUES (1); INSERT INTO t VALUES (6)")
    assert caught.value.index is None
    assert "no such table: nope" in caught.value.message
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
@settings(
    max_examples=extent.number(60, 150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lists=st.lists(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=6), min_size=1, max_size=3))
def test_a_batch_does_on_a_server_what_it_does_in_a_file(shared: Connection, lists: list[list[Item]]) -> None:
    model = memory()
    seen = []
    for conn in (model, shared):
        conn.rollback()
        conn.batch(
            [("PRAGMA foreign_keys = on", ()), ("DROP TABLE IF EXISTS t", ()), ("CREATE TABLE t (a PRIMARY KEY)", ())]
        )
        history: list[object] = []
        for items in lists:
            try:
                history.append([r.rows for r in conn.batch(items)])
            except StatementError as e:
                history.append((e.index, e.message))
            history.append((conn.in_transaction, _rows_or_undone(conn)))
        conn.rollback()
        history.append(_rows_or_undone(conn))
        seen.append(history)
    model.close()
    # Other tests share the server.
    shared.execute("DROP TABLE t")
    assert seen[0] == seen[1]


def _rows_or_undone(conn: Connection) -> object:
    try:
        return conn.execute("SELECT a FROM t ORDER BY a").rows
    except TransactionUndone:
        conn.rollback()
        return "undone"


def test_reads_together_see_one_moment_and_fail_alone(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    conn.execute("INSERT INTO t VALUES (1)")
    before = conn.requests
    first, bad, second = conn.read_together([("SELECT a FROM t", ()), ("SELECT 1 FROM gone", ()), ("SELECT ?", (7,))])
    assert isinstance(bad, StatementError)
    assert "no such table: gone" in bad.message
    assert [first.one(), second.one()] == [1, 7]  # type: ignore[union-attr]
    assert not conn.in_transaction
    assert conn.requests - before in (0, 1)


def test_reads_together_in_a_transaction_leave_it_open(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    conn.begin()
    conn.execute("INSERT INTO t VALUES (1)")
    first, bad = conn.read_together([("SELECT a FROM t", ()), ("SELECT 1 FROM gone", ())])
    assert first.one() == 1  # type: ignore[union-attr]
    assert isinstance(bad, StatementError)
    assert conn.in_transaction
    conn.rollback()
    assert count(conn) == 0
