"""SIGKILL at the steps of a backup, a restore and a pruning: at calls of the file system, and between two of them.

By default at a third of the steps, at each one with ``invoke test --thorough``. What has a final name is whole, the
database is the old one or the new one, and the next run succeeds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import backups
import extent
import measured
import pytest
from backups import crashed
from cli import Project, clean_environment
from places import ROOT

pytestmark = pytest.mark.kill

KILLER = ROOT / "tests" / "helpers" / "file_killer.py"
# Of so many steps one is killed.
EACH = extent.number(5, 1)


@pytest.fixture
def template(tmp_path: Path) -> Project:
    project = Project(tmp_path / "template")
    project.add(
        "0001_base",
        """CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
CREATE VIRTUAL TABLE found USING fts5(email, content='users', content_rowid='id');
INSERT INTO users WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i,
    'user ' || i FROM n;
INSERT INTO found (found) VALUES ('rebuild');
""",
    )
    project.up()
    return project


def kill_everywhere(template: Project, *words: str, stride: int) -> list[tuple[Project, Project]]:
    """Projects as a kill left them, each with what became of it when the command was run again."""
    copies = template.root.parent / "copies"
    copies.mkdir()
    done = subprocess.run(
        [sys.executable, str(KILLER), str(template.root), str(copies), str(EACH), str(stride), *words],
        env=measured.environment(clean_environment()),
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [(Project.at(copies / f"{n}-killed"), Project.at(copies / str(n))) for n in range(1, int(done.stdout))]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("words", [(), ("--compress",)], ids=["plain", "compressed"])
def test_a_backup_is_killed_at_every_step(template: Project, words: tuple[str, ...]) -> None:
    before = template.db.read_bytes()
    sweep = kill_everywhere(template, "backup", *words, stride=12)
    assert len(sweep) >= 40 // EACH
    whole = 0
    for killed, healed in sweep:
        assert killed.db.read_bytes() == before
        whole += backups.assert_whole(killed)
        assert backups.assert_whole(healed) == backups.assert_whole(killed) + 1
        assert backups.hidden(healed.root / "backups") == []
    assert whole >= 1
    last = sweep[-1][1]
    last.run("backup.verify", "--all").expect(0, "all proven")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("state", ["plain", "log", "damaged"])
def test_a_restore_is_killed_at_every_step(template: Project, state: str) -> None:
    wanted = backups.hashes(template.db)
    if state == "log":
        backups.in_wal(template.db)
    template.run("backup").expect(0)
    path = backups.one(template)
    template.script("UPDATE users SET email = 'changed since'; DROP TABLE found;")
    if state == "log":
        crashed(template)
    if state == "damaged":
        template.db.write_bytes(b"no database any more")
        template.db.with_name("memory.db-journal").write_bytes(b"and a journal")
    old = None if state == "damaged" else backups.hashes(_read(template))
    sweep = kill_everywhere(template, "backup.restore", path.name, stride=20)
    assert len(sweep) >= 30 // EACH
    olds = news = 0
    for killed, healed in sweep:
        copy = _read(killed)
        if state == "damaged" and copy.read_bytes() == b"no database any more":
            olds += 1
        else:
            now = backups.hashes(copy)
            assert now in (wanted, old)
            olds, news = olds + (now == old), news + (now == wanted)
        assert backups.hashes(healed.db) == wanted
        assert healed.one("PRAGMA integrity_check") == "ok"
        assert backups.hidden(healed.root) == []
        safe = [
            p
            for p in healed.root.iterdir()
            if ".replaced-" in p.name and not p.name.endswith(("-wal", "-shm", "-journal"))
        ]
        assert any(p.read_bytes() == b"no database any more" if old is None else backups.hashes(p) == old for p in safe)
    assert olds >= 10 // EACH
    assert news >= 5 // EACH


def _read(project: Project) -> Path:
    """A copy of the database with its log, to look at it without healing it."""
    folder = project.root / "look"
    folder.mkdir()
    for ending in ("", "-wal", "-journal"):
        if Path(f"{project.db}{ending}").exists():
            shutil.copy(f"{project.db}{ending}", folder)
    database = folder / project.db.name
    project_copy = project.root.parent / f"{project.root.name}-look"
    shutil.move(folder, project_copy)
    return project_copy / database.name


@pytest.mark.timeout(400)
def test_a_pruning_is_killed_at_every_step(template: Project) -> None:
    for _ in range(3):
        template.run("backup").expect(0)
    names = {p.name for p in backups.files(template)}
    # The paths differ from copy to copy, and so do the identities.
    sweep = kill_everywhere(template, "backup.prune", "--keep", "1", "--all", stride=50)
    assert len(sweep) >= 8 // EACH
    for killed, healed in sweep:
        assert 1 <= backups.assert_whole(killed) <= 3
        assert backups.assert_whole(healed) == 1
        left = {p.name for p in (healed.root / "backups").iterdir()}
        assert len(left) == 2, left
        assert left & names
