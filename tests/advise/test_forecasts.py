"""Forecasts of dry runs: kept by content and database, compared with the history, warnings of long locks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from cli import Project

from memsql import config
from memsql.advise import forecasts
from memsql.advise.disk import FORECASTS
from memsql.advise.forecasts import CostForecast, Outcome
from memsql.db import connection
from memsql.server import Running

ONE = CostForecast("2026-01-01T00:00:00.000Z", "/x.db", "0001_a", "up", "c1", 20.0, 25.0, 100, 200, 0, 4096)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (n INTEGER);\n", "DROP TABLE a;\n")
    project.add("0002_b", "INSERT INTO a VALUES (1);\n", "DELETE FROM a;\n")
    project.run("migrate.sum")
    return project


def settings_of(project: Project) -> config.Settings:
    return config.load(project=str(project.root), environ={})


def test_what_is_kept_is_read_again_for_the_same_database(project: Project) -> None:
    settings = settings_of(project)
    mine = replace(ONE, database=settings.target.identity)
    assert forecasts.keep(settings, [mine, ONE]) == ""
    assert forecasts.kept(settings) == [mine]
    newer = replace(mine, at="2026-01-02T00:00:00.000Z")
    forecasts.keep(settings, [newer])
    assert forecasts.newest(forecasts.kept(settings), "up") == {"c1": newer}
    assert forecasts.newest(forecasts.kept(settings), "down") == {}


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"format": 2, **asdict(ONE)}),
        json.dumps({"format": 1, **asdict(ONE), "duration_ms": "long"}),
        json.dumps({"format": 1, **asdict(ONE), "checksum": None}),
        "[" * 100_000,
        "\x00",
    ],
)
def test_lines_of_another_form_are_passed_over(project: Project, line: str) -> None:
    settings = settings_of(project)
    settings.runs.mkdir(parents=True)
    good = json.dumps({"format": 1, **asdict(replace(ONE, database=settings.target.identity))})
    (settings.runs / FORECASTS).write_text(f"{line}\n{good}\n")
    assert len(forecasts.kept(settings)) == 1


def test_the_newest_thousand_stay(project: Project) -> None:
    settings = settings_of(project)
    mine = replace(ONE, database=settings.target.identity)
    forecasts.keep(settings, [replace(mine, id=str(n)) for n in range(1001)])
    assert [f.id for f in forecasts.kept(settings)][::999] == ["1", "1000"]


def test_where_nothing_can_be_written_the_dry_run_works_and_says_so(project: Project) -> None:
    (project.root / "backups").write_text("no folder")
    project.run("migrate.up", "--dry-run", "--record").expect(0, "it would work", "the forecast is not kept: ")


def test_a_forecast_is_compared_with_the_first_run_after_it(project: Project) -> None:
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.up()
    project.run("migrate.down", "2").expect(0)
    project.up()
    settings = settings_of(project)
    with connection(settings.target) as conn:
        compared = forecasts.compared(settings, conn)
        # The second up had no forecast of its own, and neither had the way down.
        assert [(o.id, o.direction) for o in compared] == [("0002_b", "up"), ("0001_a", "up")]
        with closing(sqlite3.connect(project.db)) as db:
            db.execute("UPDATE memsql_history SET duration_ms = 100")
            db.commit()
        median = forecasts.median_error(forecasts.compared(settings, conn))
    assert median is not None
    assert 0.5 < median <= 1


def test_metrics_say_how_good_forecasts_were(project: Project) -> None:
    empty = project.run("monitor.metrics", "--json")
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.up()
    report = project.run("monitor.metrics", "--json").expect(0).json()["forecasts"]
    assert empty.code != 0
    assert report["compared"] == 2
    assert report["median_error"] >= 0
    assert [(one["id"], one["direction"]) for one in report["last"]] == [("0002_b", "up"), ("0001_a", "up")]


ROWS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)\nINSERT INTO a SELECT i FROM n;\n"
)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_lock_and_bytes_are_compared_too(project: Project, mode: str) -> None:
    project.up()
    with closing(sqlite3.connect(project.db)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
    project.add("0003_rows", ROWS, "DELETE FROM a WHERE n > 1;\n")
    project.run("migrate.sum")
    project.up()
    project.run("migrate.down").expect(0)
    assert project.run("monitor.metrics", "--json").json()["forecasts"]["transactions"] == []
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.up()
    # The second run is no outcome of that forecast.
    project.run("migrate.down").expect(0)
    project.up()
    report = project.run("monitor.metrics", "--json").expect(0).json()["forecasts"]
    assert (report["lock"]["compared"], report["bytes"]["compared"]) == (1, 1)
    assert report["bytes"]["median_error"] < 0.3
    (one,) = report["transactions"]
    assert (one["ids"], one["direction"]) == (["0003_rows"], "up")
    assert one["actual_locked_ms"] > 0
    assert one["actual_bytes"] > (200_000 if mode == "wal" else 8_192)
    lines = (project.root / "backups" / "runs" / FORECASTS).read_text().splitlines()
    assert [json.loads(line).get("kind") for line in lines] == [None, "outcome", "outcome"]


def test_several_quick_migrations_are_compared_with_the_sum_of_their_forecasts(project: Project) -> None:
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.up()
    (one,) = project.run("monitor.metrics", "--json").expect(0).json()["forecasts"]["transactions"]
    assert one["ids"] == ["0001_a", "0002_b"]


@pytest.mark.server
def test_a_server_counts_the_rows_of_each_migration(project: Project, empty_server: Running) -> None:
    project.add("0003_rows", ROWS, "DELETE FROM a WHERE n > 1;\n")
    project.run("migrate.sum")
    words = ("migrate.up", "--dry-run", "--on-server", "--record", "--database", empty_server.url)
    project.run(*words).expect(0, "rows read, ", "counted by the server")
    report = project.run(*words, "--json").expect(0).json()
    written = {cost["ids"][0]: cost["rows_written"] for cost in report["costs"]}
    assert written["0003_rows"] >= 20_000
    assert written["0002_b"] < 20
    assert sum(written.values()) <= report["server"]["rows_written"]
    kept = [json.loads(line) for line in (project.root / "backups" / "runs" / FORECASTS).read_text().splitlines()]
    assert {line["id"]: line["rows_written"] for line in kept} == written


def test_an_edited_file_and_another_database_have_no_forecast(project: Project) -> None:
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.add("0002_b", "INSERT INTO a VALUES (2);\n", "DELETE FROM a;\n")
    project.run("migrate.sum")
    project.up()
    project.run("migrate.up", "--database", "other.db").expect(0)
    settings = settings_of(project)
    with connection(settings.target) as conn:
        assert [o.id for o in forecasts.compared(settings, conn)] == ["0001_a"]
    other = config.load(project=str(project.root), database=str(project.root / "other.db"), environ={})
    with connection(other.target) as conn:
        assert forecasts.compared(other, conn) == []


@pytest.mark.parametrize(
    ("forecast_ms", "actual_ms", "error"), [(150, 100, 0.5), (50, 100, -0.5), (0, 4, 0.0), (0, 10, -0.5)]
)
def test_the_error_is_a_share_of_the_outcome(forecast_ms: float, actual_ms: float, error: float) -> None:
    assert Outcome("a", "up", forecast_ms, actual_ms, "").error == pytest.approx(error)


def test_a_lock_over_the_budget_is_a_warning(project: Project) -> None:
    project.add(
        "0003_many",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)\n"
        "INSERT INTO a SELECT i FROM n;\n",
        "DELETE FROM a WHERE n > 1;\n",
    )
    project.run("migrate.sum")
    project.run("migrate.up", "--dry-run", "--record").expect(0, "it would work")
    project.configure("[memsql]\nlock_budget = 10ms\n")
    done = project.run("migrate.up", "--dry-run", "--record", "--json").expect(0).json()
    # On a busy machine the others may take as long.
    warning = next(w for w in done["warnings"] if w.startswith("0003_many would hold the write lock for "))
    assert "longer than lock_budget (10 ms); split it: several migrations, each for a part of the rows" in warning
    ran = project.run("migrate.up").expect(0, "applied 0003_many", "by this run, longer than lock_budget (10 ms)")
    assert "warning: 0003_many would hold the write lock for" in ran.err


@pytest.mark.parametrize(
    ("text", "url", "budget"),
    [
        ("", None, None),
        ("", "http://x:1", 5000),
        ("2", None, 2000),
        ("500ms", "http://x:1", 500),
        ("0", "http://x:1", None),
    ],
)
def test_the_budget_of_locks(project: Project, text: str, url: str | None, budget: int | None) -> None:
    project.configure(f"[memsql]\nlock_budget = {text}\n")
    assert config.load(project=str(project.root), database=url, environ={}).lock_budget == budget


def test_a_budget_that_is_no_time(project: Project) -> None:
    project.configure("[memsql]\nlock_budget = long\n")
    project.run("migrate.status").expect(2, "lock_budget = long: not a time")
