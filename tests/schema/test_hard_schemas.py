"""Schemas as people really leave them: broken objects, odd names, comments in the wrong place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsql.config import Target
from memsql.db import Connection, connect
from memsql.errors import FileError, StatementError
from memsql.schema import Schema, diff, dump, from_sql, is_internal, read
from memsql.schema.diagram import mermaid

NAMES = st.text(alphabet="abZ _-;'\"`[]().,é9%", min_size=1, max_size=8).filter(lambda n: n.strip() != "")


def opened(path: Path, sql: str) -> Connection:
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(sql)
    return connect(Target(path=path, display=path.name))


def schema_of(path: Path, sql: str, *, internal: bool = False) -> Schema:
    conn = opened(path, sql)
    try:
        return read(conn, internal=internal)
    finally:
        conn.close()


def test_a_broken_view_hides_nothing_but_its_own_columns(tmp_path: Path) -> None:
    sql = (
        "CREATE TABLE a (x REFERENCES b (y)); CREATE TABLE b (y PRIMARY KEY) WITHOUT ROWID; "
        "CREATE VIEW v AS SELECT * FROM gone;"
    )
    schema = schema_of(tmp_path / "a.db", sql)
    assert sorted(schema.tables) == ["a", "b", "v"]
    assert schema.tables["v"].columns == ()
    assert [c.name for c in schema.tables["a"].columns] == ["x"]
    assert schema.tables["a"].foreign_keys[0].parent == "b"
    whole = schema_of(tmp_path / "b.db", sql.replace("gone", "a"))
    assert {n: t for n, t in schema.tables.items() if n != "v"} == {n: t for n, t in whole.tables.items() if n != "v"}


def test_a_table_of_a_module_nobody_has(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            "CREATE TABLE a (x); PRAGMA writable_schema = on; INSERT INTO sqlite_schema VALUES"
            " ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nobody_has_this(a)');"
        )
    conn = connect(Target(path=path, display="a.db"))
    try:
        schema = read(conn)
    finally:
        conn.close()
    assert (schema.tables["odd"].kind, schema.tables["odd"].columns) == ("virtual", ())
    assert [c.name for c in schema.tables["a"].columns] == ["x"]


def test_options_of_tables(tmp_path: Path) -> None:
    schema = schema_of(
        tmp_path / "a.db", "CREATE TABLE a (x INT PRIMARY KEY) STRICT, WITHOUT ROWID; CREATE TABLE b (x);"
    )
    assert (schema.tables["a"].strict, schema.tables["a"].without_rowid) == (True, True)
    assert (schema.tables["b"].strict, schema.tables["b"].without_rowid) == (False, False)


@pytest.mark.parametrize("module", ["fts5(x)", "fts4(x)", "rtree(id, a, b)"])
def test_shadows_are_hidden_and_neighbours_are_not(tmp_path: Path, module: str) -> None:
    neighbours = "CREATE TABLE v_log (x); CREATE TABLE my_data (x);"
    neighbours += "CREATE TABLE v_node (x);" if "fts" in module else "CREATE TABLE v_idx (x);"
    sql = f"CREATE VIRTUAL TABLE v USING {module}; {neighbours}"
    schema = schema_of(tmp_path / "a.db", sql)
    assert sorted(schema.tables) == sorted(["v", "v_log", "my_data", "v_node" if "fts" in module else "v_idx"])
    assert len(schema_of(tmp_path / "b.db", sql, internal=True).tables) > len(schema.tables)


def test_a_module_tells_which_shadows_are_its_own() -> None:
    assert is_internal("docs_data", {"docs": "fts5"})
    assert not is_internal("docs_parent", {"docs": "fts5"})
    assert is_internal("area_parent", {"area": "rtree"})
    assert is_internal("idx_shadow", {"idx": "libsql_vector_idx"})
    assert is_internal("docs_data", {"docs": "some_extension"})


@pytest.mark.parametrize(
    "first",
    [
        "CREATE INDEX i ON a (b) -- why",
        "CREATE INDEX i ON a (b) /* why */",
        "CREATE INDEX i ON a (b) /* never closed",
        "CREATE VIEW i AS SELECT '-- no comment' AS x -- but this",
    ],
)
def test_a_comment_behind_a_statement_swallows_nothing(tmp_path: Path, first: str) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as raw:
        for sql in ("CREATE TABLE a (b)", first, "CREATE VIEW z AS SELECT b FROM a"):
            raw.execute(sql)
        raw.commit()
    conn = connect(Target(path=tmp_path / "a.db", display="a.db"))
    try:
        schema = read(conn)
    finally:
        conn.close()
    again = from_sql(dump(schema))
    assert again.tables.keys() == schema.tables.keys()
    assert diff(again, schema).lines() == []


def test_a_trigger_on_a_view_comes_after_its_view() -> None:
    schema = from_sql(
        "CREATE TABLE a (b); CREATE VIEW v AS SELECT b FROM a;"
        "CREATE TRIGGER t INSTEAD OF INSERT ON V BEGIN INSERT INTO a VALUES (new.b); END;"
    )
    assert from_sql(dump(schema)) == schema


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3, unique_by=str.lower))
def test_dump_loads_whatever_the_names_are(names: list[str]) -> None:
    table, column, index = ('"' + n.replace('"', '""') + '"' for n in names)
    schema = from_sql(f"CREATE TABLE {table} ({column} TEXT); CREATE INDEX {index} ON {table} ({column});")
    again = from_sql(dump(schema))
    assert again == schema
    assert dump(again) == dump(schema)
    assert not diff(again, schema)


def test_a_file_that_makes_no_schema_is_named_with_its_line() -> None:
    with pytest.raises(FileError) as caught:
        from_sql("CREATE TABLE a (b);\n\nCREATE INDEX i ON nope (b);\n", "sql/schema.sql")
    assert str(caught.value.where) == "sql/schema.sql:3"
    with pytest.raises(StatementError):
        from_sql("CREATE INDEX i ON nope (b)")
    with pytest.raises(FileError):
        from_sql("ATTACH ':memory:' AS other", "x.sql")


def test_columns_in_another_order_are_the_same_table() -> None:
    one = from_sql("CREATE TABLE a (b TEXT, c INT, CHECK (c > 0), UNIQUE (b, c))")
    assert not diff(one, from_sql("CREATE TABLE a (c INT, b TEXT, UNIQUE (b, c), CHECK (c > 0))"))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("CREATE TABLE a (b TEXT COLLATE NOCASE, c INT)", ["~ table a: column b changed"]),
        ("CREATE TABLE a (b TEXT UNIQUE, c INT)", ["~ table a: UNIQUE (b) added"]),
        (
            "CREATE TABLE a (b TEXT, c INT CHECK (c > 1), d INT)",
            ["~ table a: CHECK (c > 1) added", "~ table a: column d INT added"],
        ),
        ("CREATE TABLE a (b TEXT, c INT, CHECK (c > 0), d_ INT)", None),
        ("CREATE TABLE a (b TEXT, c INT, CHECK (c > 0))", ["~ table a: CHECK (c > 0) added"]),
        ("CREATE TABLE a (b TEXT, c INT) STRICT", ["~ table a: options changed"]),
        ("CREATE TABLE a (b TEXT, c INT GENERATED ALWAYS AS (1))", ["~ table a: column c changed"]),
    ],
)
def test_no_change_hides_behind_another(after: str, expected: list[str] | None) -> None:
    before = from_sql("CREATE TABLE a (b TEXT, c INT)")
    if expected is None:
        with pytest.raises(StatementError):
            from_sql(after)
    else:
        assert diff(before, from_sql(after)).lines() == expected


def test_diagram_writes_names_that_mermaid_can_read() -> None:
    drawing = mermaid(
        from_sql(
            'CREATE TABLE "a%b" (pk INT PRIMARY KEY, "9x" "decimal(10,2)", größe TEXT);'
            'CREATE TABLE one (x REFERENCES "a%b"); CREATE TABLE "to" (x TEXT REFERENCES one (x));'
        )
    )
    assert '"a_b" {\n        INT _pk PK "pk"\n        decimal_10_2_ _9x "9x: decimal(10,2)"\n' in drawing
    assert '        TEXT gr__e "größe"\n' in drawing
    odd = mermaid(from_sql('CREATE TABLE "" ("" UK, "p k" "", c "varchar(20)", d INT REFERENCES "");'))
    assert '    "#quot;#quot;" {\n        _UK _ ": UK"\n        any p_k "p k"\n        varchar(20) c\n' in odd
    assert '    "#quot;#quot;" |o--o{ "#quot;#quot;" : "d"\n' in odd
    assert '"a_b" |o--o{ "one" : "x"' in drawing
    assert '"one" |o--o{ "to" : "x"' in drawing
