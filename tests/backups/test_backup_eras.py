"""Every era: back up, damage the original, restore, and everything is as it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import backups
import eras
import extent
import pytest
from cli import Project
from places import ROOT

pytestmark = pytest.mark.slow

# Every era as it was, and each era's drifts all at once.
CASES: list[tuple[str, dict[str, object]]] = [(era, {}) for era in eras.ERAS] + [
    (e, d) for e, d in eras.DRIFTS if len(d) > 1
]
NAMES = [era + "".join(f"-{k}" for k in drift) for era, drift in CASES]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    return Project.at(tmp_path)


@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 9), ids=extent.some(NAMES, 9))
def test_back_up_damage_restore(project: Project, era: str, drift: dict[str, Any]) -> None:
    eras.build(project.db, era, seed=11, **drift)
    before = backups.hashes(project.db)
    # As shipped these databases have full-text indexes with stale words, and some have orphans: a backup keeps them.
    project.run("backup", "--compress").expect(0, "proven in", "memories_fts does not agree with its content")
    backups.damage(project.db, "memories")
    project.run("backup.restore").expect(0, "every table proven by its hash")
    assert backups.hashes(project.db) == before
    project.up()
    project.run("verify").expect(0, "proven")
    project.run("backup", "--compress").expect(0)
    newest = backups.hashes(project.db)
    project.db.write_bytes(b"\0" * 4096)
    project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == newest
    project.run("verify").expect(0, "proven")


def test_empty_eras(project: Project) -> None:
    eras.build(project.db, "1.2", "empty", seed=1)
    before = backups.hashes(project.db)
    project.run("backup").expect(0, "proven")
    project.db.unlink()
    project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == before
