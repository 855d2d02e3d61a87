"""A server's schema in memory: what SQLite here does not understand has a stand-in, as long as it may."""

from __future__ import annotations

import pytest

from memsql.db.compiling import compile_only
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine import schema_replica
from memsql.engine.loss.facts import Facts
from memsql.engine.schema_replica import Made
from memsql.errors import StatementError


def made(*objects: tuple[str, str, str, str]) -> tuple[SQLiteConnection, Made]:
    conn = memory()
    return conn, schema_replica.make(conn, objects)


def test_what_is_understood_is_there() -> None:
    conn, result = made(
        ("trigger", "t_i", "t", "CREATE TRIGGER t_i AFTER INSERT ON t BEGIN DELETE FROM t; END"),
        ("index", "i", "t", "CREATE INDEX i ON t (a)"),
        ("table", "t", "t", "CREATE TABLE t (a)"),
        ("table", "sqlite_sequence", "sqlite_sequence", "CREATE TABLE sqlite_sequence (name, seq)"),
    )
    assert (result.exact, result.unknown) == (True, [])
    assert conn.execute("SELECT count(*) FROM sqlite_schema").one() == 3


def test_functions_and_collations_of_the_server_are_there_while_they_are_needed() -> None:
    conn, result = made(
        ("table", "t", "t", "CREATE TABLE t (a TEXT COLLATE german CHECK (is_fine(a)), b AS (vector32(a)))"),
        ("index", "i", "t", "CREATE INDEX i ON t (of_server(a))"),
    )
    assert (result.exact, result.unknown) == (True, [])
    schema_replica.with_stand_ins(conn, lambda: compile_only(conn, "INSERT INTO t (a) VALUES ('x')"))
    with pytest.raises(StatementError, match="no such function: other"):
        conn.execute("SELECT other(1)")
    with pytest.raises(StatementError, match="no such column"):
        schema_replica.with_stand_ins(conn, lambda: conn.execute("SELECT other(missing) FROM t"))


def test_a_table_of_an_unknown_module_cannot_be_read() -> None:
    conn, result = made(
        ("table", "v", "v", "CREATE VIRTUAL TABLE v USING of_server (x)"), ("table", "t", "t", "CREATE TABLE t (a)")
    )
    assert not result.exact
    assert "table v: SQLite here does not understand it (no such module: of_server)" in result.unknown
    table = Facts(conn, temporary=False).table("v")
    assert table is not None
    assert (table.kind, table.module) == ("unreadable", "of_server")
    conn.execute("CREATE TABLE another (a)")


def test_a_table_with_options_of_the_server_is_there_without_them() -> None:
    conn, result = made(("table", "t", "t", "CREATE TABLE t (a INTEGER PRIMARY KEY, b) RANDOM ROWID"))
    assert not result.exact
    table = Facts(conn, temporary=False).table("t")
    assert table is not None
    assert list(table.columns) == ["a", "b"]


def test_a_trigger_that_cannot_be_read_is_told_and_a_view_is_not() -> None:
    _, result = made(
        ("table", "t", "t", "CREATE TABLE t (a)"),
        ("view", "w", "w", "CREATE VIEW w AS SELECT !"),
        ("trigger", "t_i", "t", "CREATE TRIGGER t_i AFTER INSERT ON t BEGIN OF SERVER; END"),
    )
    assert [sentence.partition(":")[0] for sentence in result.unknown] == ["trigger t_i"]
