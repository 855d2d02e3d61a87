"""Streams and their addresses: where a stream leads, which proxy it takes, and what it never says."""

from __future__ import annotations

import json
import logging
import time
import traceback
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from libsql import always, as_kind, opened
from proxy import Action, Answer, Cut, Edit, Proxy, Request, proxy_to

from memsql.db.libsql import LibsqlConnection
from memsql.db.transport import Timeouts
from memsql.errors import ConnectError, MemsqlError
from memsql.server import Running, free_port
from memsql.token_rules import TokenRules


def test_the_stream_follows_base_url(empty_server: Running) -> None:
    with proxy_to(empty_server.url) as elsewhere, proxy_to(empty_server.url) as front:

        def rule(request: Request) -> Action:
            if json.loads(request.body)["baton"] is not None:
                return Answer(500, "not here")
            with opened(empty_server.url) as conn:
                conn.execute("SELECT 1")
                baton = conn._stream._transport._baton  # type: ignore[attr-defined]
                conn._stream._transport._baton = None  # type: ignore[attr-defined]
            return Edit(lambda text: json.dumps({**json.loads(text), "baton": baton, "base_url": elsewhere.url + "/"}))

        front.rule = rule
        with opened(front.url) as conn:
            conn.execute("SELECT 1")
            assert not elsewhere.seen
            assert conn.execute("SELECT 2").one() == 2
        assert len(front.seen) == 1
        assert {r.path for r in elsewhere.seen} == {"/v3/pipeline"}


def test_a_token_goes_to_no_other_host_that_the_settings_do_not_name(empty_server: Running) -> None:
    with proxy_to(empty_server.url) as elsewhere, proxy_to(empty_server.url) as front:
        front.rule = lambda _: Edit(lambda text: json.dumps({**json.loads(text), "base_url": elsewhere.url}))
        with opened(front.url, token="secret") as conn, pytest.raises(ConnectError) as caught:
            conn.execute("SELECT 1")
        port = elsewhere.url.rpartition(":")[2]
        assert f"sends the stream to 127.0.0.1:{port}" in caught.value.message
        assert f"trust_base_url = 127.0.0.1:{port}" in (caught.value.hint or "")
        assert not elsewhere.seen
        target = replace(servers.target(front.url, "secret"), token_rules=TokenRules(trusted=("127.0.0.*",)))
        with closing(LibsqlConnection(target, "rw", 300)) as conn:
            conn.begin()
            conn.rollback()
        assert elsewhere.seen[0].headers["authorization"] == "Bearer secret"


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
    texts: list[str] = []
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
                texts += [repr(conn), repr(conn.target), str(conn.target), repr(vars(conn))]
                for sql in ("SELECT 1", "INSERT INTO t VALUES (1)"):
                    with pytest.raises(MemsqlError) as caught:
                        conn.execute(sql)
                    e = caught.value
                    texts += ["".join(traceback.format_exception(e)), repr(e), repr(vars(e))]
                    link: BaseException | None = e
                    while link is not None:
                        texts.append(repr(link) + repr(vars(link)))
                        link = link.__cause__ or link.__context__
    assert all(TOKEN not in text and "SECRET" not in text for text in texts)
    assert "SECRET" not in caplog.text


def test_a_stream_is_kept_alive_while_a_long_result_is_read(
    empty_server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # sqld counts its ten seconds from the beginning of a cursor, however long it takes to read.
    monkeypatch.setattr("memsql.db.http._ALIVE_SECONDS", 0.05)
    with opened(empty_server.url) as conn:
        conn.execute(
            "CREATE TABLE t AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
            "SELECT i, hex(zeroblob(500)) FROM n"
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
