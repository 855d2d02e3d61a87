"""Restoring a file: the old one is kept, nobody may be using it, and what is not proven is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import backups
import pytest
from backups import ROWS, TABLES, crashed
from cli import Project, files_below, finish
from permissions import mode

from memsql.backups.digest import TableDigest
from memsql.errors import ConnectError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One backup, and changes since."""
    project = Project(tmp_path_factory.mktemp("template"), settings="busy_timeout = 200ms\n")
    project.add("0001_tables", TABLES, "DROP TABLE search;\nDROP TABLE notes;\nDROP TABLE users;\n")
    project.up()
    project.script(ROWS)
    project.run("backup").expect(0)
    shutil.copy(project.db, project.root / "before.db")
    project.script("UPDATE notes SET body = 'lost in a moment'; DELETE FROM users WHERE id > 200;")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    project = template.copy(tmp_path)
    # The identity of a database is its path, so the backup is made anew here.
    now = project.db.read_bytes()
    shutil.copy(project.root / "before.db", project.db)
    shutil.rmtree(project.root / "backups")
    project.run("backup").expect(0)
    project.db.write_bytes(now)
    return project


def wanted(project: Project) -> list[TableDigest]:
    return backups.hashes(project.root / "before.db")


def kept(project: Project) -> list[Path]:
    return sorted(p for p in project.root.iterdir() if ".replaced-" in p.name)


def test_restore(project: Project) -> None:
    old = backups.hashes(project.db)
    project.db.chmod(0o640)
    report = project.run("backup.restore", "--json").expect(0).json()
    assert backups.hashes(project.db) == wanted(project)
    assert [project.root / report["kept"]] == kept(project)
    assert backups.hashes(kept(project)[0]) == old
    assert project.db.stat().st_mode & 0o777 == 0o640
    assert backups.hidden(project.root) == []
    project.run("verify").expect(0, "proven")
    project.run("backup.restore").expect(0)
    project.run("backup.restore").expect(0)
    assert len(kept(project)) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(project: Project) -> None:
    os.chown(project.db, 1234, 4321)
    project.run("backup.restore").expect(0)
    assert (project.db.stat().st_uid, project.db.stat().st_gid) == (1234, 4321)


def test_onto_nothing_and_onto_another_path(project: Project) -> None:
    project.db.unlink()
    # A log without its file would be applied to the new one.
    project.db.with_name("memory.db-journal").write_bytes(b"left over")
    project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == wanted(project)
    assert [p.name.endswith("-journal") for p in kept(project)] == [True]
    before = project.db.read_bytes()
    project.run("backup.restore", backups.one(project).name, "--to", "a new 'one'.db").expect(
        0, "restored a new 'one'.db"
    )
    assert backups.hashes(project.root / "a new 'one'.db") == wanted(project)
    assert project.db.read_bytes() == before
    # Nothing was there: the mode is that of the backup.
    assert (project.root / "a new 'one'.db").stat().st_mode & 0o777 == 0o600
    backups.one(project).chmod(0o440)
    project.run("backup.restore", "--to", "for a group.db").expect(0)
    assert (project.root / "for a group.db").stat().st_mode & 0o777 == 0o640
    project.run("backup.restore", "--to", "no/such/x.db").expect(3, "the folder of no/such/x.db does not exist", "not")
    project.run("backup.restore", "--to", "migrations").expect(3, "migrations is a folder")


def test_through_a_link(project: Project) -> None:
    real = project.root / "elsewhere"
    real.mkdir()
    project.db.rename(real / "real.db")
    project.db.symlink_to(real / "real.db")
    project.run("backup.restore", backups.one(project).name).expect(0)
    assert project.db.is_symlink()
    assert backups.hashes(real / "real.db") == wanted(project)
    assert any(".replaced-" in p.name for p in real.iterdir())


