"""What can go wrong with backups of servers: no half of one is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import server_backups
import servers
from odd_databases import url_of
from places import ROOT
from proxy import Answer, Cut, proxy_to
from server_backups import kill, once, outcome, stopping_at
from servers import Guarded

from memsql.backups.copy_server import copy_server
from memsql.backups.restore_server import restore_server
from memsql.db import connect
from memsql.db.copying import Omitted
from memsql.errors import ConnectError
from memsql.progress import SILENT
from memsql.server import Running

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
from memsql.storage import space

# It is asked before. This is about a disk that fills up afterwards.
space.free = lambda _: None
try:
    server_backups.copy({url!r}, Path({into!r}))
except MemsqlError as e:
    print(type(e).__name__ + ":", e)
"""


@pytest.mark.parametrize("kind", servers.KINDS)
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("match", ["sqlite_version", "docs_fts_data", "ROLLBACK"])
def test_a_cut_connection_leaves_no_backup(
    tmp_path: Path,
    empty_server: Running,
    new: Path,
    *,
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


@pytest.mark.kill
@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_dies_half_way_leaves_no_backup(tmp_path: Path, full: Running, kind: str) -> None:
    with pytest.raises(ConnectError) as caught:
        server_backups.copy(url_of(full, kind), tmp_path / "b.db", stopping_at("copying old_fts", lambda: kill(full)))
    assert caught.value.exit_code == 3
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
            "CREATE TABLE checked (e F32_BLOB(2) CHECK (vector_extract(e) <> '')); "
            "CREATE TABLE t (a); INSERT INTO t VALUES (1);"
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
            "CREATE TABLE t (a); INSERT INTO t SELECT randomblob(1000) FROM (WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL "
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
        f"DiskFull: no space for a copy of {empty_server.url}: the disk is full here\n",
        "",
    )
