"""Promises about the project itself."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import extent
import pytest
from cli import clean_environment
from places import ROOT

import memsql
from memsql.sqltext.internal import ENGINES


def test_memsql_knows_no_table_of_the_reference_database() -> None:
    words = re.compile(
        r"\b(users|entities|memories|interactions|api_usage_tracking|learned_patterns|schema_version|idx_\w+)\b"
    )
    allowed = {"idx_x"}
    for path in (ROOT / "memsql").rglob("*.*"):
        if path.suffix in (".py", ".sql"):
            text = re.sub(r'"""[\s\S]*?"""', "", path.read_text(encoding="utf-8"))
            # Among them schema_version, a pragma of SQLite and a table of old.
            text = re.sub(r"as in \w+|PRAGMA \w+|SELECT schema_version FROM pragma_schema_version", "", text)
            assert set(words.findall(text)) <= allowed, path


def test_every_sql_file_begins_with_one_line_that_explains_it() -> None:
    for path in (ROOT / "memsql" / "sql").rglob("*.sql"):
        first, second, *_ = path.read_text(encoding="utf-8").splitlines()
        assert first.startswith("-- "), path
        assert first.endswith("."), path
        assert len(first) <= 120, path
        assert not second.startswith("--"), path


def test_sql_and_python_agree_on_the_tables_of_the_engines() -> None:
    lists = [
        set(re.findall(r"'(\w+)'", names))
        for path in (ROOT / "memsql" / "sql").rglob("*.sql")
        for names in re.findall(r"NOT IN \(([^)]*libsql_[^)]*)\)", path.read_text(encoding="utf-8"))
    ]
    assert len(lists) >= 3
    assert all(names == ENGINES for names in lists)


@pytest.mark.slow
def test_a_file_database_does_not_pay_for_heavy_imports(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    (tmp_path / "migrations" / "0001_a.sql").write_text(
        "-- A\nCREATE TABLE a (b TEXT REFERENCES a);\nCREATE VIRTUAL TABLE f USING fts5(b, content='a');\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO f (rowid, b) VALUES (new.rowid, "
        "new.b); END;\nINSERT INTO a VALUES (NULL);\n"
    )
    script = (
        "import sys; from memsql.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('aiohttp', 'asyncio', 'libsql_client', 'sqlfluff', 'yoyo', 'tqdm', "
        "'dotenv', 'email', 'ssl',"
        " 'unittest', 'importlib.metadata', 'invoke.vendor.yaml.loader') if m in sys.modules])"
    )
    for words in (
        ["migrate.up"],
        ["migrate.status"],
        ["migrate.up"],
        ["verify"],
        ["fts.check"],
        ["fts.rebuild", "--online"],
        ["schema.stats"],
        ["legacy.status"],
        ["backup"],
        ["backup.list"],
        ["migrate.up", "--dry-run"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            check=False,
        )
        assert done.stdout.splitlines()[-1] == "[]", (words, done.stdout, done.stderr)


def test_what_was_left_out_at_the_start_is_there_when_it_is_wanted(tmp_path: Path) -> None:
    script = (
        "import sys; from memsql.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "import importlib.metadata, unittest.mock\n"
        "from invoke.vendor import yaml; assert yaml.safe_load('a: 1') == {'a': 1}\n"
        "print(importlib.metadata.version('invoke')[0].isdigit(), unittest.mock.Mock.__name__, "
        "'invoke.vendor.yaml.loader' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**clean_environment(), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "True Mock True"


@pytest.mark.parametrize("words", [["--list"], ["--help", "migrate.up"], ["migrate.status"]])
def test_a_reader_that_has_seen_enough_is_no_error(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "memsql", *words],
        cwd=tmp_path,
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        check=False,
    )
    os.close(written)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_task_has_help_that_teaches() -> None:
    from memsql.tasks import ns

    for name in ns.task_names:
        task = ns[name]
        assert task.__doc__, name
        # Without the indentation, which Python 3.13 takes away.
        assert len(inspect.cleandoc(task.__doc__)) > 50, name
        lacking = [a.name for a in task.get_arguments() if not a.help]
        assert not lacking, (name, lacking)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_wheel_works_from_an_empty_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"memsql_migrate-{memsql.__version__}-")
    names = zipfile.ZipFile(wheel).namelist()
    assert "memsql/sql/ledger/create_schema_migrations.sql" in names
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "memsql").rglob("*.py")} <= set(names)
    assert not any(n.startswith(("tests/", "benchmarks/")) for n in names)

    venv.create(tmp_path / "venv", with_pip=False, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    # That its requirements are enough is seen where CI installs it; here they are those of the tests.
    alone = [] if extent.THOROUGH else ["--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-compile", *alone, str(wheel)],
        check=True,
    )
    if alone:
        (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
        # Without its own .pth files, which would lead to the memsql of this folder.
        (packages / "requirements.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*words: str, command: str = "memsql") -> str:
        return subprocess.run(
            [str(python.with_name(command)), *words],
            cwd=empty,
            capture_output=True,
            text=True,
            check=True,
            env=clean_environment(),
        ).stdout

    assert run("--version") == run("--version", command="memsql-migrate") == f"memsql {memsql.__version__}\n"
    assert "migrate.status" in run("--list")
    assert "4 pending" in run("migrate.status", "--project", str(ROOT), "--database", "none.db")
    assert "4 migrations applied" in run("migrate.up", "--project", str(ROOT), "--database", "new.db")
    assert "proven" in run("verify", "--project", str(ROOT), "--database", "new.db")


def test_what_was_compiled_is_kept(tmp_path: Path) -> None:
    """Invoke forbids it, and what a command imports late would be compiled at each start."""
    copy = tmp_path / "memsql"
    shutil.copytree(ROOT / "memsql", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_a.sql").write_text("CREATE TABLE a (b);\n")
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    (tmp_path / "tasks.py").write_text("from memsql.tasks import ns\n")
    environment = {k: v for k, v in clean_environment().items() if k != "PYTHONDONTWRITEBYTECODE"}
    for module in ("memsql", "invoke"):
        shutil.rmtree(copy / "engine" / "__pycache__", ignore_errors=True)
        subprocess.run(
            [sys.executable, "-m", module, "migrate.up", "--database", f"{module}.db"],
            cwd=tmp_path,
            check=True,
            env={**environment, "PYTHONPATH": str(tmp_path)},
        )
        assert any((copy / "engine" / "__pycache__").glob("on_file.*.pyc"))
