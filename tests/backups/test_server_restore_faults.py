"""What can go wrong with restores to servers: the server is the old one or the new one."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import extent
import pytest
import server_backups
import servers
from odd_databases import FTS, make, url_of
from places import ROOT
from proxy import Action, Cut, Request, proxy_to
from server_backups import OLD, kill, once, outcome, seen, stopping_at
from watching import Watching

from memsql.backups.digest import digests
from memsql.backups.restore_server import restore_server
from memsql.db import Connection, connect
from memsql.errors import CheckFailed, ConnectError, LockedError, MemsqlError, Refused
from memsql.progress import SILENT
from memsql.server import Running

RESTORE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import server_backups
from watching import Watching

def note(label):
    if label.startswith(sys.argv[4]):
        print("here", flush=True)
        sys.stdin.read()

server_backups.restore(Path(sys.argv[2]), sys.argv[3], Watching(note), replace=True)
"""


def test_a_server_that_is_not_empty_is_left_alone(full: Running, new: Path) -> None:
    before = seen(full.url)
    with pytest.raises(Refused, match=r"not empty: it holds kept, old_fts$") as caught:
        server_backups.restore(new, full.url)
    assert caught.value.exit_code == 6
    assert seen(full.url) == before


@pytest.mark.parametrize("kind", servers.KINDS)
def test_what_is_there_is_replaced_when_asked_for(full: Running, new: Path, kind: str) -> None:
    server_backups.restore(new, url_of(full, kind), replace=True)
    with closing(connect(servers.target(full.url))) as conn:
        assert tuple(digests(conn)) == server_backups.manifest_of(new).tables
        assert conn.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%old%' OR name LIKE 'kept%'").rows == []


@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize(
    "match",
    extent.some(["COMMIT", "BEGIN IMMEDIATE", "INSERT INTO", "DROP TRIGGER", "CREATE UNIQUE INDEX", "CREATE TABLE"], 2),
)
def test_a_cut_connection_leaves_the_server_old_or_new(
    full: Running, new: Path, *, kind: str, when: str, match: str
) -> None:
    before = seen(full.url)
    with proxy_to(full.url, once(match, Cut(when))) as proxy:  # type: ignore[arg-type]
        failed = outcome(lambda: server_backups.restore(new, proxy.url.replace("http", kind), replace=True))
    if failed is None:
        # A BEGIN may be sent again; and who lost the answer to COMMIT has looked again.
        assert match in ("BEGIN IMMEDIATE", "COMMIT")
        with closing(connect(servers.target(full.url))) as conn:
            assert tuple(digests(conn)) == server_backups.manifest_of(new).tables
    else:
        assert (type(failed), failed.exit_code) == (ConnectError, 3)
        assert "nothing was restored" in (failed.state or "")
        assert seen(full.url) == before


def test_a_server_that_is_gone_after_the_commit_is_not_known(full: Running, new: Path) -> None:
    with proxy_to(full.url) as proxy:

        def rule(request: Request) -> Action:
            if "COMMIT" in request.body:
                proxy.rule = lambda _: Cut("before")
                return Cut("after")
            return None

        proxy.rule = rule
        with pytest.raises(ConnectError) as caught:
            server_backups.restore(new, proxy.url, replace=True)
    assert "not known" in (caught.value.state or "")
    assert "memsql verify" in (caught.value.hint or "")


@pytest.mark.kill
@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize(
    "at", extent.some(["making tables", "restoring docs", "making indexes", "reading", "committing"], 2)
)
def test_a_killed_restore_leaves_the_server_as_it_was(full: Running, new: Path, kind: str, at: str) -> None:
    before = seen(full.url)
    words = [sys.executable, "-c", RESTORE, str(ROOT / "tests" / "helpers"), str(new), url_of(full, kind), at]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert seen(full.url) == before


@pytest.mark.kill
@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("at", ["restoring docs", "committing"])
def test_a_killed_server_is_as_it_was(tmp_path: Path, new: Path, kind: str, at: str) -> None:
    with servers.fresh(tmp_path / "s") as first:
        with closing(connect(servers.target(first.url), "rw")) as conn:
            conn.script(OLD)
        before = seen(first.url)
        with pytest.raises(ConnectError):
            server_backups.restore(new, url_of(first, kind), stopping_at(at, lambda: kill(first)), replace=True)
    with servers.fresh(tmp_path / "s") as second:
        assert seen(second.url) == before


