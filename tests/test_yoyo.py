"""yoyo itself beside memsql on the same database: both agree in both directions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.add("0001_a", "-- First\nCREATE TABLE a (x);\n", "DROP TABLE a;\n")
    found.add("0002_b", "-- Second\n-- depends: 0001_a\nCREATE TABLE b (x);\n", "DROP TABLE b;\n")
    found.add("0003_c", "CREATE TABLE c (x);\n", "DROP TABLE c;\n")
    return found


def yoyo(project: Project, command: str, *words: str) -> str:
    script = str(Path(sys.executable).with_name("yoyo"))
    return subprocess.run(
        [script, command, "-b", *words, "-d", f"sqlite:///{project.db}", str(project.root / "migrations")],
        cwd=project.root, capture_output=True, text=True, check=True,
    ).stdout


def marks(listing: str) -> dict[str, str]:
    return {line.split()[1]: line.split()[0] for line in listing.splitlines()[2:]}


def states(project: Project) -> list[str]:
    return [m["state"] for m in project.run("migrate.status", "--json").expect(0).json()["migrations"]]


def test_yoyo_lists_ours_as_applied(project: Project) -> None:
    project.up()
    assert marks(yoyo(project, "list")) == {"0001_a": "A", "0002_b": "A", "0003_c": "A"}
    project.run("migrate.down").expect(0)
    assert marks(yoyo(project, "list")) == {"0001_a": "A", "0002_b": "A", "0003_c": "U"}
    yoyo(project, "apply")
    assert states(project) == ["applied", "applied", "applied"]


def test_what_yoyo_applied_is_applied_and_the_ledger_is_completed(project: Project) -> None:
    yoyo(project, "apply")
    assert states(project) == ["applied"] * 3
    shown = project.run("migrate.status").expect(0, "applied by yoyo; the ledger lacks it", "invoke migrate.repair")
    assert "legacy" not in shown.out
    project.run("migrate.status", "--check").expect(1)
    project.run("migrate.repair", "--dry-run").expect(0, "would complete the ledger for 0002_b")
    assert project.run("migrate.status", "--check").code == 1
    project.run("migrate.repair").expect(0, "complete the ledger for 0003_c")
    project.run("migrate.status", "--check").expect(0)
    with closing(sqlite3.connect(project.db)) as conn:
        rows = conn.execute("SELECT version, status, length(checksum), applied_by LIKE '%@%' FROM schema_migrations").fetchall()
        dates = conn.execute("SELECT substr(s.applied_at, 1, 19) = substr(y.applied_at_utc, 1, 19) FROM schema_migrations s "
                             "JOIN _yoyo_migration y ON y.migration_id LIKE printf('%04d', s.version) || '%'").fetchall()
    assert rows == [(1, "applied", 64, 1), (2, "applied", 64, 1), (3, "applied", 64, 1)]
    assert dates == [(1,)] * 3


def test_up_completes_the_ledger_too(project: Project) -> None:
    project.remove("0003_c")
    yoyo(project, "apply")
    project.add("0003_c", "CREATE TABLE c (x);\n", "DROP TABLE c;\n")
    project.run("migrate.up").expect(0, "completed the ledger for 0001_a", "applied 0003_c")
    project.run("migrate.status", "--check").expect(0)


def test_what_yoyo_rolled_back_is_rolled_back(project: Project) -> None:
    project.up()
    yoyo(project, "rollback", "-r", "0003_c")
    assert states(project) == ["applied", "applied", "rolled_back"]
    project.run("migrate.status").expect(0, "rolled back by yoyo")
    project.run("migrate.up").expect(0, "applied 0003_c")
    assert marks(yoyo(project, "list"))["0003_c"] == "A"


def test_our_tables_of_yoyo_are_yoyos_own(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    project.up()
    other = Project(tmp_path_factory.mktemp("yoyo"))
    other.add("0001_a", "CREATE TABLE a (x);\n")
    yoyo(other, "apply")

    def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path)) as conn:
            return {name: conn.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall()
                    for name in ("_yoyo_migration", "_yoyo_log", "_yoyo_version")}

    assert tables(project.db) == tables(other.db)
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("SELECT max(version) FROM _yoyo_version").fetchone() == (2,)


def test_yoyo_waits_for_nobody_and_we_respect_its_lock(project: Project) -> None:
    project.up()
    yoyo(project, "list")
    project.add("0004_d", "CREATE TABLE d (x);\n")
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2026-01-01', 4711)")
        conn.commit()
    project.run("migrate.up").expect(4, "4711", "yoyo break-lock")
    yoyo(project, "break-lock")
    project.run("migrate.up").expect(0, "applied 0004_d")
