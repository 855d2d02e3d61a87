"""Ctrl-C and SIGTERM in the middle of a migration: rolled back, said so, and the next run goes on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from cli import Done, Project, clean_environment, finish
from processes import wait_until_it_computes

pytestmark = pytest.mark.slow

ENDLESS = """INSERT INTO kept VALUES ('half done');
CREATE TABLE numbers (n INTEGER);
INSERT INTO numbers
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n % 1000000000 = 1;
"""
MANY = "CREATE TABLE many (n INTEGER);\n" + "INSERT INTO many VALUES (1);\n" * 600_000
SIGNALS = [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_kept", "CREATE TABLE kept (what TEXT);\nINSERT INTO kept VALUES ('before');\n")
    project.up()
    return project


def interrupt(project: Project, number: int, *words: str) -> Done:
    """Start ``memsql words``, wait until it holds the write lock, and send it the signal."""
    process = project.start(*words)
    wait_until_locked(project, process)
    process.send_signal(number)
    return finish(process)


def wait_until_locked(project: Project, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with closing(sqlite3.connect(project.db, timeout=0, isolation_level=None)) as conn:
            try:
                conn.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return
            conn.execute("ROLLBACK")
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "name"), SIGNALS)
@pytest.mark.parametrize("text", [ENDLESS, MANY], ids=["one endless statement", "many small ones"])
def test_a_signal_rolls_back_and_says_so(project: Project, number: int, name: str, text: str) -> None:
    project.add("0002_long", text)
    before = project.data()
    interrupt(project, number, "migrate.up").expect(
        5, f"error: {name} stopped 0002_long", "this migration was rolled back", "run the command again"
    )
    assert project.data() == before
    assert project.applied() == ["0001_kept"]
    assert project.states() == {1: "applied", 2: "failed"}
    assert not project.db.with_name("memory.db-journal").exists()
    project.add("0002_long", "INSERT INTO kept VALUES ('after');\n")
    project.up()
    assert project.query("SELECT what FROM kept") == [("before",), ("after",)]


@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_what_was_finished_before_stays(project: Project, number: int, name: str) -> None:
    # With another header they cannot share a transaction.
    project.add("0002_quick", "-- foreign_keys: off\nCREATE TABLE quick (x);\n")
    project.add("0003_long", ENDLESS)
    process = project.start("migrate.up", "--json")
    while process.poll() is None and "0002_quick" not in project.applied():
        time.sleep(0.005)
    wait_until_locked(project, process)
    process.send_signal(number)
    error = finish(process).expect(5).json()["error"]
    assert (error["kind"], error["exit_code"]) == ("Interrupted", 5)
    assert "finished" in error["state"]
    assert "0002_quick" in error["state"]
    assert project.applied() == ["0001_kept", "0002_quick"]
    assert project.query("SELECT what FROM kept") == [("before",)]


@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_what_shared_the_transaction_is_named(project: Project, number: int, name: str) -> None:
    project.add("0002_quick", "CREATE TABLE quick (x);\n")
    project.add("0003_long", ENDLESS)
    error = interrupt(project, number, "migrate.up", "--json").expect(5).json()["error"]
    assert error["kind"] == "Interrupted"
    assert project.query("SELECT what FROM kept") == [("before",)]
    if "0002_quick" in project.applied():
        assert "finished 0002_quick" in error["state"]
    elif "0003_long" in error["message"]:
        assert "it and 0002_quick, in whose transaction it ran, were rolled back" in error["state"]
    else:
        assert "0002_quick" in error["message"]
    project.add("0003_long", "INSERT INTO kept VALUES ('after');\n")
    project.up()
    assert project.applied() == ["0001_kept", "0002_quick", "0003_long"]


def test_on_a_fresh_database(project: Project) -> None:
    project.db.unlink()
    project.add("0002_long", ENDLESS)
    process = project.start("migrate.up")
    while process.poll() is None and not project.db.exists():
        time.sleep(0.005)
    wait_until_locked(project, process)
    process.send_signal(signal.SIGTERM)
    finish(process).expect(5, "SIGTERM stopped 000", "rolled back")
    project.add("0002_long", "INSERT INTO kept VALUES ('after');\n")
    project.up()
    assert project.query("SELECT what FROM kept") == [("before",), ("after",)]


@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_rolling_back_can_be_interrupted(project: Project, number: int, name: str) -> None:
    project.add("0002_a", "CREATE TABLE a (x);\n", ENDLESS)
    project.up()
    before = project.data()
    interrupt(project, number, "migrate.down").expect(5, f"{name} stopped 0002_a", "this migration was rolled back")
    assert project.data() == before
    assert project.states() == {1: "applied", 2: "applied"}


def test_all_or_nothing_is_nothing(project: Project) -> None:
    project.add("0002_quick", "CREATE TABLE quick (x);\n")
    project.add("0003_long", ENDLESS)
    before = project.data()
    interrupt(project, signal.SIGINT, "migrate.up", "--all-or-nothing").expect(
        5, "Ctrl-C stopped 000", "every migration of this run was rolled back"
    )
    assert project.data() == before
    assert project.applied() == ["0001_kept"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("file", ["clone.db", "clone.db-journal"])
def test_a_rehearsal_leaves_nothing_behind(
    project: Project, number: int, file: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.script("CREATE TABLE weight (x); INSERT INTO weight VALUES (zeroblob(30000000));")
    scratch = tmp_path_factory.mktemp("scratch")
    project.add("0002_long", ENDLESS)
    before = project.files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        process = project.start("migrate.up", "--dry-run")
    while process.poll() is None and not list(scratch.rglob(file)):
        time.sleep(0.002)
    process.send_signal(number)
    done = finish(process)
    assert done.code == 5, done
    assert "Traceback" not in done.err
    assert project.files() == before
    assert list(scratch.iterdir()) == []


def test_without_a_transaction_it_says_how_far_it_came(project: Project) -> None:
    project.add(
        "0002_long",
        "-- transactional: false\nVACUUM;\nANALYZE;\n"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c;\n",
    )
    process = project.start("migrate.up")
    done = "SELECT count(*) FROM memsql_history WHERE statements_done = 2"
    while process.poll() is None and not project.one(done):
        time.sleep(0.005)
    wait_until_locked(project, process)
    process.send_signal(signal.SIGINT)
    finish(process).expect(5, "Ctrl-C stopped 0002_long", "2 statements are done and stay done")
    assert project.query("SELECT tbl FROM sqlite_stat1 WHERE tbl = 'kept'") == [("kept",)]


ENDLESS_CHECK = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0"


@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_a_check_can_be_interrupted(project: Project, number: int, name: str) -> None:
    project.add("0002_quick", "CREATE TABLE quick (x);\n")
    project.check("0002_quick", ENDLESS_CHECK)
    before = project.data()
    interrupt(project, number, "migrate.up").expect(5, f"{name} stopped 0002_quick", "this migration was rolled back")
    assert project.data() == before


@pytest.mark.parametrize("words", [("verify",), ("migrate.up", "--dry-run")])
@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_a_check_can_be_interrupted_where_nothing_is_changed(
    project: Project, number: int, name: str, words: tuple[str, ...]
) -> None:
    project.check("endless", ENDLESS_CHECK)
    if words != ("verify",):
        project.add("0002_quick", "CREATE TABLE quick (x);\n")
        project.check("0002_quick", ENDLESS_CHECK)
    before = project.data()
    process = project.start(*words)
    wait_until_it_computes(process)
    assert process.poll() is None
    process.send_signal(number)
    began = time.monotonic()
    finish(process).expect(5, f"{name} stopped")
    assert time.monotonic() - began < 30
    assert project.data() == before


def wait_for_scratch(process: subprocess.Popen[str], folder: Path, pattern: str) -> None:
    while process.poll() is None and not list(folder.rglob(pattern)):
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("words", "file"),
    [(("migrate.test",), "scratch.db-journal"), (("migrate.up", "--dry-run"), "clone.db-journal")],
    ids=" ".join,
)
@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_what_a_trial_runs_is_not_blamed(
    project: Project,
    number: int,
    name: str,
    words: tuple[str, ...],
    file: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A migration that was interrupted did not fail, and the trial ends."""
    scratch = tmp_path_factory.mktemp("scratch")
    project.down_file("0001_kept").write_text("DROP TABLE kept;\n")
    project.add("0002_long", ENDLESS)
    before = project.data()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        process = project.start(*words)
    wait_for_scratch(process, scratch, file)
    time.sleep(0.5)
    process.send_signal(number)
    began = time.monotonic()
    done = finish(process).expect(5, f"error: {name} stopped {words[0]}", "state: nothing was changed")
    assert time.monotonic() - began < 30
    assert "0002_long" not in done.out + done.err
    assert project.data() == before
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("words", [("legacy.adopt",), ("legacy.status",), ("migrate.up",)], ids=" ".join)
@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_what_runs_in_memory_is_not_blamed(project: Project, number: int, name: str, words: tuple[str, ...]) -> None:
    """To recognise a database the migrations run on a scratch one, in another process."""
    project.db.unlink()
    project.add("0001_kept", ENDLESS.partition("\n")[2])
    project.script("CREATE TABLE kept (what TEXT);")
    before = project.everything()
    process = project.start(*words)
    wait_until_it_computes(process)
    assert process.poll() is None
    process.send_signal(number)
    began = time.monotonic()
    done = finish(process).expect(5, f"error: {name} stopped {words[0]}", "state: nothing was changed")
    assert time.monotonic() - began < 30
    assert "0001_kept" not in done.out + done.err
    assert project.everything() == before


