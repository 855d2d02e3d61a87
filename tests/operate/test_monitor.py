"""monitor.health and monitor.metrics, on files and on servers; they never write."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import servers
from cli import Project, clean_environment
from prometheus_client.parser import text_string_to_metric_families
from proven import save_backup

from memsql.advise.percentiles import quantile
from memsql.backups.catalogue import Backup, backups
from memsql.config import load
from memsql.db.queries import load as sql
from memsql.db.sqlite import memory
from memsql.operate.health import of_engine, of_failures, of_growth, of_space
from memsql.operate.timing import time_queries
from memsql.project.queries import Query, bound, filled, read_queries
from memsql.server import Running

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add(
        "0001_a",
        "CREATE TABLE a (x);\nINSERT INTO a VALUES (1), (2);\nCREATE INDEX a_x ON a (x);\n",
        "DELETE FROM a;\nDROP TABLE a;\n",
    )
    project.up()
    return project


def query(project: Project, name: str, body: str) -> None:
    folder = project.root / "sql" / "queries"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(f"-- name: the one called {name}\n{body};\n", encoding="utf-8")


def signs(project: Project, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    report = project.run("monitor.health", "--json", *words).expect(code).json()
    assert report["ok"] is (code == 0)
    return {f["name"]: f for f in report["findings"]}


def test_a_database_that_is_well(project: Project) -> None:
    save_backup(project.root / "backups", project.db, plain_bytes=project.db.stat().st_size)
    before = project.files()
    seen = signs(project)
    assert {name: f["level"] for name, f in seen.items()} == dict.fromkeys(
        ("verify", "migrations", "history", "backup", "growth", "disk", "engine"), "ok"
    )
    assert "(+0 %)" in seen["growth"]["message"]
    project.run("monitor.health").expect(0, "ok       verify: ", "well: 0 errors, 0 warnings")
    assert "verify" not in signs(project, "--no-verify")
    assert project.files() == before


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("3.6.23", False),
        ("3.7.0", True),
        ("3.40.1", True),
        ("3.44.5", True),
        ("3.44.6", False),
        ("3.45.0", True),
        ("3.50.6", True),
        ("3.50.7", False),
        ("3.51.0", True),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.52.0", False),
        ("3.53.1", False),
        ("unknown", False),
    ],
)
def test_versions_that_can_damage_a_database_in_wal_mode(version: str, affected: bool) -> None:
    assert of_engine(version, "wal").level == ("warning" if affected else "ok")
    assert of_engine(version, "delete").level == "ok"


def test_what_is_wrong_is_an_error(project: Project) -> None:
    project.check("never", "SELECT 'a problem'")
    project.add("0001_a", "CREATE TABLE a (x, edited);\n", "DROP TABLE a;\n")
    seen = signs(project, code=1)
    assert seen["verify"]["level"] == "error"
    assert "never: a problem" in seen["verify"]["details"]
    assert seen["migrations"]["level"] == "error"
    assert "0001_a is edited" in seen["migrations"]["details"][0]
    project.run("monitor.health").expect(1, "error    verify", "not well: 2 errors, 1 warning")


def test_failed_attempts_and_what_waits(project: Project) -> None:
    project.add("0002_bad", "INSERT INTO nowhere VALUES (1);\n")
    project.run("migrate.up").expect(5)
    project.add("0003_later", "CREATE TABLE c (x);\n")
    seen = signs(project, "--no-verify", code=1)
    assert seen["history"]["level"] == "warning"
    assert seen["history"]["message"] == "1 failed attempt in 7 days"
    assert "apply 0002_bad" in seen["history"]["details"][0]
    assert seen["migrations"]["message"] == "1 applied, 1 pending"
    assert seen["migrations"]["details"] == ["0002_bad is failed", "0003_later is pending"]
    project.script("UPDATE memsql_history SET started_at = '2020-01-01T00:00:00.000Z'")
    assert signs(project, "--no-verify", code=1)["history"]["level"] == "ok"
    assert signs(project, "--no-verify", "--days", "100000", code=1)["history"]["level"] == "warning"


@pytest.mark.parametrize(("protected", "level", "code"), [("no", "warning", 0), ("yes", "error", 1)])
def test_the_age_of_the_newest_proven_backup(project: Project, protected: str, level: str, code: int) -> None:
    project.configure(f"[memsql]\nprotected = {protected}\nbackup_max_age = 1h\n")
    assert signs(project, "--no-verify", code=code)["backup"]["level"] == level
    save_backup(project.root / "backups", project.db, age=timedelta(hours=5), name="old.db")
    save_backup(project.root / "backups", project.db, proven=False, name="bad.db")
    seen = signs(project, "--no-verify", code=code)["backup"]
    assert (seen["level"], seen["message"]) == (
        level,
        "the newest proven one, old.db, is 5 hours old; backup_max_age is 60 minutes",
    )
    assert seen["details"] == ["bad.db: it was never proven"]
    (project.root / "backups" / "bad.db").unlink()
    save_backup(project.root / "backups", project.db)
    assert signs(project, "--no-verify")["backup"]["level"] == "ok"


def test_growth_is_told_with_dates(project: Project) -> None:
    settings = load(project=str(project.root), environ={})
    now = datetime.now(UTC)

    def grown(*saved: tuple[int, int]) -> tuple[str, str]:
        for days, size in saved:
            save_backup(settings.backups, project.db, age=timedelta(days=days), plain_bytes=size, name=f"{days}.db")
        listed: list[Backup] = backups(settings)
        sign = of_growth(1 << 20, listed, now)
        return sign.level, sign.message

    assert grown() == ("ok", "1.0 MiB; no earlier backup to compare it with")
    level, message = grown((90, 1 << 10), (1, 1 << 20))
    assert level == "ok"
    assert f"1.0 MiB on {now - timedelta(days=1):%Y-%m-%d} (+0 %)" in message
    assert f"1.0 KiB on {now - timedelta(days=90):%Y-%m-%d} (+102300 %)" in message
    level, message = grown((20, 1 << 18))
    assert level == "warning"
    assert "it more than doubled within a month" in message


def test_space_and_failures() -> None:
    assert [of_space(free << 20, 1000 << 20).level for free in (999, 1999, 2001)] == ["error", "warning", "ok"]
    assert of_space(50 << 20, 4096).level == "warning"
    assert of_failures([], 1).message == "no failed attempt in 1 day"


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.run("monitor.health").expect(3, "memory.db does not exist")
    project.run("monitor.metrics").expect(3, "memory.db does not exist")
    assert not project.db.exists()


def test_a_database_that_is_damaged(project: Project) -> None:
    page = project.one("SELECT rootpage FROM sqlite_schema WHERE name = 'a_x'")
    data = bytearray(project.db.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    project.db.write_bytes(data)
    assert signs(project, code=1)["verify"]["level"] == "error"
    project.db.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    project.run("monitor.health").expect(3, "is damaged")
    project.db.write_bytes(b"no database at all" * 1000)
    project.run("monitor.health").expect(3)
    project.run("monitor.metrics").expect(3)


@pytest.mark.parametrize(
    "words",
    [
        ("monitor.health", "--days", "0"),
        ("monitor.health", "--days=-1"),
        ("monitor.health", "--days", "x"),
        ("monitor.metrics", "--rounds", "0"),
        ("monitor.metrics", "--budget", "abc"),
        ("monitor.metrics", "--format", "xml"),
        ("monitor.metrics", "--json", "--format", "prometheus"),
    ],
    ids=" ".join,
)
def test_wrong_options(project: Project, words: tuple[str, ...]) -> None:
    project.run(*words).expect(2)


def test_metrics_of_a_history(project: Project) -> None:
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.up()
    project.run("migrate.down").expect(0)
    project.add("0003_bad", "INSERT INTO nowhere VALUES (1);\n")
    project.run("migrate.up").expect(5)
    for _ in range(3):
        project.run("verify", "--record")
    project.script(
        "UPDATE memsql_history SET status = 'ok' WHERE operation = 'verify' AND id % 3 = 0;"
        "UPDATE memsql_history SET duration_ms = 250 WHERE operation = 'apply'"
    )
    save_backup(project.root / "backups", project.db, age=timedelta(hours=2), name='it\'s a "backup".db')
    query(project, "one", "SELECT x FROM a WHERE x = 1")
    before = project.files()
    report = project.run("monitor.metrics", "--rounds", "5").expect(0).json()
    assert project.files() == before
    # applied: 0001, 0002, 0002 again beside the failure; rolled back once
    assert report["migrations"]["success_ratio"] == pytest.approx(3 / 4)
    assert report["migrations"]["rollback_ratio"] == pytest.approx(1 / 3)
    assert report["migrations"]["mean_duration_seconds"] == 0.25
    assert report["verifications"]["pass_ratio"] == pytest.approx(1 / 3)
    assert report["migrations"]["pending"] == 1
    assert report["bytes"] == project.db.stat().st_size
    assert {t["name"]: t["rows"] for t in report["tables"]} == {"a": 2, "b": 0}
    assert all(t["bytes"] > 0 for t in [*report["tables"], *report["indexes"]])
    assert report["indexes"] == [{"name": "a_x", "table": "a", "bytes": 4096}]
    (timed,) = report["queries"]
    assert (timed["query"], timed["name"], timed["runs"], timed["error"]) == ("one", "the one called one", 5, None)
    assert 0 < timed["p50_ms"] <= timed["p95_ms"] <= timed["p99_ms"]
    assert report["backup"]["file"] == 'it\'s a "backup".db'
    assert 7200 <= report["backup"]["age_seconds"] < 7300


def test_the_sql_runs_by_hand(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute(sql("operate/rates")).fetchone()[0] == 1.0
        assert conn.execute(sql("operate/attempts")).fetchall() == [("apply", "ok", 1)]
        assert conn.execute(sql("operate/failures"), ("2020",)).fetchall() == []


def test_prometheus_text_passes_the_library_s_own_parser(project: Project) -> None:
    name = 'a "b"\\\n'
    project.script('CREATE TABLE "{}" (x)'.format(name.replace('"', '""')))
    query(project, "one", "SELECT 1")
    save_backup(project.root / "backups", project.db)
    text = project.run("monitor.metrics", "--format", "prometheus").expect(0).out
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert all(n.startswith("memsql_") and f.documentation for n, f in families.items())
    assert all(s.labels["database"] == "memory.db" for f in families.values() for s in f.samples)
    values = {
        (s.name, tuple(v for k, v in sorted(s.labels.items()) if k != "database")): s.value
        for f in families.values()
        for s in f.samples
    }
    assert values["memsql_attempts_total", ("apply", "ok")] == 1
    assert values["memsql_migration_success_ratio", ()] == 1
    assert values["memsql_migrations_pending", ()] == 0
    assert values["memsql_database_bytes", ()] == project.db.stat().st_size
    assert values["memsql_table_rows", (name,)] == 0
    assert values["memsql_table_rows", ("a",)] == 2
    assert 0 < values["memsql_query_duration_seconds", ("0.95", "one")] < 1
    assert values["memsql_backup_age_seconds", ()] < 60
    assert "memsql_verification_pass_ratio" not in families


def test_without_the_library_it_says_what_to_install(project: Project) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None; "
        "sys.argv = ['memsql', 'monitor.metrics', '--format', 'prometheus'];"
        "from memsql.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'memsql-migrate[metrics]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_queries_that_do_not_end_or_do_not_run(project: Project) -> None:
    query(project, "1_endless", ENDLESS)
    query(project, "2_wrong", "SELECT x FROM nowhere")
    query(project, "3_quick", "SELECT 1")
    query(project, "4_writing", "DELETE FROM a")
    before = project.files()
    report = project.run("monitor.metrics", "--budget", "2").expect(0).json()
    assert project.files() == before
    by_name = {q["query"]: q for q in report["queries"]}
    assert "0 of 20 runs in its share of the time" in by_name["1_endless"]["error"]
    assert by_name["1_endless"]["p50_ms"] is None
    assert "no such table: nowhere" in by_name["2_wrong"]["error"]
    assert by_name["3_quick"]["runs"] == 20
    assert "it writes, and was not run" in by_name["4_writing"]["error"]


def test_sample_values_come_from_the_database(project: Project) -> None:
    project.script(
        "CREATE TABLE t (owner TEXT, kind TEXT); INSERT INTO t VALUES ('a', 'x'), ('it''s b', 'y'), ('it''s b', 'z')"
    )
    query(
        project,
        "one",
        "-- param: owner = SELECT owner FROM t GROUP BY owner ORDER BY count(*) DESC LIMIT 1;\n"
        "-- param: kind = WITH k AS (SELECT kind FROM t WHERE owner = :owner) SELECT max(kind) FROM k\n"
        "SELECT * FROM t WHERE owner = :owner AND kind <= :kind",
    )
    before = project.files()
    done = project.run("monitor.metrics", "--rounds", "2").expect(0)
    assert project.files() == before
    (timed,) = done.json()["queries"]
    assert (timed["runs"], timed["rows"], timed["error"], timed["warning"]) == (2, 2, None, None)
    assert done.err == ""


@pytest.mark.parametrize(
    ("param", "body", "rows", "warning"),
    [
        ("'nobody'", "SELECT x FROM a WHERE x = :v", 0, "0 rows: its sample values match nothing here"),
        ("7", "SELECT count(*), sum(x) FROM a WHERE x = :v", 1, "1 row of NULL and 0: its sample values"),
        (
            "SELECT x FROM a WHERE x > 5",
            "SELECT x FROM a WHERE x = :v",
            0,
            "0 rows: the SELECT of param v gives no value",
        ),
        (
            "SELECT x FROM a WHERE x > 5",
            "SELECT x FROM a LIMIT :v",
            None,
            "0 rows: the SELECT of param v gives no value",
        ),
        ("SELECT x FROM a WHERE x > 1", "SELECT count(*) FROM a WHERE x = :v", 1, None),
    ],
)
def test_a_query_that_returns_nothing_is_warned_of(
    project: Project, param: str, body: str, rows: int | None, warning: str | None
) -> None:
    query(project, "one", f"-- param: v = {param}\n{body}")
    for words in (("monitor.metrics",), ("monitor.metrics", "--format", "prometheus")):
        done = project.run(*words, "--rounds", "1").expect(0)
        assert (f"warning: sql/queries/one.sql: {warning}" in done.err) is (warning is not None)
    (timed,) = project.run("monitor.metrics", "--rounds", "1").json()["queries"]
    assert timed["rows"] == rows
    assert (timed["warning"] or "").startswith(warning or "")
    assert bool(timed["warning"]) is bool(warning)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("WITH w AS (SELECT 1) DELETE FROM a", "a literal or one SELECT"),
        ("SELECT 1; DELETE FROM a", "a literal or one SELECT"),
    ],
)
def test_what_a_param_may_not_say(project: Project, value: str, problem: str) -> None:
    query(project, "one", f"-- param: v = {value}\nSELECT x FROM a WHERE x = :v")
    before = project.files()
    project.run("monitor.metrics").expect(2, problem, '"line": 2')
    assert project.files() == before


def test_a_select_of_a_param_that_does_not_run_is_named(project: Project) -> None:
    query(project, "one", "-- param: v = SELECT x FROM nowhere\nSELECT x FROM a WHERE x = :v")
    (timed,) = project.run("monitor.metrics").expect(0).json()["queries"]
    assert timed["error"] == "the SELECT of param v: no such table: nowhere"


def test_a_select_of_a_param_that_does_not_end_is_stopped(project: Project) -> None:
    query(project, "1_one", f"-- param: v = {ENDLESS}\nSELECT x FROM a WHERE x = :v")
    query(project, "2_two", "SELECT 1")
    one, two = project.run("monitor.metrics", "--budget", "2").expect(0).json()["queries"]
    assert "0 of 20 runs in its share of the time" in one["error"]
    assert two["runs"] == 20


def test_quantiles_by_nearest_rank() -> None:
    ordered = [float(n) for n in range(1, 101)]
    assert [quantile(ordered, s) for s in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert [quantile([7.0], s) for s in (0.5, 0.99)] == [7, 7]
    assert quantile([1.0, 2.0], 0.5) == 1


def test_no_time_at_all(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("-- name: q\nSELECT 1;\n")
    with closing(memory()) as conn:
        (timing,) = time_queries(conn, read_queries(tmp_path), rounds=3, budget=0.0)
    assert (timing.runs, timing.p50) == (0, None)
    assert timing.error


@pytest.fixture
def server(project: Project, empty_server: Running) -> str:
    servers.load(project.db, empty_server.url)
    return empty_server.url


def test_on_a_server(project: Project, server: str, tmp_path: Path) -> None:
    query(project, "one", "-- param: v = SELECT max(x) FROM a\nSELECT x FROM a WHERE x = :v")
    query(project, "writing", "DELETE FROM a")
    save_backup(project.root / "backups", server)
    before = servers.save(server, tmp_path / "before.db").read_bytes()
    seen = signs(project, "--database", server)
    assert {name: f["level"] for name, f in seen.items()} == dict.fromkeys(
        ("verify", "migrations", "history", "backup"), "ok"
    ) | {"growth": seen["growth"]["level"]}
    figures = project.run("monitor.metrics", "--database", server, "--rounds", "3").expect(0).json()
    assert figures["database"] == server
    assert figures["migrations"]["success_ratio"] == 1.0
    assert {t["name"]: t["rows"] for t in figures["tables"]} == {"a": 2}
    assert figures["bytes"] > 0
    one, writing = figures["queries"]
    assert (one["runs"], one["rows"], one["error"]) == (3, 1, None)
    assert (writing["runs"], bool(writing["error"])) == (0, True)
    assert servers.save(server, tmp_path / "after.db").read_bytes() == before
    text = project.run("monitor.metrics", "--database", server, "--format", "prometheus").expect(0).out
    assert {f.name for f in text_string_to_metric_families(text)} >= {
        "memsql_database_bytes",
        "memsql_query_duration_seconds",
    }


def test_a_server_that_is_not_there(project: Project) -> None:
    for task in ("monitor.health", "monitor.metrics"):
        project.run(task, "--database", "http://127.0.0.1:9").expect(3)


def test_a_query_is_timed_with_bound_parameters_as_an_application_sends_it(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(
        "-- name: q\n-- param: owner = SELECT max(x) FROM a\n-- param: word = 'it''s :limit'\n-- param: limit = 20\n"
        "SELECT x, ':owner', :word FROM a WHERE x = :owner AND :word <> '' LIMIT :limit;\n"
    )
    with closing(memory()) as conn:
        conn.execute("CREATE TABLE a (x)")
        conn.execute("INSERT INTO a VALUES (1), (7)")
        (ready,) = filled(conn, read_queries(tmp_path))
        assert isinstance(ready, Query)
        statement, values = bound(conn, ready)
        assert statement == "SELECT x, ':owner', ? FROM a WHERE x = ? AND ? <> '' LIMIT ?"
        assert values == ("it's :limit", 7, "it's :limit", 20)
        (timing,) = time_queries(conn, read_queries(tmp_path), rounds=3, budget=5.0)
    assert (timing.runs, timing.rows, timing.error) == (3, 1, None)
