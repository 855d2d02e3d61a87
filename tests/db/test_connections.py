"""One suite for every kind of connection: an SQLite file, a server over HTTP, a server over WebSocket."""

from __future__ import annotations

import threading

import pytest
import servers
from connections import Opener, count

from memsql.db import Connection
from memsql.errors import ConnectError, LockedError, StatementError


def test_execute_returns_columns_rows_and_changes(conn: Connection) -> None:
    assert conn.execute("CREATE TABLE t (a, b)").rows == []
    assert conn.execute("INSERT INTO t VALUES (?, ?), (?, ?)", (1, "x", 2, None)).changes == 2
    result = conn.execute("SELECT a, b AS other FROM t WHERE a >= ? ORDER BY a", (1,))
    assert (result.columns, result.rows) == (("a", "other"), [(1, "x"), (2, None)])
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
        with pytest.raises(StatementError) as caught:
            conn.execute(sql)
        assert text in caught.value.message
        assert (caught.value.code or "").startswith(code)
        assert (caught.value.statement, caught.value.index) == (sql, None)
    with pytest.raises(StatementError):
        conn.execute("SELEC 1")
    assert count(conn) == 1


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
    with pytest.raises(StatementError) as caught:
        two.execute("INSERT INTO c VALUES (2)")
    assert caught.value.code == "SQLITE_CONSTRAINT_FOREIGNKEY"


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


def test_who_waits_for_no_lock_still_waits_for_the_answer(opener: Opener) -> None:
    conn = opener(busy_timeout=0)
    conn.begin()
    conn.execute("CREATE TABLE t (a)")
    conn.commit()
    assert count(conn) == 0


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


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_signal_stops_a_long_statement(conn: Connection) -> None:
    looked = threading.Event()

    def stop() -> bool:
        looked.set()
        return True

    conn.execute("CREATE TABLE t (a)")
    conn.begin()
    conn.execute("INSERT INTO t VALUES (1)")
    with conn.observe() as touched:
        assert touched is None
    with conn.observe(stop), pytest.raises(StatementError) as caught:
        conn.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) SELECT max(i) FROM n"
        )
    assert looked.is_set()
    assert caught.value.code == "SQLITE_INTERRUPT"
    assert not conn.in_transaction
    assert count(conn) == 0