AT_IMPORT = """
import os, signal, sys

module, *words = sys.argv[1:]

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder)
from memsql.__main__ import main
sys.argv = ["memsql", *words]
main()
"""


@pytest.mark.parametrize(
    "module",
    ["invoke", "invoke.parser", "memsql.tasks.program", "memsql.config", "memsql.report.progress", "memsql.db.sqlite"],
)
@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_a_start_is_interrupted_with_a_line_and_without_a_traceback(
    project: Project, module: str, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", AT_IMPORT, module, "migrate.status", *words]
    ended = subprocess.run(
        command, cwd=project.root, env=clean_environment(), capture_output=True, encoding="utf-8", check=False
    )
    done = Done(tuple(command[3:]), ended.returncode, ended.stdout, ended.stderr)
    done.expect(5, "Ctrl-C stopped m", "nothing was changed")
    if words:
        assert done.json()["error"]["kind"] == "Interrupted"
    else:
        assert done.err.startswith("error: ")


def test_a_start_that_hears_ctrl_c_early_imports_little() -> None:
    """What is imported before is the time in which Python itself answers, with a traceback."""
    text = (
        "import sys; import memsql.startup; print(*[m for m in sys.modules if m.startswith(('memsql', 'contextlib'))])"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, encoding="utf-8", check=True)
    assert ended.stdout.split() == ["memsql", "memsql.startup"]
