"""What can go wrong between memsql and a libSQL server, and what is said then."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import servers
from proxy import Action, Answer, Cut, Delay, Proxy, Request, Rewrite, proxy_to
from servers import Guarded

from memsql.db import Script
from memsql.db.libsql import LibsqlConnection
from memsql.db.transport import Timeouts
from memsql.errors import CommitUnknown, ConnectError, LockedError, MemsqlError, StatementError
from memsql.server import Keys, Running, free_port

CUTS = ["before", "during", "after"]
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT max(i) FROM n"


@contextmanager
def opened(
    url: str,
    *,
    token: str | None = None,
    mode: str = "rwc",
    busy_timeout: int = 300,
    connect: float = 10,
    answer: float = 60,
) -> Iterator[LibsqlConnection]:
    conn = LibsqlConnection(servers.target(url, token), mode, busy_timeout, Timeouts(connect, answer, retry=0.02))
    with closing(conn):
        yield conn


def as_kind(url: str, kind: str) -> str:
    return url.replace("http", kind)


@pytest.fixture
def proxy(empty_server: Running) -> Iterator[Proxy]:
    with proxy_to(empty_server.url) as found:
        yield found


def once(match: str, action: Action) -> Callable[[Request], Action]:
    """``action`` for the first request whose body holds ``match``."""
    left = [action]
    return lambda request: left.pop() if left and match in request.body else None


def always(action: Action) -> Callable[[Request], Action]:
    return lambda _: action


def count(url: str) -> object:
    with opened(url) as conn:
        return conn.execute("SELECT count(*) FROM t").one()


def test_a_server_as_turso_cloud_is(proxy: Proxy) -> None:
    def rule(request: Request) -> Action:
        if "upgrade" in request.headers:
            return Answer(505)
        return Answer(404) if request.path.startswith("/v1") else None

    proxy.rule = rule
    with opened(as_kind(proxy.url, "ws")) as conn, pytest.raises(ConnectError) as found:
        conn.execute("SELECT 1")
    assert "refuses WebSockets (HTTP 505)" in found.value.message
    assert "libsql:// or https://" in (found.value.hint or "")
    with opened(as_kind(proxy.url, "libsql") + "?tls=0") as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.begin()
        conn.execute("INSERT INTO t VALUES (1)")
        conn.commit()
        assert list(conn.stream_rows("SELECT a FROM t")) == [(1,)]


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_speaks_version_2_only(proxy: Proxy, kind: str) -> None:
    def rule(request: Request) -> Action:
        if "upgrade" in request.headers:
            return Rewrite("hrana3", "hrana2")
        return Answer(404) if request.path.startswith("/v3") else None

    proxy.rule = rule
    with opened(as_kind(proxy.url, kind)) as conn:
        conn.execute("CREATE TABLE t (a)")
        assert not conn.in_transaction
        conn.begin()
        assert conn.in_transaction
        conn.script("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
        with pytest.raises(StatementError):
            conn.execute("SELECT nope")
        assert conn.in_transaction
        conn.commit()
        assert not conn.in_transaction
        assert list(conn.stream_rows("SELECT a FROM t ORDER BY a")) == [(1,), (2,)]
    if kind == "http":
        assert {r.path for r in proxy.seen[1:]} == {"/v2/pipeline"}


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (401, 3, "token is wrong or missing"),
        (403, 3, "token is wrong or missing"),
        (404, 3, "no such database, or this is not a libSQL server"),
        (413, 3, "takes no request of this size"),
        (429, 3, "asked too much"),
        (302, 3, "redirect"),
        (418, 3, "answers HTTP 418"),
        (502, 3, "answers HTTP 502"),
        (503, 3, "answers HTTP 503"),
        (504, 3, "answers HTTP 504"),
    ],
)
def test_answers_of_a_proxy(proxy: Proxy, status: int, code: int, text: str) -> None:
    proxy.rule = lambda _: Answer(status, "<html>secret page</html>", "text/html")
    with opened(proxy.url) as conn, pytest.raises(MemsqlError) as found:
        conn.execute("SELECT 1")
    assert (type(found.value), found.value.exit_code) == (ConnectError, code)
    assert text in found.value.message
    assert found.value.hint
    assert "html" not in found.value.message


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_recovers_is_asked_again_for_a_read_only(proxy: Proxy, status: int) -> None:
    with opened(proxy.url) as conn:
        conn.execute("CREATE TABLE t (a)")
        proxy.rule = once("SELECT", Answer(status))
        assert conn.execute("SELECT 1").one() == 1
        proxy.rule = once("INSERT", Answer(status))
        with pytest.raises(CommitUnknown):
            conn.execute("INSERT INTO t VALUES (1)")
        conn.begin()
        proxy.rule = once("SELECT", Answer(status))
        with pytest.raises(ConnectError) as found:
            conn.execute("SELECT 1")
        assert "rolls the open transaction back" in (found.value.state or "")
        assert not conn.in_transaction


def test_what_is_no_libsql_server(proxy: Proxy) -> None:
    def ok(response: object) -> object:
        return {"type": "ok", "response": response}

    autocommit = ok({"type": "get_autocommit", "is_autocommit": True})
    texts = ["<html>welcome</html>", "", "{}", "[]", "null", '"text"', '{"results": 1}', '{"results": [1, 2]}']
    broken: list[list[object]] = [
        [{}, {}],
        [{"type": "ok"}, autocommit],
        [{"type": "error", "error": "text"}, autocommit],
        [ok({}), autocommit],
        [ok({"result": {}}), autocommit],
        [ok({"result": None}), autocommit],
        [ok({"result": {"cols": [], "rows": [[{"type": "magic"}]], "affected_row_count": 0}}), autocommit],
        [
            ok({"result": {"cols": [], "rows": [[{"type": "integer", "value": "x"}]], "affected_row_count": 0}}),
            autocommit,
        ],
        [ok({"result": {"cols": [], "rows": [[{"type": "blob", "base64": 3}]], "affected_row_count": 0}}), autocommit],
        [ok({"result": {"cols": 1, "rows": 2, "affected_row_count": 0}}), autocommit],
        [autocommit, ok({})],
    ]
    for results in broken:
        texts.append(json.dumps({"baton": "x", "base_url": None, "results": results}))
    for text in texts:
        proxy.rule = always(Answer(200, text, "application/json"))
        with opened(proxy.url) as conn, pytest.raises(ConnectError, match="not a libSQL server"):
            conn.execute("SELECT 1")
        with opened(proxy.url) as conn, pytest.raises(ConnectError, match="not a libSQL server"):
            conn.batch([("SELECT 1", ())])


@pytest.mark.parametrize("kind", servers.KINDS)
def test_text_that_is_not_utf_8(empty_server: Running, kind: str) -> None:
    with opened(as_kind(empty_server.url, kind)) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.execute("INSERT INTO t VALUES (CAST(x'ff' AS TEXT))")
        with pytest.raises((StatementError, ConnectError)) as found:
            conn.execute("SELECT a FROM t")
        assert "UTF-8" in (found.value.hint or "")
        assert conn.execute("SELECT CAST(a AS BLOB) FROM t").one() == b"\xff"


@pytest.mark.parametrize("kind", servers.KINDS)
def test_tokens(guarded: Guarded, kind: str) -> None:
    url = as_kind(guarded.server.url, kind)
    other = Keys.new()
    good = guarded.keys.token(a="rw")
    for token, text in (
        (None, "the server wants a token"),
        ("garbage", "the token is wrong or missing"),
        (other.token(a="rw"), "the token is wrong or missing"),
        (guarded.keys.token(a="rw", exp=1), "the token has expired"),
    ):
        with opened(url, token=token) as conn, pytest.raises(ConnectError) as found:
            conn.execute("SELECT 1")
        assert text in found.value.message
        assert found.value.exit_code == 3
        assert "TURSO_AUTH_TOKEN" in (found.value.hint or "")
    with opened(url, token=good) as conn:
        assert conn.execute("SELECT 1").one() == 1
    with opened(f"{url}?authToken={good}") as conn:
        assert conn.execute("SELECT 1").one() == 1
    with opened(url, token=guarded.keys.token(a="ro")) as conn:
        assert conn.execute("SELECT 1").one() == 1
        with pytest.raises(ConnectError) as found:
            conn.execute("CREATE TABLE t (a)")
        # sqld has no words for it on a WebSocket.
        assert any("not give the right" in text for text in (found.value.message, *found.value.details))


def test_namespaces(guarded: Guarded) -> None:
    token = guarded.keys.token(a="rw")
    with opened(f"{guarded.server.url}/dev/other", token=token) as conn:
        conn.execute("CREATE TABLE only_there (a)")
    with opened(guarded.server.url, token=token) as conn, pytest.raises(StatementError, match="no such table"):
        conn.execute("SELECT * FROM only_there")
    with opened(f"{guarded.server.url}/dev/nowhere", token=token) as conn, pytest.raises(ConnectError) as found:
        conn.execute("SELECT 1")
    assert "no such database" in found.value.message
    assert "nowhere" in found.value.message


@pytest.mark.parametrize("kind", servers.KINDS)
def test_nobody_listens(kind: str) -> None:
    started = time.monotonic()
    with opened(f"{kind}://127.0.0.1:{free_port()}") as conn, pytest.raises(ConnectError) as found:
        conn.execute("SELECT 1")
    assert "refuses the connection" in found.value.message
    assert "nothing was changed" in (found.value.state or "")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("kind", [*servers.KINDS, "libsql", "https", "wss"])
def test_a_name_that_does_not_exist(kind: str) -> None:
    with opened(f"{kind}://db.example.invalid") as conn, pytest.raises(ConnectError, match=r"is not known \(DNS\)"):
        conn.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize("kind", ["libsql", "https", "wss"])
def test_a_server_without_tls(empty_server: Running, kind: str) -> None:
    with (
        opened(as_kind(empty_server.url, kind)) as conn,
        pytest.raises(ConnectError, match="no secure connection") as found,
    ):
        conn.execute("SELECT 1")
    assert "tls=0" in (found.value.hint or "")


@pytest.mark.parametrize("kind", ["https", "wss"])
def test_a_certificate_that_nobody_signed(kind: str, tmp_path: Path) -> None:
    with (
        tls_server(tmp_path) as port,
        opened(f"{kind}://127.0.0.1:{port}") as conn,
        pytest.raises(ConnectError, match="no secure connection") as found,
    ):
        conn.execute("SELECT 1")
    assert "self-signed certificate" in found.value.message
    assert "SSL_CERT_FILE" in (found.value.hint or "")


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_accepts_and_says_nothing(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{kind}://127.0.0.1:{silent.getsockname()[1]}"
        with opened(url, connect=0.3, answer=0.3) as conn, pytest.raises((LockedError, ConnectError)) as found:
            conn.execute("SELECT 1")
    assert "in time" in found.value.message


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
            with pytest.raises(ConnectError) as found:
                conn.execute("SELECT 42")
            assert not isinstance(found.value, CommitUnknown)
            assert "rolls the open transaction back" in (found.value.state or "")
            assert not conn.in_transaction
            conn.rollback()
            assert eventually(lambda: conn.execute("SELECT count(*) FROM t").one() == 0)

    def test_of_begin_change_nothing(self, proxy: Proxy, kind: str, when: str) -> None:
        with opened(as_kind(proxy.url, kind)) as conn:
            proxy.rule = once("BEGIN IMMEDIATE", Cut(when))  # type: ignore[arg-type]
            with pytest.raises(ConnectError) as found:
                conn.batch([("PRAGMA foreign_keys = off", ()), ("BEGIN IMMEDIATE", ()), ("SELECT 1", ())])
            assert not isinstance(found.value, CommitUnknown)
            assert "nothing was changed" in (found.value.state or "")

    @pytest.mark.parametrize("way", ["commit", "batch", "autocommit"])
    def test_of_a_commit_leave_it_unknown(
        self, proxy: Proxy, kind: str, when: str, way: str, empty_server: Running
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
            with pytest.raises(CommitUnknown) as found:
                run()
            assert "not known" in (found.value.state or "")
            assert found.value.exit_code == 3
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
        with pytest.raises(LockedError, match="did not come in time") as found:
            conn.execute("SELECT 42")
        assert found.value.exit_code == 4
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
            with pytest.raises(ConnectError) as found:
                conn.execute("INSERT INTO t VALUES (2)")
            assert not isinstance(found.value, CommitUnknown)
            assert "rolled" in (found.value.state or "")
            assert "open transaction" in (found.value.state or "")
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
        for run in (lambda: busy.execute("SELECT 1"), committing.commit):
            with pytest.raises(ConnectError, match="closed the stream") as found:
                run()
            assert not isinstance(found.value, CommitUnknown)
            assert "rolled the open transaction back" in (found.value.state or "")
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
        with pytest.raises(LockedError, match="took the write lock away") as found:
            ways[way](one)
        assert found.value.exit_code == 4
        assert "rolled the transaction back" in (found.value.state or "")
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


def test_the_stream_follows_base_url(empty_server: Running) -> None:
    with proxy_to(empty_server.url) as elsewhere, proxy_to(empty_server.url) as front:

        def rule(request: Request) -> Action:
            if json.loads(request.body)["baton"] is not None:
                return Answer(500, "not here")
            with opened(empty_server.url) as conn:
                conn.execute("SELECT 1")
                baton = conn._transport._baton  # type: ignore[attr-defined]
                conn._transport._baton = None  # type: ignore[attr-defined]
            results = [{"type": "ok", "response": {"type": "get_autocommit", "is_autocommit": True}}] * len(
                json.loads(request.body)["requests"]
            )
            results[0] = {
                "type": "ok",
                "response": {"type": "execute", "result": {"cols": [], "rows": [], "affected_row_count": 0}},
            }
            return Answer(200, json.dumps({"baton": baton, "base_url": elsewhere.url + "/", "results": results}))

        front.rule = rule
        with opened(front.url) as conn:
            conn.execute("SELECT 1")
            assert not elsewhere.seen
            assert conn.execute("SELECT 2").one() == 2
        assert len(front.seen) == 1
        assert {r.path for r in elsewhere.seen} == {"/v3/pipeline"}


def test_a_stream_is_not_followed_out_of_tls(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"baton": "x", "base_url": "http://127.0.0.1:1/", "results": []}
    from memsql.db.faults import Fault
    from memsql.db.http import HttpTransport

    transport = HttpTransport(servers.target("libsql://127.0.0.1"), Timeouts())
    with pytest.raises(Fault, match="without TLS"):
        transport._follow(answer)


def test_the_proxy_of_the_environment(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    with opened("http://db.example.invalid") as conn:
        assert conn.execute("SELECT 1").one() == 1
    assert proxy.seen[0].path == "http://db.example.invalid/v3/pipeline"
    monkeypatch.setenv("no_proxy", "db.example.invalid")
    with opened("http://db.example.invalid") as conn, pytest.raises(ConnectError, match="DNS"):
        conn.execute("SELECT 1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with opened("http://db.example.invalid") as conn, pytest.raises(ConnectError, match="proxy of the environment"):
        conn.execute("SELECT 1")


def test_what_netrc_says_is_not_sent(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for token in (None, "abc"):
        with opened(proxy.url, token=token) as conn:
            conn.execute("SELECT 1")
        assert proxy.seen[-1].headers.get("authorization") == (f"Bearer {token}" if token else None)


TOKEN = "eyJhbGciOi.SECRET-of-the-test.token"


@pytest.mark.parametrize("kind", servers.KINDS)
def test_the_token_is_never_told(proxy: Proxy, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    failures: list[Action] = [
        Answer(401, TOKEN),
        Answer(403, json.dumps({"error": f"bad {TOKEN}"})),
        Answer(404, TOKEN),
        Answer(500, json.dumps({"error": TOKEN})),
        Answer(505, TOKEN),
        Answer(400, TOKEN),
        Answer(200, TOKEN),
        Cut("before"),
        Cut("during"),
        Cut("after"),
    ]
    for failure in failures:
        proxy.rule = always(failure)
        for url in (
            f"{as_kind(proxy.url, kind)}?authToken={TOKEN}",
            as_kind(proxy.url, kind).replace("//", f"//user:{TOKEN}@"),
        ):
            with opened(url) as conn:
                told += [repr(conn), repr(conn.target), str(conn.target), repr(vars(conn))]
                for sql in ("SELECT 1", "INSERT INTO t VALUES (1)"):
                    with pytest.raises(MemsqlError) as found:
                        conn.execute(sql)
                    e = found.value
                    told += ["".join(traceback.format_exception(e)), repr(e), repr(vars(e))]
                    link: BaseException | None = e
                    while link is not None:
                        told.append(repr(link) + repr(vars(link)))
                        link = link.__cause__ or link.__context__
    assert all(TOKEN not in text and "SECRET" not in text for text in told)
    assert "SECRET" not in caplog.text


def eventually(check: Callable[[], bool]) -> bool:
    """Whether ``check`` holds now or soon: the server notices a cut connection in its own time."""
    for _ in range(100):
        if check():
            return True
        time.sleep(0.1)
    return False


@contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    from memsql import server

    with server.running(servers.binary(), folder, port=port):
        yield


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that speaks TLS with a certificate signed by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(client, server_side=True):
                        pass
                except OSError:
                    client.close()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def self_signed(folder: Path) -> Path:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2099))
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_stream_is_kept_alive_while_a_long_result_is_read(
    empty_server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # sqld counts its ten seconds from the beginning of a cursor, however long it takes to read.
    monkeypatch.setattr("memsql.db.http._ALIVE_SECONDS", 0.05)
    with opened(empty_server.url) as conn:
        conn.execute(
            "CREATE TABLE t AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i, hex(zeroblob(500)) FROM n"
        )
        conn.begin()
        conn.execute("INSERT INTO t VALUES (0, 'only here')")
        pieces = 0
        for rows in conn.stream_lists("SELECT * FROM t"):
            pieces += bool(rows)
            time.sleep(0.1)
        assert pieces > 5
        # The transaction is still there, under another baton.
        assert conn.execute("SELECT count(*) FROM t").one() == 4001
        conn.rollback()
