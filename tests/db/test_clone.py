"""A server as a local file: every row, every object, and whatever is broken in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers

from memsql.db import Connection, Value, connect
from memsql.db.clone import clone
from memsql.db.copying import no_rows
from memsql.errors import ConnectError
from memsql.fts import check, discover
from memsql.server import Running

ODD = """
CREATE TABLE "it's ""odd"" 😀" ("a b" TEXT, "select" INTEGER, "é" BLOB);
INSERT INTO "it's ""odd"" 😀" (rowid, "a b", "select", "é") VALUES (-5, 'x', 9223372036854775807, x'00ff00'),
    (-9223372036854775808, 'nul' || char(0) || 'nul', -9223372036854775808, x''), (7, '', 0.1, NULL);
CREATE TABLE hidden_rowid (rowid TEXT, oid TEXT, _rowid_ TEXT, v);
INSERT INTO hidden_rowid VALUES ('a', 'b', 'c', 1), ('d', 'e', 'f', 2);
CREATE TABLE one_rowid (rowid TEXT, v);
INSERT INTO one_rowid (_rowid_, rowid, v) VALUES (40, 'not', 1), (20, 'the', -0.0);
CREATE TABLE generated (id INTEGER PRIMARY KEY, a INTEGER, v AS (a * 2), s TEXT AS ('<' || a || '>') STORED, z TEXT);
INSERT INTO generated (id, a, z) VALUES (-1, 21, 'z'), (3, 4, 'y');
CREATE TABLE pairs (k TEXT, n INTEGER, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('b', 1, 1e300), ('a', 2, 5e-324);
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, v);
INSERT INTO descending (rowid, id, v) VALUES (10, 2, 'two'), (11, 1, 'one');
CREATE TABLE strictly (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT, a ANY, r REAL) STRICT;
INSERT INTO strictly VALUES (100, 't', '123', 3), (101, NULL, 123, NULL);
DELETE FROM strictly WHERE id = 101;
CREATE TABLE infinite (id INTEGER PRIMARY KEY, r REAL, t TEXT);
INSERT INTO infinite VALUES (1, 9e999, 'Inf'), (2, -9e999, NULL), (3, 1.5, 'x');
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE, CHECK (p > 0));
CREATE TABLE seen (x);
CREATE UNIQUE INDEX "odd index" ON generated (v, z COLLATE NOCASE) WHERE a > 0;
CREATE VIEW "a view" AS SELECT a, z FROM generated;
CREATE TRIGGER noticed AFTER INSERT ON generated BEGIN INSERT INTO seen VALUES (new.id); END;
CREATE TRIGGER through INSTEAD OF INSERT ON "a view" BEGIN INSERT INTO generated (a) VALUES (new.a); END;
CREATE TABLE empty_one (a, b);
CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT);
INSERT INTO schema_migrations VALUES (1, 'baseline');
PRAGMA user_version = 42;
"""
ORPHAN = "PRAGMA foreign_keys = off; INSERT INTO child VALUES (1, 77); PRAGMA foreign_keys = on;"
FTS = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');
CREATE VIRTUAL TABLE own USING fts5(a, b UNINDEXED);
CREATE VIRTUAL TABLE bare USING fts5(a, content='');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
INSERT INTO docs VALUES (1, 'stale words'), (2, 'kept');
INSERT INTO docs_fts (docs_fts) VALUES ('rebuild');
INSERT INTO docs_fts (docs_fts, rank) VALUES ('rank', 'bm25(5.0)');
INSERT INTO own VALUES ('hello', 'there');
INSERT INTO bare (rowid, a) VALUES (9, 'nowhere');
INSERT INTO boxes VALUES (1, 0.5, 2), (2, 1, 3);
"""

State = tuple[list[tuple[Value, ...]], dict[str, list[tuple[Value, ...]]]]


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        yield conn


def state(conn: Connection) -> State:
    """Every object with its text, and every row of every table with its rowid and the types of its values."""
    objects = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").rows
    kinds = conn.execute(
        "SELECT name, wr FROM pragma_table_list WHERE type IN ('table', 'shadow') AND schema = 'main'"
    ).rows
    rows = {}
    for name, without_rowid in kinds:
        if name in ("sqlite_schema", "sqlite_temp_schema"):
            continue
        columns = [str(r[0]) for r in conn.execute("SELECT name FROM pragma_table_xinfo(?)", (name,)).rows]
        quoted = ['"' + c.replace('"', '""') + '"' for c in columns]
        free = [r for r in ("rowid", "oid", "_rowid_") if r not in columns]
        shown = [f"quote({c}), typeof({c})" for c in quoted] + (free[:1] if free and not without_rowid else [])
        table = '"' + str(name).replace('"', '""') + '"'
        rows[str(name)] = sorted(conn.execute(f"SELECT {', '.join(shown)} FROM {table}").rows, key=repr)
    return objects, rows


