"""A database as SQL text: into sqlite3, Python and a libSQL server, and nothing is lost on the way."""

from __future__ import annotations

import math
import random
import shutil
import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path

import eras
import extent
import partial
import pytest
import server_backups
import servers
from odd_databases import FTS, HARD, ODD, ORPHAN, make, state, url_of

from memsql.backups.digest import TableDigest, differences, digests
from memsql.backups.dump import load_sql, write_sql
from memsql.backups.literal import literal
from memsql.config import Target
from memsql.db import connect
from memsql.db.copying import Omitted
from memsql.db.protocol import Script
from memsql.errors import CheckFailed
from memsql.fts import check, discover
from memsql.progress import SILENT
from memsql.server import Running
from memsql.sqltext import pieces

MORE = """
CREATE VIRTUAL TABLE stemmed USING fts5(a, tokenize = 'porter', prefix = '2');
INSERT INTO stemmed (rowid, a) VALUES (-3, 'running dogs'), (9, NULL);
INSERT INTO stemmed (stemmed, rank) VALUES ('rank', 'bm25(2.0)'), ('pgsz', 500);
CREATE VIEW seen_docs AS SELECT id, body FROM docs;
CREATE VIRTUAL TABLE through_view USING fts5(body, content='seen_docs', content_rowid='id');
INSERT INTO through_view (through_view) VALUES ('rebuild');
CREATE TABLE numbered (rowid INTEGER PRIMARY KEY, oid, _rowid_);
INSERT INTO numbered VALUES (5, 'a', 'b');
CREATE TABLE "line
end" (a); -- behind
INSERT INTO "line
end" VALUES ('.quit'), ('a
.quit
; b'), ('-- memsql: the end, 3 statements');
CREATE INDEX commented ON numbered (oid) -- a remark
;
CREATE TRIGGER busy AFTER INSERT ON docs BEGIN INSERT INTO seen VALUES ('not while it loads; really'); END;
"""


def tables(path: Path) -> tuple[TableDigest, ...]:
    with closing(connect(Target(path=path))) as conn:
        return tuple(digests(conn))


def dump(path: Path, into: Path) -> Path:
    write_sql(path, into, SILENT)
    return into


def send(text: Path, url: str) -> None:
    with closing(connect(servers.target(url), "rw")) as conn:
        for piece in pieces(text.read_text(encoding="utf-8")):
            conn.batch([Script(piece)])


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    return make(tmp_path / "a.db", ODD + ORPHAN + FTS + HARD + MORE)


def test_it_loads_with_python(tmp_path: Path, everything: Path) -> None:
    text = dump(everything, tmp_path / "a.sql")
    with closing(sqlite3.connect(tmp_path / "b.db")) as conn:
        conn.executescript(text.read_text(encoding="utf-8"))
    assert tables(tmp_path / "b.db") == tables(everything)


