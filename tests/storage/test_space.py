"""Whether there is room: asked before something is written and while it is, and nothing is left where there is none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import backups
import pytest
from cli import Project

from memsql.backups import copy_file
from memsql.backups import create as making
from memsql.backups.catalogue import Backup, read_backup
from memsql.backups.restore import restore, to_path
from memsql.backups.verify import verify
from memsql.config import Settings, load
from memsql.db import connection, sqlite
from memsql.db.clone import clone
from memsql.errors import ConnectError, DiskFull
from memsql.fts import discover, rebuild
from memsql.progress import SILENT
from memsql.storage import space
from memsql.storage.space import SpaceWatch

MIB = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disk:
    """What the system says is free. With ``later`` it says so from the second time on."""

    def __init__(self) -> None:
        self.free = 1 << 40
        self.later: int | None = None
        self.asked = 0

    def usage(self, _: object) -> Usage:
        self.asked += 1
        free = self.free if self.later is None or self.asked == 1 else self.later
        return Usage(1 << 40, 0, free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    there = Disk()
    monkeypatch.setattr(shutil, "disk_usage", there.usage)
    return there


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("space"))
    project.add("0001_notes", f"-- Notes\n{backups.TABLES}", "SELECT 1;\n")
    project.up()
    project.script(backups.ROWS + "INSERT INTO notes (body) SELECT randomblob(3000) FROM users;")
    project.run("backup").expect(0)
    return project


@pytest.fixture
def settings(made: Project, tmp_path: Path) -> Iterator[Settings]:
    project = made.copy(tmp_path / "project")
    yield load(project=str(project.root), environ={"TMPDIR": str(tmp_path)})
    assert backups.hidden(project.root) == []
    assert backups.hidden(project.root / "backups") == []


def _newest(settings: Settings) -> Backup:
    (path,) = settings.backups.glob("*.db")
    return read_backup(path, path.name)


def _backup(settings: Settings) -> object:
    return making.create(settings)


def _dump(settings: Settings) -> object:
    return making.create(settings, making.BackupOptions("sql"))


def _packed(settings: Settings) -> object:
    pytest.importorskip("backports.zstd")
    return making.create(settings, making.BackupOptions(compress=True))


def _restore(settings: Settings) -> object:
    return restore(to_path(settings, str(settings.root / "new.db")), _newest(settings))


def _verify(settings: Settings) -> object:
    return verify(_newest(settings), SILENT)


def _clone(settings: Settings) -> object:
    with clone(settings.target, 0) as copy:
        return copy


def _rebuild(settings: Settings) -> object:
    with connection(settings.target, "rw", 0) as conn:
        rebuild(conn, discover(conn)[0])
    return None


Work = Callable[[Settings], object]


@pytest.mark.parametrize("work", [_backup, _dump, _packed, _restore, _verify, _clone, _rebuild])
def test_it_is_asked_before(settings: Settings, disk: Disk, work: Work) -> None:
    before = sorted(settings.root.rglob("*"))
    disk.free = 1000
    with pytest.raises(DiskFull, match=r"^no space for .* are needed in .*, 1000 B are free, .* are missing$") as full:
        work(settings)
    assert full.value.exit_code == 6
    assert "make room there" in (full.value.hint or "")
    assert sorted(settings.root.rglob("*")) == before


@pytest.mark.parametrize("work", [_backup, _dump, _packed, _restore, _verify, _clone])
def test_it_is_asked_again_while_it_is_written(
    settings: Settings, disk: Disk, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    before = sorted(settings.root.rglob("*"))
    monkeypatch.setattr(space, "_EACH", 4096)
    monkeypatch.setattr(copy_file, "_PAGES", 20)
    monkeypatch.setattr(sqlite, "_PAGES", 20)
    disk.later = 0
    with pytest.raises(DiskFull, match=r"^no space for the (?:rest|proof) of .* 0 B are free, .* are missing$"):
        work(settings)
    assert disk.asked > 1
    assert sorted(settings.root.rglob("*")) == before


@pytest.mark.parametrize("work", [_backup, _dump, _restore])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_is_full_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, work: Work, number: int
) -> None:
    before = sorted(settings.root.rglob("*"))

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConnectError if number == errno.EIO else DiskFull, match=os.strerror(number)):
        work(settings)
    assert sorted(settings.root.rglob("*")) == before


def test_a_watch_asks_seldom_and_keeps_what_is_spared(disk: Disk, tmp_path: Path) -> None:
    watch = SpaceWatch(200 * MIB, tmp_path, "the copy", "make room")
    for done in range(0, 200 * MIB, MIB):
        watch.tick(done)
    assert disk.asked == 3
    disk.free = 30 * MIB
    SpaceWatch(0, tmp_path, "the text", "").tick(64 * MIB)
    with pytest.raises(DiskFull, match=r"64\.0 MiB are needed .* 34\.0 MiB are missing"):
        SpaceWatch(0, tmp_path, "the text", "", spare=64 * MIB).tick(64 * MIB)


def test_where_nobody_knows_it_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 0))
    space.refuse_without(1 << 50, tmp_path, "a copy", "")
    space.refuse_without(1 << 50, tmp_path / "missing", "a copy", "")
