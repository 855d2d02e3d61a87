"""yoyo's command on servers: tokens, servers that are away, answers that are lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
import servers
from cli import TIMEOUT, Project, clean_environment
from proxy import Cut, Request, proxy_to
from servers import Guarded
from yoyo_command import Place

from memsql.db import Connection, connect
from memsql.server import Running

pytestmark = pytest.mark.slow


def _in_url(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, f"{place.url}?authToken={token}")


def _as_password(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, place.url.replace("://", f"://:{token}@"))


def _in_environment(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, place.url, {"TURSO_AUTH_TOKEN": token})


def _in_dotenv(token: str) -> Callable[[Place], Place]:
    def put(place: Place) -> Place:
        (place.project.root / ".env").write_text(f"TURSO_AUTH_TOKEN={token}\n")
        return place

    return put


@pytest.mark.parametrize("way", [_in_url, _as_password, _in_environment, _in_dotenv])
def test_a_token_lets_in_and_appears_nowhere(
    guarded: Guarded, guarded_place: Place, way: Callable[[str], Callable[[Place], Place]]
) -> None:
    good, bad = guarded.keys.token(a="rw"), guarded.keys.token(a="rw")[:-8] + "AAAAAAAA"
    for token, code in ((good, 0), (bad, 1)):
        place = way(token)(guarded_place)
        for command in ("list", "apply", "rollback"):
            done = place.yoyo(command, "-vvv", code=code)
            assert token not in done.out + done.err
            assert token.split(".")[2] not in done.out + done.err
            if code:
                done.expect(1, "the token is wrong", "set TURSO_AUTH_TOKEN")


def test_a_token_is_wanted_or_does_not_suffice(guarded: Guarded, guarded_place: Place) -> None:
    guarded_place.yoyo("list", code=1).expect(1, "the server wants a token")
    read_only = Place(guarded_place.project, guarded_place.url, {"TURSO_AUTH_TOKEN": guarded.keys.token(a="ro")})
    assert read_only.listed() == {"0001_log": "U"}
    read_only.yoyo("apply", code=1).expect(1, "error: ", "the token does not give the right")


@pytest.mark.parametrize("scheme", ["libsql", "http", "ws"])
def test_a_server_that_is_away_is_told(tmp_path: Path, scheme: str) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    place = Place(project, f"memsql+{scheme}://127.0.0.1:1" + ("?tls=0" if scheme == "libsql" else ""))
    for command in ("list", "apply", "break-lock"):
        place.yoyo(command, code=1).expect(1, "error: ", "refuses the connection", "next: ")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memsql+libsql:///x", "there is no host in this URL"),
        ("memsql+libsql://h/?color=1", "no parameter 'color'"),
        ("memsql+http://h/?tls=1", "does not go with http://"),
        ("memsql+sqlite://", "write sqlite:///relative/path"),
    ],
)
def test_a_url_that_cannot_be_read_is_told(tmp_path: Path, url: str, said: str) -> None:
    Place(Project(tmp_path), url).yoyo("list", code=1).expect(1, said)


def test_a_folder_without_a_project_will_do(tmp_path: Path, empty_server: Running) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    (project.root / "setup.cfg").unlink()
    place = Place(project, "memsql+" + empty_server.url)
    place.yoyo("apply")
    assert place.listed() == {"0001_log": "A"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_without_an_answer_is_looked_into(
    tmp_path: Path, empty_server: Running, when: Literal["before", "after"]
) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    marked: list[str] = []

    def rule(request: Request) -> Cut | None:
        if "COMMIT" in request.body and len(marked) == 1:
            marked.append("cut")
            return Cut(when)
        if 'INSERT INTO \\"_yoyo_migration\\" (' in request.body:
            marked.append("marked")
        return None

    with proxy_to(empty_server.url, rule) as proxy:
        place = Place(project, "memsql+" + proxy.url)
        done = place.yoyo("apply", code=0 if when == "after" else 1)
        assert marked == ["marked", "cut"]
        if when == "before":
            done.expect(1, "apply of 0001_log failed: ", "nothing of 0001_log was kept; it is not marked as applied")
        assert place.listed() == {"0001_log": "A" if when == "after" else "U"}
        assert ("log" in place.tables()) == (when == "after")
        assert place.query("SELECT count(*) FROM yoyo_lock") == [(0,)]


def test_a_server_that_goes_away_leaves_the_lock_and_says_so(tmp_path: Path, empty_server: Running) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    away: list[str] = []

    def rule(request: Request) -> Cut | None:
        if "CREATE TABLE log" in request.body:
            away.append("")
        return Cut("before") if away else None

    with proxy_to(empty_server.url, rule) as proxy:
        Place(project, "memsql+" + proxy.url).yoyo("apply", code=1).expect(
            1, "apply of 0001_log failed", "yoyo break-lock"
        )
    place = Place(project, "memsql+" + empty_server.url)
    assert place.listed() == {"0001_log": "U"}
    place.yoyo("break-lock")
    place.yoyo("apply")
    assert place.listed() == {"0001_log": "A"}


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        yield conn


def test_a_lock_that_was_taken_away_ends_the_migration(
    tmp_path: Path, empty_server: Running, writer: Connection
) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    (project.migrations / "0002_slow.py").write_text(
        "import time\nfrom yoyo import step\n__depends__ = {'0001_log'}\n"
        "def slow(conn):\n    conn.cursor().execute('INSERT INTO log VALUES (1)')\n"
        "    open('begun', 'w').close()\n    time.sleep(6)\n"
        "steps = [step(slow), step('INSERT INTO log VALUES (2)', ignore_errors='apply'), "
        "step('INSERT INTO log VALUES (3)')]\n"
    )
    place = Place(project, "memsql+" + empty_server.url)
    process = subprocess.Popen(
        place.command("apply"),
        cwd=project.root,
        env=clean_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not os.path.exists(project.root / "begun"):
        assert process.poll() is None
    writer.begin()
    writer.execute("CREATE TABLE other (a)")
    writer.commit()
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "apply of 0002_slow failed: " in said
    assert place.query("SELECT n FROM log") == []
    assert place.listed()["0002_slow"] == "U"
