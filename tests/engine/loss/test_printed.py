"""What a migration prints beside its verdict: numbers, and what changed without being lost."""

from __future__ import annotations

from pathlib import Path

from cli import Project


def test_the_lines_of_numbers_end_where_nobody_would_read_on(tmp_path: Path) -> None:
    project = Project(tmp_path)
    tables = range(30)
    project.add("0001_t", "".join(f"CREATE TABLE t{n} (a);\nINSERT INTO t{n} VALUES (1);\n" for n in tables))
    project.add("0002_u", "".join(f"UPDATE t{n} SET a = 2;\n" for n in tables))
    project.run("migrate.up", "--to", "1").expect(0)
    done = project.run("migrate.up").expect(0, "UPDATE t19: 1 row", "… and changes of 10 more kinds")
    assert "UPDATE t20" not in done.out


def test_new_rowids_of_a_full_text_table_are_said(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_f", "CREATE VIRTUAL TABLE f USING fts5 (a);\nINSERT INTO f (rowid, a) VALUES (7, 1), (9, 2);\n")
    copy = "CREATE VIRTUAL TABLE g USING fts5 (a);\n{};\nDROP TABLE f;\nALTER TABLE g RENAME TO f;\n"
    project.add("0002_with", copy.format("INSERT INTO g (rowid, a) SELECT rowid, a FROM f"))
    assert "rowid" not in project.run("migrate.up").expect(0).out
    project.add("0003_without", copy.format("INSERT INTO g (a) SELECT a FROM f"))
    project.run("migrate.up").expect(0, "f: the rowid was not copied, so it is another one in 2 rows")
