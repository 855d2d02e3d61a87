"""What can go wrong with backups of servers and restores to them: nothing half-done is kept, there or here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import server_backups
import servers
from odd_databases import FTS, ODD, make, state, url_of
from places import ROOT
from proxy import Action, Answer, Cut, Request, proxy_to
from servers import Guarded
from watching import Watching

from memsql.backups.copy_server import copy_server
from memsql.backups.digest import digests
from memsql.backups.restore_server import restore_server
from memsql.db import Connection, connect
from memsql.db.copying import Omitted
from memsql.errors import CheckFailed, ConnectError, LockedError, MemsqlError, Refused
from memsql.progress import SILENT
from memsql.server import Running

OLD = """
CREATE TABLE kept (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
INSERT INTO kept VALUES (7, 'old');
CREATE VIEW old_view AS SELECT a FROM kept;
CREATE VIRTUAL TABLE old_fts USING fts5(a, content='kept', content_rowid='id');
INSERT INTO old_fts (old_fts) VALUES ('rebuild');
CREATE TRIGGER old_trigger AFTER INSERT ON kept BEGIN SELECT 1; END;
"""
VECTORS = """
CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(2));
CREATE INDEX v_idx ON v (libsql_vector_idx(e));
INSERT INTO v VALUES (1, vector32('[1, 2]')), (2, vector32('[-3, 1]'));
"""
COPY = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import server_backups
from memsql.errors import MemsqlError

try:
    server_backups.copy({url!r}, Path({into!r}))
except MemsqlError as e:
    print(type(e).__name__ + ":", e)
"""
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


@pytest.fixture
def full(empty_server: Running) -> Running:
    """A server that holds something."""
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(OLD)
    return empty_server


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A backup of something else."""
    return make(tmp_path / "new.db", ODD + FTS)


def seen(url: str) -> object:
    with closing(connect(servers.target(url))) as conn:
        return state(conn)


def kill(server: Running) -> None:
    server.process.kill()
    server.process.wait()


def stopping_at(text: str, do: Callable[[], object]) -> Watching:
    """Calls ``do`` once, when work begins whose label starts with ``text``."""
    left = [do]
    return Watching(lambda label: left.pop()() if left and label.startswith(text) else None)


def outcome(do: Callable[[], object]) -> MemsqlError | None:
    """The error that ``do`` ends with, if it does."""
    try:
        do()
    except MemsqlError as e:
        return e
    return None


def once(match: str, action: Action) -> Callable[[Request], Action]:
    left = [action]
    return lambda request: left.pop() if left and match in request.body else None


# Backups.


@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("match", ["sqlite_version", "docs_fts_data", "ROLLBACK"])
def test_a_cut_connection_leaves_no_backup(
    tmp_path: Path,
    empty_server: Running,
    new: Path,
    kind: str,
    when: str,
    match: str,
) -> None:
    server_backups.restore(new, empty_server.url)
    with proxy_to(empty_server.url, once(match, Cut(when))) as proxy:  # type: ignore[arg-type]
        failed = outcome(lambda: server_backups.copy(proxy.url.replace("http", kind), tmp_path / "b.db"))
    if failed is None:
        # All had come by then.
        assert match == "ROLLBACK"
        assert server_backups.manifest_of(tmp_path / "b.db").tables == server_backups.manifest_of(new).tables
    else:
        assert (type(failed), failed.exit_code) == (ConnectError, 3)
        assert sorted(p.name for p in tmp_path.glob("b.db*")) == []


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_dies_half_way_leaves_no_backup(tmp_path: Path, full: Running, kind: str) -> None:
    with pytest.raises(ConnectError) as found:
        server_backups.copy(url_of(full, kind), tmp_path / "b.db", stopping_at("copying old_fts", lambda: kill(full)))
    assert found.value.exit_code == 3
    assert list(tmp_path.glob("b.db*")) == []


def test_an_answer_without_its_end_is_no_backup(tmp_path: Path, full: Running) -> None:
    lines = [{"baton": "x", "base_url": None}, {"type": "step_begin", "step": 0, "cols": [{"name": "rowid"}]}]
    half = Answer(200, "".join(json.dumps(line) + "\n" for line in lines))
    with (
        proxy_to(full.url, lambda request: half if request.path.endswith("/cursor") else None) as proxy,
        pytest.raises(ConnectError, match="ended before it was complete"),
    ):
        server_backups.copy(proxy.url, tmp_path / "b.db")
    assert list(tmp_path.glob("b.db*")) == []


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_wrong_token(tmp_path: Path, guarded: Guarded, new: Path, kind: str) -> None:
    target = servers.target(url_of(guarded.server, kind), "wrong")
    with pytest.raises(ConnectError, match="token"):
        copy_server(target, tmp_path / "b.db", 5000, SILENT)
    assert list(tmp_path.glob("b.db*")) == []
    with pytest.raises(ConnectError, match="token"):
        restore_server(new, server_backups.manifest_of(new), target, busy_timeout=5000, replace=False, progress=SILENT)


def test_a_backup_is_of_one_moment(tmp_path: Path, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script("CREATE TABLE a (x); CREATE TABLE b (x);")
    stop = threading.Event()

    def write() -> None:
        with closing(connect(servers.target(empty_server.url), "rw")) as conn:
            while not stop.is_set():
                conn.script(
                    "BEGIN; INSERT INTO a VALUES (zeroblob(1000)); INSERT INTO b VALUES (zeroblob(1000)); COMMIT;"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copied = server_backups.copy(empty_server.url, tmp_path / f"{number}.db")
            assert copied.tables[0].rows == copied.tables[1].rows
            assert copied.tables == server_backups.manifest_of(tmp_path / f"{number}.db").tables
    finally:
        stop.set()
        writer.join()


def test_a_table_that_sqlite_cannot_make_is_an_error_unless_salvaged(tmp_path: Path, empty_server: Running) -> None:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(
            "CREATE TABLE checked (e F32_BLOB(2) CHECK (vector_extract(e) <> '')); CREATE TABLE t (a); INSERT INTO t VALUES (1);"
        )
    with pytest.raises(
        ConnectError, match="cannot be backed up: the table checked cannot be made by the SQLite of this machine"
    ):
        server_backups.copy(empty_server.url, tmp_path / "b.db")
    assert list(tmp_path.glob("b.db*")) == []
    copied = server_backups.copy(empty_server.url, tmp_path / "b.db", salvage=True)
    assert [(o.type, o.name) for o in copied.omitted] == [("table", "checked")]
    assert [(t.name, t.rows) for t in copied.tables] == [("t", 1)]


@pytest.mark.server
@pytest.mark.parametrize("kind", servers.KINDS)
def test_vectors_come_back_with_their_index(tmp_path: Path, kind: str) -> None:
    with servers.fresh(tmp_path / "one") as first, servers.fresh(tmp_path / "two") as second:
        with closing(connect(servers.target(first.url), "rw")) as conn:
            conn.script(VECTORS)
        copied = server_backups.copy(url_of(first, kind), tmp_path / "b.db")
        index = "CREATE INDEX v_idx ON v (libsql_vector_idx(e))"
        assert copied.omitted == (Omitted("vector index", "v_idx", index, "only libSQL has it"),)
        server_backups.restore(tmp_path / "b.db", url_of(second, kind), omitted=copied.omitted)
        with closing(connect(servers.target(second.url), "rw")) as conn:
            assert conn.execute("SELECT id FROM vector_top_k('v_idx', vector32('[-3, 2]'), 1)").rows == [(2,)]
        # What is replaced may have one too.
        server_backups.restore(tmp_path / "b.db", url_of(second, kind), omitted=copied.omitted, replace=True)
        with closing(connect(servers.target(second.url), "rw")) as conn:
            assert conn.execute("SELECT id FROM vector_top_k('v_idx', vector32('[-3, 2]'), 1)").rows == [(2,)]


@pytest.mark.parametrize("size", ["200k", "1400k"])
def test_a_full_disk_leaves_no_backup(tmp_path: Path, empty_server: Running, size: str) -> None:
    """Where rows do not fit, and where only an index does not."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("a private mount needs root and unshare")
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(
            "CREATE TABLE t (a); INSERT INTO t SELECT randomblob(1000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n); CREATE INDEX i ON t (a);"
        )
    (tmp_path / "disk").mkdir()
    work = COPY.format(
        tests=str(ROOT / "tests" / "helpers"), url=empty_server.url, into=str(tmp_path / "disk" / "b.db")
    )
    inside = f'mount -t tmpfs -o size={size} none "$1" && shift && "$@"; ls -A "$0"'
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", inside, str(tmp_path / "disk"), str(tmp_path / "disk"), sys.executable, "-c", work],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (
        f"ConnectError: {empty_server.url} cannot be backed up: the disk is full here\n",
        "",
    )


