"""Several tasks on one command line: one summary, one report, the first failure's exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import servers
from cli import Done, Project, clean_environment
from servers import Guarded

SECRET = "eyJhbGciOi.SECRET.token"
SLOW = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) INSERT "
    "INTO a SELECT max(i) FROM n;\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    return project


def reports(project: Project, folder: str = "backups/runs") -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted((project.root / folder).glob("run-*.json"))]


def invoke(project: Project, *words: str, env: dict[str, str] | None = None) -> Done:
    (project.root / "tasks.py").write_text("from memsql.tasks import ns\n")
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=project.root,
        env={**clean_environment(), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(words, done.returncode, done.stdout, done.stderr)


def steps(report: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    return [(s["command"], s["status"], s["exit_code"]) for s in report["steps"]]


@pytest.mark.slow
@pytest.mark.parametrize("run", [invoke, Project.run], ids=["invoke", "memsql"])
def test_a_chain_sums_up_and_leaves_a_report(project: Project, run: Any) -> None:
    done = run(project, "migrate", "verify", "migrate.status").expect(0, "applied 0001_a", "all 3 steps done")
    assert done.out.count("1 migration applied, 0 pending") == 2  # the task, the summary
    (report,) = reports(project)
    assert f"report: {next((project.root / 'backups/runs').iterdir()).relative_to(project.root)}" in done.out
    assert (report["format"], report["status"], report["exit_code"]) == (1, "ok", 0)
    assert (report["database"], report["environment"]) == ("memory.db", None)
    assert report["command_line"][1:] == ["migrate", "verify", "migrate.status"]
    assert steps(report) == [("migrate.up", "ok", 0), ("verify", "ok", 0), ("migrate.status", "ok", 0)]
    assert report["started"] <= report["steps"][0]["started"] <= report["finished"]
    one, two, three = (s["data"] for s in report["steps"])
    assert (one["applied"], one["done"][0]["id"]) == (1, "0001_a")
    assert two["checks"]
    assert three["migrations"][0]["state"] == "applied"


@pytest.mark.parametrize("run", [invoke, Project.run], ids=["invoke", "memsql"])
def test_a_chain_stops_at_the_first_failure(project: Project, run: Any) -> None:
    project.db.touch()
    project.add("0002_bad", "CREATE TABLE b (x);\nINSERT INTO nowhere VALUES (1);\n")
    done = run(project, "verify", "migrate", "verify", "fts.status").expect(
        5, "stopped with exit code 5: 1 of 4 steps done", "did not run", "no such table: nowhere"
    )
    (report,) = reports(project)
    assert (report["status"], report["exit_code"]) == ("failed", 5)
    assert steps(report) == [
        ("verify", "ok", 0),
        ("migrate.up", "failed", 5),
        ("verify", "waiting", None),
        ("fts.status", "waiting", None),
    ]
    assert report["steps"][1]["error"]["kind"] == "MigrationFailed"
    assert done.out.index("failed (5)") < done.out.index("did not run")


def test_a_check_that_fails_stops_it_too(project: Project) -> None:
    project.run("migrate.status", "--check", "migrate").expect(1, "stopped with exit code 1: 0 of 2 steps done")
    assert not project.db.exists()
    (report,) = reports(project)
    assert report["steps"][0]["error"] is None
    assert report["steps"][0]["data"]["migrations"]


@pytest.mark.parametrize("run", [invoke, Project.run], ids=["invoke", "memsql"])
def test_the_same_task_twice_runs_twice(project: Project, run: Any) -> None:
    project.db.touch()
    done = run(project, "verify", "migrate", "verify", "verify").expect(0)
    assert done.out.count("proven: ") == 6
    assert len(reports(project)[0]["steps"]) == 4


def test_one_task_is_no_chain(project: Project) -> None:
    (project.root / "migrate").touch()
    done = project.run("verify", "--database", "migrate").expect(0)
    assert "step" not in done.out
    assert not (project.root / "backups").exists()
    project.run("migrate.create", "verify").expect(0)
    assert not (project.root / "backups").exists()


def test_the_environment_of_a_chain(project: Project) -> None:
    project.configure("[memsql]\nruns = reports\n[memsql:one]\ndatabase = one.db\n[memsql:two]\ndatabase = two.db\n")
    project.run("migrate", "verify", "migrate.status", "--env", "two", env={"MEMSQL_ENV": "one"}).expect(0)
    (report,) = reports(project, "reports")
    assert (report["environment"], report["database"]) == ("one", "one.db")
    assert [(s["environment"], s["database"]) for s in report["steps"]] == [
        ("one", "one.db"),
        ("one", "one.db"),
        ("two", "two.db"),
    ]
    assert not (project.root / "two.db").exists()
    (project.root / ".env").write_text("MEMSQL_ENV=two\n")
    project.run("migrate", "verify").expect(0)
    assert reports(project, "reports")[-1]["database"] == "two.db"
    project.run("migrate", "verify", env={"MEMSQL_ENV": "nope"}).expect(
        2, "there is no environment 'nope'", "did not run"
    )
    assert len(reports(project, "reports")) == 2


def test_json_keeps_stdout_for_itself(project: Project) -> None:
    done = project.run("migrate", "--json", "verify", "--json").expect(0)
    decoder = json.JSONDecoder()
    first, end = decoder.raw_decode(done.out)
    second, end = decoder.raw_decode(done.out, done.out.index("{", end))
    assert done.out[end:].strip() == ""
    assert (first["command"], second["command"]) == ("migrate.up", "verify")
    assert "all 2 steps done" in done.err
    assert [s["data"] for s in reports(project)[0]["steps"]] == [
        {k: v for k, v in one.items() if k not in ("memsql_json", "ok", "command")} for one in (first, second)
    ]


def test_figures_keep_stdout_for_themselves(project: Project) -> None:
    done = project.run("migrate.status", "monitor.metrics", "--format", "prometheus").expect(3)
    assert "stopped with" in done.err
    done = project.run("migrate", "backup").expect(0)
    assert "all 2 steps done" in done.out


def test_a_folder_that_cannot_be_written_is_a_warning(project: Project) -> None:
    (project.root / "backups").write_text("a file stands in the way")
    done = project.run("migrate", "verify").expect(0, "all 2 steps done")
    assert done.err.count("warning: there will be no report of this run: ") == 1
    assert "report: " not in done.out


def test_a_full_disk_is_a_warning(project: Project) -> None:
    runs = project.root / "full"
    runs.mkdir()
    project.configure("[memsql]\nruns = full\n")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(runs)], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting needs root")
    try:
        with suppress(OSError), open(runs / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        project.run("migrate", "verify").expect(0, "warning: there will be no report of this run", "all 2 steps done")
        assert [p.name for p in runs.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(runs)], check=True)


def test_names_that_are_not_utf_8(project: Project) -> None:
    name = os.fsdecode(b'\xff "it\'s".db')
    project.run("migrate", "--database", name, "verify", "--database", name).expect(0, "all 2 steps done")
    (report,) = reports(project)
    assert report["database"] == name
    assert report["command_line"][3] == name


def test_backup_migrate_verify_on_a_protected_environment(project: Project) -> None:
    project.configure("[memsql]\n[memsql:production]\nprotected = yes\n")
    project.up("--yes", env={"MEMSQL_ENV": "production"})
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    words = ("migrate.status", "migrate", "--yes", "verify")
    project.run(*words, env={"MEMSQL_ENV": "production"}).expect(6, "there is no proven backup", "1 of 3 steps done")
    project.run("backup", "migrate", "verify", env={"MEMSQL_ENV": "production"}).expect(
        6, "add --yes", "1 of 3 steps done"
    )
    invoke(project, "backup", "migrate", "--yes", "verify", env={"MEMSQL_ENV": "production"}).expect(
        0, "all 3 steps done"
    )
    written = reports(project)
    assert [r["exit_code"] for r in written] == [6, 6, 0]
    assert [r["environment"] for r in written] == ["production"] * 3
    assert steps(written[2]) == [("backup.create", "ok", 0), ("migrate.up", "ok", 0), ("verify", "ok", 0)]


def test_tasks_of_others_run_in_between(project: Project) -> None:
    (project.root / "tasks.py").write_text("""
