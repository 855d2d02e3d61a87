"""maintain.vacuum: the forecast, a new file that is proven, in place, and what is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli import Project, content
from either import Place

from memsql.backups.connections import file_connection
from memsql.config import Target
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import DiskFull, StatementError
from memsql.progress import SILENT, Progress
from memsql.server import Running
from memsql.upkeep import vacuum
from memsql.upkeep.space import FolderNeed, expected_size, lacking

ROWS = """
CREATE TABLE big (id INTEGER PRIMARY KEY, x);
CREATE INDEX big_x ON big (x);
CREATE TABLE loose (x);
CREATE TABLE checked (id TEXT PRIMARY KEY, x CHECK (x > 0));
INSERT INTO checked (rowid, id, x) VALUES (5, 'a', 1), (9, 'b', 2);
INSERT INTO loose (rowid, x) VALUES (5, 'a'), (9, 'b');
CREATE VIRTUAL TABLE big_fts USING fts5 (x, content = 'big', content_rowid = 'id');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO big SELECT i, hex(i) FROM n;
INSERT INTO big_fts (big_fts) VALUES ('rebuild');
DELETE FROM big WHERE id % 4;
INSERT INTO big_fts (big_fts) VALUES ('rebuild');
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.script(ROWS)
    return project


def test_forecast(project: Project) -> None:
    before = project.files()
    report = project.run("maintain.vacuum", "--dry-run", "--json").expect(0).json()
    assert project.files() == before
    outlook = report["forecast"]
    assert outlook["bytes"] == project.db.stat().st_size
    assert 0 < outlook["expected_bytes"] <= outlook["most_bytes"] < outlook["bytes"]
    assert outlook["renumbered"] == ["loose"]
    assert outlook["bound"] == []
    assert report["after"] is None
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute("VACUUM")
    assert abs(project.db.stat().st_size - outlook["expected_bytes"]) <= outlook["bytes"] * 0.1


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_into_a_new_file(project: Project, journal: str) -> None:
    project.script(f"PRAGMA journal_mode = {journal}")
    before = content(project.db)
    done = project.run("maintain.vacuum", "--into", "new.db").expect(0, "wrote new.db: ", "every hash equal (proven)")
    assert "write lock" not in done.out
    new = project.root / "new.db"
    assert content(project.db) == content(new) == before
    assert new.stat().st_size < project.db.stat().st_size
    with closing(sqlite3.connect(new)) as conn:
        for table in ("loose", "checked"):
            assert conn.execute(f"SELECT rowid FROM {table} ORDER BY rowid").fetchall() == [(5,), (9,)]
    assert not [name for name in os.listdir(project.root) if name.startswith(".memsql")]
    project.run("maintain.vacuum", "--into", "new.db").expect(2, "new.db is there already")
    project.run("maintain.vacuum", "--into", "nowhere/new.db").expect(2, "there is no folder nowhere")


def test_somebody_writes_meanwhile(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    content_of, writes = vacuum._content, [1]

    def content_after_a_write(conn: SQLiteConnection, progress: Progress) -> Any:
        if writes:
            project.script(f"INSERT INTO loose VALUES ('late {writes.pop()}')")
        return content_of(conn, progress)

    monkeypatch.setattr(vacuum, "_content", content_after_a_write)
    new = project.root / "new.db"
    result = vacuum.into_file(Target(path=project.db, display="memory.db"), new, 50, SILENT)
    assert result.locked
    assert content(new) == content(project.db)
    assert project.one("SELECT count(*) FROM loose") == 3


def test_in_place(project: Project) -> None:
    project.script("PRAGMA journal_mode = wal")
    before, size = content(project.db), project.db.stat().st_size
    done = project.run("maintain.vacuum").expect(0, "rows of loose may get other rowids", "forecast: about ")
    assert " %) in " in done.out
    assert content(project.db) == before
    assert project.db.stat().st_size < size
    assert project.one("PRAGMA integrity_check") == "ok"


def test_rows_that_an_index_knows_by_their_rowids(project: Project) -> None:
    project.script("CREATE VIRTUAL TABLE loose_fts USING fts5 (x, content = 'loose'); DROP TABLE big_fts;")
    before = project.files()
    project.run("maintain.vacuum").expect(6, "by which loose_fts knows them", "maintain.vacuum --into FILE")
    assert project.files() == before
    project.run("maintain.vacuum", "--into", "new.db").expect(0)


def test_a_reader_in_the_way(project: Project) -> None:
    project.configure("[memsql]\ndatabase = memory.db\nbusy_timeout = 50\n")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT * FROM loose").fetchone()
        project.run("maintain.vacuum").expect(4, "is locked", "the database is as it was")


def test_incremental(project: Project) -> None:
    project.run("maintain.vacuum", "--incremental").expect(2, "PRAGMA auto_vacuum is not INCREMENTAL")
    project.script("PRAGMA auto_vacuum = incremental; VACUUM; DROP TABLE big_fts; DROP TABLE big;")
    pages = project.one("PRAGMA freelist_count")
    project.run("maintain.vacuum", "--incremental", "--pages", "2").expect(0)
    assert project.one("PRAGMA freelist_count") == pages - 2
    project.run("maintain.vacuum", "--incremental").expect(0)
    assert project.one("PRAGMA freelist_count") == 0
    project.run("maintain.vacuum", "--incremental", "--into", "x.db").expect(2)
    project.run("maintain.vacuum", "--pages", "2").expect(2, "--pages is for --incremental")


def test_a_disk_without_room(project: Project) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    disk = project.root / "disk"
    disk.mkdir()
    inside = 'mount -t tmpfs -o size=64k none "$1" && shift && "$@"'
    prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(disk))
    project.run("maintain.vacuum", "--into", str(disk / "new.db"), prefix=prefix).expect(
        6,
        "not enough space for a VACUUM",
        f"{disk}: the new file may need",
        "64.0 KiB are free, ",
        "are missing",
        "nothing was changed",
    )


