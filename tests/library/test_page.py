"""Every block of docs/library.md runs, one after the other, and prints what it says."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from blocks import blocks, write_files
from places import ROOT

PAGE = ROOT / "docs" / "library.md"
FILES = {
    "my_app/__init__.py": "",
    "my_app/migrations/__init__.py": "",
    "my_app/migrations/0001_users.sql": "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n",
    "my_app/migrations/0002_notes.sql": (
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, body TEXT NOT NULL);\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the package of the page."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "my_app"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_every_block_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    compared = 0
    for block in blocks(PAGE):
        if block.language != "python" or block.file is not None:
            continue
        capsys.readouterr()
        code = compile(ast.parse("\n" * (block.line - 1) + block.text), str(PAGE), "exec")
        exec(code, names)
        printed = capsys.readouterr().out.splitlines()
        for expected in re.findall(r"^\s*print.*\n\s*# (.*)$", block.text, re.MULTILINE):
            assert expected in printed, f"docs/library.md:{block.line}"
            compared += 1
    assert compared >= 4


@pytest.mark.slow
def test_the_tests_of_the_page_run(folder: Path) -> None:
    write_files(PAGE, folder)
    (folder / "tests").mkdir()
    (folder / "tests/rows.sql").write_text("INSERT INTO users VALUES (1, 'Ada');\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_lines_of_the_readme_run(folder: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## In an application\n")[2]
    code = textwrap.dedent("\n".join(re.findall(r"^    .*$", text.partition("\n## ")[0], re.MULTILINE)))
    assert "require_current" in code
    (folder / "app.db").touch()
    with closing(sqlite3.connect("app.db")) as connection:
        exec(code, {"connection": connection})


def test_the_parameters_are_those_of_migrate() -> None:
    import inspect

    import memsql

    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("| parameter | |")[2].partition("\n\n")[0]
    rows = [line.partition(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == set(inspect.signature(memsql.migrate).parameters)


def test_the_fields_are_those_of_the_results() -> None:
    import dataclasses

    import memsql

    text = PAGE.read_text(encoding="utf-8").partition("## Results and their units")[2].partition("\n## ")[0]
    for name in memsql.__all__:
        kind = getattr(memsql, name)
        if not dataclasses.is_dataclass(kind) or name in ("Project", "Finding"):
            continue
        row = re.search(rf"^\| `{name}` \| (.*) \|$", text, re.MULTILINE)
        assert row is not None, name
        properties = {key for key, value in vars(kind).items() if isinstance(value, property)}
        fields = {field.name for field in dataclasses.fields(kind)} | properties
        assert fields <= set(re.findall(r"`(\w+)`", row[1])), name
