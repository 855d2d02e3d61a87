"""The rows for benchmarks of the reference database fit every schema that it had."""

from __future__ import annotations

import time
from pathlib import Path

import cli
import pytest
from eras import COUNTS
from places import ROOT

from memsql.advise import bench_databases
from memsql.advise.bench_databases import OutOfTimeError, Scale
from memsql.config import load
from memsql.project.load import load_project
from memsql.project.named_queries import hot_queries
from memsql.project.queries import Query, filled

ROWS = {"users": 3, "entities": 100, "memories": 1000, "interactions": 200, "api_usage_tracking": 300}


@pytest.mark.parametrize("schema", [*COUNTS, "1", "4"])
def test_rows_of_every_schema(schema: str, tmp_path: Path) -> None:
    settings = load(project=str(ROOT))
    with bench_databases.writable(tmp_path / "bench.db") as conn:
        bench_databases.make_schema(load_project(settings), conn, schema)
        rows = bench_databases.fill(settings, conn, Scale(1, 3), time.perf_counter() + 60)
        assert conn.execute("PRAGMA foreign_key_check").rows == []
        expected = ROWS if schema != "1.0" else {name: n for name, n in ROWS.items() if name != "api_usage_tracking"}
        assert {name: rows.rows[name] for name in expected} == expected
        if schema == "4":
            # Each query finds values of its own, so that its times mean something.
            queries = filled(conn, hot_queries(settings))
            assert [q for q in queries if not isinstance(q, Query) or q.empty] == []
            assert rows.left_out == ()


def test_queries_on_an_era_and_on_the_version_after_it() -> None:
    words = ["--from", "1.2", "--to", "1", "--scale", "1", "--rounds", "1", "--budget", "60"]
    report = cli.run("bench.queries", *words, "--json", cwd=ROOT).expect(0).json()
    assert (report["from"], report["to"]) == ("1.2", 1)
    queries = {query["path"]: query for query in report["scales"][0]["queries"]}
    assert "no such column: api_key_hash" in queries.pop("sql/queries/users_by_api_key_hash.sql")["error"]
    assert [query["error"] for query in queries.values()] == [None] * 15
    assert all(query["before"]["rows_returned"] == query["after"]["rows_returned"] for query in queries.values())


def test_rows_that_take_too_long(tmp_path: Path) -> None:
    settings = load(project=str(ROOT))
    with bench_databases.writable(tmp_path / "bench.db") as conn:
        bench_databases.make_schema(load_project(settings), conn, "1")
        with pytest.raises(OutOfTimeError):
            bench_databases.fill(settings, conn, Scale(1000, 3), time.perf_counter() + 0.05)
