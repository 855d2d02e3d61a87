"""Who may read what memsql writes, under every umask."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import extent
import pytest
from cli import Project

from memsql.storage import new_files
from memsql.storage.replacing import replacing

TEAM = "-- Teams\nCREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO team VALUES (1, 'a');\n"
UMASKS = (0o000, 0o022, 0o077)


@contextmanager
def umask(bits: int) -> Iterator[None]:
    old = os.umask(bits)
    try:
        yield
    finally:
        os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("bits", extent.some(UMASKS, 2), ids=oct)
def test_what_holds_data_is_private_and_what_belongs_to_the_project_is_not(tmp_path: Path, bits: int) -> None:
    project = Project(tmp_path)
    project.configure("[memsql]\nbackups = private/store/backups\n")
    project.add("0001_team", TEAM, "DROP TABLE team;\n")
    words = (
        "migrate.up --dry-run migrate.up backup backup --format sql --compress backup.restore --to look.db "
        "backup.drill --record monitor.metrics --record monitor.dashboard --output page.html "
        "maintain.vacuum --into small.db schema.docs --output docs/schema.html schema.dump --write migrate.create note"
    )
    project.run(*words.split(), prefix=("sh", "-c", f'umask {bits:o} && exec "$@"', "sh")).expect(0)
    folders = [tmp_path / "private", *(tmp_path / "private").rglob("*")]
    assert {oct(mode(path)) for path in folders if path.is_dir()} == {"0o700"}
    files = [path for path in folders if path.is_file()]
    assert {"history.jsonl", ".zst", ".json"} <= {part for path in files for part in (path.name, path.suffix)}
    files += [tmp_path / name for name in ("memory.db", "look.db", "small.db", "page.html")]
    assert {path.name: oct(mode(path)) for path in files} == {path.name: "0o600" for path in files}
    public = ("memsql.sum", "0002_note.sql", "schema.html", "schema.sql")
    shown = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*") if path.name in public}
    assert shown == dict.fromkeys(public, oct(0o666 & ~bits))


def test_a_log_is_as_private_as_its_database(tmp_path: Path) -> None:
    from memsql.config import Target
    from memsql.db import connection

    path = tmp_path / "new.db"
    with umask(0), connection(Target(path=path, display="new.db"), "rwc", 0) as conn:
        conn.execute("PRAGMA journal_mode = wal")
        conn.execute("CREATE TABLE t (x)")
        assert {p.name: oct(mode(p)) for p in tmp_path.iterdir()} == dict.fromkeys(
            ("new.db", "new.db-wal", "new.db-shm"), "0o600"
        )


def test_a_umask_that_takes_from_the_owner(tmp_path: Path) -> None:
    with umask(0o777):
        new_files.make_folder(tmp_path / "a" / "b")
        os.close(new_files.open_new(tmp_path / "a" / "b" / "file"))
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/file")] == [0o700, 0o700, 0o600]


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(FileExistsError):
        new_files.open_new(tmp_path / "link")
    new_files.create_empty(tmp_path / "link")
    assert not outside.exists()
    outside.write_bytes(b"precious")
    outside.chmod(0o666)
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (outside.read_bytes(), (tmp_path / "link").read_bytes()) == (b"precious", b"new")
    assert oct(mode(tmp_path / "link")) == "0o600"


def test_a_file_that_is_replaced_keeps_owner_and_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    old = path.stat()
    with replacing(path) as file:
        file.write(b"new")
    new = path.stat()
    assert (new.st_mode, new.st_uid, new.st_gid) == (old.st_mode, old.st_uid, old.st_gid)

    # Where neither owner nor group can be kept, another group gets nothing.
    def refuse(*_: object) -> None:
        raise PermissionError

    other = tmp_path / "other"
    other.write_bytes(b"")
    monkeypatch.setattr(os, "chown", refuse)
    wanted = os.stat_result((old.st_mode, 0, 0, 1, 4321, 4321, 0, 0, 0, 0))
    assert not new_files.keep_owner_and_mode(other, wanted)
    assert oct(mode(other)) == "0o604"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with replacing(tmp_path / "pipe") as file:
        file.write(b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_a_dead_run_left_is_removed_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "memsql.sum"
    (tmp_path / "memsql.sumABCDEFGH.tmp").write_bytes(b"half")
    (tmp_path / "memsql.sum.tmp").write_bytes(b"of somebody else")
    with replacing(path) as first, replacing(path) as second:
        first.write(b"1")
        second.write(b"2")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        "memsql.sum": b"1",
        "memsql.sum.tmp": b"of somebody else",
    }


_CREATE = {
    *("write_text", "write_bytes", "mkdir", "makedirs", "mkstemp", "mkdtemp", "NamedTemporaryFile"),
    *("TemporaryDirectory", "chmod", "umask", "copyfile", "copy2", "copytree", "touch", "symlink"),
}
_ELSEWHERE = {
    # Appends to a file that is there; a new one is made by memsql.storage.
    ("project/additions.py", "open(addition.path, 'ab')"),
    # A lock that holds nothing, for its owner alone.
    ("library/keeping.py", "os.open(settings.backups / f'.memsql-{name}.lock', os.O_RDWR | os.O_CREAT, 384)"),
    # Into a temporary folder of its owner: the files of a package that lies in a zip.
    ("library/source.py", "(folder / entry.name).write_bytes(entry.read_bytes())"),
    ("library/source.py", "folder.mkdir(parents=True)"),
    # A database of a test, in its temporary folder.
    ("pytest_plugin.py", "shutil.copyfile(self.path, path)"),
    # The file is made private just before.
    ("server.py", "log.open('wb')"),
    # A task for those who develop memsql.
    ("tasks/develop.py", "tempfile.TemporaryDirectory(prefix='memsql-coverage-')"),
}


def creations(path: Path) -> Iterator[str]:
    """The calls in a Python file that may create a file or a folder, or decide who may read one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        writes = any(set(text) <= set("rwaxbt+") and set(text) & set("wax+") for text in texts)
        call = ast.unparse(node)
        if name in _CREATE or "O_CREAT" in call or (name == "open" and writes and not call.startswith("zstd.")):
            yield call


def test_no_other_module_creates_files(pytestconfig: pytest.Config) -> None:
    """A file that is created elsewhere has the mode of the umask, whatever it holds."""
    package = pytestconfig.rootpath / "memsql"
    paths = (path for path in package.rglob("*.py") if path.parent.name != "storage")
    calls = {(path.relative_to(package).as_posix(), call) for path in paths for call in creations(path)}
    assert {call for call in calls if not call[1].startswith("visit.open(")} == _ELSEWHERE
