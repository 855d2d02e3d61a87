"""A primary and its replicas: what goes through a replica, and waiting until it serves what was migrated."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import servers
from cli import Project, clean_environment, finish

from memsql import ledger, server
from memsql.actions.replicas import look, wait_for_replicas
from memsql.db import Connection, Script, connect
from memsql.errors import ConnectError, LockedError, StatementError
from memsql.progress import Silent
from memsql.server import Keys, Running


class Line:
    """What carries bytes between a replica and its primary, and can be held."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing arrives, and nothing is lost."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                one = self._listener.accept()[0]
                other = socket.create_connection(("127.0.0.1", self._port))
                for source, sink in ((one, other), (other, one)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


class Pair:
    """A primary and one replica, each with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._primary, self._replica = ExitStack(), ExitStack()
        self.primary = self._primary.enter_context(server.running(servers.binary(), folder / "primary", grpc_port=0))
        assert self.primary.grpc_url is not None
        self.line = Line(int(self.primary.grpc_url.rpartition(":")[2]))
        self.replica = self._replica.enter_context(
            server.running(servers.binary(), folder / "replica", replica_of=self.line.url)
        )

    def stop_primary(self) -> None:
        self._primary.close()

    def close(self) -> None:
        self._replica.close()
        self._primary.close()
        self.line.close()

    @contextmanager
    def frozen_replica(self) -> Iterator[None]:
        """It keeps its connections and answers nothing."""
        os.kill(self.replica.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.replica.process.pid, signal.SIGCONT)


@pytest.fixture
def pair(sqld: Path, tmp_path: Path) -> Iterator[Pair]:
    both = Pair(tmp_path / "servers")
    yield both
    both.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.add("0002_one", "-- depends: 0001_log\nINSERT INTO log VALUES (1);\n", "DELETE FROM log WHERE n = 1;\n")
    return project


def opened(url: str, *, ws: bool = False) -> Connection:
    return connect(servers.target(url.replace("http:", "ws:") if ws else url), "rw")


@pytest.mark.parametrize("ws", [False, True], ids=["http", "ws"])
def test_what_a_connection_does_works_through_a_replica(pair: Pair, ws: bool) -> None:
    with closing(opened(pair.replica.url, ws=ws)) as conn, closing(opened(pair.primary.url)) as primary:
        conn.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        conn.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE CASCADE)")
        conn.begin()
        conn.execute("INSERT INTO parent VALUES (1)")
        conn.script("INSERT INTO child VALUES (1, 1); INSERT INTO child VALUES (2, 1);")
        assert conn.in_transaction
        assert conn.execute("SELECT count(*) FROM child").one() == 2
        conn.commit()
        assert primary.execute("SELECT count(*) FROM child").one() == 2
        for keys, left in (("off", 2), ("on", 0)):
            conn.execute(f"PRAGMA foreign_keys = {keys}")
            answers = conn.batch(
                [
                    ("BEGIN IMMEDIATE", ()),
                    ("PRAGMA foreign_keys", ()),
                    Script("DELETE FROM parent; SELECT 1;"),
                    ("SELECT count(*) FROM child", ()),
                    ("ROLLBACK", ()),
                ]
            )
            assert (answers[1].one(), answers[3].one()) == (int(keys == "on"), left)
        with pytest.raises(StatementError, match=r"^no such table: nowhere$") as failed:
            conn.batch(
                [
                    ("BEGIN IMMEDIATE", ()),
                    Script("INSERT INTO parent VALUES (9); INSERT INTO nowhere VALUES (1);"),
                    ("INSERT INTO parent VALUES (10)", ()),
                ]
            )
        assert failed.value.index == 1
        conn.rollback()
        with pytest.raises(StatementError, match="UNIQUE constraint failed") as refused:
            conn.execute("INSERT INTO parent VALUES (1)")
        assert refused.value.code == "SQLITE_CONSTRAINT_UNIQUE"
        assert primary.execute("SELECT id FROM parent").rows == [(1,)]


def test_a_lock_that_was_taken_away_is_told_through_a_replica(pair: Pair) -> None:
    with closing(opened(pair.replica.url)) as loser, closing(opened(pair.primary.url)) as winner:
        loser.begin()
        winner.begin()
        winner.execute("CREATE TABLE t (a)")
        winner.commit()
        with pytest.raises(LockedError, match="took the write lock away"):
            loser.execute("CREATE TABLE u (a)")
        assert not loser.in_transaction


def test_a_transaction_ends_when_the_primary_goes(pair: Pair) -> None:
    with closing(opened(pair.replica.url)) as conn:
        conn.begin()
        pair.stop_primary()
        with pytest.raises(ConnectError, match="lost the connection to its primary") as caught:
            conn.execute("CREATE TABLE t (a)")
        assert caught.value.state is not None
        assert "nothing of it is kept" in caught.value.state
        assert not conn.in_transaction


def test_a_replica_that_served_once_answers_reads_while_the_primary_is_away(pair: Pair, project: Project) -> None:
    project.up("--database", pair.primary.url, "--wait-replicas", pair.replica.url)
    pair.stop_primary()
    look([servers.target(pair.replica.url)])
    with closing(opened(pair.replica.url)) as conn:
        assert conn.execute("SELECT n FROM log").rows == [(1,)]
        assert conn.batch([("BEGIN", ()), ("SELECT n FROM log", ()), ("ROLLBACK", ())])[1].rows == [(1,)]


def test_a_replica_that_lags_is_waited_for(pair: Pair, project: Project) -> None:
    replica = servers.target(pair.replica.url)
    look([replica])
    words = ("--database", pair.primary.url, "--wait-replicas", pair.replica.url)
    with pair.line.held():
        project.run("migrate.up", *words, "--replica-timeout", "0").expect(
            4,
            "1 of 1 replicas",
            "0 of 2 migrations, lacks 0001_log, 0002_one",
            f"done on {pair.primary.url}:\n    applied 0001_log",
            "applied 0002_one",
        )
        assert project.states("--database", pair.primary.url) == {1: "applied", 2: "applied"}
    project.up(*words).expect(0, "nothing to do", "serves it")
    with pair.line.held():
        project.run("migrate.down", *words, "--replica-timeout", "0").expect(4, "1 of 1 migrations, still has 0002_one")
    look([replica])


class Labels(Silent):
    """Keeps the labels of the work, and calls ``then`` at each."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.labels: list[str] = []
        self._then = then

    def start(self, label: str) -> None:
        self.labels.append(label)
        self._then()


def test_waiting_ends_when_the_replica_has_caught_up(pair: Pair) -> None:
    replica = servers.target(pair.replica.url)
    look([replica])
    with closing(opened(pair.primary.url)) as conn, ExitStack() as held:
        held.enter_context(pair.line.held())
        conn.batch(
            [
                *ledger.table_statements(ledger.read(conn)),
                ("INSERT INTO _yoyo_migration VALUES ('h', '0001_log', '2024-01-01')", ()),
            ]
        )
        progress = Labels(held.close)
        caught = wait_for_replicas([replica], {"0001_log": None}, 60, progress, state="applied")
    assert progress.labels[0] == f"waiting for 1 of 1 replicas: {replica}: 0 of 1 migrations, lacks 0001_log"
    assert [late.url for late in caught] == [pair.replica.url]


@pytest.mark.parametrize("through", ["primary", "replica"])
def test_up_and_down_wait_for_replicas(pair: Pair, project: Project, through: str) -> None:
    url = pair.primary.url if through == "primary" else pair.replica.url
    two = f"{pair.replica.url},{pair.replica.url.replace('http:', 'ws:')}"
    project.up("--database", url, "--wait-replicas", two).expect(
        0, "applied 0002_one", f"replica {pair.replica.url} serves it", "replica ws://"
    )
    assert project.states("--database", pair.replica.url) == {1: "applied", 2: "applied"}
    done = (
        project.run("migrate.down", "--database", url, "--wait-replicas", pair.replica.url, "--json").expect(0).json()
    )
    assert [replica["url"] for replica in done["replicas"]] == [pair.replica.url]
    assert project.states("--database", pair.replica.url) == {1: "applied", 2: "rolled_back"}
    project.run("migrate.to", "2", "--database", url, "--wait-replicas", pair.replica.url).expect(0, "serves it")
    project.up("--database", url, "--wait-replicas", pair.replica.url).expect(0, "nothing to do", "serves it")


def test_a_replica_of_something_else_is_named_with_what_it_lacks(
    pair: Pair, project: Project, empty_server: Running
) -> None:
    urls = f"{pair.replica.url},{empty_server.url}"
    done = project.run("migrate.up", "--database", pair.primary.url, "--wait-replicas", urls, "--replica-timeout", "1")
    done.expect(
        4,
        "1 of 2 replicas did not follow within 1 seconds",
        f"{empty_server.url}: 0 of 2 migrations, lacks 0001_log, 0002_one",
        f"done on {pair.primary.url}:\n    applied 0001_log",
        "--replica-timeout",
    )
    assert f"- {pair.replica.url}" not in done.err
    assert project.states("--database", pair.primary.url) == {1: "applied", 2: "applied"}


def test_a_replica_that_does_not_answer_is_named(pair: Pair) -> None:
    progress = Labels()
    replica = servers.target(pair.replica.url)
    with pair.frozen_replica(), pytest.raises(LockedError, match="1 of 1 replicas") as caught:
        wait_for_replicas([replica], {"0001_log": None}, 0, progress, state="applied")
    assert (caught.value.exit_code, caught.value.state) == (4, "applied")
    assert "did not come in time" in caught.value.details[0]
    assert progress.labels == [f"waiting for 1 of 1 replicas: {caught.value.details[0]}"]


def test_every_difference_is_told(pair: Pair, project: Project) -> None:
    project.up("--database", pair.primary.url, "--wait-replicas", pair.replica.url)
    wanted: dict[str, str | None] = {"0001_log": "another", **{f"{n:04d}_more": None for n in range(3, 8)}}
    with pytest.raises(LockedError) as caught:
        wait_for_replicas([servers.target(pair.replica.url)], wanted, 0, state="applied")
    assert caught.value.details == (
        f"{pair.replica.url}: 1 of 6 migrations, lacks 0003_more, 0004_more, 0005_more and 2 more, still has 0002_one, "
        "has another version of 0001_log",
    )


def test_what_is_wrong_with_a_replica_is_told_before_anything_is_changed(
    project: Project, empty_server: Running, tmp_path: Path
) -> None:
    def refused(code: int, replicas: str, *said: str, database: str = empty_server.url) -> None:
        done = project.run("migrate.up", "--database", database, "--wait-replicas", replicas).expect(code, *said)
        assert "applied 0001" not in done.out

    refused(3, "http://127.0.0.1:1", "refuses the connection", "nothing was changed")
    refused(2, "other.db", "--wait-replicas other.db: a replica is a server")
    refused(2, ",", "names no replica")
    refused(2, empty_server.url, "is a file, and has no replicas", database="memory.db")
    project.run("migrate.up", "--wait-replicas", empty_server.url, "--replica-timeout", "1h").expect(
        2, "--replica-timeout 1h"
    )
    keys = Keys.new()
    with servers.fresh(tmp_path / "guarded", keys=keys) as guarded:
        token = keys.token(a="ro")
        refused(3, guarded.url, "the server wants a token", "nothing was changed")
        refused(3, f"{guarded.url}?authToken={token[:-8]}AAAAAAAA", "the token is wrong")
        done = project.run(
            "migrate.up",
            "--database",
            empty_server.url,
            "--replica-timeout",
            "0",
            "--wait-replicas",
            f"{guarded.url}?authToken={token}",
        ).expect(4, "0 of 2 migrations")
        assert token not in done.out + done.err


@pytest.mark.server
def test_server_start_makes_a_primary_and_a_replica(tmp_path: Path) -> None:
    path = f"{servers.binary().parent}{os.pathsep}{os.environ['PATH']}"
    ports = [server.free_port() for _ in range(3)]
    started: list[subprocess.Popen[str]] = []
    try:
        for words in (
            ("--port", str(ports[0]), "--grpc-port", str(ports[1])),
            ("--port", str(ports[2]), "--replica-of", f"http://127.0.0.1:{ports[1]}"),
        ):
            process = subprocess.Popen(
                [sys.executable, "-m", "memsql", "server.start", *words],
                cwd=tmp_path,
                text=True,
                env={**clean_environment(), "PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            started.append(process)
            assert process.stdout is not None
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, process.communicate()
                said += line
            assert ("--replica-of" in said) == ("--grpc-port" in words)
        with (
            closing(opened(f"http://127.0.0.1:{ports[2]}")) as conn,
            closing(opened(f"http://127.0.0.1:{ports[0]}")) as primary,
        ):
            conn.execute("CREATE TABLE t (a)")
            assert primary.execute("SELECT count(*) FROM t").one() == 0
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            finish(process)
    done = Project(tmp_path / "p").run("server.start", "--grpc-port", "x")
    done.expect(2, "--grpc-port x: give a number")
