"""What both founding documents let a person type, in our words: the guide's migration and the review's scenarios and
deployments, each as a script, on a database of every legacy era, in a file and on a server."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import eras
import extent
import pytest
import reference_project
import servers
from cli import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# In each line: a command, and behind => what it prints, several parts with | between them.
COMPLETE_MIGRATION = """
backup                          => proven in
legacy.adopt --dry-run          => rehearsal on a clone | tables {tables} → 8
schema.stats                    => {tables} tables, {indexes} indexes
legacy.adopt                    => 0001_baseline | tables {tables} → 8
verify --only schema            => All 17 verification tests passed
verify                          => , 0 failed | not applied yet:
schema.stats                    => 8 tables
"""
WHOLE_WAY_BACK = """
legacy.rollback                 => tables
schema.stats                    => {tables} tables, {indexes} indexes
legacy.status                   => era: {era}
"""
PHASE_BY_PHASE = """
legacy.phase1 --dry-run         => rehearsal on a clone
schema.stats                    => {tables} tables, {indexes} indexes
legacy.phase1                   => indexes {indexes} →
verify                          => , 0 failed
schema.stats
legacy.phase2 --dry-run         => rehearsal on a clone
legacy.phase2                   => tables
verify                          => , 0 failed
schema.info                     => api_key_hash
"""
PHASES_BACK = """
legacy.rollback --phase "Phase 2"  => phase2
legacy.rollback --phase "Phase 1"  => phase1
schema.stats                       => {tables} tables, {indexes} indexes
"""
SCENARIO_1 = """
migrate.up                      => 0004_index_active_memories
verify                          => , 0 failed
smoke
"""
SCENARIO_3 = """
migrate.up                      => nothing to
verify                          => , 0 failed
migrate.down                    => 0004_index_active_memories
verify                          => , 0 failed
migrate.up                      => 0004_index_active_memories
"""
TESTING = """
migrate.status                  => index_active_memories
migrate.up -- --dry-run         => 0004_index_active_memories
migrate.up                      => 0004_index_active_memories
verify                          => , 0 failed
smoke
monitor.metrics --rounds 1      => memories_active_newest
"""
STAGING = """
backup                          => proven in
migrate.up                      => 0004_index_active_memories
verify                          => , 0 failed
smoke
"""
PRODUCTION = """
backup                          => proven in
migrate.up --yes --maintenance-window 10  => 0004_index_active_memories
verify --record                 => , 0 failed
smoke
monitor.health --no-verify      => well
monitor.metrics --rounds 1      => "success_ratio": 1.0
monitor.slow                    => recorded
migrate.down --yes              => 0004_index_active_memories
"""
# The oldest backup by its name: on a server each restore keeps what it replaces as the newest one.
RESTORE = "backup.restore {backup} --replace --yes => every table proven by its hash"


@dataclass
class Walk:
    """A project whose database is of ``era``: a file, or on a server at ``url``."""

    project: Project
    era: str
    url: str | None

    def type(self, script: str, environment: str | None = None) -> None:
        """Run each line of ``script``, with MEMSQL_ENV where an environment is named."""
        tables, indexes = eras.COUNTS.get(self.era, (0, 0))
        backup = min(self.project.root.glob("backups/*.db*"), default="")
        for line in script.format(tables=tables, indexes=indexes, era=self.era, backup=backup).splitlines():
            command, _, parts = line.partition("=>")
            if command.strip():
                done = self.project.run(*shlex.split(command), env={"MEMSQL_ENV": environment} if environment else {})
                done.expect(0, *(part.strip() for part in parts.split("|")))

    def file(self) -> Path:
        """The database as a file: a copy of the server's."""
        return servers.save(self.url, self.project.root / "copy.db") if self.url else self.project.db

    def content(self) -> dict[str, dict[str, str]]:
        return eras.content_hash(self.file())


@contextmanager
def walk(folder: Path, era: str, transport: str) -> Iterator[Walk]:
    """A project with the migrations and SQL of this repository; ``era`` "" has no database yet."""
    project = Project(folder / "project")
    project.migrations.rmdir()
    reference_project.copy_to(project.root)
    if era:
        eras.build(project.db, era, "tiny", seed=11)
    if transport == "file":
        project.configure(SETTINGS.replace("DATABASE", project.db.name))
        yield Walk(project, era, None)
        return
    with servers.fresh(folder / "server") as server:
        if era:
            servers.load(project.db, server.url)
        project.db.unlink(missing_ok=True)
        project.configure(SETTINGS.replace("DATABASE", server.url))
        yield Walk(project, era, server.url)


SETTINGS = """[memsql]
database = DATABASE
[memsql:staging]
[memsql:production]
protected = yes
backup_max_age = 1h
"""
TRANSPORTS = ["file", pytest.param("server", marks=pytest.mark.server)]


def alternating(*ends: str) -> list[Any]:
    """By default the eras ``ends``, each over another transport; with --thorough every era over both.

    A walk takes seconds, and tests/promises and tests/legacy take most of its steps on every era.
    """
    walks = [(era, transport) for era in eras.ERAS for transport in ("file", "server")]
    few = list(zip(ends, cycle(("server", "file")), strict=False))
    return [
        pytest.param(era, transport, marks=[pytest.mark.server] if transport == "server" else [])
        for era, transport in (walks if extent.THOROUGH else few)
    ]


@pytest.mark.parametrize(("era", "transport"), alternating("1.2"))
def test_the_migration_of_the_guide(tmp_path: Path, era: str, transport: str) -> None:
    with walk(tmp_path, era, transport) as here:
        before = here.content()
        here.type(COMPLETE_MIGRATION)
        assert eras.lost(before, here.content()) == []
        if era in ("1.0", "1.1", "1.2"):
            here.type(WHOLE_WAY_BACK)
            assert eras.lost(here.content(), before) == []
        here.type(RESTORE)
        assert here.content() == before
        here.type(PHASE_BY_PHASE)
        assert eras.lost(before, here.content()) == []
        if era in ("1.0", "1.1", "1.2"):
            here.type(PHASES_BACK)
            assert eras.lost(here.content(), before) == []
        here.type("backup --format sql => proven in")
        here.type("backup.restore --replace --yes => every table proven by its hash")


@pytest.mark.parametrize(("era", "transport"), alternating("2.0_npm"))
def test_the_scenarios_and_deployments_of_the_review(tmp_path: Path, era: str, transport: str) -> None:
    with walk(tmp_path, era, transport) as here:
        before = here.content()
        here.type(STAGING, "staging")
        assert eras.lost(before, here.content()) == []
        if transport == "server":
            # On a file, tests/promises/test_every_era.py goes there and back again.
            here.type(SCENARIO_3)
        here.type(RESTORE, "staging")
        here.type(TESTING)
        here.type(RESTORE)
        assert here.content() == before
        here.type(PRODUCTION, "production")
        assert eras.lost(before, here.content()) == []
        here.type("verify => , 0 failed", "production")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_fresh_database(tmp_path: Path, transport: str) -> None:
    with walk(tmp_path, "", transport) as here:
        here.type(SCENARIO_1)
        here.type(SCENARIO_3)
