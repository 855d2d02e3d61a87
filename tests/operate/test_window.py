"""--maintenance-window: what would not end in time is not begun."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import eras
import pytest
import reference_project
import servers
from cli import Project
from proven import save_backup
from terminal import QUESTION, answer

from memsql.engine.job import Done
from memsql.errors import UsageError
from memsql.operate.window import MARGIN, estimate_run, parse_window, refusal
from memsql.server import Running

pytestmark = pytest.mark.slow

SLOW = """INSERT INTO a WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT
    i + 1 FROM n WHERE i < 2500000) SELECT max(i) FROM n;
"""
SHORT = "0.005"  # minutes: 300 ms


def done(version: int, ms: int) -> Done:
    return Done(f"{version:04d}_m", version, "m", "up", ms)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One migration is applied, a quick one and a slow one wait."""
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.up()
    project.add("0002_quick", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.add("0003_slow", SLOW, SLOW + "DELETE FROM a;\n")
    return project


def test_times_add_up_with_the_margin() -> None:
    estimate = estimate_run("up", [done(2, 100), done(3, 200), done(4, 0)], 350, 1000)
    assert estimate.other_ms == 50
    assert [s.ends_ms for s in estimate.slots] == [150 * MARGIN, 350 * MARGIN, 350 * MARGIN]
    assert estimate.fits
    assert refusal(estimate, []) is None


@pytest.mark.parametrize(
    ("window", "message", "hint"),
    [
        (350 * MARGIN - 1, "0003_m would not end", "migrate.up --to 2"),
        (50 * MARGIN - 1, "what is no migration (an adoption, the ledger) alone", "take a longer one"),
        (150 * MARGIN - 1, "not even 0002_m, the first one,", "take a longer one"),
    ],
)
def test_the_first_that_does_not_fit_is_named(window: float, message: str, hint: str) -> None:
    problem = refusal(estimate_run("up", [done(2, 100), done(3, 200)], 350, window), ["line"])
    assert problem is not None
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert problem.details == ("line",)


def test_a_rollback_is_shortened_by_steps() -> None:
    problem = refusal(estimate_run("down", [done(3, 100), done(2, 200)], 300, 100 * MARGIN), [])
    assert problem is not None
    assert "memsql migrate.down --steps 1" in (problem.hint or "")


def test_what_is_no_migration_counts_too() -> None:
    assert refusal(estimate_run("up", [], 500, 500 * MARGIN - 1), []) is not None
    assert refusal(estimate_run("up", [], 500, 500 * MARGIN), []) is None


@pytest.mark.parametrize("text", ["abc", "0", "-1", "", "0.0", "1e3", "nan", "inf", "10m", "1 2", "٣"])
def test_minutes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="give a number of minutes"):
        parse_window(text)


def test_wrong_options_change_nothing(project: Project) -> None:
    before = project.everything()
    for task in (("migrate.up",), ("migrate.down",), ("migrate.to", "3")):
        for minutes in ("abc", "0", "-5"):
            project.run(*task, f"--maintenance-window={minutes}").expect(
                2, "give a number of minutes", "nothing was changed"
            )
        project.run(*task, "--maintenance-window", "5", "--dry-run").expect(
            2, "do not go together", "nothing was changed"
        )
    assert project.everything() == before


def test_what_fits_is_applied_and_the_estimate_is_printed(project: Project) -> None:
    ended = project.up("--maintenance-window", "5")
    ended.expect(
        0,
        "estimated: ",
        " of 5 min 0 s",
        "times 2",
        "0003_slow: rehearsed in",
        "applied 0002_quick",
        "applied 0003_slow",
    )
    data = project.run("migrate.down", "--maintenance-window", "5", "--json").expect(0).json()
    assert data["window"]["fits"] is True
    assert data["window"]["window_ms"] == 300_000
    assert data["window"]["migrations"][0]["id"] == "0003_slow"
    assert 0 < data["window"]["migrations"][0]["rehearsed_ms"] <= data["window"]["estimated_ms"]


