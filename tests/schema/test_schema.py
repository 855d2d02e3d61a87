"""Reading, normalising, comparing and dumping schemas."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from places import ROOT
from reference_project import memsql, succeed

from memsql.schema import diff, dump, from_sql, is_internal
from memsql.schema.compare import definitions
from memsql.schema.diagram import mermaid


def test_what_alter_leaves_behind_compares_equal() -> None:
    altered = from_sql(
        "CREATE TABLE x (id INTEGER PRIMARY KEY, old TEXT); CREATE INDEX i ON x (old);"
        "ALTER TABLE x RENAME TO users; ALTER TABLE users RENAME COLUMN old TO name; "
        "ALTER TABLE users ADD COLUMN age INT;"
    )
    written = from_sql(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INT); CREATE INDEX i ON users (name);"
    )
    assert diff(altered, written).lines() == []
    assert definitions(altered) == definitions(written)


def test_diff_names_every_kind_of_change() -> None:
    before = from_sql(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, y INT); CREATE TABLE gone (z); CREATE INDEX i ON a (x);"
        "CREATE VIEW v AS SELECT x FROM a; CREATE TRIGGER t AFTER DELETE ON a BEGIN SELECT 1; END;"
    )
    after = from_sql(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT, w TEXT); CREATE TABLE new (z); CREATE INDEX i ON a (x DESC);"
        "CREATE VIEW v AS SELECT x FROM a; CREATE TRIGGER t AFTER DELETE ON a BEGIN SELECT 2; END;"
    )
    lines = diff(before, after).lines()
    for expected in (
        "- table gone",
        "+ table new",
        "~ index i",
        "~ trigger t",
        "column w TEXT added",
        "column y INT removed",
        "column x changed",
    ):
        assert any(expected in line for line in lines), (expected, lines)
    assert not any("view v" in line for line in lines)


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE a (b CHECK (b > 0))",
        "CREATE TABLE a (b TEXT) STRICT",
        "CREATE TABLE a (b PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE a (b REFERENCES c (d) ON DELETE CASCADE); CREATE TABLE c (d PRIMARY KEY)",
    ],
)
def test_constraints_are_definitions(ddl: str) -> None:
    plain = from_sql(
        "CREATE TABLE a (b TEXT); CREATE TABLE c (d PRIMARY KEY);" if "c (d" in ddl else "CREATE TABLE a (b)"
    )
    assert definitions(from_sql(ddl)) != definitions(plain)
    assert diff(from_sql(ddl), plain)


def test_dump_loads_into_an_equal_schema() -> None:
    text = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
    schema = from_sql(text)
    again = dump(schema)
    assert again == text
    assert diff(from_sql(again), schema).lines() == []


def test_dump_keeps_odd_names() -> None:
    schema = from_sql('CREATE TABLE "we ""ird" ("a;b" TEXT, [c d] INT); CREATE INDEX "i x" ON "we ""ird" ("a;b");')
    assert diff(from_sql(dump(schema)), schema).lines() == []


def test_the_snapshot_is_what_the_migrations_make(tmp_path: Path) -> None:
    assert "is fresh" in succeed(tmp_path / "none.db", "migrate.sum", "--check")
    database = tmp_path / "a.db"
    succeed(database, "migrate.up")
    assert "is fresh" in succeed(database, "schema.dump", "--check")
    with closing(sqlite3.connect(database)) as conn:
        conn.execute("DROP INDEX idx_memories_active")
    stale = memsql(database, "schema.dump", "--check")
    assert stale.returncode == 1
    assert "idx_memories_active" in stale.stdout


@pytest.mark.slow
def test_stats_count_as_the_documents_do(tmp_path: Path) -> None:
    import eras

    for era, (tables, indexes) in eras.COUNTS.items():
        database = eras.build(tmp_path / f"{era}.db", era, "small")
        report = json.loads(succeed(database, "schema.stats", "--json"))
        assert (report["tables"], report["indexes"]) == (tables, indexes), era
        assert report["rows"] == sum(eras.row_counts(database).values())
        weighed = {o["name"]: o for o in report["objects"]}
        assert weighed["memories"]["bytes"] == weighed["memories"]["pages"] * report["page_size"]


def test_info_and_diagram(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    succeed(database, "migrate.up")
    text = succeed(database, "schema.info", "--table", "users")
    assert "referred to by memories (user_id)" in text
    assert succeed(database, "schema.info", "USERS") == text
    wrong = memsql(database, "schema.info", "memorys")
    assert wrong.returncode == 2
    assert "there is no table memorys" in wrong.stderr
    assert "did you mean memories? there are: " in wrong.stderr
    assert "did you mean users? " in memsql(database, "schema.info", "idx_users_email").stderr
    nothing_like = memsql(database, "schema.info", "--table", "zzz")
    assert nothing_like.returncode == 2
    assert "did you mean" not in nothing_like.stderr
    drawing = succeed(database, "schema.diagram")
    assert drawing.startswith("erDiagram\n")
    assert "TEXT user_id FK" in drawing
    assert 'users |o--o{ memories : "user_id"' in drawing
    assert 'memories ||..|| memories_fts : "full text"' in drawing
    succeed(database, "schema.diagram", "--output", "out.mmd", "--tables", "users")
    assert "memories" not in (tmp_path / "out.mmd").read_text()


def test_diagram_quotes_odd_names() -> None:
    drawing = mermaid(from_sql('CREATE TABLE "a ""b" ("c d" INT PRIMARY KEY, e TEXT UNIQUE);'))
    assert '"a #quot;b" {' in drawing
    assert "INT c_d PK" in drawing
    assert "TEXT e UK" in drawing


def test_diagram_marks_what_is_unique_by_itself() -> None:
    drawing = mermaid(
        from_sql(
            "CREATE TABLE t (a VARCHAR(10) UNIQUE, b INT, c INT, d INT, e INT CHECK (e IN ('UNIQUE')), UNIQUE (c, d));"
            "CREATE UNIQUE INDEX one ON t (b /* only */);"
            "CREATE UNIQUE INDEX partial ON t (c) WHERE lower(d);"
            "CREATE UNIQUE INDEX expression ON t (lower(d));"
        )
    )
    unique = [line.split()[1] for line in drawing.splitlines() if line.endswith(" UK")]
    assert unique == ["a", "b"]


def test_a_missing_database_is_said_to_be_missing_and_is_not_made(tmp_path: Path) -> None:
    for task in ("schema.stats", "schema.info", "schema.dump", "schema.diagram", "schema.docs"):
        done = memsql(tmp_path / "none.db", task)
        assert (done.returncode, "none.db does not exist" in done.stderr) == (3, True), done
    assert list(tmp_path.iterdir()) == []


def test_shadows_are_internal_only_beside_their_table() -> None:
    assert is_internal("docs_data", {"docs"})
    assert not is_internal("docs_data", set())
    assert is_internal("_yoyo_log", set())
    assert not is_internal("yoyo", set())
