"""Connections that are cut, slow or forgotten by the server: what is mended, what is unknown, what is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import servers
from libsql import CUTS, SLOW, as_kind, count, eventually, once, opened, running
from proxy import Cut, Delay, Proxy

from memsql.db import Script
from memsql.db.libsql import LibsqlConnection
from memsql.errors import CommitUnknown, ConnectError, LockedError
from memsql.server import Running, free_port


@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("when", CUTS)
class TestCuts:
    def test_of_a_read_are_mended(self, proxy: Proxy, kind: str, when: str) -> None:
        with opened(as_kind(proxy.url, kind)) as conn:
            conn.execute("PRAGMA foreign_keys = off")
            proxy.rule = once("SELECT 42", Cut(when))  # type: ignore[arg-type]
            assert conn.execute("SELECT 42").one() == 42
            assert conn.execute("PRAGMA foreign_keys").one() == 0, "settings are made again on the new stream"

    def test_of_a_read_in_a_transaction_end_it(self, proxy: Proxy, kind: str, when: str) -> None:
        with opened(as_kind(proxy.url, kind)) as conn:
            conn.execute("CREATE TABLE t (a)")
            conn.begin()
            conn.execute("INSERT INTO t VALUES (1)")
            proxy.rule = once("SELECT 42", Cut(when))  # type: ignore[arg-type]
            with pytest.raises(ConnectError) as caught:
                conn.execute("SELECT 42")
            assert not isinstance(caught.value, CommitUnknown)
            assert "rolls the open transaction back" in (caught.value.state or "")
            assert not conn.in_transaction
            conn.rollback()
            assert eventually(lambda: conn.execute("SELECT count(*) FROM t").one() == 0)

    def test_of_begin_change_nothing(self, proxy: Proxy, kind: str, when: str) -> None:
        with opened(as_kind(proxy.url, kind)) as conn:
            proxy.rule = once("BEGIN IMMEDIATE", Cut(when))  # type: ignore[arg-type]
            with pytest.raises(ConnectError) as caught:
                conn.batch([("PRAGMA foreign_keys = off", ()), ("BEGIN IMMEDIATE", ()), ("SELECT 1", ())])
            assert not isinstance(caught.value, CommitUnknown)
            assert "nothing was changed" in (caught.value.state or "")

    @pytest.mark.parametrize("way", ["commit", "batch", "autocommit"])
    def test_of_a_commit_leave_it_unknown(
        self, proxy: Proxy, empty_server: Running, *, kind: str, when: str, way: str
    ) -> None:
        with opened(as_kind(proxy.url, kind)) as conn:
            conn.execute("CREATE TABLE t (a)")
            if way != "autocommit":
                conn.begin()
            if way == "commit":
                conn.execute("INSERT INTO t VALUES (1)")
            proxy.rule = once("INSERT" if way == "autocommit" else "COMMIT", Cut(when))  # type: ignore[arg-type]
            ways: dict[str, Callable[[], object]] = {
                "commit": conn.commit,
                "batch": lambda: conn.batch([("INSERT INTO t VALUES (1)", ()), ("COMMIT", ())]),
                "autocommit": lambda: conn.execute("INSERT INTO t VALUES (1)"),
            }
            run = ways[way]
            with pytest.raises(CommitUnknown) as caught:
                run()
            assert "not known" in (caught.value.state or "")
            assert caught.value.exit_code == 3
            assert not conn.in_transaction
            # The same connection can be asked what became of it.
            conn.execute("SELECT count(*) FROM t")
        assert eventually(lambda: count(empty_server.url) == (0 if when == "before" else 1))

    def test_of_a_stream_of_rows(self, proxy: Proxy, kind: str, when: str) -> None:
        match = "open_cursor" if kind == "ws" else "SELECT i"
        sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i FROM n"
        with opened(as_kind(proxy.url, kind)) as conn:
            conn.begin()
            proxy.rule = once(match, Cut(when))  # type: ignore[arg-type]
            with pytest.raises(ConnectError):
                list(conn.stream_rows(sql))
            assert not conn.in_transaction
            proxy.rule = lambda _: None
            assert len(list(conn.stream_rows(sql))) == 20


@pytest.mark.parametrize(("kind", "when"), [("http", "before"), ("http", "after"), ("ws", "before"), ("ws", "after")])
def test_whoever_has_the_lock_knows_what_became_of_a_commit(proxy: Proxy, kind: str, when: str) -> None:
    with opened(as_kind(proxy.url, kind), busy_timeout=20_000) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        proxy.rule = once("COMMIT", Cut(when))  # type: ignore[arg-type]
        with pytest.raises(CommitUnknown):
            conn.commit()
        conn.begin()
        assert conn.execute("SELECT count(*) FROM t").one() == (0 if when == "before" else 1)
        conn.rollback()


@pytest.mark.parametrize("kind", servers.KINDS)
def test_an_answer_that_comes_late(proxy: Proxy, kind: str) -> None:
    with opened(as_kind(proxy.url, kind), answer=0.4) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        proxy.rule = once("SELECT 42", Delay(request=1.0))
        with pytest.raises(LockedError, match="did not come in time") as caught:
            conn.execute("SELECT 42")
        assert caught.value.exit_code == 4
        conn.rollback()
        proxy.rule = once("INSERT", Delay(request=1.0))
        with pytest.raises(CommitUnknown):
            conn.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_slow_line_is_not_a_fault(proxy: Proxy, kind: str) -> None:
    proxy.rule = lambda _: Delay(0.05, 0.05)
    with opened(as_kind(proxy.url, kind)) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
        conn.commit()
        assert conn.execute("SELECT count(*) FROM t").one() == 10


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_restarts(tmp_path: Path, kind: str) -> None:
    port = free_port()
    with opened(f"{kind}://127.0.0.1:{port}") as conn:
        with running(tmp_path, port):
            conn.execute("CREATE TABLE t (a)")
            conn.execute("PRAGMA foreign_keys = off")
        with running(tmp_path, port):
            assert conn.execute("SELECT count(*) FROM t").one() == 0
            assert conn.execute("PRAGMA foreign_keys").one() == 0
            conn.begin()
            conn.execute("INSERT INTO t VALUES (1)")
        with running(tmp_path, port):
            with pytest.raises(ConnectError) as caught:
                conn.execute("INSERT INTO t VALUES (2)")
            assert not isinstance(caught.value, CommitUnknown)
            assert "rolled" in (caught.value.state or "")
            assert "open transaction" in (caught.value.state or "")
            assert conn.execute("SELECT count(*) FROM t").one() == 0


def test_a_stream_that_expires(empty_server: Running) -> None:
    """One wait for three streams: sqld ends a stream that was idle for 10 seconds."""
    with opened(empty_server.url) as busy, opened(empty_server.url) as committing, opened(empty_server.url) as idle:
        busy.execute("CREATE TABLE t (a)")
        idle.execute("PRAGMA foreign_keys = off")
        busy.execute("BEGIN")
        busy.execute("SELECT * FROM t")
        committing.begin()
        committing.execute("INSERT INTO t VALUES (1)")
        time.sleep(11)
        with pytest.raises(ConnectError, match="closed the stream") as caught:
            busy.execute("SELECT 1")
        assert not isinstance(caught.value, CommitUnknown)
        assert "rolled the open transaction back" in (caught.value.state or "")
        # What stands between may have sent the COMMIT twice, and only the second answer says that.
        with pytest.raises(CommitUnknown) as unknown:
            committing.commit()
        assert "closed the stream" in unknown.value.details[0]
        assert not committing.in_transaction
        assert idle.execute("PRAGMA foreign_keys").one() == 0
        assert idle.execute("SELECT count(*) FROM t").one() == 0


@pytest.mark.parametrize(("kind", "way"), [("http", "commit"), ("http", "batch"), ("ws", "batch"), ("ws", "script")])
def test_a_lock_that_the_server_takes_away(empty_server: Running, kind: str, way: str) -> None:
    ways: dict[str, Callable[[LibsqlConnection], object]] = {
        "commit": lambda conn: conn.commit(),
        "batch": lambda conn: conn.batch(
            [
                ("INSERT INTO t VALUES (3)", ()),
                Script("INSERT INTO t VALUES (4)"),
                ("INSERT INTO t VALUES (5)", ()),
                Script("INSERT INTO t VALUES (6)"),
            ]
        ),
        "script": lambda conn: conn.script("INSERT INTO t VALUES (7); INSERT INTO t VALUES (8)"),
    }
    url = as_kind(empty_server.url, kind)
    with opened(url) as one, opened(url, busy_timeout=20_000) as two:
        one.execute("CREATE TABLE t (a)")
        one.begin()
        one.execute("INSERT INTO t VALUES (1)")
        two.begin()
        two.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(LockedError, match="took the write lock away") as caught:
            ways[way](one)
        assert caught.value.exit_code == 4
        assert "rolled the transaction back" in (caught.value.state or "")
        assert not one.in_transaction
        one.rollback()
        two.commit()
        assert one.execute("SELECT a FROM t").rows == [(2,)]


@pytest.mark.parametrize("kind", servers.KINDS)
def test_ctrl_c_during_a_request(empty_server: Running, kind: str) -> None:
    import _thread

    with opened(as_kind(empty_server.url, kind)) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        timer = threading.Timer(0.1, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            conn.execute(SLOW.replace("2000000", "8000000"))
        timer.join()
        assert not conn.in_transaction
        conn.rollback()
    assert eventually(lambda: count(empty_server.url) == 0)
