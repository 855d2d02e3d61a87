"""What another process does between planning and the lock: while a person reads the question, for example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli import Project

from memsql import config
from memsql.actions.up import down, up
from memsql.config import Settings
from memsql.db import connection
from memsql.engine.job import LedgerMoved
from memsql.engine.run import Runner
from memsql.engine.state import Proposal, RunOptions, status
from memsql.errors import FileError, LockedError, MigrationFailed, Refused
from memsql.project import plan
from memsql.server import Running


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.server)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A project of three migrations on an empty database, a file or a server."""
    project = Project(tmp_path)
    for number in (1, 2, 3):
        project.add(f"000{number}_t", f"CREATE TABLE t{number} (a);\n", f"DROP TABLE t{number};\n")
    server: Running | None = request.getfixturevalue("empty_server") if request.param == "server" else None
    return config.load(project=str(tmp_path), database=server.url if server else None, environ={})


def applied(settings: Settings) -> list[int]:
    return [s.version for s in status(settings).statuses if s.state == plan.APPLIED]


def at_the_gate(act: Callable[[], object]) -> Callable[[Proposal], None]:
    """A gate at which another process acts."""

    def gate(proposal: Proposal) -> None:
        act()

    return gate


def test_what_was_applied_meanwhile_is_no_failure(settings: Settings) -> None:
    up(settings, RunOptions(to=1))
    report = up(settings, RunOptions(), gate=at_the_gate(lambda: up(settings, RunOptions())))
    assert (report.done, report.applied, report.waiting) == ((), 3, 0)
    with connection(settings.target) as conn:
        assert not conn.execute("SELECT * FROM memsql_history WHERE status <> 'ok'").rows


def test_what_was_rolled_back_meanwhile_is_no_failure(settings: Settings) -> None:
    up(settings, RunOptions())
    options = RunOptions(steps=2)
    report = down(settings, options, gate=at_the_gate(lambda: down(settings, options)))
    assert (report.done, applied(settings)) == ((), [1])


def test_a_database_that_became_somebody_elses_is_refused(settings: Settings) -> None:
    def create() -> None:
        with connection(settings.target, "rwc") as conn:
            conn.execute("CREATE TABLE foreigner (a)")

    with pytest.raises(Refused, match="no legacy era fits it"):
        up(settings, RunOptions(), gate=at_the_gate(create))
    with connection(settings.target) as conn:
        assert [row[0] for row in conn.execute("SELECT name FROM sqlite_schema").rows] == ["foreigner"]


def test_nothing_is_rolled_back_under_what_was_applied_meanwhile(settings: Settings) -> None:
    for options in (RunOptions(steps=1), RunOptions(to=1)):
        up(settings, RunOptions(to=2))
        with pytest.raises(LockedError, match="another process has applied 0003_t meanwhile"):
            down(settings, options, gate=at_the_gate(lambda: up(settings, RunOptions())))
        assert applied(settings) == [1, 2, 3]
        down(settings, RunOptions(to=1))


def test_a_file_that_was_edited_meanwhile_is_refused(settings: Settings) -> None:
    up(settings, RunOptions(to=2))

    def apply_and_edit() -> None:
        up(settings, RunOptions())
        with connection(settings.target, "rw") as conn:
            conn.execute("UPDATE schema_migrations SET checksum = 'another' WHERE version = 3")

    with pytest.raises(FileError, match="0003_t was applied, and then changed"):
        down(settings, RunOptions(steps=1), gate=at_the_gate(apply_and_edit))
    assert 2 in applied(settings)


def test_a_commit_that_fails_for_all_blames_the_first(settings: Settings, tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    project.add(
        "0001_t",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE t1 (p REFERENCES p (id)\n"
        "DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO t1 VALUES (7);\n",
        "DROP TABLE t1;\n",
    )
    with pytest.raises(Exception, match="0001_t could not be committed"):
        up(settings, RunOptions(all_or_nothing=True))
    states = {s.version: s.state for s in status(settings).statuses}
    assert states == {1: plan.FAILED, 2: plan.PENDING, 3: plan.PENDING}


def test_a_failure_names_what_was_applied_before_the_run_planned_again(settings: Settings) -> None:
    """Between the two transactions another process writes the ledger, so the second one is planned anew."""
    folder = Path(settings.root) / "migrations"
    (folder / "0004_t.sql").write_text("-- foreign_keys: off\nCREATE TABLE t4 (a);\nINSERT INTO nowhere VALUES (1);\n")
    (folder / "0004_t.rollback.sql").write_text("DROP TABLE t4;\n")
    really = Runner._share
    moved: list[Runner] = []

    def share(runner: Runner, *arguments: Any, **more: Any) -> int:
        if runner.done and not moved:
            moved.append(runner)
            raise LedgerMoved
        return really(runner, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "_share", share)
        with pytest.raises(MigrationFailed) as caught:
            up(settings, RunOptions())
    assert moved
    assert "before it, this run finished 0001_t, 0002_t, 0003_t" in (caught.value.state or "")
