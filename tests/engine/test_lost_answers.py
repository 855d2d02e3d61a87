"""Answers of a server that cannot be believed, in the middle of a transaction: nothing lands outside of it, and what is
reported is what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import servers
from cli import Done, Project
from proxy import Action, Answer, Edit, Forward, Proxy, Request, proxy_to

from memsql.db import connect
from memsql.server import Running

ALL = ["0001_one", "0002_two"]
Change = Callable[[str], str]


@pytest.fixture
def proxy(empty_server: Running) -> Iterator[Proxy]:
    with proxy_to(empty_server.url) as between:
        yield between


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    one = Project(tmp_path_factory.mktemp("project"))
    for name in ALL:
        one.add(name, f"CREATE TABLE t{name} (a);\nINSERT INTO t{name} VALUES (1);\n", f"DROP TABLE t{name};\n")
    one.run("migrate.sum").expect(0)
    return one


def up(project: Project, proxy: Proxy) -> Done:
    done = project.run("migrate.up", "--database", proxy.url)
    proxy.rule = lambda _: None
    return done


def rows(proxy: Proxy, sql: str) -> list[object]:
    url = f"http://{proxy.backend[0]}:{proxy.backend[1]}"
    with closing(connect(servers.target(url), "ro")) as conn:
        return [row[0] for row in conn.execute(sql).rows]


def refuse_half(proxy: Proxy, done: Done) -> list[object]:
    """Fail unless tables, yoyo's marks and our rows agree; return the ids of what is applied."""
    names = rows(proxy, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    made = sorted(str(name)[1:] for name in names if str(name).startswith("t0"))
    marks = rows(proxy, 'SELECT migration_id FROM "_yoyo_migration" ORDER BY 1') if "_yoyo_migration" in names else []
    ours = "SELECT printf('%04d_', version) || name FROM schema_migrations WHERE status = 'applied' ORDER BY 1"
    assert made == marks == (rows(proxy, ours) if "schema_migrations" in names else []), done
    assert "Traceback" not in done.err
    return marks


def first(match: str, action: Action) -> Callable[[Request], Action]:
    left = [action]
    return lambda request: left.pop() if left and match in request.body else None


def without_baton(text: str) -> str:
    return json.dumps({**json.loads(text), "baton": None})


@pytest.mark.parametrize("match", ["BEGIN IMMEDIATE", '"COMMIT"'])
def test_an_answer_without_a_baton_ends_the_stream(proxy: Proxy, project: Project, match: str) -> None:
    proxy.rule = first(match, Edit(without_baton))
    done = up(project, proxy)
    assert refuse_half(proxy, done) == ([] if match == "BEGIN IMMEDIATE" else ALL)
    assert done.code == (3 if match == "BEGIN IMMEDIATE" else 0), done
    if done.code:
        done.expect(3, "gave up the stream with the open transaction", "0001_one to 0002_two were not applied")


def test_a_request_that_comes_upon_a_new_stream_runs_nothing(proxy: Proxy, project: Project) -> None:
    def rule(request: Request) -> Action:
        if '"COMMIT"' not in request.body:
            return None
        # As a proxy that has lost the stream: the request comes without its baton.
        return Forward({**json.loads(request.body), "baton": None})

    proxy.rule = rule
    done = up(project, proxy).expect(3, "nothing was committed")
    assert refuse_half(proxy, done) == []


PAGE = "<html><h1>502 Bad Gateway</h1></html>"
EXPIRED = '{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}'
LIES: dict[str, Answer] = {
    "stream expired": Answer(400, EXPIRED, "application/json"),
    "page": Answer(200, PAGE, "text/html"),
    "error": Answer(500, '{"error":"Internal Error"}', "application/json"),
    "page 500": Answer(500, PAGE, "text/html"),
    "unauthorised": Answer(401, "", "text/plain"),
    "other results": Answer(200, '{"baton":"x","base_url":null,"results":[]}', "application/json"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_commit_is_looked_up_whatever_its_answer_says(proxy: Proxy, project: Project, name: str) -> None:
    lie = LIES[name]
    proxy.rule = first('"COMMIT"', Edit(lambda _: lie.body, lie.status))
    done = up(project, proxy).expect(0, "the ledger says that it was committed", "2 migrations applied")
    assert refuse_half(proxy, done) == ALL


def test_a_commit_that_was_not_carried_out_is_said_to_be_none(proxy: Proxy, project: Project) -> None:
    proxy.rule = first('"COMMIT"', LIES["stream expired"])
    done = up(project, proxy).expect(3, "nothing was committed")
    assert refuse_half(proxy, done) == []


def _repeated() -> Callable[[Request], Action]:
    """The answer to COMMIT is the one to the request before it."""
    earlier: list[str] = []

    def keep(text: str) -> str:
        earlier.append(text)
        return text

    def rule(request: Request) -> Action:
        return Edit(lambda text: earlier[-1]) if '"COMMIT"' in request.body and earlier else Edit(keep)

    return rule


def _claimed(text: str) -> str:
    """A COMMIT that was carried out is said to have failed."""
    answer = json.loads(text)
    result = answer["results"][0]["response"]["result"]
    result["step_results"][-1], result["step_errors"][-1] = None, {"message": "disk I/O error", "code": "SQLITE_IOERR"}
    return json.dumps(answer)


@pytest.mark.parametrize(
    "rule",
    [
        _repeated(),
        first('"COMMIT"', Edit(_claimed)),
        first('"COMMIT"', Edit(lambda text: text.replace('"is_autocommit":true', '"is_autocommit":false'))),
        first('"COMMIT"', Edit(lambda text: text.replace('"is_autocommit":true', '"is_autocommit":null'))),
        first('"COMMIT"', Edit(lambda text: text[: len(text) // 2])),
    ],
    ids=["repeated", "failed", "still open", "no state", "half"],
)
def test_a_commit_is_looked_up_where_its_answer_is_another_one(
    proxy: Proxy, project: Project, rule: Callable[[Request], Action]
) -> None:
    proxy.rule = rule
    done = up(project, proxy).expect(0, "the ledger says that it was committed")
    assert refuse_half(proxy, done) == ALL
