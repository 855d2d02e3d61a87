"""``import memsql``: the names, their types for users, and what they cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import memsql
from memsql import aio

USER = """
from pathlib import Path
import sqlite3

import memsql
from memsql import aio


def migrate(database: Path) -> list[str]:
    report = memsql.migrate(database, project="my_app.migrations", wait=False, timeout=1.5, backup="kept")
    names: list[str] = [m.id for m in report.applied]
    outcome: str = report.outcome
    kept: Path | None = report.backup
    conn: sqlite3.Connection | None = report.connection
    return [*names, outcome, str(kept), str(conn)]


async def migrate_in_a_loop(conn: sqlite3.Connection) -> bool:
    report: memsql.StatusReport = await aio.status("libsql://host", project=memsql.Project.in_package("a.b"), token="t")
    await aio.require_current(conn, foreign_keys=True)
    lazily: memsql.MigrateReport | None = await aio.ensure_current("app.db")
    return report.is_current and lazily is None


def refused(conn: sqlite3.Connection) -> tuple[str, ...]:
    try:
        memsql.require_current(conn, project=Path("db"))
    except memsql.NotCurrent as e:
        return e.pending
    except memsql.MemsqlError as e:
        return (e.message, e.hint or "", *e.finished)
    return ()
"""
WRONG = """
import memsql

memsql.migrate("app.db", too=3)
number: int = memsql.status("app.db").migrations[0].name
memsql.no_such_name
"""


def test_every_name_is_there_and_listed_and_typed() -> None:
    for name in memsql.__all__:
        assert getattr(memsql, name) is not None
    assert set(memsql.__all__) <= set(dir(memsql))
    module = ast.parse((ROOT / "memsql/__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in module.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(memsql.__all__)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        getattr(memsql, "no_such_name")  # noqa: B009


def test_every_function_is_a_coroutine_too() -> None:
    functions = {name for name in memsql.__all__ if name.islower() and not name.startswith("_")}
    assert set(aio.__all__) == functions
    assert all(getattr(aio, name).__doc__ for name in functions)


def test_the_import_of_the_package_imports_nothing() -> None:
    script = "import sys; before = set(sys.modules); import memsql; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "['memsql']\n"


@pytest.mark.slow
def test_a_type_checker_knows_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    options = ["--strict", "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent", "--config-file="]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "user.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.partition(" error: ")[0] for line in lines] == ["wrong.py:4:", "wrong.py:5:", "wrong.py:6:"], (
        done.stdout
    )