def test_two_restores_at_once(tmp_path: Path, empty_server: Running, new: Path) -> None:
    other = make(tmp_path / "other.db", OLD)
    ended: list[MemsqlError | None] = []

    def restore(path: Path) -> None:
        ended.append(outcome(lambda: server_backups.restore(path, empty_server.url)))

    threads = [threading.Thread(target=restore, args=(path,)) for path in (new, other, new)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(e).__name__ for e in ended) == ["NoneType", "Refused", "Refused"]
    with closing(connect(servers.target(empty_server.url))) as conn:
        assert tuple(digests(conn)) in (
            server_backups.manifest_of(new).tables,
            server_backups.manifest_of(other).tables,
        )


def test_a_lock_that_is_taken_away_says_what_to_stop(full: Running, new: Path) -> None:
    before = seen(full.url)
    others: list[Connection] = []

    def want() -> None:
        conn = connect(servers.target(full.url), "rw", 10_000)
        others.append(conn)
        thread = threading.Thread(target=conn.begin)
        thread.start()
        time.sleep(5.2)
        thread.join()

    with pytest.raises(LockedError) as caught:
        server_backups.restore(new, full.url, stopping_at("restoring docs", want), replace=True)
    others[0].close()
    assert "stop whatever writes" in (caught.value.hint or "")
    assert seen(full.url) == before


def test_a_row_that_no_server_takes_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db", "CREATE TABLE t (a, b); INSERT INTO t VALUES (NULL, zeroblob(5000001)), (zeroblob(9), 1);"
    )
    with pytest.raises(Refused, match="t holds a row of 5,000,002 bytes"):
        server_backups.restore(path, "http://127.0.0.1:1")


@pytest.mark.parametrize("kind", servers.KINDS)
def test_the_largest_rows_are_restored(tmp_path: Path, empty_server: Running, kind: str) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (zeroblob(2400000), zeroblob(2500000)), "
        "(hex(zeroblob(2400000)), 1);",
    )
    server_backups.restore(path, url_of(empty_server, kind))
    assert (
        server_backups.copy(url_of(empty_server, kind), tmp_path / "b.db").tables
        == server_backups.manifest_of(path).tables
    )


def test_a_statement_that_the_server_refuses_undoes_all(tmp_path: Path, empty_server: Running) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    with closing(sqlite3.connect(path)) as conn:
        conn.create_function("only_here", 1, lambda x: x, deterministic=True)
        conn.execute("CREATE INDEX i ON t (only_here(a))")
    with pytest.raises(MemsqlError) as caught:
        server_backups.restore(path, empty_server.url)
    assert isinstance(caught.value, CheckFailed)
    assert "only_here" in caught.value.message
    with closing(connect(servers.target(empty_server.url))) as server:
        assert server.execute("SELECT name FROM sqlite_schema").rows == []


def test_a_broken_index_is_built_anew(tmp_path: Path, empty_server: Running) -> None:
    path = make(tmp_path / "a.db", FTS + "UPDATE docs SET body = 'other words' WHERE id = 1; DROP TABLE own_docsize;")
    labels: list[str] = []
    server_backups.restore(path, empty_server.url, Watching(labels.append))
    assert [text for text in labels if text.startswith("building")] == [
        f"building {name} anew: it did not agree with its content in the backup either" for name in ("docs_fts", "own")
    ]
    with closing(connect(servers.target(empty_server.url))) as conn:
        assert conn.execute("SELECT rowid FROM docs_fts('other')").rows == [(1,)]


def test_a_file_that_changed_meanwhile_is_not_committed(tmp_path: Path, empty_server: Running) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    manifest = server_backups.manifest_of(path)
    make(path, "UPDATE t SET a = 2")
    with pytest.raises(CheckFailed, match="not what the backup holds") as caught:
        restore_server(
            path, manifest, servers.target(empty_server.url), busy_timeout=5000, replace=False, progress=SILENT
        )
    assert caught.value.details == ("t has 1 rows, but not the same ones",)
    with closing(connect(servers.target(empty_server.url))) as server:
        assert server.execute("SELECT name FROM sqlite_schema").rows == []
