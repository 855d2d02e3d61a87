"""analyze.indexes on databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import cli
import eras
import pytest
import reference_project
import servers
from cli import Project
from places import ROOT

from memsql.server import Running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    queries = tmp_path / "sql" / "queries"
    queries.mkdir(parents=True)
    (queries / "by_a.sql").write_text("SELECT b FROM t INDEXED BY i WHERE a = 1;\n", encoding="utf-8")
    (queries / "gone.sql").write_text("SELECT x FROM gone;\n", encoding="utf-8")
    project.script(
        "CREATE TABLE t (a, b, c); INSERT INTO t VALUES (1, 2, 3), (1, 3, 4); CREATE TABLE unread (u REFERENCES p (k));"
        "CREATE TABLE p (k PRIMARY KEY); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a, b);"
        "CREATE INDEX c1 ON t (c); CREATE INDEX c2 ON t (c); CREATE INDEX d ON t (c, b);"
    )
    project.check("c2_is_there", "SELECT 'no c2' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'c2');")
    return project


def test_what_there_is_to_say(project: Project) -> None:
    before = project.files()
    done = project.run("analyze.indexes").expect(
        0,
        "i (a) on t: j (a, b) begins with the same terms",
        "stays, for sql/queries/by_a.sql then does not run: no such index: i",
        "c1 (c) on t: d (c, b) begins with the same terms",
        "stays, for the check sql/checks/c2_is_there.sql expects it",
        "CREATE INDEX idx_unread_u ON unread (u);",
        "(u) refers to p, and no index begins with that",
        "sql/queries/gone.sql: no such table: gone",
        "6 indexes, 2 queries: 1 missing, 3 superfluous, 2 unused",
    )
    assert project.files() == before
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert {i["name"]: (i["entries"], i["queries"]) for i in report["indexes"] if i["name"] in "ij"} == {
        "i": (2, ["by_a"]),
        "j": (2, []),
    }
    assert (report["unused"], report["unread_tables"]) == (["d", "j"], ["p", "unread"])
    assert "d (c, b) on t" in done.out


def test_a_file_that_only_may_be_read_will_do(project: Project) -> None:
    project.db.chmod(0o400)
    project.run("analyze.indexes").expect(0, "3 superfluous")
    project.db.unlink()
    project.run("analyze.indexes").expect(3, "does not exist")


def test_the_list_of_the_first_legacy_upgrade(tmp_path: Path) -> None:
    """What the founding list of phase 1 calls redundant, and where the tool differs; docs/performance.md says why."""
    database = eras.build(tmp_path / "memory.db", "1.2", "tiny")
    report: dict[str, Any] = reference_project.memsql_json(database, "analyze.indexes")
    said = {one["name"] for one in report["redundant"]} | set(report["unused"]) | set(report["for_deletes"])
    phase1 = {
        *("idx_patterns_user_id", "idx_patterns_type", "idx_entities_user_id", "idx_entities_type"),
        *("idx_entities_name", "idx_entities_importance", "idx_memories_user_id", "idx_memories_type"),
        *("idx_memories_archived", "idx_interactions_user_id", "idx_interactions_created", "idx_usage_date"),
        "idx_usage_provider_date",
    }
    assert phase1 - said == {"idx_memories_archived"}
    assert said - phase1 == {
        *("idx_users_email", "idx_users_api_key", "idx_memories_uuid", "idx_memories_created"),
        "idx_memories_importance",
    }


REDISCOVERED = {
    "CREATE INDEX idx_entities_user_created ON entities (user_id, created_at DESC)",
    "CREATE INDEX idx_memories_user_updated ON memories (user_id, updated_at DESC)",
    "CREATE INDEX idx_memories_active ON memories (user_id, created_at DESC) WHERE is_archived = 0",
}


@pytest.mark.parametrize("size", ["empty", "tiny", "small"])
@pytest.mark.parametrize("analyzed", [False, True])
def test_the_indexes_of_0002_and_0004_are_found_again(tmp_path: Path, size: str, analyzed: bool) -> None:
    database = eras.build(tmp_path / "memory.db", "1.3", size)
    if analyzed:
        with closing(sqlite3.connect(database)) as con:
            con.execute("ANALYZE")
    report = reference_project.memsql_json(database, "analyze.indexes")
    assert {one["sql"] for one in report["missing"]} == REDISCOVERED
    assert [(one["name"], bool(one["kept"])) for one in report["redundant"]] == [("idx_users_email", True)]


def test_nothing_is_missing_where_all_migrations_ran(tmp_path: Path) -> None:
    database = tmp_path / "memory.db"
    reference_project.succeed(database, "migrate.up")
    report = reference_project.memsql_json(database, "analyze.indexes")
    assert report["missing"] == []


@pytest.mark.parametrize(
    ("query", "proposals"),
    [
        ("SELECT * FROM big WHERE kind = :kind", ["(kind)"]),
        ("SELECT * FROM big WHERE other = :other AND kind = :kind", ["(kind, other)"]),
        ("SELECT * FROM big WHERE lower(name) = :name", ["(lower(name))"]),
        ("SELECT * FROM big WHERE name = :name COLLATE NOCASE", ["(name COLLATE nocase)"]),
        ("SELECT * FROM big WHERE name LIKE 'n12%'", ["(name COLLATE nocase)"]),
        ("-- param: p = 'N12%'\nSELECT * FROM big WHERE name LIKE :p", ["(name COLLATE nocase)"]),
        ("SELECT * FROM big WHERE name GLOB 'N12*'", ["(name)"]),
        # Only a pattern that is one string, with a certain beginning, leads to a range.
        ("SELECT * FROM big WHERE name LIKE '%12'", []),
        ("SELECT * FROM big WHERE name LIKE 'n1' || '2%'", []),
        ("SELECT * FROM big WHERE name NOT LIKE 'n12%'", []),
        ("SELECT * FROM big WHERE kind = :kind AND number BETWEEN 1 AND 3", ["(kind, number)"]),
        ("SELECT * FROM big WHERE done = 0 ORDER BY number LIMIT 5", ["(number) WHERE done = 0"]),
        ("SELECT * FROM big AS b JOIN small AS s ON s.id = b.small_id WHERE s.name = :name", ["(name)", "(small_id)"]),
        ("SELECT max(number) FROM big", ["(number)"]),
        ("DELETE FROM big WHERE kind = :kind", ["(kind)"]),
        ("-- plan: rows read <= 100, no sort\nSELECT * FROM big WHERE kind = :kind", ["(kind)"]),
        ("-- plan: no sort\nSELECT * FROM big WHERE kind = :kind", []),
        # The rowid is an index, and nothing more selective is to be had.
        ("SELECT * FROM big WHERE id = 7", []),
        ("SELECT * FROM big", []),
        ("SELECT * FROM big WHERE done <> 7", []),
    ],
)
def test_what_is_proposed_for_a_query(tmp_path: Path, query: str, proposals: list[str]) -> None:
    project = Project(tmp_path)
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    (tmp_path / "sql" / "queries" / "q.sql").write_text(f"{query};\n", encoding="utf-8")
    project.script(BIG)
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert sorted(one["key"] for one in report["missing"]) == proposals


BIG = """CREATE TABLE small (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE big (id INTEGER PRIMARY KEY, small_id INTEGER, name TEXT, kind, number, done, other);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO small SELECT i, 'n' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO big SELECT i, i % 500, 'N' || i, i % 100, i % 1000, i % 10 = 0, i % 2 FROM n;
"""


def test_one_index_serves_two_queries(tmp_path: Path) -> None:
    project = Project(tmp_path)
    queries = tmp_path / "sql" / "queries"
    queries.mkdir(parents=True)
    (queries / "a.sql").write_text("SELECT * FROM big WHERE kind = :kind;\n", encoding="utf-8")
    (queries / "b.sql").write_text("SELECT * FROM big WHERE name = :n AND kind = :kind;\n", encoding="utf-8")
    project.script(BIG)
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert [one["key"] for one in report["missing"]] == ["(kind, name)"]
    for query in report["missing"][0]["queries"]:
        before, after = (query["measured"][when]["steps"] for when in ("before", "after"))
        assert after * 10 < before
    (queries / "c.sql").write_text("-- plan: no sort\nSELECT * FROM big ORDER BY number LIMIT 5;\n", encoding="utf-8")
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert {one["key"] for one in report["missing"]} == {"(kind, name)", "(number)"}


def test_a_migration_is_written_and_proven(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    for name, sql in {
        "plain": 'SELECT "odd one" FROM "a table" WHERE "odd one" = :x',
        "expression": 'SELECT * FROM "a table" WHERE lower(b) = :b',
        "partial": "-- plan: no sort\nSELECT * FROM \"a table\" WHERE done = 'no' ORDER BY n DESC LIMIT 3",
    }.items():
        (tmp_path / "sql" / "queries" / f"{name}.sql").write_text(f"{sql};\n", encoding="utf-8")
    project.add(
        "0001_base",
        'CREATE TABLE "a table" (id INTEGER PRIMARY KEY, "odd one" TEXT UNIQUE, b TEXT, done TEXT, n);\n'
        'CREATE INDEX "twice" ON "a table" ("odd one");\nCREATE INDEX later ON "a table" (b, done);\n',
        'DROP TABLE "a table";\n',
    )
    project.run("migrate.sum").expect(0)
    project.up()
    report = project.run("analyze.indexes", "--write", "tune", "--json").expect(0).json()
    assert report["files"][0] == "migrations/0002_tune.sql"
    assert report["left_out"] == []
    up = project.up_file("0002_tune").read_text(encoding="utf-8")
    assert 'CREATE INDEX idx_a_table_lower_b ON "a table" (lower(b));' in up
    assert "CREATE INDEX idx_a_table_n ON \"a table\" (n DESC) WHERE done = 'no';" in up
    assert "DROP INDEX twice;" in up
    assert 'CREATE INDEX "twice" ON "a table" ("odd one");' in project.down_file("0002_tune").read_text(
        encoding="utf-8"
    )
    project.run("analyze.indexes").expect(0, "the migrations of the project create it: memsql migrate.up")
    again = project.run("analyze.indexes", "--write", "again").expect(0, "the migrations create it already")
    assert "nothing was written" in again.out
    project.up()
    project.run("verify").expect(0)
    project.run("analyze.indexes").expect(0, "0 missing, 0 superfluous")
    project.run("migrate.down").expect(0)


@pytest.mark.parametrize("rows", ["0", "x"])
def test_a_number_of_rows_that_is_none(project: Project, rows: str) -> None:
    project.run("analyze.indexes", "--rows", rows).expect(2, "--rows")


def test_a_server_is_read_within_its_rows(tmp_path: Path, empty_server: Running) -> None:
    database = eras.build(tmp_path / "memory.db", "1.3", "small", clean_fts=True)
    servers.load(database, empty_server.url)
    words = ("analyze.indexes", "--json", "--project", str(ROOT), "--database", empty_server.url)
    report = cli.run(*words, cwd=tmp_path).json()
    assert {one["sql"] for one in report["missing"]} == REDISCOVERED
    assert report["rows_read"] < 3_000
    assert any("a server would bill" in note for note in report["notes"])
    few = cli.run(*words, "--rows", "400", cwd=tmp_path).json()
    assert 0 < few["rows_read"] <= 400
    assert "idx_entities_user_created" in {one["name"] for one in few["missing"]}


def test_functions_and_values_that_are_no_use(tmp_path: Path) -> None:
    """A function and a collation of the application, statistics that are none, a value for which a function fails."""
    project = Project(tmp_path)
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    for name, sql in {"b": "b = 3", "json": "json_extract(j, '$.n') = 3", "mine": "mine(b) = 3"}.items():
        (tmp_path / "sql" / "queries" / f"{name}.sql").write_text(f"SELECT * FROM t WHERE {sql};\n", encoding="utf-8")
    with closing(sqlite3.connect(project.db)) as con:
        con.create_function("mine", 1, lambda value: value, deterministic=True)
        con.create_collation("german", lambda one, two: (one > two) - (one < two))
        con.executescript(
            "CREATE TABLE t (a TEXT COLLATE german, b INTEGER, j TEXT); CREATE INDEX f ON t (mine(b));"
            "CREATE INDEX c ON t (a);"
        )
        con.executemany("INSERT INTO t VALUES (?, ?, '{bad')", ((str(n % 9), n % 50) for n in range(500)))
        con.execute("ANALYZE")
        con.execute("INSERT INTO sqlite_stat1 VALUES ('t', 'f', ''), ('t', 'c', 'junk'), (NULL, NULL, NULL)")
        con.commit()
    report = project.run("analyze.indexes", "--json").expect(0).json()
    assert [one["key"] for one in report["missing"]] == ["(b)"]
    assert report["missing"][0]["queries"][0]["rows_after"] == 10
    assert [one["path"] for one in report["broken"]] == ["sql/queries/mine.sql"]
