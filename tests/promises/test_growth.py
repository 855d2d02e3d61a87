"""What each of many migrations costs does not grow with how many there are: counted, not timed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest
from cli import Project

from memsql.actions import up
from memsql.config import load
from memsql.db import Params, Result
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.state import RunOptions

PLAIN = ("CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a); CREATE INDEX i{n} ON t{n} (a);", "DROP TABLE t{n};")
KEYS = (
    "CREATE TABLE t{n} (id INTEGER PRIMARY KEY, up REFERENCES t{before} (id) ON DELETE CASCADE);"
    "CREATE INDEX i{n} ON t{n} (up);",
    "DROP INDEX i{n}; DROP TABLE t{n};",
)
TRIGGERS = (
    "CREATE TABLE t{n} (a); CREATE VIEW v{n} AS SELECT a FROM t{n};"
    "CREATE TRIGGER g{n} AFTER INSERT ON t{n} BEGIN UPDATE t{n} SET a = 1; END;",
    "DROP TRIGGER g{n}; DROP VIEW v{n}; DROP TABLE t{n};",
)


RENEWED = (
    "CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a UNIQUE, b REFERENCES t{before} (a)); CREATE INDEX i{n} ON t{n} (b);",
    "DROP INDEX i{n}; CREATE UNIQUE INDEX i{n} ON t{n} (b); DROP INDEX i{n}; CREATE INDEX i{n} ON t{n} (a);",
)


def work(folder: Path, pair: tuple[str, str], size: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Calls of functions of memsql, and rows read, by a down of ``size`` migrations."""
    project = Project(folder / str(size))
    for n in range(1, size + 1):
        names = {"n": n, "before": max(1, n - 1)}
        project.add(f"{n:04d}_step", *(text.format_map(names) + "\n" for text in pair))
    project.run("migrate.up").expect(0)
    settings = load(project=str(project.root), environ={})
    count = 0
    execute = SQLiteConnection.execute

    def counted(self: SQLiteConnection, sql: str, params: Params = ()) -> Result:
        nonlocal count
        result = execute(self, sql, params)
        count += len(result.rows)
        return result

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and "memsql" in frame.f_code.co_filename

    with monkeypatch.context() as patch:
        patch.setattr(SQLiteConnection, "execute", counted)
        sys.setprofile(called)
        try:
            report = up.down(settings, RunOptions(to=0, disk_check=False, all_or_nothing=True))
        finally:
            sys.setprofile(None)
    assert len(report.done) == size
    return count


@pytest.mark.slow
@pytest.mark.parametrize("pair", [PLAIN, KEYS, TRIGGERS, RENEWED], ids=["plain", "keys", "triggers", "renewed"])
def test_rollbacks(pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(tmp_path / "warm", pair, 2, monkeypatch)
    few, some, many = (work(tmp_path, pair, size, monkeypatch) for size in (20, 40, 60))
    # The second twenty of forty cost what the third twenty of sixty cost.
    assert many - some < (some - few) * 1.02
