"""A server as a local file: every row, every object, and whatever is broken in it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import servers
from odd_databases import FTS, ODD, ORPHAN, state
from watching import Watching

from memsql.db import Connection, connect
from memsql.db.clone import clone
from memsql.db.copying import no_rows
from memsql.errors import ConnectError
from memsql.fts import check, discover
from memsql.server import Running


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        yield conn


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_clone_is_what_the_server_is(empty_server: Running, writer: Connection, kind: str) -> None:
    writer.script(ODD + FTS)
    writer.script(ORPHAN)
    with clone(servers.target(empty_server.url.replace("http", kind)), 5000) as result:
        copy = result.connection
        assert state(copy) == state(writer)
        assert copy.execute("PRAGMA user_version").one() == 42
        assert copy.execute("SELECT * FROM sqlite_sequence").rows == [("strictly", 101)]
        assert copy.execute("PRAGMA integrity_check").rows == [("ok",)]
        assert all(check(copy, table).ok for table in discover(copy))
        assert copy.execute("SELECT rowid FROM docs_fts('kept')").rows == [(2,)]
        assert copy.execute("SELECT id FROM boxes WHERE x1 > 2.5").rows == [(2,)]
    assert result.omitted == ()


def test_a_clone_is_gone_afterwards_and_touches_nothing(
    empty_server: Running, writer: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer.script(ODD)
    before = state(writer)
    with clone(servers.target(empty_server.url), 5000) as result:
        copy = result.connection
        copy.execute("DELETE FROM generated")
        assert [p.name for p in tmp_path.glob("*/*.db")] == ["clone.db"]
    assert list(tmp_path.glob("memsql-*")) == []
    assert state(writer) == before


def test_the_schema_alone_keeps_the_ledger(empty_server: Running, writer: Connection) -> None:
    writer.script(ODD + FTS)
    with clone(servers.target(empty_server.url), 5000, choice=no_rows) as result:
        copy = result.connection
        objects, rows = state(copy)
        there = state(writer)
        assert objects == there[0]
        assert rows["schema_migrations"] == there[1]["schema_migrations"]
        assert rows["sqlite_sequence"] == there[1]["sqlite_sequence"]
        assert not any(rows[name] for name in ("generated", "docs", "own_content", "pairs", "boxes_rowid"))
        assert all(check(copy, table).ok for table in discover(copy))


def test_named_tables_bring_their_shadows(empty_server: Running, writer: Connection) -> None:
    writer.script(ODD + FTS)
    with clone(servers.target(empty_server.url), 5000, choice=lambda _: ["OWN", "docs"]) as result:
        copy = result.connection
        here, there = state(copy)[1], state(writer)[1]
        for name in ("docs", "own_content", "own_data", "own_idx", "own_docsize", "own_config"):
            assert here[name] == there[name]
        assert here["generated"] == here["docs_fts_docsize"] == []


def test_what_is_broken_stays_broken(empty_server: Running, writer: Connection) -> None:
    writer.script(FTS)
    writer.script("UPDATE docs SET body = 'other words' WHERE id = 1; DROP TABLE own_docsize;")
    with clone(servers.target(empty_server.url), 5000) as result:
        copy = result.connection
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

    with clone(servers.target(empty_server.url), 5000, Watching(meddle)) as result:
        copy = result.connection
        assert copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").rows == [(1, 1)]
    assert writer.execute("SELECT count(*) FROM b").one() == 2


def test_what_only_libsql_has_is_left_out_and_said(empty_server: Running, writer: Connection) -> None:
    writer.script("""
        CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(2));
        CREATE INDEX v_idx ON v (libsql_vector_idx(e));
        INSERT INTO v VALUES (1, vector32('[1, 2]'));
    """)
    with clone(servers.target(empty_server.url), 5000) as result:
        copy = result.connection
        assert [str(omitted) for omitted in result.omitted] == ["the vector index v_idx: only libSQL has it"]
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
    writer.script("".join(f"CREATE TABLE t{n} (x); " for n in range(100)) + "INSERT INTO t7 VALUES (1);")
    opened: list[Connection] = []

    def remember(*args: object) -> Connection:
        opened.append(connect(*args))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(sys.modules["memsql.db.connect"], "connect", remember)
    with clone(servers.target(empty_server.url), 5000):
        # The transaction with the schema, which tables have rows, those of t7, and the end.
        assert opened[0].requests == 4
