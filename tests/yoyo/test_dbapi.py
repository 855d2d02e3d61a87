"""The DB-API 2 driver over files and servers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers

from memsql.config import Target
from memsql.db import Value
from memsql.yoyo import dbapi


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.server)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "file":
        return Target(path=tmp_path / "a.db", display="a.db")
    return servers.target(request.getfixturevalue("empty_server").url)


@pytest.fixture
def conn(target: Target) -> Iterator[dbapi.Connection]:
    with closing(dbapi.connect(target)) as connection:
        connection.cursor().execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE)")
        yield connection


def rows(conn: dbapi.Connection) -> list[tuple[Value, ...]]:
    return conn.cursor().execute("SELECT a, b FROM t ORDER BY a").fetchall()


def test_the_module_says_what_pep_249_wants() -> None:
    assert (dbapi.apilevel, dbapi.paramstyle) == ("2.0", "qmark")
    assert issubclass(dbapi.IntegrityError, dbapi.DatabaseError)
    assert not issubclass(dbapi.InterfaceError, dbapi.DatabaseError)


def test_values_rows_and_descriptions(conn: dbapi.Connection) -> None:
    cursor = conn.cursor()
    values = [
        None,
        True,
        2.5,
        b"\0",
        bytearray(b"x"),
        datetime.date(2024, 1, 2),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 6),
    ]
    cursor.executemany("INSERT INTO t (b) VALUES (?)", [[value] for value in values])
    assert (cursor.rowcount, cursor.description) == (len(values), None)
    cursor.execute("SELECT b AS what, a FROM t ORDER BY a")
    assert [column[0] for column in cursor.description or []] == ["what", "a"]
    assert cursor.fetchone() == (None, 1)
    assert cursor.fetchmany(2) == [(1, 2), (2.5, 3)]
    assert cursor.fetchmany() == [(b"\0", 4)]
    assert list(cursor) == [(b"x", 5), ("2024-01-02", 6), ("2024-01-02T03:04:05.000006", 7)]
    assert cursor.fetchone() is None
    assert cursor.execute("UPDATE t SET b = NULL WHERE a < 3").rowcount == 2
    with pytest.raises(dbapi.ProgrammingError, match="type object cannot be stored"):
        cursor.execute("INSERT INTO t (b) VALUES (?)", [object()])


def test_errors_are_of_their_kind(conn: dbapi.Connection, tmp_path: Path) -> None:
    cursor = conn.cursor()
    cursor.execute("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(dbapi.IntegrityError, match="UNIQUE"):
        cursor.execute("INSERT INTO t VALUES (2, 1)")
    with pytest.raises(dbapi.OperationalError, match="no such table"):
        cursor.execute("SELECT * FROM u")
    with pytest.raises(dbapi.InterfaceError):
        dbapi.connect(Target(path=tmp_path, display="."))


def test_transactions_end_as_asked(conn: dbapi.Connection) -> None:
    conn.begin()
    conn.cursor().execute("INSERT INTO t VALUES (1, 1)")
    conn.rollback()
    conn.rollback()
    assert rows(conn) == []
    conn.begin()
    conn.later("SAVEPOINT a")
    conn.cursor().execute("INSERT INTO t VALUES (1, 1)")
    conn.later("RELEASE a")
    conn.commit()
    conn.commit()
    assert rows(conn) == [(1, 1)]


def test_what_was_not_sent_can_be_taken_back(conn: dbapi.Connection) -> None:
    conn.begin()
    conn.later("SAVEPOINT a")
    assert not conn.take_back("SAVEPOINT b")
    assert conn.take_back("SAVEPOINT a")
    assert not conn.take_back("SAVEPOINT a")
    with pytest.raises(dbapi.OperationalError, match="no such savepoint"):
        conn.run("RELEASE a")
    conn.rollback()


@pytest.mark.parametrize("sql", ["COMMIT", "end transaction", "BEGIN", " ROLLBACK "])
def test_a_transaction_cannot_be_ended_by_a_statement(conn: dbapi.Connection, sql: str) -> None:
    conn.begin()
    conn.cursor().execute("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(dbapi.ProgrammingError, match="inside a transaction"):
        conn.cursor().execute(sql)
    conn.rollback()
    assert rows(conn) == []


def test_nothing_follows_a_transaction_that_the_engine_ended(conn: dbapi.Connection) -> None:
    cursor = conn.cursor()
    cursor.execute("CREATE TRIGGER no BEFORE INSERT ON t WHEN new.a = 2 BEGIN SELECT raise(ROLLBACK, 'no'); END")
    conn.begin()
    cursor.execute("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(dbapi.DatabaseError, match="no"):
        cursor.execute("INSERT INTO t VALUES (2, 2)")
    for attempt in (lambda: cursor.execute("INSERT INTO t VALUES (3, 3)"), conn.commit):
        with pytest.raises(dbapi.InternalError, match="the transaction is over"):
            attempt()
    conn.rollback()
    assert rows(conn) == []
    cursor.execute("INSERT INTO t VALUES (4, 4)")
    assert rows(conn) == [(4, 4)]


def test_a_look_creates_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(dbapi.connect(Target(path=path, display="a.db"), "ro")) as conn:
        assert conn.cursor().execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        assert not path.exists()
        conn.make_writable()
        conn.cursor().execute("CREATE TABLE t (a)")
    assert path.exists()