@pytest.mark.parametrize("task", [("migrate.up",), ("migrate.to", "3")], ids=" ".join)
def test_what_does_not_fit_is_not_begun(project: Project, task: tuple[str, ...]) -> None:
    before = project.files()
    project.run(*task, "--maintenance-window", SHORT).expect(
        6,
        "0003_slow would not end within the maintenance window",
        "0002_quick: rehearsed in",
        "too late",
        "nothing was changed",
        "memsql migrate.up --to 2",
    )
    assert project.files() == before
    project.run("migrate.up", "--to", "2", "--maintenance-window", SHORT).expect(0, "applied 0002_quick")


def test_a_rollback_that_does_not_fit(project: Project) -> None:
    project.up()
    before = project.everything()
    project.run("migrate.down", "--steps", "2", "--maintenance-window", SHORT).expect(
        6, "not even 0003_slow, the first one, would end", "nothing was changed"
    )
    assert project.everything() == before


def test_what_the_rehearsal_finds_is_the_answer(project: Project) -> None:
    project.add("0002_quick", "INSERT INTO nowhere VALUES (1);\n", "SELECT 1;\n")
    before = project.files()
    project.run("migrate.up", "--maintenance-window", "5").expect(
        5, "no such table: nowhere", "this was a rehearsal: the database was not touched"
    )
    project.run("migrate.down", "--maintenance-window", "5", "--steps", "9").expect(0)
    assert project.files() != before


def test_a_loss_in_the_rehearsal_is_the_answer(project: Project) -> None:
    project.script("INSERT INTO a VALUES (1);")
    project.add("0002_quick", "DROP TABLE a;\n", "SELECT 1;\n")
    before = project.files()
    project.run("migrate.up", "--maintenance-window", "5").expect(6, "a", "rehearsal: the database was not touched")
    assert project.files() == before


def test_nothing_to_do_is_not_rehearsed(project: Project) -> None:
    project.up()
    ended = project.up("--maintenance-window", SHORT)
    assert "estimated" not in ended.out


def test_a_legacy_database_is_estimated_with_its_adoption(tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    eras.build(project.db, "1.2", "empty")
    reference_project.copy_to(tmp_path)
    project.configure("[memsql]\n")
    before = project.everything()
    project.run("migrate.up", "--maintenance-window", "0.00001").expect(
        6, "an adoption, the ledger) alone would not end"
    )
    assert project.everything() == before
    project.up("--maintenance-window", "5").expect(0, "for the ledger and all that is no migration", "0004_")


def test_backups_are_looked_at_first_and_the_estimate_is_in_the_question(project: Project) -> None:
    project.configure("[memsql]\nprotected = yes\n")
    save_backup(project.root / "backups", project.db, age=timedelta(days=9))
    project.run("migrate.up", "--maintenance-window", SHORT).expect(6, "backup_max_age is 24 hours")
    save_backup(project.root / "backups", project.db)
    project.run("migrate.up", "--maintenance-window", SHORT, "--yes").expect(6, "0003_slow would not end")
    ended = answer(project.root, "yes", "migrate.up", "--maintenance-window", "5").expect(0, "applied 0003_slow")
    assert ended.err.index("estimated: ") < ended.err.index(QUESTION)


def test_a_server_is_rehearsed_with_its_data(tmp_path: Path, project: Project, empty_server: Running) -> None:
    project.script("INSERT INTO a VALUES (1), (2);")
    servers.load(project.db, empty_server.url)
    words = ("migrate.up", "--database", empty_server.url, "--maintenance-window")
    project.run(*words, SHORT).expect(6, "0003_slow would not end", "memsql migrate.up --to 2")
    assert project.states("--database", empty_server.url) == {1: "applied", 2: "pending", 3: "pending"}
    project.run(*words, SHORT, "--to", "2").expect(0, "estimated: ", "applied 0002_quick")
    project.add("0003_slow", "CREATE UNIQUE INDEX one ON a ((x > 0));\n", "DROP INDEX one;\n")
    project.run(*words, "5").expect(5, "UNIQUE constraint failed", "this was a rehearsal")
