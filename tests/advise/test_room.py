"""Whether the disk has room for an up: what certainly needs space, and the refusal before anything is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import eras
import pytest
from cli import Project
from places import ROOT

from memsql import config
from memsql.actions import up
from memsql.advise import forecasts, room
from memsql.advise.disk import DiskNeed
from memsql.advise.forecasts import CostForecast
from memsql.advise.room_estimate import estimates
from memsql.db import connection
from memsql.engine.job import Job, up_jobs
from memsql.engine.state import RunOptions, read_state
from memsql.errors import Refused
from memsql.legacy.upgrades import adoption_jobs
from memsql.project import plan
from memsql.project.load import load_project
from memsql.report.progress import Bar
from memsql.tasks.legacy_run import Change, Manner, outcome

FILL = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    " INSERT INTO notes SELECT i, hex(randomblob(50)), i % 7, NULL FROM n"
)
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, kind INTEGER, old TEXT);\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A table of 20,000 rows that take a hundred bytes each."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0001_notes", NOTES, "DROP TABLE notes;\n")
    project.up()
    with closing(sqlite3.connect(project.db)) as db:
        db.execute(FILL)
        db.commit()
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


def pending(project: Project, text: str) -> tuple[config.Settings, list[Job]]:
    """The settings, and the one migration of ``text`` that waits."""
    project.add("0002_next", text)
    settings = config.load(project=str(project.root), environ={})
    loaded = load_project(settings)
    with connection(settings.target) as conn:
        state = read_state(loaded, conn)
    return settings, up_jobs(loaded, plan.to_apply(state.statuses, to=None, out_of_order=False))


def holding(amount: int) -> Callable[[Path], int]:
    return lambda _: amount


REBUILD = """-- foreign_keys: off
CREATE TABLE notes_new (id INTEGER PRIMARY KEY, text TEXT, kind INTEGER);
INSERT INTO notes_new (id, text, kind)
SELECT id, text, kind FROM notes; -- all of them
DROP TABLE notes;
ALTER TABLE notes_new RENAME TO notes;
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CREATE INDEX notes_text ON notes (text);", "builds an index on notes"),
        ("CREATE UNIQUE INDEX n ON notes (kind, lower(text) COLLATE nocase DESC, id);", "builds an index on notes"),
        ("CREATE TABLE copy AS SELECT * FROM notes;", "copies rows into copy"),
        ("CREATE TABLE copy AS WITH a AS (SELECT * FROM notes) SELECT * FROM a;", "copies rows into copy"),
        (REBUILD, "copies rows into notes_new"),
        (
            "WITH a AS (SELECT text FROM notes) INSERT INTO notes (text) SELECT text FROM a WHERE 1"
            " ON CONFLICT DO NOTHING;",
            "copies rows into notes",
        ),
    ],
)
def test_what_makes_new_pages(project: Project, text: str, reason: str) -> None:
    settings, jobs = pending(project, text)
    with connection(settings.target) as conn:
        (need,), _ = estimates(conn, jobs)
    size = project.db.stat().st_size
    before = size
    project.up()
    grown = max(project.db.stat().st_size - before, 1)
    assert need.reasons[0].startswith(reason)
    assert 0.75 < need.grows / grown < 1.25, (need, grown)
    assert need.journal == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("UPDATE notes SET kind = kind + 1;", "updates all of notes"),
        ("ALTER TABLE notes DROP COLUMN old;", "writes notes anew"),
    ],
)
def test_what_writes_pages_again(project: Project, text: str, reason: str) -> None:
    settings, jobs = pending(project, text)
    with connection(settings.target) as conn:
        (need,), _ = estimates(conn, jobs)
    assert need.reasons[0].startswith(reason)
    assert 0.9 < need.journal / project.db.stat().st_size < 1.1
    assert need.grows == 0


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE other (id INTEGER PRIMARY KEY); CREATE INDEX o ON other (id);",
        "ALTER TABLE notes ADD COLUMN c TEXT;",
        "UPDATE notes SET kind = 1 WHERE id = 5;",
        "UPDATE notes SET kind = 1 FROM (SELECT 1);",
        "CREATE INDEX n ON notes (text) WHERE kind = 99;",
        "INSERT INTO notes (kind) VALUES (1);",
        "CREATE TABLE t (n); INSERT INTO t SELECT n FROM not_there;",
        "CREATE VIEW v AS SELECT * FROM notes;",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN UPDATE notes SET kind = 0; END;",
        "CREATE TEMP TABLE copy AS SELECT * FROM notes;",
        "DELETE FROM notes WHERE id < 3;",
    ],
)
def test_what_may_need_space_does_not_count(project: Project, text: str) -> None:
    settings, jobs = pending(project, text)
    with connection(settings.target) as conn:
        (need,), _ = estimates(conn, jobs)
    assert (need.grows, need.journal, need.reasons) == (0, 0, ())


