"""examples/float32_embeddings: a migration of the reference database that a project may take over."""

from __future__ import annotations

import importlib.util
import json
import math
import random
import shutil
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
import reference_project
import servers
from cli import Project
from places import ROOT

from memsql.db import Value, connect

EXAMPLE = ROOT / "examples" / "float32_embeddings"
PAIR = "0005_add_float32_embeddings"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The reference project with the migration, the check, and a database that has only 0001 to 0004."""
    project = Project(tmp_path)
    shutil.rmtree(tmp_path / "migrations")
    reference_project.copy_to(tmp_path)
    project.run("migrate.to", "4").expect(0)
    for name in (f"{PAIR}.sql", f"{PAIR}.rollback.sql"):
        shutil.copy(EXAMPLE / name, tmp_path / "migrations")
    shutil.copy(EXAMPLE / "0005_embeddings_in_step.sql", tmp_path / "sql" / "checks")
    project.run("migrate.sum").expect(0)
    return project


def fill() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill", EXAMPLE / "fill.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(project: Project, sql: str, params: Sequence[Value] = ()) -> None:
    with closing(sqlite3.connect(project.db)) as conn, conn:
        conn.execute(sql, params)


def memory(number: int, embedding: str | None) -> tuple[str, tuple[Value, ...]]:
    return (
        "INSERT OR REPLACE INTO memories (id, title, content, memory_type, embedding, created_at, updated_at)"
        " VALUES (?, 't', 'c', 'x', ?, '', '')",
        (number, embedding),
    )


def packed(numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def test_it_keeps_in_step_and_goes_back(project: Project) -> None:
    write(project, *memory(1, "[0.5, -2]"))
    project.up().expect(0, f"applied {PAIR}")
    rows = "SELECT memory_id, embedding FROM memory_embeddings ORDER BY 1"
    assert project.query(rows) == []
    project.run("verify").expect(0, "embeddings without 32-bit numbers, which fill.py makes: 1")
    fill().main(str(project.db))
    assert "fill.py" not in project.run("verify").expect(0).out
    assert project.query(rows) == [(1, packed([0.5, -2]))]
    texts = {2: "[1, 1e-3]", 3: None, 4: '[1, "2"]', 5: "[1, null]", 6: '{"a": 1}', 7: "[1, 2", 8: " [3]", 9: "[]"}
    texts |= {10: "[1, 3.4028235677973366e38]", 11: "[-3.4028235677973362e38]", 12: "[1e999]"}
    for number, text in texts.items():
        write(project, *memory(number, text))
    expected: dict[int, bytes | None] = {
        1: packed([0.5, -2]),
        2: packed([1, 0.001]),
        8: packed([3]),
        11: packed([-3.4028234663852886e38]),
    }
    expected |= dict.fromkeys((4, 5, 6, 7, 9, 10, 12))
    assert dict(project.query(rows)) == expected
    write(project, "UPDATE memories SET embedding = '[7]' WHERE id = 3")
    write(project, "UPDATE memories SET id = 20, embedding = '[8]' WHERE id = 2")
    write(project, *memory(8, "[4]"))
    write(project, "DELETE FROM memories WHERE id = 4")
    write(project, "UPDATE memories SET embedding = NULL WHERE id = 5")
    assert dict(project.query(rows)) == {
        1: packed([0.5, -2]),
        3: packed([7]),
        8: packed([4]),
        11: packed([-3.4028234663852886e38]),
        20: packed([8]),
    } | dict.fromkeys((6, 7, 9, 10, 12))
    project.run("migrate.down", "--yes").expect(0, f"rolled back {PAIR}")
    assert project.query("SELECT name FROM sqlite_schema WHERE name LIKE '%float32%' OR name LIKE 'memory_emb%'") == []
    assert project.query("SELECT COUNT(embedding) FROM memories") == [(10,)]


def test_every_number_is_rounded_as_ieee_754_does(project: Project) -> None:
    rng = random.Random(2)
    edges = [0, 1, -1, 16777217, 16777219, 1e-40, -1e-45, 7e-46, 8e-46, 1.1754943e-38, 3.4028235e38, 0.1, -0.3]
    numbers = edges + [math.ldexp(rng.uniform(-1, 1), rng.randint(-149, 127)) for _ in range(3000)]
    project.up().expect(0)
    write(project, *memory(1, json.dumps(numbers)))
    assert project.query("SELECT embedding FROM memory_embeddings") == [(packed(numbers),)]


def test_a_fill_that_was_stopped_goes_on(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 8):
        write(project, *memory(number, f"[{number}]"))
    project.up().expect(0)
    module = fill()
    write(project, module.BATCH, (3,))
    module.main(str(project.db), 2)
    assert capsys.readouterr().out.splitlines() == ["2 filled", "4 filled", "4 filled"]
    assert project.query("SELECT memory_id, embedding FROM memory_embeddings ORDER BY 1") == [
        (number, packed([number])) for number in range(1, 8)
    ]


@pytest.mark.server
def test_on_a_server_too(project: Project, tmp_path: Path) -> None:
    with servers.fresh(tmp_path / "server") as running:
        project.run("migrate.up", "--database", running.url).expect(0, f"applied {PAIR}")
        conn = connect(servers.target(running.url), "rw")
        conn.execute(*memory(1, "[0.25, 0.1]"))
        distance = "SELECT vector_distance_cos(embedding, vector32('[0.25, 0.1]')) FROM memory_embeddings"
        assert conn.execute(distance).one() == pytest.approx(0, abs=1e-6)
        assert conn.execute("SELECT embedding = vector32('[0.25, 0.1]') FROM memory_embeddings").one() == 1
        conn.close()
        project.run("migrate.down", "--yes", "--database", running.url).expect(0, f"rolled back {PAIR}")
