"""The campaign ``files``: that it tries every command, that the shim sees what they do, and a share of its points."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import cli
import extent
import measured
import pytest
from cli import Project, clean_environment

from memsql.tasks import loading
from tests.campaigns import runner
from tests.campaigns.files import commands, shim, templates
from tests.campaigns.files.disk import Disk, Manner
from tests.campaigns.runner import Selection


@pytest.fixture(scope="module")
def library() -> Path:
    obstacle = shim.obstacle()
    if obstacle and os.environ.get("CI") == "true":
        pytest.fail(f"the campaign cannot be run: {obstacle}")
    if obstacle:
        pytest.skip(f"NO FAULT OF A DISK IS TRIED HERE: {obstacle}")
    return shim.build()


def test_every_task_that_writes_is_tried() -> None:
    lists = (commands.tried(), commands.READERS, commands.LEFT_OUT.keys())
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    assert frozenset(loading.namespace().task_names) == frozenset().union(*lists)


def run_with(library: Path, project: Project, log: Path, *words: str) -> cli.Done:
    """Run a command that the shim records from its start on, with what it starts, as somebody would by hand."""
    order = shim.Order("record", 1, (project.root,), log=log)
    environment = measured.unmeasured(clean_environment())
    ended = subprocess.run(
        [sys.executable, "-m", "memsql", *words],
        cwd=project.root,
        env={**environment, "LD_PRELOAD": str(library), "CAMPAIGN_ORDER": str(order)},
        capture_output=True,
        text=True,
        check=False,
    )
    return cli.Done(words, ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_the_shim_sees_every_operation(library: Path, tmp_path: Path, journal: str) -> None:
    """What it recorded, done again on the files before, leaves the files after."""
    project = templates.ordinary(tmp_path / "project")
    project.up("--to", "1")
    project.script(f"PRAGMA journal_mode = {journal};")
    disk = Disk(project.root)
    log = tmp_path / "log"
    run_with(library, project, log, "backup", "migrate.up", "migrate.sum", "schema.dump", "--write").expect(0)
    after = project.files()
    disk.follow(log.read_bytes())
    disk.write_all()
    assert project.files() == after
    # And all of it was synced: nothing is lost with the power, but for what says that a run is over.
    disk.lose_power(Manner.NOTHING, random.Random(0))
    assert project.query("SELECT count(*) FROM schema_migrations") == [(4,)]
    assert project.files().keys() >= {path for path in after if not path.endswith(("-wal", "-shm"))}


@pytest.mark.kill
@pytest.mark.slow
@pytest.mark.timeout(extent.number(300, 3000))
def test_a_share_of_the_points(library: Path, tmp_path: Path) -> None:
    """Of those commands above all that exchange files: what a kill at a statement leaves is tried in test_kill.py."""
    names = ("migrate.up", "backup.create", "backup.restore", "backup.restore-damaged", "backup.prune")
    selection = Selection("files", 24, seed=17, command=",".join(names), mode="wal,file")
    if extent.THOROUGH:
        selection = Selection("files", 3000, seed=17)
    tally = runner.run(selection, workers=1, record=tmp_path / "record.jsonl", progress=False)
    assert tally.tried.total() >= extent.number(20, 2500)
    assert not tally.failures, runner.failures("files", tally, 5)
