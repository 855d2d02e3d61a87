"""Figures of real databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import small_tables
from cli import Project

from memsql.db import Connection
from memsql.operate.stats import stats


@pytest.fixture
def conn() -> Iterator[Connection]:
    with closing(small_tables.filled()) as connection:
        yield connection


def test_what_is_counted_and_weighed(conn: Connection) -> None:
    figures = stats(conn)
    assert (figures.tables, figures.indexes, figures.views, figures.triggers, figures.rows) == (3, 2, 1, 0, 2)
    assert {s.name: s.rows for s in figures.sizes} == {"a": 2, "b": 0, "f": 1, "by_x": None, "by_x_and_y": None}
    sizes = {s.name: s for s in figures.sizes}
    assert sizes["a"].pages == 1
    assert sizes["a"].bytes == figures.page_size
    assert (sizes["f"].pages or 0) >= 4


def test_a_broken_view_does_not_hide_the_figures(conn: Connection) -> None:
    conn.execute("CREATE VIEW w AS SELECT * FROM gone")
    assert (stats(conn).tables, stats(conn).views) == (3, 2)


@pytest.mark.parametrize("task", ["schema.stats", "legacy.status"])
def test_a_misspelt_database_is_none(tmp_path: Path, task: str) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.run(task, "--database", "memroy.db").expect(3, "memroy.db does not exist", "check --database")
    assert not (tmp_path / "memroy.db").exists()