@pytest.mark.parametrize("kind", ["http", "ws"])
def test_a_clone_is_what_the_server_is(empty_server: Running, writer: Connection, kind: str) -> None:
    writer.script(ODD + FTS)
    writer.script(ORPHAN)
    left_out: list[str] = []
    with clone(servers.target(empty_server.url.replace("http", kind)), 5000, omitted=left_out.append) as copy:
        assert state(copy) == state(writer)
        assert copy.execute("PRAGMA user_version").one() == 42
        assert copy.execute("SELECT * FROM sqlite_sequence").rows == [("strictly", 101)]
        assert copy.execute("PRAGMA integrity_check").rows == [("ok",)]
        assert all(check(copy, table).ok for table in discover(copy))
        assert copy.execute("SELECT rowid FROM docs_fts('kept')").rows == [(2,)]
        assert copy.execute("SELECT id FROM boxes WHERE x1 > 2.5").rows == [(2,)]
    assert left_out == []


def test_a_clone_is_gone_afterwards_and_touches_nothing(
    empty_server: Running, writer: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer.script(ODD)
    before = state(writer)
    with clone(servers.target(empty_server.url), 5000) as copy:
        copy.execute("DELETE FROM generated")
        assert [p.name for p in tmp_path.glob("*/*.db")] == ["clone.db"]
    assert list(tmp_path.glob("memsql-*")) == []
    assert state(writer) == before


def test_the_schema_alone_keeps_the_ledger(empty_server: Running, writer: Connection) -> None:
    writer.script(ODD + FTS)
    with clone(servers.target(empty_server.url), 5000, choice=no_rows) as copy:
        objects, rows = state(copy)
        there = state(writer)
        assert objects == there[0]
        assert rows["schema_migrations"] == there[1]["schema_migrations"]
        assert rows["sqlite_sequence"] == there[1]["sqlite_sequence"]
        assert not any(rows[name] for name in ("generated", "docs", "own_content", "pairs", "boxes_rowid"))
        assert all(check(copy, table).ok for table in discover(copy))


def test_named_tables_bring_their_shadows(empty_server: Running, writer: Connection) -> None:
    writer.script(ODD + FTS)
    with clone(servers.target(empty_server.url), 5000, choice=lambda _: ["OWN", "docs"]) as copy:
        here, there = state(copy)[1], state(writer)[1]
        for name in ("docs", "own_content", "own_data", "own_idx", "own_docsize", "own_config"):
            assert here[name] == there[name]
        assert here["generated"] == here["docs_fts_docsize"] == []


def test_what_is_broken_stays_broken(empty_server: Running, writer: Connection) -> None:
    writer.script(FTS)
    writer.script("UPDATE docs SET body = 'other words' WHERE id = 1; DROP TABLE own_docsize;")
    with clone(servers.target(empty_server.url), 5000) as copy:
        assert {table.name: check(copy, table).ok for table in discover(copy)} == {
            "bare": True,
            "docs_fts": False,
            "own": False,
        }


def test_a_clone_is_of_one_moment(empty_server: Running, writer: Connection) -> None:
    writer.script("CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);")

    def meddle(text: str) -> None:
        if text == "copying b":
            # Not kept waiting, and not seen.
            writer.script("BEGIN; INSERT INTO a VALUES (2); INSERT INTO b VALUES (2); COMMIT;")

    with clone(servers.target(empty_server.url), 5000, meddle) as copy:
        assert copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").rows == [(1, 1)]
    assert writer.execute("SELECT count(*) FROM b").one() == 2


def test_what_only_libsql_has_is_left_out_and_said(empty_server: Running, writer: Connection) -> None:
    writer.script("""
        CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(2));
        CREATE INDEX v_idx ON v (libsql_vector_idx(e));
        INSERT INTO v VALUES (1, vector32('[1, 2]'));
    """)
    left_out: list[str] = []
    with clone(servers.target(empty_server.url), 5000, omitted=left_out.append) as copy:
        assert left_out == ["the vector index v_idx: only libSQL has it"]
        assert copy.execute("SELECT name FROM sqlite_schema").rows == [("v",)]
        assert copy.execute("SELECT hex(e) FROM v").rows == writer.execute("SELECT hex(e) FROM v").rows


def test_a_table_that_sqlite_cannot_make_is_named(empty_server: Running, writer: Connection) -> None:
    writer.execute("CREATE TABLE checked (e F32_BLOB(2) CHECK (vector_extract(e) <> ''))")
    with (
        pytest.raises(ConnectError, match="the table checked cannot be made"),
        clone(servers.target(empty_server.url), 5000),
    ):
        pytest.fail("no clone can be made of it")


def test_a_clone_costs_a_request_a_table_with_rows_and_no_more(
    empty_server: Running, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memsql.db import clone as module

    writer.script("".join(f"CREATE TABLE t{n} (x); " for n in range(100)) + "INSERT INTO t7 VALUES (1);")
    opened: list[Connection] = []

    def remember(*args: object) -> Connection:
        opened.append(connect(*args))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(module, "connect", remember)
    with clone(servers.target(empty_server.url), 5000):
        # The transaction with the schema, which tables have rows, those of t7, and the end.
        assert opened[0].requests == 4
