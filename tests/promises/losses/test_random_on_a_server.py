"""Random migrations of random tables: a server refuses what a file refuses, and says and holds the same afterwards.

Whether the file is right says test_random_losses.py. The number of migrations is LOSS_EXAMPLES, few by default and more
with ``invoke test --thorough``.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import extent
import loss_cases
import pytest
import random_changes
import servers
from cli import LEDGER, Project
from hypothesis import assume
from loss_oracle import Oracle, Unusable
from random_intents import Case

from memsql.db import connect

EXAMPLES = int(os.environ.get("LOSS_EXAMPLES") or extent.number(8, 80))
# SQLite writes numbers in another way from version to version; which example is told does not matter.
_EXAMPLE = re.compile(r" \(for example .*")
_SAID = re.compile(r"lose|lost|dropped with|UPDATE |DELETE |copy of|changed")
pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.mark.timeout(60 + 5 * EXAMPLES)
@random_changes.seeds(EXAMPLES)
def test_a_file_and_a_server_say_the_same(seed: int) -> None:
    case = random_changes.make(Random(seed))
    assume(any(migration.steps for migration in case.migrations))
    assume(is_usable(case))
    with tempfile.TemporaryDirectory() as name, servers.fresh(Path(name) / "sqld") as server:
        file, remote = Project(Path(name) / "file"), Project(Path(name) / "remote")
        said = run(file, case)

        def ask_file(sql: str) -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(file.db)) as conn:
                return conn.execute(sql).fetchall()

        def ask_server(sql: str) -> list[tuple[Any, ...]]:
            with closing(connect(servers.target(server.url))) as conn:
                return [tuple(row) for row in conn.execute(sql).rows]

        assert run(remote, case, "--database", server.url) == said, seed
        assert content(ask_server) == content(ask_file), seed


def is_usable(case: Case) -> bool:
    """Whether SQLite runs all its statements."""
    oracle = Oracle(case.base)
    try:
        for migration in case.migrations:
            oracle.run(migration)
    except Unusable:
        return False
    finally:
        oracle.close()
    return True


def run(project: Project, case: Case, *words: str) -> list[tuple[int, list[str], list[str]]]:
    """Run the migrations with what each refusal offers, until one is refused again or none is; for each run its exit
    code, the offered permits, and what is said of rows and values."""
    project.add("0001_base", case.base)
    project.run("migrate.up", *words).expect(0)
    changes = {f"{number:04}_change": migration for number, migration in enumerate(case.migrations, 2)}
    for name, migration in changes.items():
        project.add(name, migration.text())
    runs = []
    while True:
        done = project.run("migrate.up", *words)
        output = done.out + done.err
        offered = loss_cases.permits(output)
        lines = sorted(_EXAMPLE.sub("", line.strip()) for line in output.splitlines() if _SAID.search(line))
        runs.append((done.code, sorted(offered), lines))
        refused = re.search(r"error: (\S+) would lose data", output)
        if refused is None or refused[1] not in changes:
            return runs
        project.add(refused[1], changes.pop(refused[1]).text(tuple(offered)))


def content(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[object]:
    """Schema and rows of a database, each value with its type, and numbers as far as all versions write them alike."""
    everything: list[object] = []
    for kind, name, table, sql in ask("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"):
        if table in LEDGER or str(name).startswith(("sqlite_", "libsql_", "_litestream")):
            continue
        everything.append((kind, name, sql))
        if kind == "table":
            columns = [str(row[0]).replace('"', '""') for row in ask(f"SELECT name FROM pragma_table_xinfo('{name}')")]
            exact = ", ".join(
                f"""typeof("{c}"), CASE typeof("{c}") WHEN 'real' THEN round("{c}", 9) ELSE hex("{c}") END"""
                for c in columns
            )
            everything.append((name, sorted(ask(f'SELECT {exact} FROM "{name}"'), key=repr)))
    return everything
