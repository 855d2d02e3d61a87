"""A pipe or a folder in the place of a file: nobody waits for it."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import Project

from memsql.project.json_lines import end_of
from memsql.storage import regular
from memsql.storage.replacing import replacing

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_is_neither_read_nor_written_while_nobody_is_there(pipe: Path) -> None:
    for read in (regular.read_bytes, regular.read_text, lambda path: end_of(path, 100)):
        with pytest.raises(OSError, match="no regular file"):
            read(pipe)
    with pytest.raises(OSError, match="No such device"), replacing(pipe):
        pass
    with pytest.raises(OSError, match="no regular file"):
        regular.read_bytes(pipe.parent)


def test_a_pipe_that_somebody_reads_is_written(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(pipe) as file:
        file.write(b"text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("memory.db", "migrate.up", 3),
        ("memory.db", "backup.create", 3),
        ("memory.db-journal", "migrate.status", 3),
        ("memory.db-wal", "migrate.up", 3),
        ("migrations/.import", "migrate.status", 2),
        ("sql/schema.sql", "schema.dump --write", 2),
        ("backups/runs/history.jsonl", "backup.drill --record", 2),
        (".gitignore", "init", 2),
    ],
)
def test_commands_say_so_and_end(tmp_path: Path, name: str, words: str, code: int) -> None:
    project = Project(tmp_path)
    project.add("0001_one", "CREATE TABLE t (a);\n", "DROP TABLE t;\n")
    project.run("migrate.sum").expect(0)
    if name != "memory.db":
        project.run("migrate.up").expect(0)
    if "drill" in words:
        project.run("backup.create").expect(0)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    done = project.run(*words.split()).expect(code)
    assert "no regular file" in done.err or "cannot be written" in done.err, done
    path.unlink()
    shutil.rmtree(tmp_path / "backups", ignore_errors=True)


_READ = {"read_bytes", "read_text"}
_ELSEWHERE = {
    # Files of the package itself.
    *("db/queries.py", "report/templates.py", "targets/table.py", "library/source.py"),
    # Files that the process has made itself, or its system makes.
    *("db/holders.py", "sandbox/limits.py", "engine/live_meter.py", "server.py", "backups/dump.py", "startup.py"),
    # Rows for the tests of somebody else.
    "pytest_plugin.py",
    # The house style of the package.
    "lint/style.py",
    # Appends to a file that was read before.
    "project/additions.py",
}


def _reads(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node).startswith(("regular.", "zstd.", "visit.", "self._")):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        opens = name == "open" and isinstance(node.func, ast.Name | ast.Attribute)
        of_module = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in ("os", "gzip", "tarfile")
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = {a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)}
        if (name in _READ and isinstance(node.func, ast.Attribute)) or (
            opens and not of_module and texts & {"r", "rb", "utf-8", "ascii"}
        ):
            yield ast.unparse(node)


def test_no_other_module_reads_files(pytestconfig: pytest.Config) -> None:
    """What a project or a backup holds is read by memsql.storage.regular, or by memsql.project.files."""
    package = pytestconfig.rootpath / "memsql"
    found = {
        path.relative_to(package).as_posix(): calls
        for path in package.rglob("*.py")
        if path.parent.name != "storage" and (calls := list(_reads(path)))
    }
    assert found.keys() <= _ELSEWHERE, {name: found[name] for name in found.keys() - _ELSEWHERE}
