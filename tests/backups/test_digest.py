"""What a table's hash covers, and what the manifest says of itself."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
import servers

from memsql.backups.digest import content_selects, digests
from memsql.backups.rows import longest_row
from memsql.config import Target
from memsql.db import connect
from memsql.db.sqlite import SQLiteConnection
from memsql.schema import read
from memsql.server import Running


def hashes(path: Path) -> dict[str, tuple[int, str]]:
    with closing(connect(Target(path=path))) as conn:
        return {d.name: (d.rows, d.sha256) for d in digests(conn)}


def make(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(sql)
        conn.commit()
    return path


def test_the_bytes_are_those_of_sqlite_s_own_hash(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a, b, c, d); INSERT INTO t VALUES (NULL, 1.5, 'é', x'00ff');")
    row = b"RI" + struct.pack(">q", 1) + b"N" + b"F" + struct.pack(">d", 1.5) + b"T2:" + "é".encode() + b"B2:\x00\xff"
    assert hashes(path) == {"t": (1, hashlib.sha256(row).hexdigest())}


def test_text_that_is_not_utf8_and_a_blob_of_the_same_bytes_differ(tmp_path: Path) -> None:
    text = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'ff00' AS TEXT));")
    blob = make(tmp_path / "b.db", "CREATE TABLE t (a); INSERT INTO t VALUES (x'ff00');")
    assert hashes(text)["t"] != hashes(blob)["t"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET a = 2 WHERE a = 1",
        "UPDATE t SET a = '1' WHERE a = 1",
        "UPDATE t SET rowid = 9 WHERE a = 1",
        "DELETE FROM t WHERE a = 1",
        "UPDATE w SET v = 'x'",
        "INSERT INTO sqlite_sequence VALUES ('t', 5)",
        "INSERT INTO own VALUES ('more words')",
        "INSERT INTO bare VALUES ('more words')",
        "INSERT INTO box VALUES (9, 1, 2)",
    ],
)
def test_every_change_of_content_changes_a_hash(tmp_path: Path, change: str) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE t (a); INSERT INTO t VALUES (1), (NULL);
        CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT);
        CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES ('b', 1), ('a', 2);
        CREATE INDEX w_all ON w (v, k);
        CREATE VIRTUAL TABLE own USING fts5(x); INSERT INTO own VALUES ('words');
        CREATE VIRTUAL TABLE bare USING fts5(x, content=''); INSERT INTO bare VALUES ('words');
        CREATE VIRTUAL TABLE box USING rtree(id, a, b); INSERT INTO box VALUES (1, 2, 3);
    """,
    )
    before = hashes(path)
    make(path, change)
    assert hashes(path) != before


def test_what_does_not_change_content_changes_no_hash(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a, up AS (upper(a))); INSERT INTO t (id, a) VALUES (1, 'x'), (2, 'y');
        CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id'); INSERT INTO f (f) VALUES ('rebuild');
    """,
    )
    before = hashes(path)
    make(
        path,
        "INSERT INTO f (f) VALUES ('rebuild'); INSERT INTO f (f) VALUES ('optimize'); "
        "CREATE INDEX i ON t (a); ANALYZE; VACUUM;",
    )
    assert hashes(path) == before
    assert set(before) == {"t"}


def test_a_server_s_rows_have_the_hash_of_a_file_s(tmp_path: Path, empty_server: Running) -> None:
    path = make(
        tmp_path / "a.db",
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, rowid TEXT);
        INSERT INTO t (a, rowid) VALUES (NULL, ''), (1, 'é😀'), (-9223372036854775808, 'o''clock'), (0.1, NULL),
            (-0.0, x'00'), (x'', 'x');
        CREATE TABLE w (a, b, PRIMARY KEY (b DESC, a)) WITHOUT ROWID; INSERT INTO w VALUES (1, 2), (2, 1), (0, 2);
    """,
    )
    servers.load(path, empty_server.url)
    with closing(connect(servers.target(empty_server.url))) as conn:
        assert {d.name: (d.rows, d.sha256) for d in digests(conn)} == hashes(path)


def test_one_large_row_is_in_memory_at_a_time(tmp_path: Path) -> None:
    megabyte, rows = 1_000_000, 40
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a); WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40)"
        " INSERT INTO t SELECT zeroblob(1000000) FROM n;",
    )
    expected = hashlib.sha256()
    for number in range(1, rows + 1):
        expected.update(b"RI" + struct.pack(">q", number) + b"B1000000:" + bytes(megabyte))
    tracemalloc.start()
    try:
        found = hashes(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == {"t": (rows, expected.hexdigest())}
    assert peak < 5 * megabyte


@pytest.mark.parametrize("columns", [1999, 2000])
def test_a_table_of_as_many_columns_as_sqlite_allows_is_read(tmp_path: Path, columns: int) -> None:
    names = ", ".join(f"c{n}" for n in range(columns))
    values = ", ".join(["1"] * (columns - 1))
    one, other = (
        make(tmp_path / name, f"CREATE TABLE t ({names}); INSERT INTO t VALUES ({values}, '{last}');")
        for name, last in (("a.db", "x"), ("b.db", "yy"))
    )
    assert hashes(one)["t"] != hashes(other)["t"]
    with closing(connect(Target(path=other))) as conn:
        assert isinstance(conn, SQLiteConnection)
        (select,) = content_selects(read(conn, internal=True))
        assert longest_row(conn.raw, select) >= columns + 1
