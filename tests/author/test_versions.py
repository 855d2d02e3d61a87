"""Timestamps as versions: what is written, how they sort, and that every command takes fourteen digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cli import Project
from repositories import commit, git, library, stamp

from memsql.author.renumber_choice import Rules, Sides, late_moves
from memsql.project.versions import free_versions, timestamp

FAR = "99991231235959"


def test_a_time_is_a_version() -> None:
    assert timestamp(datetime(2026, 12, 1, 9, 30, tzinfo=UTC)) == 20261201093000
    assert timestamp(datetime(2026, 12, 1, 9, 30, tzinfo=timezone(timedelta(hours=2)))) == 20261201073000


def test_what_moves_gets_a_time() -> None:
    assert free_versions(["0003_b", "0004_c"], ["0003_a"], 20261201093000)[0] == {
        "0003_b": 20261201093000,
        "0004_c": 20261201093001,
    }
    sides = Sides(("0001_a", "0003_b", "0005_a"), ("0003_b",), ("0001_a", "0005_a"), "main")
    assert [m.id for m in late_moves(sides)] == ["0006_b"]
    assert late_moves(sides, Rules(late=True)) == []
    taken = Sides(("0001_a", "0003_b", "0005_a", "0005_c"), ("0003_b", "0005_c"), ("0001_a", "0005_a"), "main")
    assert [m.id for m in late_moves(taken, Rules(late=True))] == ["0006_c"]


def test_new_migrations_are_called_after_the_time(tmp_path: Path) -> None:
    project = Project(tmp_path, "versions = timestamp\n")
    project.add("0007_before", "-- before\nCREATE TABLE a (x);\n", "DROP TABLE a;\n")
    least = timestamp(datetime.now(UTC))
    for name in ("one", "two", "three"):
        project.run("migrate.create", name).expect(0)
    stems = sorted(p.name.removesuffix(".sql") for p in project.migrations.glob("*.sql") if "rollback" not in p.name)
    assert [s.partition("_")[2] for s in stems] == ["before", "one", "two", "three"]
    versions = [int(s.partition("_")[0]) for s in stems[1:]]
    assert least <= versions[0] < versions[1] < versions[2]
    assert all(re.fullmatch(r"\d{14}", str(v)) for v in versions)
    assert f"-- depends: {stems[2]}\n" in project.up_file(stems[3]).read_text()
    # The clock of a colleague is ahead.
    project.add(f"{FAR}_far", "-- far\nSELECT 1;\n")
    project.run("migrate.create", "behind").expect(0)
    assert project.up_file(f"{int(FAR) + 1}_behind").exists()
    project.configure("[memsql]\nversions = time\n")
    project.run("migrate.create", "x").expect(2, "versions = time: not sequential or timestamp")


@pytest.mark.slow
def test_every_command_takes_fourteen_digits(tmp_path: Path) -> None:
    project = library(tmp_path)
    git(tmp_path, "checkout", "-q", "main")
    first, late, last = "20261201090000_marks", "20261201093000_notes", "20261201100000_tags"
    for name, depends in ((first, "0002_search"), (last, first)):
        table = name.partition("_")[2]
        project.add(name, f"-- {table}\n-- depends: {depends}\nCREATE TABLE {table} (x);\n", f"DROP TABLE {table};\n")
    project.check("20261201090000_marks", "SELECT 'a mark' FROM marks;")
    stamp(project)
    commit(project)
    project.up()
    git(tmp_path, "checkout", "-q", "-b", "notes")
    project.add(late, f"-- notes\n-- depends: {first}\nCREATE TABLE notes (x);\n", "DROP TABLE notes;\n")
    stamp(project)
    commit(project)
    project.run("review").expect(1, "MR08", "below 20261201100000_tags")
    project.run("migrate.status").expect(0, "out of order", f"memsql migrate.renumber {late}")
    project.run("migrate.up").expect(2, f"{late} would be applied out of order", "--out-of-order")
    project.configure("[memsql]\nout_of_order = yes\nversions = timestamp\n")
    project.run("review").expect(0)
    project.run("migrate.renumber").expect(0, "nothing to renumber")
    project.run("migrate.status").expect(0, "out of order", "`out_of_order = yes`", "memsql migrate.up")
    project.run("migrate.up", "--dry-run").expect(0, f"{late}")
    project.run("migrate.up").expect(0, f"applied {late}")
    project.run("migrate.status", "--check").expect(0)
    project.run("verify").expect(0)
    project.run("migrate.to", "20261201093000").expect(0, f"rolled back {last}")
    project.run("migrate.down").expect(0, f"rolled back {late}")
    project.up()
    report = project.run("monitor.metrics", "--json").expect(0).json()
    assert report["version"] == 20261201100000
    project.run("migrate.renumber", "20261201093000..20261201100000", "--base", "main").expect(2, "is on main")
    project.run("migrate.renumber", late).expect(0, "is now 2")
    project.run("migrate.up").expect(0, f"{late} was renumbered")
    project.run("migrate.squash", "--to", "20261201090000").expect(0, f"into {first}")
    assert (project.checks / "20261201090000_marks.sql").exists()
    project.run("migrate.up").expect(0)
    project.run("migrate.up", "--database", "new.db").expect(0)
    project.run("verify", "--database", "new.db").expect(0)
    project.run("migrate.baseline", "--version", "20261201100000", "--database", "new.db").expect(6)
