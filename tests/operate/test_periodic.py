"""monitor.review: one report of performance and capacity, and the forecast behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers
from cli import Project
from proven import save_backup

from memsql.operate.capacity import SizeThen, by_day, growth, too_little
from memsql.server import Running

NOW = datetime(2026, 6, 30, tzinfo=UTC)
ROWS = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER, body TEXT);
CREATE INDEX notes_user ON notes (user_id);
CREATE INDEX notes_user_again ON notes (user_id);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO notes SELECT i, i, 'text' FROM n;
ANALYZE;
DELETE FROM notes WHERE id > 20;
"""


def sizes(*days_and_bytes: tuple[int, int]) -> list[SizeThen]:
    return [SizeThen(NOW - timedelta(days=days), amount, "backup") for days, amount in days_and_bytes]


def test_a_straight_line_is_certain() -> None:
    line = growth(sizes((30, 700), (20, 800), (10, 900), (0, 1000)), NOW, free=500)
    assert line is not None
    assert line.per_day == pytest.approx(10)
    assert [(e.days, round(e.bytes), round(e.low), round(e.high)) for e in line.estimates] == [
        (30, 1300, 1300, 1300),
        (90, 1900, 1900, 1900),
        (365, 4650, 4650, 4650),
    ]
    assert (line.full, line.full_soonest) in {(50, 50), (51, 50), (51, 51)}


def test_what_goes_up_and_down_is_uncertain() -> None:
    line = growth(sizes((40, 900), (30, 1100), (20, 850), (10, 1150), (0, 1000)), NOW, free=10_000)
    assert line is not None
    assert line.low < 0 < line.high
    assert all(e.low < e.bytes < e.high for e in line.estimates)
    assert line.full_soonest is not None
    assert line.full is None or line.full > line.full_soonest
    shrinking = growth(sizes((40, 3000), (20, 2000), (0, 1000)), NOW, free=10)
    assert shrinking is not None
    assert (shrinking.full, shrinking.estimates[-1].low) == (None, 0)


def test_too_little_history() -> None:
    assert growth(sizes((20, 1), (0, 2)), NOW) is None
    assert growth(sizes((3, 1), (2, 2), (0, 3)), NOW) is None
    assert too_little(sizes((3, 1), (0, 3))).startswith(
        "too little history for a forecast: sizes of 2 days within 3 days"
    )
    assert too_little([]) == "too little history for a forecast: no size is recorded"


def test_one_size_a_day() -> None:
    twice = [
        SizeThen(NOW, 1, "a"),
        SizeThen(NOW + timedelta(hours=3), 2, "b"),
        SizeThen(NOW - timedelta(days=1), 3, "c"),
    ]
    assert [one.bytes for one in by_day(twice)] == [3, 2]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.script(ROWS)
    folder = project.root / "sql" / "queries"
    folder.mkdir(parents=True)
    (folder / "by_body.sql").write_text(
        "-- name: by body\n-- plan: no scan\nSELECT id FROM notes WHERE body = 'text';\n"
    )
    return project


def test_the_report(project: Project) -> None:
    backups = project.root / "backups"
    for days in (10, 40, 70):
        save_backup(backups, project.db, age=timedelta(days=days), plain_bytes=10_000 - 50 * days)
    runs = backups / "runs"
    runs.mkdir()
    step = {
        "command": "backup.drill",
        "status": "ok",
        "database": str(project.db),
        "started": "2026-01-05T01:00:00.000Z",
    }
    weigh = {**step, "command": "monitor.metrics", "started": "2026-01-06T01:00:00.000Z", "data": {"bytes": 4000}}
    when = datetime.now(UTC) - timedelta(days=20)
    for recorded in (step, weigh):
        recorded["started"] = when.isoformat()
    (runs / f"run-{when:%Y%m%dT%H%M%S}-1.json").write_text(json.dumps({"steps": [step, weigh, {"command": 1}]}))
    before = project.files()
    report = project.run("monitor.review", "--json").expect(0).json()
    attention = " | ".join(f"{point['what']}: {point['next']}" for point in report["attention"])
    assert "plans are not what their files expect: by body: memsql analyze.queries" in attention
    assert "1 index superfluous" in attention
    assert "statistics are far off: notes: memsql maintain.optimize" in attention
    assert "drill" not in attention
    assert report["statistics"] == [{"table": "notes", "rows_then": 200, "rows_now": 20}]
    assert report["drills"]["number"] == 1
    assert len(report["capacity"]["sizes"]) == 5
    assert [e["days"] for e in report["capacity"]["growth"]["forecast"]] == [30, 90, 365]
    assert report["contracts"][0]["broken"] == ["no scan"]
    done = project.run("monitor.review").expect(
        0, "Attention\n---------\n", "grows by ", "between (95 %)", "1 recorded, the"
    )
    assert done.out.rstrip().endswith("ask for attention")
    done = project.run("monitor.review", "--format", "markdown").expect(0, "## Capacity", "| by body |")
    assert done.out.startswith("# Performance and capacity of memory.db")
    assert project.files() == before
    project.run("monitor.review", "--format", "html").expect(2, "there are text and markdown")


@pytest.mark.server
def test_on_a_server(project: Project, empty_server: Running) -> None:
    servers.load(project.db, empty_server.url)
    done = project.run("monitor.review", "--database", empty_server.url)
    done.expect(0, "statistics: a libSQL server keeps none", "too little history for a forecast", "superfluous: ")
    assert "free" in done.out