from invoke import Collection, Exit, task
from memsql.tasks import ns as memsql

@task
def before(c):
    print("BEFORE")

@task(pre=[before])
def build(c):
    print("BUILT")

@task(pre=[before])
def broken(c):
    raise Exit("no", code=9)

ns = Collection(build, broken, before)
ns.add_collection(memsql, name="db")
""")

    def run(*words: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=project.root,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(words, done.returncode, done.stdout, done.stderr)

    done = run("build", "db.migrate", "before", "build", "db.verify", "db.verify").expect(0, "all 3 steps done")
    assert (done.out.count("BEFORE"), done.out.count("BUILT"), done.out.count("proven: ")) == (1, 1, 4)
    run("db.migrate", "broken", "db.verify").expect(9, "stopped with exit code 9: 1 of 2 steps done", "did not run")
    assert [r["exit_code"] for r in reports(project)] == [0, 9]
    assert steps(reports(project)[1]) == [("migrate.up", "ok", 0), ("db.verify", "waiting", None)]


@pytest.mark.kill
def test_a_chain_that_is_killed_leaves_what_it_knew(project: Project) -> None:
    project.up()
    project.add("0002_slow", SLOW, "DELETE FROM a;\n")
    process = project.start("migrate.status", "migrate", "verify")
    try:
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            written = reports(project)
            if written and written[0]["steps"][1]["database"]:
                break
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    (report,) = reports(project)
    assert (report["status"], report["exit_code"], report["finished"]) == ("running", None, None)
    assert steps(report) == [("migrate.status", "ok", 0), ("migrate.up", "running", None), ("verify", "waiting", None)]


def test_a_chain_that_is_interrupted_says_so(project: Project) -> None:
    project.up()
    project.add("0002_slow", SLOW, "DELETE FROM a;\n")
    process = project.start("migrate.status", "migrate", "verify")
    ends = time.monotonic() + 30
    while time.monotonic() < ends and not (reports(project) and reports(project)[0]["steps"][1]["database"]):
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    Done((), process.returncode, out, err).expect(
        5, "SIGTERM", "stopped with exit code 5: 1 of 3 steps done", "did not run"
    )
    assert steps(reports(project)[0])[1:] == [("migrate.up", "failed", 5), ("verify", "waiting", None)]


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ((), {"TURSO_URL": f"http://127.0.0.1:9?authToken={SECRET}"}),
        ((), {"TURSO_URL": f"http://user:{SECRET}@127.0.0.1:9"}),
        ((), {"TURSO_URL": "http://127.0.0.1:9", "TURSO_AUTH_TOKEN": SECRET}),
        (("--database", f"http://127.0.0.1:9?authToken={SECRET}"), {}),
        ((f"--database=http://:{SECRET}@127.0.0.1:9",), {}),
        (("--database", f"http://127.0.0.1:9?authToken={SECRET}&authToken="), {}),
    ],
    ids=range(6),
)
def test_no_secret_is_in_a_report_of_a_failure(project: Project, words: tuple[str, ...], env: dict[str, str]) -> None:
    done = project.run("migrate.status", *words, "verify", *words, env=env).expect(3)
    (path,) = (project.root / "backups" / "runs").iterdir()
    assert SECRET not in path.read_text() + done.out + done.err
    assert "127.0.0.1:9" in path.read_text()


def test_a_secret_under_a_wrong_name_is_not_told(project: Project) -> None:
    project.run("migrate.status", "verify", "--database", f"http://127.0.0.1:9?jwtt={SECRET}").expect(2)
    (path,) = (project.root / "backups" / "runs").iterdir()
    assert SECRET not in path.read_text()
    assert "http://127.0.0.1:9?***" in path.read_text()


def test_each_environment_has_its_own_token(tmp_path: Path, guarded: Guarded) -> None:
    project = Project(tmp_path)
    token = guarded.keys.token(a="rw")
    url = guarded.server.url
    project.configure(
        f"[memsql]\n[memsql:staging]\ndatabase = {url}\ntoken_variable = STAGING_TOKEN\n"
        f"[memsql:production]\ndatabase = {url}\n"
    )
    (project.root / ".env").write_text(f"STAGING_TOKEN={token}\nTURSO_AUTH_TOKEN=wrong\n")
    words = ("migrate.status", "fts.status")
    project.run(*words, env={"MEMSQL_ENV": "staging"}).expect(0)
    project.run(*words, env={"MEMSQL_ENV": "production"}).expect(3)
    project.run(*words, env={"MEMSQL_ENV": "production", "TURSO_AUTH_TOKEN": token}).expect(0)
    for path in (project.root / "backups" / "runs").iterdir():
        assert token not in path.read_text()
    assert servers.target(url).identity in reports(project)[0]["database"]


def test_a_token_in_place_of_its_variable_is_not_told(project: Project) -> None:
    project.configure(f"[memsql]\ntoken_variable = {SECRET}\n")
    done = project.run("migrate.status").expect(2, "token_variable is not the name of an environment variable")
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize("run", [invoke, Project.run], ids=["invoke", "memsql"])
@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["migrate.up", "--dryrun"], "No idea what '--dryrun' is!", "--help migrate.up"),
        (["migrate.up", "--to", "2", "verfy"], "No idea what 'verfy' is!", "--help"),
        (["migrate.nope"], "No idea what 'migrate.nope' is!", "--list"),
        (["migrate.up", "--to"], "needed value and was not given one", "--help migrate.up"),
        (["--help", "nope"], "No idea what 'nope' is!", "--list"),
    ],
)
def test_words_that_nobody_knows_are_usage(
    project: Project, run: Any, *, words: list[str], said: str, hint: str
) -> None:
    name = "memsql" if run is Project.run else "invoke"
    run(project, *words).expect(2, f"error: {said}" if said.startswith("No") else said, f"next: see: {name} {hint}")
    assert not project.db.exists()


def test_usage_as_json(project: Project) -> None:
    done = project.run("migrate.up", "--nope", "--json")
    assert (done.code, done.json()["ok"], done.err) == (2, False, "")