def test_it_loads_with_sqlite3(tmp_path: Path, everything: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3")
    with dump(everything, tmp_path / "a.sql").open() as text:
        done = subprocess.run(["sqlite3", tmp_path / "b.db"], stdin=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert tables(tmp_path / "b.db") == tables(everything)


@pytest.mark.parametrize("style", ["a guard on each trigger", "select where", "odd names"])
def test_an_index_of_a_part_of_the_rows_stays_one(tmp_path: Path, style: str) -> None:
    source = make(tmp_path / "a.db", partial.STYLES[style] + (partial.ROWS if style != "odd names" else ""))
    text = dump(source, tmp_path / "a.sql")
    with closing(sqlite3.connect(tmp_path / "b.db")) as conn:
        conn.executescript(text.read_text(encoding="utf-8"))
    with closing(connect(Target(path=tmp_path / "b.db"), "rw")) as copy:
        assert [check(copy, table).ok for table in discover(copy)] == [True]
        assert not copy.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'memsql%'").rows


def test_the_sqlite3_of_today_takes_it_for_a_text_of_its_own(tmp_path: Path, everything: Path) -> None:
    # It has a defensive mode, in which the tables behind virtual tables cannot be written. These lines end it.
    lines = dump(everything, tmp_path / "a.sql").read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if not line.startswith("--")]
    assert code[:2] == ["PRAGMA foreign_keys=OFF;", "BEGIN TRANSACTION;"]


def test_it_loads_with_memsql(tmp_path: Path, everything: Path) -> None:
    load_sql(dump(everything, tmp_path / "a.sql"), tmp_path / "b.db", SILENT)
    assert tables(tmp_path / "b.db") == tables(everything)
    with (
        closing(connect(Target(path=everything), "rw")) as one,
        closing(connect(Target(path=tmp_path / "b.db"), "rw")) as two,
    ):
        for conn in (one, two):
            # state() reads text as text.
            conn.batch([(f"DROP TABLE {name}", ()) for name in ("odd_values", "more_odd", "other_odd")])
        assert sorted(state(one)[0]) == sorted(state(two)[0])
        assert two.execute("PRAGMA integrity_check").rows == [("ok",)]
        assert two.execute("PRAGMA user_version").one() == 42
        assert all(check(two, table).ok for table in discover(two))
        assert two.execute("SELECT rowid FROM stemmed('dog')").rows == [(-3,)]
        assert two.execute("SELECT k, v FROM stemmed_config ORDER BY k").rows == [
            ("pgsz", 500),
            ("rank", "bm25(2.0)"),
            ("version", 4),
        ]
        assert two.execute("SELECT id FROM boxes WHERE x1 > 2.5").rows == [(2,)]
    # And so again: the text of the copy is the text.
    assert dump(tmp_path / "b.db", tmp_path / "b.sql").stat().st_size > 0


@pytest.mark.parametrize("kind", servers.KINDS)
def test_it_loads_into_a_server(tmp_path: Path, everything: Path, empty_server: Running, kind: str) -> None:
    send(dump(everything, tmp_path / "a.sql"), url_of(empty_server, kind))
    assert differences(tables(everything), server_backups.copy(empty_server.url, tmp_path / "b.db").tables) == []
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        assert all(check(conn, table).ok for table in discover(conn))


@pytest.mark.parametrize("era", extent.some(eras.ERAS, 3, first=2))
def test_every_era_as_text(tmp_path: Path, empty_server: Running, era: str) -> None:
    path = eras.build(tmp_path / "era.db", era)
    text = dump(path, tmp_path / "era.sql")
    load_sql(text, tmp_path / "b.db", SILENT)
    assert tables(tmp_path / "b.db") == tables(path)
    send(text, empty_server.url)
    assert server_backups.copy(empty_server.url, tmp_path / "c.db").tables == tables(path)


def test_the_same_database_has_the_same_text(tmp_path: Path, everything: Path) -> None:
    shutil.copy(everything, tmp_path / "b.db")
    assert dump(everything, tmp_path / "a.sql").read_bytes() == dump(tmp_path / "b.db", tmp_path / "b.sql").read_bytes()


def test_an_application_id_is_kept(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "PRAGMA application_id = 1196444487; CREATE TABLE t (a);")
    load_sql(dump(path, tmp_path / "a.sql"), tmp_path / "b.db", SILENT)
    with closing(sqlite3.connect(tmp_path / "b.db")) as conn:
        assert conn.execute("PRAGMA application_id").fetchone() == (1196444487,)


def test_an_empty_database(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE t;")
    load_sql(dump(path, tmp_path / "a.sql"), tmp_path / "b.db", SILENT)
    assert differences(tables(path), tables(tmp_path / "b.db")) == []


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (e F32_BLOB(2));")
    index = Omitted("vector index", "i", "CREATE INDEX i\nON t (libsql_vector_idx(e))", "only libSQL has it")
    write_sql(path, tmp_path / "a.sql", SILENT, omitted=[index])
    text = (tmp_path / "a.sql").read_text()
    assert (
        "\n-- left out: the vector index 'i': only libSQL has it\n--     CREATE INDEX i\n"
        "--     ON t (libsql_vector_idx(e));\n" in text
    )
    load_sql(tmp_path / "a.sql", tmp_path / "b.db", SILENT)


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.9999])
def test_a_text_that_is_cut_off_is_refused(tmp_path: Path, everything: Path, keep: float) -> None:
    text = dump(everything, tmp_path / "a.sql")
    content = text.read_bytes()
    text.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(CheckFailed, match="is cut off"):
        load_sql(text, tmp_path / "b.db", SILENT)
    assert not (tmp_path / "b.db").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'.quit'", "'.quit", "instead of|does not run"),
        ("\nCOMMIT;", "\n;", "instead of"),
        ("CREATE TABLE", "CREATE TABEL", "does not run"),
    ],
)
def test_a_text_that_was_changed_is_refused(
    tmp_path: Path, everything: Path, *, old: str, new: str, message: str
) -> None:
    text = dump(everything, tmp_path / "a.sql")
    text.write_text(text.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CheckFailed, match=message):
        load_sql(text, tmp_path / "b.db", SILENT)
    assert not (tmp_path / "b.db").exists()


def test_numbers_are_read_back_to_the_last_bit(tmp_path: Path, empty_server: Running) -> None:
    rng = random.Random(4)
    # The last five are read wrongly by one version of SQLite or another.
    values = [
        0.0,
        -0.0,
        0.1,
        1 / 3,
        1e22,
        1e23,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        -1e15,
        2.0**63,
        123.45,
        math.pi,
        405.796085392018,
        5757.23393403,
        7722968.0462177,
        15257.92660006602,
        0.0637214875,
    ]
    values += [x for _ in range(3000) if math.isfinite(x := struct.unpack("<d", rng.randbytes(8))[0])]
    values += [round(rng.uniform(-1000, 1000), rng.randrange(12)) for _ in range(2000)]
    texts = [literal(value) for value in values]
    with closing(sqlite3.connect(":memory:")) as conn, closing(connect(servers.target(empty_server.url))) as server:
        for start in range(0, len(values), 500):
            sql = "VALUES " + ", ".join(f"({text})" for text in texts[start : start + 500])
            wanted = [struct.pack("d", value) for value in values[start : start + 500]]
            assert [struct.pack("d", row[0]) for row in conn.execute(sql)] == wanted
            assert [struct.pack("d", row[0]) for row in server.execute(sql).rows] == wanted
    assert (literal(0.1), literal(123.45), literal(-2.5)) == ("0.1", "123.45", "-2.5")
