"""What servers and proxies answer that is no result: other protocols, errors, tokens that do not fit."""

from __future__ import annotations

import json
from functools import partial

import pytest
import servers
from libsql import always, as_kind, once, opened
from proxy import Action, Answer, Edit, Proxy, Request, Rewrite
from servers import Guarded

from memsql.errors import CommitUnknown, ConnectError, MemsqlError, StatementError
from memsql.server import Keys, Running


def test_a_server_as_turso_cloud_is(proxy: Proxy) -> None:
    def rule(request: Request) -> Action:
        if "upgrade" in request.headers:
            return Answer(505)
        return Answer(404) if request.path.startswith("/v1") else None

    proxy.rule = rule
    with opened(as_kind(proxy.url, "ws")) as conn, pytest.raises(ConnectError) as caught:
        conn.execute("SELECT 1")
    assert "refuses WebSockets (HTTP 505)" in caught.value.message
    assert "libsql:// or https://" in (caught.value.hint or "")
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
    with opened(proxy.url) as conn, pytest.raises(MemsqlError) as caught:
        conn.execute("SELECT 1")
    assert (type(caught.value), caught.value.exit_code) == (ConnectError, code)
    assert text in caught.value.message
    assert caught.value.hint
    assert "html" not in caught.value.message


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
        with pytest.raises(ConnectError) as caught:
            conn.execute("SELECT 1")
        assert "rolls the open transaction back" in (caught.value.state or "")
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


def _failed_commit(text: str) -> str:
    """The COMMIT, the last step of the first request, has failed; what it did is done."""
    answer = json.loads(text)
    batch = answer["results"][0]["response"]["result"]
    batch["step_results"][-1] = None
    batch["step_errors"][-1] = {"message": "SQLite error: disk I/O error", "code": "SQLITE_IOERR"}
    return json.dumps(answer)


@pytest.mark.parametrize("way", ["commit", "batch", "one batch"])
def test_a_commit_that_is_said_to_have_failed_is_unknown_where_no_transaction_is_open(proxy: Proxy, way: str) -> None:
    """A COMMIT that fails leaves its transaction open."""
    write = ("INSERT INTO t VALUES (1)", ())
    with opened(proxy.url) as conn:
        conn.execute("CREATE TABLE t (a)")
        if way != "one batch":
            conn.begin()
        if way == "commit":
            conn.batch([write])
        proxy.rule = once("COMMIT", Edit(_failed_commit))
        items = [write, ("COMMIT", ())] if way == "batch" else [("BEGIN", ()), write, ("COMMIT", ())]
        end = conn.commit if way == "commit" else partial(conn.batch, items)
        with pytest.raises(CommitUnknown) as caught:
            end()
        assert caught.value.details == ("disk I/O error",)
        assert not conn.in_transaction
        assert conn.execute("SELECT count(*) FROM t").one() == 1


@pytest.mark.parametrize("kind", servers.KINDS)
def test_text_that_is_not_utf_8(empty_server: Running, kind: str) -> None:
    with opened(as_kind(empty_server.url, kind)) as conn:
        conn.execute("CREATE TABLE t (a)")
        conn.execute("INSERT INTO t VALUES (CAST(x'ff' AS TEXT))")
        with pytest.raises((StatementError, ConnectError)) as caught:
            conn.execute("SELECT a FROM t")
        assert "UTF-8" in (caught.value.hint or "")
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
        with opened(url, token=token) as conn, pytest.raises(ConnectError) as caught:
            conn.execute("SELECT 1")
        assert text in caught.value.message
        assert caught.value.exit_code == 3
        assert "TURSO_AUTH_TOKEN" in (caught.value.hint or "")
    with opened(url, token=good) as conn:
        assert conn.execute("SELECT 1").one() == 1
    with opened(f"{url}?authToken={good}") as conn:
        assert conn.execute("SELECT 1").one() == 1
    with opened(url, token=guarded.keys.token(a="ro")) as conn:
        assert conn.execute("SELECT 1").one() == 1
        with pytest.raises(ConnectError) as caught:
            conn.execute("CREATE TABLE t (a)")
        # sqld has no words for it on a WebSocket.
        assert any("not give the right" in text for text in (caught.value.message, *caught.value.details))


def test_namespaces(guarded: Guarded) -> None:
    token = guarded.keys.token(a="rw")
    with opened(f"{guarded.server.url}/dev/other", token=token) as conn:
        conn.execute("CREATE TABLE only_there (a)")
    with opened(guarded.server.url, token=token) as conn, pytest.raises(StatementError, match="no such table"):
        conn.execute("SELECT * FROM only_there")
    with opened(f"{guarded.server.url}/dev/nowhere", token=token) as conn, pytest.raises(ConnectError) as caught:
        conn.execute("SELECT 1")
    assert "no such database" in caught.value.message
    assert "nowhere" in caught.value.message
