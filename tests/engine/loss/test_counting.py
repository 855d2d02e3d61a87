"""Foreign keys in a database, without a migration."""

from __future__ import annotations

from pathlib import Path

import memsql
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.loss import counting
from memsql.engine.loss.guard import Watch

SQL = Path(memsql.__file__).parent / "sql" / "engine"


def database(*statements: str) -> SQLiteConnection:
    conn = memory()
    for statement in statements:
        conn.execute(statement)
    return conn


def test_shadows_are_those_of_the_module() -> None:
    virtual = counting.virtual_tables(
        database(
            "CREATE VIRTUAL TABLE Docs USING fts5(body)",
            "CREATE VIRTUAL TABLE box USING rtree(id, a, b)",
            "CREATE TABLE box_data (x)",
            "CREATE TABLE other_content (x)",
        )
    )
    assert virtual.tables == {"docs", "box"}
    assert {"docs_content", "docs_data", "box_node", "box_rowid"} <= virtual.shadows
    assert not {"box_data", "other_content"} & virtual.shadows
    assert virtual.is_user_table("BOX_data")
    assert not virtual.is_user_table("docs_data")


def test_the_engine_asks_no_pragma_that_computes_views() -> None:
    # pragma_table_list computes the columns of every view: exponential where views join views.
    for path in SQL.glob("*.sql"):
        assert "pragma_table_list" not in path.read_text(encoding="utf-8"), path.name


def test_violations_and_keys_that_are_none() -> None:
    conn = database(
        "PRAGMA foreign_keys = off",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, code)",
        "CREATE TABLE child (p REFERENCES parent (id))",
        "CREATE TABLE mismatched (p REFERENCES parent (code))",
        "INSERT INTO child VALUES (1), (2), (NULL)",
        "INSERT INTO mismatched VALUES (7)",
        "PRAGMA foreign_keys = on",
    )
    counts = counting.count(conn, Watch(linked=frozenset({"parent"}), keyed=frozenset({"parent"})))
    assert counts.violations == {("child", "parent"): 2, ("mismatched", "parent"): 1}
    assert counts.keyless == {'"mismatched" referencing "parent"'}
    assert [loss.message for loss in counting.cascades(conn, frozenset({"parent"}))] == []