# Restores.


def test_a_server_that_is_not_empty_is_left_alone(full: Running, new: Path) -> None:
    before = seen(full.url)
    with pytest.raises(Refused, match=r"not empty: it holds kept, old_fts$") as found:
        server_backups.restore(new, full.url)
    assert found.value.exit_code == 6
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
    "match", ["BEGIN IMMEDIATE", "DROP TRIGGER", "CREATE TABLE", "INSERT INTO", "CREATE UNIQUE INDEX", "COMMIT"]
)
def test_a_cut_connection_leaves_the_server_old_or_new(
    full: Running, new: Path, kind: str, when: str, match: str
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
        with pytest.raises(ConnectError) as found:
            server_backups.restore(new, proxy.url, replace=True)
    assert "not known" in (found.value.state or "")
    assert "invoke verify" in (found.value.hint or "")


@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("at", ["making tables", "restoring docs", "making indexes", "reading", "committing"])
def test_a_killed_restore_leaves_the_server_as_it_was(full: Running, new: Path, kind: str, at: str) -> None:
    before = seen(full.url)
    words = [sys.executable, "-c", RESTORE, str(ROOT / "tests" / "helpers"), str(new), url_of(full, kind), at]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert seen(full.url) == before


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

    with pytest.raises(LockedError) as found:
        server_backups.restore(new, full.url, stopping_at("restoring docs", want), replace=True)
    others[0].close()
    assert "stop whatever writes" in (found.value.hint or "")
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
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (zeroblob(2400000), zeroblob(2500000)), (hex(zeroblob(2400000)), 1);",
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
    with pytest.raises(MemsqlError) as found:
        server_backups.restore(path, empty_server.url)
    assert isinstance(found.value, CheckFailed)
    assert "only_here" in found.value.message
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
    with pytest.raises(CheckFailed, match="not what the backup holds") as found:
        restore_server(
            path, manifest, servers.target(empty_server.url), busy_timeout=5000, replace=False, progress=SILENT
        )
    assert found.value.details == ("t has 1 rows, but not the same ones",)
    with closing(connect(servers.target(empty_server.url))) as server:
        assert server.execute("SELECT name FROM sqlite_schema").rows == []
