"""The dashboard: one page, whatever is recorded and whatever things are called."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers
from acting import HOSTILE, acts
from cli import Project
from pages import Page, is_closed_in_itself
from proven import save_backup

from memsql.operate.dashboard import rates_by_day
from memsql.report.charts import Series, line_chart
from memsql.server import Running
from memsql.sqltext import quote

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
STRANGE = '</style><script>alert(1)</script>"{{ 7777*7 }}\u202e'
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add(
        "0001_a", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1), (2);\nCREATE INDEX a_x ON a (x);\n", "DROP TABLE a;\n"
    )
    project.up()
    return project


def query(project: Project, name: str, body: str) -> None:
    folder = project.root / "sql" / "queries"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(f"-- name: the one called {name}\n{body};\n", encoding="utf-8")


def dashboard(project: Project, *words: str) -> Page:
    text = project.run("monitor.dashboard", "--rounds", "2", *words).expect(0).out
    page = Page(text)
    assert page.problems == []
    assert is_closed_in_itself(page)
    assert not acts(text)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href")} <= set(ids)
    return page


def record(project: Project, days: int, fields: Mapping[str, object]) -> None:
    when = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    path = project.root / "backups" / "runs" / "history.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {"format": 1, "kind": "metrics", "time": when, "database": str(project.db), **fields}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_what_is_missing_is_said_with_the_command_that_adds_it(project: Project) -> None:
    before = project.files()
    page = dashboard(project)
    assert project.files() == before
    for text in (
        "No history yet",
        "memsql monitor.metrics --record",
        "There is no backup yet.",
        "No drill is recorded yet",
        "There are no queries",
        "none yetrun: memsql verify --record",
        "Needs attention: 0 errors, 2 warnings",
        "0001_a",
    ):
        assert text in page.text, text
    assert "chart" not in " ".join(page.values("class")).split()


def test_everything_that_was_recorded_is_shown(project: Project) -> None:
    query(project, "held", "-- plan: uses a_x\nSELECT x FROM a WHERE x = 1")
    query(project, "broken", "-- plan: no scan\nSELECT * FROM a")
    save_backup(project.root / "backups", project.db)
    project.run("verify", "--record")
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.run("migrate.up", "--dry-run", "--record").expect(0)
    project.up()
    for days in (40, 30, 2):
        times = {"p50_ms": 1.5, "p95_ms": 2, "p99_ms": 1234, "rows_read": 7}
        queries = [{"query": "held", "name": "the one called held", **times}]
        record(project, days, {"bytes": 4096, "rows": 1, "tables": [{"name": "a", "rows": 1}], "queries": queries})
    # What has another form than memsql writes is left out.
    record(project, 1, {"bytes": "many", "rows": -1, "tables": 7, "queries": [7, {"p50_ms": True}, {"p50_ms": 1e999}]})
    with (project.root / "backups" / "runs" / "history.jsonl").open("a", encoding="utf-8") as file:
        drill = {"kind": "drill", "ok": True, "seconds": 2.5, "backup": "/secret/place/saved.db"}
        when = (NOW - timedelta(days=1)).isoformat()
        file.write(json.dumps({"format": 1, "time": when, "database": str(project.db), **drill}) + "\nno JSON\n")
    page = dashboard(project)
    for text in (
        "1 line of backups/runs/history.jsonl cannot be read",
        "+1 since",
        "contracts: 1 held, 1 broken, 0 not proven",
        "reads all of a",
        "1.2 s",
        "it restores",
        "1 run was forecast by a dry run",
        "in 365 days about",
        "a_x",
    ):
        assert text in page.text, text
    assert "/secret" not in page.text
    labels = [label for label in page.values("aria-label") if label.startswith(("Size", "Rows", "the one"))]
    assert len(labels) == 3
    assert "p99: 1.2 s at" in labels[2]
    assert "prefers-color-scheme: dark" in page.style
    assert "max-width: 40rem" in page.style
    report = project.run("monitor.dashboard", "--rounds", "1", "--output", "board.html", "--json").expect(0).json()
    assert report["verdict"].startswith("Not well: 1 error")
    assert report["file"] == "board.html"


def test_rates_over_time_come_from_the_history_of_the_database(project: Project) -> None:
    rows = [("2026-01-05", "apply", "failed"), ("2026-01-05", "apply", "ok"), ("2026-02-01", "verify", "ok")]
    rows += [("2026-03-01", "rollback", "ok"), ("2026-03-01", "verify", "failed"), ("no time", "apply", "ok")]
    with closing(sqlite3.connect(project.db)) as con, con:
        con.execute("DELETE FROM memsql_history")
        for day, operation, status in rows:
            con.execute(
                "INSERT INTO memsql_history (operation, status, migration_id, started_at) VALUES (?, ?, '0001_a', ?)",
                (operation, status, f"{day}T12:00:00.000Z"),
            )
    page = dashboard(project)
    (label,) = [label for label in page.values("aria-label") if label.startswith("Rates of everything")]
    assert "migrations that succeeded: 50 % at 2026-01-05 12:00" in label
    assert "rollbacks of applied migrations: 0 % at 2026-01-05 12:00" in label
    assert "verifications passed: 100 % at 2026-02-01 12:00, 50 % at" in label
    assert "Rates over time" in page.text


def test_rates_at_the_end_of_each_day() -> None:
    rates = rates_by_day(
        [
            ("2026-01-01T01:00:00Z", "apply", "ok", 3),
            ("2026-01-01T02:00:00Z", "apply", "failed", 1),
            ("2026-01-03T00:00:00Z", "rollback", "ok", 6),
            (None, "apply", "ok", 1),
        ]
    )
    assert [(r.success, r.rollback, r.verification_pass) for r in rates] == [(0.75, 0.0, None), (0.75, 2.0, None)]


@pytest.mark.parametrize("name", [STRANGE, *(n for n in HOSTILE if "\x00" not in n and "\udc80" not in n)][:6])
def test_no_name_acts(project: Project, name: str) -> None:
    with closing(sqlite3.connect(project.db)) as con, con:
        con.execute(f"CREATE TABLE {quote('t' + name)} (x)")
        con.execute(f"CREATE INDEX {quote('i' + name)} ON {quote('t' + name)} (x)")
        con.execute("UPDATE memsql_history SET message = ?, migration_id = ?", (name, name))
    project.configure("[memsql]\nruns = runs\n")
    folder = project.root / "runs"
    folder.mkdir()
    line = {"format": 1, "kind": "drill", "time": NOW.isoformat(), "database": str(project.db), "backup": name}
    (folder / "history.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert "54439" not in dashboard(project).text


def test_on_a_server(project: Project, empty_server: Running, tmp_path: Path) -> None:
    query(project, "held", "-- plan: uses a_x\nSELECT x FROM a WHERE x = 1")
    servers.load(project.db, empty_server.url)
    before = servers.save(empty_server.url, tmp_path / "before.db").read_bytes()
    page = dashboard(project, "--database", empty_server.url)
    assert "1 held, 0 broken, 0 not proven" in page.text
    assert "counted by the server" in page.text
    assert servers.save(empty_server.url, tmp_path / "after.db").read_bytes() == before


def test_a_line_over_time() -> None:
    two = Series("p50", ((NOW, 0.0), (NOW + timedelta(days=1), 3.0)))
    chart = str(line_chart("<b>", [two, Series("p99", ())], "{:g} <ms>".format))
    assert "&lt;b&gt;. p50: 0 &lt;ms&gt; at 2026-11-30 12:00, 3 &lt;ms&gt; at 2026-12-01 12:00" in chart
    assert 'd="M62 146L348 ' in chart
    assert "<b>" not in chart
    assert line_chart("one moment", [Series("p50", ((NOW, 1.0), (NOW, 2.0)))], str) is None
    assert line_chart("nothing", [], str) is None
    many = Series("p50", tuple((NOW + timedelta(hours=n), float(n)) for n in range(5_000)))
    assert len(str(line_chart("many", [many], str))) < 5_000
    assert line_chart("nothing but zero", [Series("p50", ((NOW, 0.0), (NOW + timedelta(1), 0.0)))], str) is not None


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here to draw the page")
def test_it_can_be_looked_at(project: Project, tmp_path: Path) -> None:
    """On a phone and on a desk the page fits, and it is drawn in the colours that the reader wants."""
    query(project, "held", "SELECT x FROM a WHERE x = 1")
    project.script(f"CREATE TABLE {quote('a' * 90)} (x)")
    for days in (9, 2):
        times = {"query": "held", "name": "the one called held", "p50_ms": 1.5, "p95_ms": 2, "p99_ms": 3}
        record(project, days, {"bytes": 4096, "rows": 1, "queries": [times]})
    project.run("monitor.dashboard", "--rounds", "1", "--output", "board.html").expect(0)
    board = (project.root / "board.html").as_uri()
    frames = tmp_path / "frames.html"
    width = "this.title = this.contentDocument.documentElement.scrollWidth"
    frames.write_text("".join(f'<iframe width={w} src="{board}" onload="{width}"></iframe>' for w in (375, 1280)))
    looked = browse(tmp_path, "--allow-file-access-from-files", "--dump-dom", frames.as_uri())
    assert re.findall(r'title="(\d+)"', looked) == ["375", "1280"], looked
    pictures = []
    for scheme in (0, 1):
        picture = tmp_path / f"board-{scheme}.png"
        colours = f"--blink-settings=preferredColorScheme={scheme}"
        browse(tmp_path, colours, "--window-size=500,900", f"--screenshot={picture}", board)
        pictures.append(picture.read_bytes())
    for head in pictures:
        assert head.startswith(b"\x89PNG")
        assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (500, 900)
        assert len(head) > 10_000
    assert pictures[0] != pictures[1]


def browse(folder: Path, *words: str) -> str:
    """What Chromium prints, without a window."""
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", profile, *words]
    return subprocess.run(command, check=True, capture_output=True, timeout=60, text=True).stdout
