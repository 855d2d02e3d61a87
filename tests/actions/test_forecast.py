"""What a dry run says that migrations cost: the journal, the growth and the lock, measured on the clone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cli import Project

from memsql.advise.disk import Journal, disk_for
from memsql.config import Target
from memsql.engine.meter import Cost

ROWS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    " INSERT INTO notes SELECT i, hex(randomblob(50)), 0 FROM n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A table with 20,000 rows of a hundred bytes, and a migration of each kind that waits."""
    project = Project(tmp_path)
    project.add("0001_notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, n INTEGER);\n")
    project.up()
    with closing(sqlite3.connect(project.db)) as db:
        db.execute(ROWS.format(20_000))
        db.commit()
    project.add("0002_index", "CREATE INDEX notes_text ON notes (text);\n", "DROP INDEX notes_text;\n")
    project.add("0003_update", "UPDATE notes SET n = n + 1;\n", "UPDATE notes SET n = n - 1;\n")
    project.add("0004_table", "CREATE TABLE small (id INTEGER);\n", "DROP TABLE small;\n")
    project.run("migrate.sum")
    return project


def cost(id: str, journal: int = 0, growth: int = 0) -> Cost:
    return Cost((id,), (id,), "up", 1.0, 1.0, journal, growth, 0)


def test_each_migration_says_what_it_costs(project: Project) -> None:
    size = project.db.stat().st_size
    done = project.run("migrate.up", "--dry-run", "--json").expect(0).json()
    index, update, table = done["costs"]
    assert [c["ids"] for c in done["costs"]] == [["0002_index"], ["0003_update"], ["0004_table"]]
    # A new index goes into new pages, which no journal keeps; an update of all rows writes every page of the table.
    assert index["growth_bytes"] > 2_000_000 > 100_000 > index["journal_bytes"]
    assert update["growth_bytes"] == 0
    assert size * 0.9 < update["journal_bytes"] < size * 1.1
    assert table["journal_bytes"] < 100_000
    assert all(0 < c["locked_seconds"] <= c["seconds"] for c in done["costs"])
    disk = done["disk"]
    assert disk["journal_mode"] == "delete"
    growth = index["growth_bytes"] + table["growth_bytes"]
    # Quick ones may share a transaction.
    least = update["journal_bytes"] + growth
    assert least <= disk["needed_bytes"] <= least + index["journal_bytes"] + table["journal_bytes"]
    assert disk["suffices"]
    project.run("migrate.up", "--dry-run").expect(0, "holds the write lock for", "rollback journal", "are free")


def test_the_log_of_a_dry_run_is_as_large_as_the_one_of_the_run(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as db:
        db.execute("PRAGMA journal_mode = wal")
        done = project.run("migrate.up", "--to", "3", "--dry-run", "--json").expect(0).json()
        project.run("migrate.up", "--to", "2").expect(0)
        # While another one has the database open, the log stays.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        project.run("migrate.up", "--to", "3").expect(0)
        log = Path(f"{project.db}-wal").stat().st_size
    assert done["disk"]["journal_mode"] == "wal"
    assert done["costs"][1]["journal_bytes"] == pytest.approx(log, rel=0.02)


def test_migrations_in_one_transaction_are_measured_together(project: Project) -> None:
    done = project.run("migrate.up", "--dry-run", "--all-or-nothing", "--json").expect(0).json()
    assert [c["ids"] for c in done["costs"]] == [["0002_index", "0003_update", "0004_table"]]


def test_without_a_transaction_no_lock_is_held(project: Project) -> None:
    project.add("0005_alone", "-- transactional: false\nVACUUM;\n")
    project.run("migrate.sum")
    done = project.run("migrate.up", "--dry-run", "--json").expect(0).json()
    assert done["costs"][-1]["ids"] == ["0005_alone"]
    assert done["costs"][-1]["locked_seconds"] is None
    project.run("migrate.up", "--dry-run").expect(0, "the write lock for each statement alone")


def test_space_given_back_lowers_no_later_need(tmp_path: Path) -> None:
    target = Target(path=tmp_path / "some.db", display="some.db")
    costs = [cost("a", 10, 100), cost("b", 50, -90), cost("c", 20, 30)]
    disk = disk_for(costs, target, Journal("delete", 4096), lambda _: 149)
    assert disk is not None
    assert (disk.growth, disk.journal, disk.needed, disk.suffices) == (100, 50, 150, False)
    assert disk_for(costs, Target(url="http://x"), Journal("wal", 4096)) is None


def test_who_cannot_tell_what_is_free_says_so(tmp_path: Path) -> None:
    def fails(_: Path) -> int:
        raise OSError

    disk = disk_for([cost("a", 10, 100)], Target(path=tmp_path / "x.db"), Journal("wal", 4096), fails)
    assert disk is not None
    assert disk.free is None
    assert disk.suffices


@pytest.mark.parametrize(
    ("mode", "seconds", "journal"),
    [
        ("delete", (1, 1, 1), 50_000_000),
        ("delete", (0.01, 0.01, 1), 50_000_000 + 10 + 3_000_000),
        ("delete", (0.06, 0.06, 1), 50_000_000),
        # The log keeps what the one before it wrote, as long as that is less than a thousand pages.
        ("wal", (1, 1, 1), 50_000_000 + 10 + 3_000_000),
        ("wal", (0.01, 0.01, 1), 50_000_000 + 10 + 3_000_000),
    ],
)
def test_quick_ones_share_a_journal(
    tmp_path: Path, mode: str, seconds: tuple[float, float, float], journal: int
) -> None:
    costs = [
        replace(cost(name, size), seconds=took)
        for name, size, took in zip("abc", (10, 3_000_000, 50_000_000), seconds, strict=True)
    ]
    disk = disk_for(costs, Target(path=tmp_path / "x.db"), Journal(mode, 4096))
    assert disk is not None
    assert disk.journal == journal


def test_a_log_keeps_a_thousand_pages_at_most(tmp_path: Path) -> None:
    disk = disk_for([cost("a", 9 << 20), cost("b", 9 << 20)], Target(path=tmp_path / "x.db"), Journal("wal", 1024))
    assert disk is not None
    assert disk.journal == (9 << 20) + 1000 * 1048
