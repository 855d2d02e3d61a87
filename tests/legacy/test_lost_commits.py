"""The answer to COMMIT is lost: what writes the ledger beside migrations asks the database what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project
from proxy import Action, Cut, Edit, Proxy, Request, proxy_to

from memsql.db import connect
from memsql.server import Running

pytestmark = pytest.mark.server
_FIRST = "CREATE TABLE t (a);\n"
_COMMANDS = {
    "adoption": ("legacy.adopt",),
    "baseline": ("migrate.baseline", "--version", "1"),
    "repair": ("migrate.repair",),
}


@pytest.fixture
def proxy(empty_server: Running) -> Iterator[Proxy]:
    with proxy_to(empty_server.url) as between:
        yield between


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def _prepared(project: Project, proxy: Proxy, command: str) -> None:
    project.add("0001_one", _FIRST, "DROP TABLE t;\n")
    project.run("migrate.sum").expect(0)
    url = f"http://{proxy.backend[0]}:{proxy.backend[1]}"
    if command == "repair":
        project.run("migrate.up", "--database", url).expect(0)
        project.add("0001_one", f"-- A comment\n{_FIRST}", "DROP TABLE t;\n")
        project.run("migrate.sum").expect(0)
        return
    with closing(connect(servers.target(url), "rw")) as conn:
        conn.execute(_FIRST)


def _once(action: Action) -> Callable[[Request], Action]:
    left = [action]
    return lambda request: left.pop() if left and '"COMMIT"' in request.body else None


@pytest.mark.parametrize(("command", "lie"), [*((command, "cut") for command in _COMMANDS), ("adoption", "redirect")])
def test_what_was_committed_is_done(project: Project, proxy: Proxy, command: str, lie: str) -> None:
    _prepared(project, proxy, command)
    proxy.rule = _once(Cut("after") if lie == "cut" else Edit(lambda _: "", 302))
    project.run(*_COMMANDS[command], "--database", proxy.url).expect(0)
    assert '"COMMIT"' in "".join(request.body for request in proxy.seen)
    project.run("verify", "--database", proxy.url).expect(0)
    project.run("migrate.status", "--check", "--database", proxy.url).expect(0)


@pytest.mark.parametrize("command", ["adoption", "baseline"])
def test_what_was_not_committed_is_said_not_to_be(project: Project, proxy: Proxy, command: str) -> None:
    _prepared(project, proxy, command)
    proxy.rule = _once(Cut("before"))
    done = project.run(*_COMMANDS[command], "--database", proxy.url).expect(3, "nothing was changed")
    assert "not known" not in done.err
    project.run(*_COMMANDS[command], "--database", proxy.url).expect(0)


def test_where_nobody_can_be_asked_it_is_said_that_it_is_not_known(project: Project, proxy: Proxy) -> None:
    _prepared(project, proxy, "repair")
    broken: list[bool] = []

    def rule(request: Request) -> Action:
        broken.extend([True] * ('"COMMIT"' in request.body))
        return Cut("before") if broken else None

    proxy.rule = rule
    done = project.run("migrate.repair", "--database", proxy.url)
    done.expect(3, "whether the change was committed is not known")
