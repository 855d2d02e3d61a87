"""Eight workers of an application start at once, on a fresh and on a pending database: one migrates, and the others go
on when it is done."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import servers
from blocks import write_files
from places import ROOT

import memsql
from memsql.db import connect

pytestmark = pytest.mark.slow
WORKERS = ROOT / "tests" / "helpers" / "workers.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(ROOT / "docs" / "frameworks.md", tmp_path)
    (tmp_path / "my_app/__init__.py").touch()
    for n in range(2, 12):
        text = f"CREATE TABLE t{n} (x);\nINSERT INTO notes (body) VALUES ('{n}');\n"
        (tmp_path / f"my_app/migrations/{n:04d}_t{n}.sql").write_text(text)
    return tmp_path


def start(folder: Path, framework: str, database: str) -> list[str]:
    """Start the workers; the ids of what they applied, each of which says so itself."""
    done = subprocess.run(
        [sys.executable, str(WORKERS), framework, database], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == 8
    outcomes = Counter(answer[0] for answer in answers)
    assert set(outcomes) <= {"migrated", "current"}, answers
    assert {answer[2] for answer in answers} == {0}
    return [name for answer in answers for name in answer[1]]


@pytest.mark.parametrize(
    ("framework", "kind"),
    [
        ("fastapi", "file"),
        pytest.param("fastapi", "server", marks=pytest.mark.server),
        ("aiohttp", "file"),
        pytest.param("aiohttp", "server", marks=pytest.mark.server),
    ],
)
def test_each_migration_runs_once(folder: Path, framework: str, kind: str) -> None:
    ids = ["0001_notes", *(f"{n:04d}_t{n}" for n in range(2, 12))]
    if kind == "file":
        _fresh_and_pending(folder, framework, str(folder / "app.db"), ids)
        return
    with servers.fresh(folder / "server") as server:
        _fresh_and_pending(folder, framework, server.url, ids)


def _fresh_and_pending(folder: Path, framework: str, database: str, ids: list[str]) -> None:
    assert sorted(start(folder, framework, database)) == ids
    for n in range(12, 15):
        (folder / f"my_app/migrations/{n:04d}_t{n}.sql").write_text(f"CREATE TABLE t{n} (x);\n")
    assert sorted(start(folder, framework, database)) == ["0012_t12", "0013_t13", "0014_t14"]
    with closing(connect(servers.target(database))) as conn:
        rows = conn.execute("SELECT version, status, count(*) FROM memsql_history GROUP BY version, status").rows
        assert rows == [(n, "ok", 1) for n in range(1, 15)]
        assert conn.execute("SELECT count(*) FROM notes").one() == 10
    assert memsql.status(database, project=folder / "my_app/migrations").is_current
