"""Errors after which the engine rolls the whole transaction back by itself: nothing runs behind them in autocommit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import servers
from connections import Opener, count

from memsql import extensions
from memsql.config import Target
from memsql.db import Connection, Script, connect, transaction
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError, StatementError, TransactionUndone

_WRITE = "INSERT INTO t VALUES (9)"
_LATER: dict[str, Callable[[Connection], object]] = {
    "execute": lambda conn: conn.execute(_WRITE),
    "executemany": lambda conn: conn.executemany("INSERT INTO t VALUES (?)", [(9,), (10,)]),
    "batch": lambda conn: conn.batch([("PRAGMA foreign_keys", ()), (_WRITE, ())]),
    "text in a batch": lambda conn: conn.batch([Script(f"{_WRITE}; {_WRITE}")]),
    "write": lambda conn: conn.write([(_WRITE, ())]),
    "script": lambda conn: conn.script(f"{_WRITE}; {_WRITE}"),
    "savepoint": lambda conn: conn.batch([("SAVEPOINT s", ()), (_WRITE, ()), ("RELEASE s", ())]),
    "stream": lambda conn: list(conn.stream_rows(f"{_WRITE} RETURNING a")),
    "read": lambda conn: conn.execute("SELECT 1"),
    "read_each": lambda conn: conn.read_each([("SELECT 1", ())]),
    "read_together": lambda conn: conn.read_together([("SELECT 1", ())]),
    "begin": lambda conn: conn.begin(),
    "commit": lambda conn: conn.commit(),
}
_UNDOING = {
    "or rollback": "INSERT OR ROLLBACK INTO u VALUES (1)",
    "of the table": "INSERT INTO c VALUES (1)",
    "raise": "INSERT INTO r VALUES (1)",
}


def _fill(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (a)")
    conn.execute("CREATE TABLE u (a UNIQUE)")
    conn.execute("INSERT INTO u VALUES (1)")
    conn.execute("CREATE TABLE c (a UNIQUE ON CONFLICT ROLLBACK)")
    conn.execute("INSERT INTO c VALUES (1)")
    conn.execute("CREATE TABLE r (a)")
    conn.execute("CREATE TRIGGER no BEFORE INSERT ON r BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END")


@pytest.mark.parametrize("undoing", _UNDOING)
def test_nothing_runs_behind_a_transaction_that_the_engine_undid(opener: Opener, undoing: str) -> None:
    conn = opener()
    _fill(conn)
    for name, later in _LATER.items():
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StatementError) as first:
            conn.execute(_UNDOING[undoing])
        assert not conn.in_transaction, name
        for _ in range(2):
            with pytest.raises(TransactionUndone, match="has rolled the open transaction back by itself") as caught:
                later(conn)
            assert first.value.message in caught.value.message, name
            assert caught.value.state == "nothing of the transaction is kept"
        conn.rollback()
        assert count(conn) == 0, name
    with transaction(conn):
        conn.execute(_WRITE)
    assert count(conn) == 1


@pytest.mark.parametrize("way", ["execute", "batch", "text in a batch", "script"])
def test_it_is_noticed_however_the_statement_was_sent(opener: Opener, way: str) -> None:
    conn = opener()
    _fill(conn)
    text = _UNDOING["or rollback"]
    ways: dict[str, Callable[[], object]] = {
        "execute": lambda: conn.execute(text),
        "batch": lambda: conn.batch([(_WRITE, ()), (text, ()), (_WRITE, ())]),
        "text in a batch": lambda: conn.batch([(_WRITE, ()), Script(f"{text}; {_WRITE}"), (_WRITE, ())]),
        "script": lambda: conn.script(f"{_WRITE}; {text}; {_WRITE}"),
    }
    conn.begin()
    with pytest.raises(StatementError):
        ways[way]()
    with pytest.raises(TransactionUndone):
        conn.execute(_WRITE)
    conn.rollback()
    assert count(conn) == 0


def test_a_block_that_swallows_the_error_is_not_called_done(conn: Connection) -> None:
    _fill(conn)

    def swallow() -> None:
        with transaction(conn):
            conn.execute(_WRITE)
            with suppress(MemsqlError):
                conn.execute(_UNDOING["raise"])

    with pytest.raises(TransactionUndone):
        swallow()
    assert count(conn) == 0
    assert not conn.in_transaction


def test_settings_of_the_connection_can_be_set_back(conn: Connection) -> None:
    _fill(conn)
    conn.execute("PRAGMA foreign_keys = off")
    conn.begin()
    with pytest.raises(StatementError):
        conn.execute(_UNDOING["raise"])
    conn.execute("PRAGMA foreign_keys = on")
    assert conn.execute("PRAGMA foreign_keys").one() == 1
    with pytest.raises(TransactionUndone):
        conn.execute("PRAGMA user_version = 5")
    conn.rollback()
    assert conn.execute("PRAGMA user_version").one() == 0


def test_an_error_that_leaves_the_transaction_open_lets_it_go_on(conn: Connection) -> None:
    _fill(conn)
    with transaction(conn):
        with pytest.raises(StatementError):
            conn.execute("INSERT INTO u VALUES (1)")
        conn.execute(_WRITE)
    assert count(conn) == 1


@pytest.fixture(params=["sqlite3", "apsw"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLiteConnection]:
    if request.param == "apsw":
        pytest.importorskip("apsw")
    chosen = extensions.chosen()
    extensions.use(chosen._replace(library=request.param))
    try:
        conn = connect(servers.target(str(tmp_path / "a.db")), "rwc")
    finally:
        extensions.use(chosen)
    assert isinstance(conn, SQLiteConnection)
    yield conn
    conn.close()


def _full(conn: SQLiteConnection) -> None:
    conn.execute(f"PRAGMA max_page_count = {conn.execute('PRAGMA page_count').one()!r}")
    conn.execute("INSERT INTO t VALUES (zeroblob(100000))")


def _interrupted(conn: SQLiteConnection) -> None:
    conn.execute(_WRITE)
    with conn.observe(lambda: True):
        conn.execute("INSERT INTO t WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")


@pytest.mark.parametrize("fault", [_full, _interrupted])
@pytest.mark.parametrize("later", _LATER)
def test_faults_of_files(file: SQLiteConnection, fault: Callable[[SQLiteConnection], None], later: str) -> None:
    _fill(file)
    file.begin()
    with pytest.raises(StatementError) as first:
        fault(file)
    assert not file.in_transaction
    with pytest.raises(TransactionUndone) as caught:
        _LATER[later](file)
    assert f"SQLite has rolled the open transaction back by itself: {first.value.message}" in caught.value.message
    file.rollback()
    assert count(file) == 0


def test_a_copy_of_an_undone_transaction_is_refused(file: SQLiteConnection) -> None:
    _fill(file)
    file.begin()
    with pytest.raises(StatementError):
        _full(file)
    other = SQLiteConnection(Target(path=Path(":memory:"), display="a copy"), "memory", 0)
    with pytest.raises(TransactionUndone):
        file.copy_to(other)
    other.close()


def test_a_text_that_ended_the_transaction_itself(file: SQLiteConnection) -> None:
    _fill(file)
    file.begin()
    file.script("INSERT INTO t VALUES (1); COMMIT")
    with pytest.raises(TransactionUndone, match="a statement ended the open transaction"):
        file.execute(_WRITE)


def test_a_commit_is_there_after_a_loss_of_power(file: SQLiteConnection) -> None:
    """Where SQLite only deletes the journal (FULL), it may come back with the power, and undo what was committed."""
    assert file.execute("PRAGMA synchronous").one() == 3