def test_a_log_holds_new_pages_too(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as db:
        db.execute("PRAGMA journal_mode = wal")
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")
    with connection(settings.target) as conn:
        (need,), _ = estimates(conn, jobs)
    assert need.journal == need.grows > 2_000_000


def test_little_room_refuses_what_needs_more(project: Project) -> None:
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")
    with pytest.raises(Refused) as refused:
        room.refuse_without_room(settings, jobs, whole=False, free=holding(1_000_000))
    assert refused.value.state == "nothing was changed"
    assert "the disk has no room for what this would write: about 2." in refused.value.message
    assert refused.value.details == ("0002_next: builds an index on notes: 2.0 MiB",)
    assert "--no-disk-check" in (refused.value.hint or "")
    room.refuse_without_room(settings, jobs, whole=False, free=holding(5_000_000))


def test_the_disk_is_that_of_the_file_behind_a_link(project: Project) -> None:
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")
    (project.root / "disk").mkdir()
    project.db.rename(project.root / "disk" / "real.db")
    project.db.symlink_to(project.root / "disk" / "real.db")
    looked = []

    def free(folder: Path) -> int:
        looked.append(folder)
        return 0

    with pytest.raises(Refused):
        room.refuse_without_room(settings, jobs, whole=False, free=free)
    assert looked == [(project.root / "disk").resolve()]


def without_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=1 << 40, free=1000))


def test_a_way_back_that_has_no_room_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.add("0002_next", "CREATE TABLE n (a);\n", "UPDATE notes SET kind = 1;\nDROP TABLE n;\n")
    project.up()
    without_room(monkeypatch)
    settings = config.load(project=str(project.root), environ={})
    with pytest.raises(Refused, match="no room") as refused:
        up.down(settings, RunOptions())
    assert refused.value.details[0].startswith("0002_next: updates all of notes")
    assert "migrate.down --dry-run" in (refused.value.hint or "")
    assert len(up.down(settings, RunOptions(disk_check=False)).done) == 1


def test_an_adoption_that_has_no_room_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")
    with pytest.raises(Refused, match="no room"):
        room.refuse_adoption_without_room(settings, lambda _: jobs, free=holding(1000))
    # To recognise a database takes seconds.
    room.refuse_adoption_without_room(settings, lambda _: pytest.fail("not needed"), free=holding(1 << 40))
    monkeypatch.setattr("memsql.legacy.upgrades.adoption_jobs", lambda *_: (jobs, frozenset({1, 2})))
    with closing(sqlite3.connect(project.db)) as db:
        for table in ("_yoyo_migration", "schema_migrations"):
            db.execute(f'DROP TABLE "{table}"')
    before = project.db.read_bytes()
    without_room(monkeypatch)
    with pytest.raises(Refused, match="no room"):
        up.up(settings, RunOptions())
    change = Change("adopt it", lambda _: True, lambda _: (), lambda _: jobs)
    manner = Manner(
        dry_run=False, with_data=False, allow_data_loss=False, yes=False, disk_check=True, maintenance_window=None
    )
    with pytest.raises(Refused, match="no room"):
        outcome(settings, change, manner, Bar())
    assert project.db.read_bytes() == before


def test_what_a_legacy_upgrade_frees_serves_the_indexes_behind_it(tmp_path: Path) -> None:
    database = eras.build(tmp_path / "memory.db", "1.2", "small")
    settings = config.load(project=str(ROOT), database=str(database), environ={})
    with connection(settings.target, "ro") as conn:
        jobs, counted = adoption_jobs(conn, read_state(load_project(settings), conn))
        assert ([job.migration.id for job in jobs], counted) == (["L1_phase1", "L2_phase2", "L3_align"], frozenset({1}))
        needs, _ = estimates(conn, jobs)
    # Thirteen indexes go and three come; those that are there are not made again.
    assert [need.grows for need in needs] == [0, 0, 0]
    assert len(needs[2].reasons) < 4


def test_ample_room_costs_no_look_at_the_database(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")
    monkeypatch.setattr("memsql.db.connection", None)
    room.refuse_without_room(settings, jobs, whole=False, free=holding(1 << 40))


def test_a_disk_that_cannot_be_looked_refuses_nothing(project: Project) -> None:
    settings, jobs = pending(project, "CREATE INDEX notes_text ON notes (text);")

    def fails(_: Path) -> int:
        raise OSError

    room.refuse_without_room(settings, jobs, whole=False, free=fails)


def test_what_a_dry_run_measured_counts_more_than_an_estimate(project: Project) -> None:
    text = "INSERT INTO notes (text) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
    settings, jobs = pending(project, text)
    size, checksum = project.db.stat().st_size, jobs[0].migration.checksum
    one = CostForecast(
        "2026", settings.target.identity, jobs[0].migration.id, "up", checksum, 1, 1, 10, 900_000_000, 0, size
    )
    forecasts.keep(settings, [replace(one, at="2025", growth_bytes=0), one])
    with pytest.raises(Refused, match="about 944") as refused:
        room.refuse_without_room(settings, jobs, whole=False, free=holding(500_000_000))
    assert refused.value.details == ("0002_next: a dry run measured 858.3 MiB",)
    assert "--dry-run" not in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("needs", "unused", "whole", "most"),
    [
        ([DiskNeed("a", 100, 10), DiskNeed("b", 50, 20)], 0, False, 170),
        ([DiskNeed("a", 100, 10), DiskNeed("b", 50, 20)], 0, True, 180),
        ([DiskNeed("a", 100, 10, freed=100), DiskNeed("b", 50, 20)], 0, False, 110),
        ([DiskNeed("a", 100, 10)], 70, False, 40),
        ([DiskNeed("a", 0, 10)], 70, False, 10),
        ([], 0, False, 0),
    ],
)
def test_the_most_at_one_time(needs: list[DiskNeed], unused: int, whole: bool, most: int) -> None:
    assert room.needed_bytes(needs, unused, whole=whole) == most