@pytest.mark.server
def test_a_server_refuses(project: Project, empty_server: Running) -> None:
    Place(project, empty_server.url).run("maintain.vacuum", "--dry-run").expect(2, "which refuses VACUUM")


def test_a_disk_that_fills_up_meanwhile(project: Project) -> None:
    with file_connection(project.db, "memory.db", "rw") as conn:
        limited = StatementError("database or disk is full", code="SQLITE_FULL")
        execute = conn.execute

        def full(sql: str) -> object:
            if sql == "VACUUM":
                raise limited
            return execute(sql)

        conn.execute = full  # type: ignore[method-assign, assignment]
        with pytest.raises(DiskFull, match="no space for the VACUUM: database or disk is full") as raised:
            vacuum.in_place(conn, SILENT)
    assert raised.value.state == "the database is as it was"
    assert "the rollback journal may need" in "".join(raised.value.details)


def test_needs_on_one_disk_are_added() -> None:
    parts = [FolderNeed(Path("/a"), 1, "the copy", 60, 100), FolderNeed(Path("/b"), 1, "the journal", 50, 100)]
    assert lacking(parts) == ["/a and /b: the copy and the journal may need 110 B, 100 B are free, 10 B are missing"]
    assert lacking([parts[0], FolderNeed(Path("/b"), 2, "the journal", 50, 100)]) == []


def test_expected_size() -> None:
    rows = [("t", 0, 4096 * 10, 4096 * 5), ("t", 1, 4096 * 3, 9000), ("empty", 0, 4096, 4000)]
    assert expected_size(rows, 4096) == 4096 * (5 + 3 + 1)


def wrong_by_one(project: Project) -> None:
    """Let a page of ``big`` count one row less than it has: SQLite reads the others, and does not find the last."""
    with closing(sqlite3.connect(project.db)) as conn:
        size = conn.execute("PRAGMA page_size").fetchone()[0]
        leaf = conn.execute("SELECT max(pageno) FROM dbstat WHERE name = 'big' AND pagetype = 'leaf'").fetchone()[0]
    data = bytearray(project.db.read_bytes())
    place = (leaf - 1) * size + 3
    data[place : place + 2] = (int.from_bytes(data[place : place + 2], "big") - 1).to_bytes(2, "big")
    project.db.write_bytes(data)


@pytest.mark.parametrize("words", [(), ("--into", "new.db")])
def test_what_can_still_be_saved_from_damaged_pages_is_not_written_over(
    project: Project, words: tuple[str, ...]
) -> None:
    wrong_by_one(project)
    before = project.files()
    project.run("maintain.vacuum", *words).expect(6, "is damaged", "nothing was changed", "--salvage")
    assert project.files() == before


def test_a_migration_does_not_vacuum_damaged_pages(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", "CREATE TABLE big (id INTEGER PRIMARY KEY, x);\n", "DROP TABLE big;\n")
    project.up()
    project.script("INSERT INTO big (x) SELECT hex(zeroblob(900)) FROM pragma_function_list LIMIT 20")
    wrong_by_one(project)
    project.add("0002_small", "-- transactional: false\n-- Small.\nVACUUM;\n", "-- transactional: false\nVACUUM;\n")
    before = project.db.stat().st_size
    project.run("migrate.up").expect(6, "is damaged", "--salvage")
    assert project.db.stat().st_size >= before


def test_what_rows_violate_is_no_damage(project: Project) -> None:
    project.script("PRAGMA ignore_check_constraints = on; UPDATE checked SET x = -1")
    project.run("maintain.vacuum").expect(0)
