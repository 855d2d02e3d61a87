"""Folders in which memsql works: who may read them, what dead runs left, what cannot be removed."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli import Project

from memsql.author import import_files, squash_files
from memsql.config import load
from memsql.db import transaction
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import CheckFailed, ConnectError, FileError, StatementError
from memsql.storage import leftovers, work_folders


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    leftovers.take()
    yield
    leftovers.take()


@pytest.fixture
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that reads, and removes nothing."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "unlink", fail)
    monkeypatch.setattr(os, "rmdir", fail)


def test_what_dead_runs_left_goes_and_what_lives_or_is_of_others_stays(tmp_path: Path) -> None:
    for name in ("memsql-verify-dead.work", "memsql-verify-of-another-program", "memsql-alive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
        (tmp_path / name / "copy.db").write_bytes(b"half")
    (tmp_path / "memsql-link.work").symlink_to("memsql-alive")
    with work_folders.temporary("drill") as living, work_folders.temporary("drill") as second:
        assert living.name.startswith("memsql-drill-")
        assert stat.S_IMODE(living.stat().st_mode) == 0o700
        assert living.exists()
        assert second.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "memsql-alive",
        "memsql-link.work",
        "memsql-verify-of-another-program",
    ]
    assert sorted(path.name for path in (tmp_path / "memsql-alive").iterdir()) == ["copy.db", "lock"]


@pytest.mark.usefixtures("broken_disk")
@pytest.mark.parametrize("is_hidden", [True, False])
def test_what_cannot_be_removed_is_noted_and_hides_no_error(tmp_path: Path, *, is_hidden: bool) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(work_folders.hidden_in(tmp_path) if is_hidden else work_folders.temporary("drill"))
        (folder / "copy.db").touch()
        with pytest.raises(CheckFailed, match="the first one"), stack.pop_all():
            raise CheckFailed("the first one")
    assert leftovers.take() == (f"{folder} is no longer needed, and could not be removed: Input/output error",)
    leftovers.remove_file(folder / "copy.db")
    assert leftovers.take() == (
        f"{folder / 'copy.db'} is no longer needed, and could not be removed: Input/output error",
    )
    assert leftovers.take() == ()


def test_no_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(ConnectError, match="No such file or directory"), work_folders.temporary("drill"):
        pass


def test_the_task_tells_it(tmp_path: Path) -> None:
    """The exit code stays that of the work."""
    project = Project(tmp_path / "project")
    project.add("0001_team", "-- Teams\nCREATE TABLE team (id INTEGER PRIMARY KEY);\n")
    project.run("migrate.up", "backup").expect(0)
    fail = "def fail(*_, **__): raise OSError(5, 'Input/output error')\n"
    (tmp_path / "sitecustomize.py").write_text(f"import os\n{fail}os.rmdir = fail\n")
    done = project.run("backup.verify", prefix=("env", f"PYTHONPATH={tmp_path}", f"TMPDIR={tmp_path}"))
    done.expect(0, "warning: ", "is no longer needed, and could not be removed: Input/output error")


def test_a_rollback_that_fails_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise StatementError("disk I/O error", code="SQLITE_IOERR")

    conn = memory()
    monkeypatch.setattr(SQLiteConnection, "rollback", fail)
    with pytest.raises(CheckFailed, match="the first one") as raised, transaction(conn):
        raise CheckFailed("the first one")
    assert raised.value.details == ("ROLLBACK failed too: disk I/O error",)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "5",
        "[" * 100_000,
        json.dumps({"command": "import x", "files": {"../../precious": [99, "0"]}}),
        json.dumps({"command": "import x", "files": {"/precious": [99, "0"]}}),
        json.dumps({"command": "import x", "files": {"a.sql": "no"}}),
        json.dumps({"version": 1, "id": "../..", "new": [], "checks": {}, "sum": None}),
        json.dumps({"version": 1, "id": "0001_a", "new": ["../../precious"], "checks": {}, "sum": None}),
        json.dumps({"version": 1, "id": "0001_a", "new": 5, "checks": {}, "sum": None}),
        json.dumps({"version": 1, "id": "0001_a", "new": [], "checks": {"a": "../b"}, "sum": None}),
    ],
    ids=lambda text: text[:60],
)
def test_a_journal_that_is_none_of_ours_removes_nothing(tmp_path: Path, text: str) -> None:
    project = Project(tmp_path / "project")
    (tmp_path / "precious").write_text("")
    settings = load(project=str(project.root), environ={})
    for name, undo in ((".squash", squash_files.put_back), (".import", import_files.take_away)):
        (project.migrations / name).write_text(text + "\n")
        with pytest.raises(FileError, match="is damaged"):
            undo(settings)
        (project.migrations / name).unlink()
    assert (tmp_path / "precious").exists()
    assert project.migrations.is_dir()