@pytest.mark.parametrize("wal_then", [True, False])
def test_wal(project: Project, wal_then: bool) -> None:
    """The mode is that of the source; a log that was never merged is kept with the old file."""
    shutil.copy(project.root / "before.db", project.db)
    if wal_then:
        backups.in_wal(project.db)
    shutil.rmtree(project.root / "backups")
    project.run("backup").expect(0)
    crashed(project)
    old = backups.hashes(copy_of(project))
    project.run("backup.restore").expect(0)
    assert project.one("PRAGMA journal_mode") == ("wal" if wal_then else "delete")
    assert backups.hashes(project.db) == wanted(project)
    assert [backups.hashes(p) for p in kept(project)] == [old]
    assert not project.db.with_name("memory.db-wal").exists()


def copy_of(project: Project) -> Path:
    folder = project.root / "copy"
    folder.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{project.db}{ending}", folder)
    return folder / "memory.db"


@pytest.mark.parametrize("damage", ["header", "no database", "truncated", "schema", "empty", "log"])
def test_onto_a_damaged_database(project: Project, damage: str) -> None:
    data = project.db.read_bytes()
    if damage == "log":
        crashed(project)
        data = project.db.read_bytes()
        project.db.write_bytes(b"\xff" * 100 + data[100:])
        log = project.db.with_name("memory.db-wal").read_bytes()
    else:
        project.db.write_bytes(
            {
                "header": data[:16] + b"\xff" * 84 + data[100:],
                "no database": b"hello",
                "truncated": data[: len(data) // 2 + 100],
                "schema": data[:100] + b"\xff" * 2000 + data[2100:],
                "empty": b"",
            }[damage]
        )
    now = project.db.read_bytes()
    project.run("backup.restore").expect(0, "every table proven")
    assert backups.hashes(project.db) == wanted(project)
    parts = {p.name.rpartition("Z")[2]: p.read_bytes() for p in kept(project)}
    assert parts == ({"": now, "-wal": log, "-shm": parts.get("-shm")} if damage == "log" else {"": now})
    project.run("verify").expect(0)


# -- in use ------------------------------------------------------------------------------------------

HOLDER = """
import sqlite3, sys
app = sqlite3.connect(sys.argv[1], isolation_level=None)
app.execute("SELECT count(*) FROM users").fetchone()
app.execute(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(project: Project, statement: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(project.db), statement],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        yield app
        app.communicate()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells who has a file open")
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("statement", ["SELECT 1", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_database_in_use(project: Project, statement: str, journal: str) -> None:
    if journal == "wal":
        backups.in_wal(project.db)
    before = backups.hashes(project.db)
    with held(project, statement) as app:
        project.run("backup.restore").expect(
            4, "memory.db is open in another process", f"({app.pid})", "stop what uses"
        )
        project.run("backup.restore", "--to", "beside.db").expect(0)
    assert backups.hashes(project.db) == before
    assert kept(project) == []
    assert project.one("PRAGMA journal_mode") == journal
    assert backups.hidden(project.root) == []
    project.run("backup.restore").expect(0)


def test_locks_are_seen_where_processes_are_not(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from memsql import config
    from memsql.backups.catalogue import find
    from memsql.backups.restore import restore
    from memsql.db import holders
    from memsql.errors import LockedError

    monkeypatch.setattr(holders, "_PROC", project.root / "no proc here")
    settings = config.load(project=str(project.root), environ={})
    for journal, statement in (("delete", "BEGIN IMMEDIATE"), ("wal", "SELECT 1"), ("wal", "BEGIN IMMEDIATE")):
        with closing(sqlite3.connect(project.db)) as conn:
            conn.execute(f"PRAGMA journal_mode = {journal}")
        before = backups.hashes(project.db)
        with held(project, statement), pytest.raises(LockedError):
            restore(settings, find(settings, None))
        assert backups.hashes(project.db) == before
        assert project.one("PRAGMA journal_mode") == journal


def test_two_restores_at_once(project: Project) -> None:
    done = [finish(p) for p in [project.start("backup.restore") for _ in range(3)]]
    assert {d.code for d in done} <= {0, 4}, done
    if all(d.code for d in done):
        project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == wanted(project)
    assert backups.hidden(project.root) == []


# -- refusals ----------------------------------------------------------------------------------------


def test_a_ledger_newer_than_the_files(project: Project) -> None:
    project.add("0002_more", "CREATE TABLE more (x);\n", "DROP TABLE more;\n")
    project.up()
    project.run("backup").expect(0)
    project.run("backup.list").expect(0, "2 proven")
    project.remove("0002_more")
    before = project.everything()
    project.run("backup.list").expect(0, "warning: ", "has migrations that are not among the files here")
    project.run("backup.restore").expect(
        6, "are not among the files here: 0002_more", "memory.db was not touched", "--allow-newer"
    )
    assert project.everything() == before
    project.run("backup.restore", "--allow-newer").expect(0)
    assert project.everything() == before


def test_a_backup_that_was_changed(project: Project) -> None:
    path = backups.one(project)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = files_below(project.root)
    project.run("backup.restore").expect(
        1, "was changed after it was written", "memory.db was not touched", "backup.list"
    )
    assert files_below(project.root) == before


def test_a_folder_that_cannot_be_written(project: Project, bound: Callable[[], None]) -> None:
    folder = project.root / "data"
    folder.mkdir()
    project.db.rename(folder / "app.db")
    before = files_below(folder)
    with mode(folder, 0o555):
        project.run("backup.restore", backups.one(project).name, "--to", "data/app.db", preexec_fn=bound).expect(
            3, "cannot be written: Permission denied", "data/app.db was not touched"
        )
    with mode(folder / "app.db", 0o444):
        project.run("backup.restore", backups.one(project).name, "--to", "data/app.db", preexec_fn=bound).expect(
            3, "data/app.db cannot be written: it is read-only", "chmod"
        )
    with mode(backups.one(project), 0):
        project.run("backup.restore", backups.one(project).name, "--to", "x.db", preexec_fn=bound).expect(
            3, "cannot be read"
        )
    assert files_below(folder) == before


def test_a_full_disk(project: Project) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    disk, size = project.root / "disk", project.db.stat().st_size
    disk.mkdir()
    inside = (
        'mount -t tmpfs -o size=$2 none "$1" && cp memory.db disk/app.db && shift && shift && "$@"; c=$?;'
        "cmp memory.db disk/app.db && ls -A disk >left; exit $c"
    )
    for room in (size + 100_000, size * 2 + 8192):
        prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(disk), str(room))
        done = project.run("backup.restore", backups.one(project).name, "--to", "disk/app.db", prefix=prefix)
        if done.code == 0:
            continue
        done.expect(6, "no space for ", "disk/app.db was not touched")
        assert (project.root / "left").read_text() == "app.db\n"


def test_without_hard_links(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from memsql import config
    from memsql.backups.catalogue import find
    from memsql.backups.create import create
    from memsql.backups.restore import restore

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    settings = config.load(project=str(project.root), environ={})
    old, first = backups.hashes(project.db), backups.one(project).name
    create(settings)
    assert backups.assert_whole(project) == 2
    restore(settings, find(settings, first))
    assert backups.hashes(project.db) == wanted(project)
    assert [backups.hashes(p) for p in kept(project)] == [old]
    project.db.write_bytes(b"damaged")
    restore(settings, find(settings, first))
    assert backups.hashes(project.db) == wanted(project)
    assert b"damaged" in [p.read_bytes() for p in kept(project)]
    # Where the copy cannot be kept, nothing of it is left, and the old file is.
    before = kept(project), project.db.read_bytes()
    monkeypatch.setattr(shutil, "copyfileobj", no_links)
    project.db.write_bytes(b"damaged again")
    with pytest.raises(ConnectError, match="Operation not permitted"):
        restore(settings, find(settings, first))
    assert (kept(project), project.db.read_bytes()) == (before[0], b"damaged again")
