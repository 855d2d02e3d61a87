"""Rows that vanish without a DELETE: conflict clauses and triggers that replace."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project
from reference_project import memsql_in

PARENT = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE{clause});\n"
CHILD = "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) ON DELETE CASCADE);\n"
ROWS = "INSERT INTO parent VALUES (1, 'a'), (2, 'b');\nINSERT INTO child VALUES (1, 1), (2, 1), (3, 2);\n"


def project(folder: Path, first: str, second: str) -> Path:
    (folder / "migrations").mkdir()
    (folder / "setup.cfg").write_text("[memsql]\n")
    (folder / "migrations" / "0001_first.sql").write_text("-- First\n" + first)
    (folder / "migrations" / "0002_second.sql").write_text("-- Second\n" + second)
    assert memsql_in(folder, "migrate.up", "--to", "1").returncode == 0
    return folder


@pytest.mark.parametrize(
    ("clause", "extra", "statement"),
    [
        ("", "", "INSERT OR REPLACE INTO parent VALUES (9, 'a');\n"),
        ("", "", "REPLACE INTO parent VALUES (9, 'a');\n"),
        ("", "", "INSERT /* quietly */ OR REPLACE INTO parent VALUES (9, 'a');\n"),
        ("", "", "UPDATE OR REPLACE parent SET name = 'a' WHERE id = 2;\n"),
        (" ON CONFLICT REPLACE", "", "INSERT INTO parent VALUES (9, 'a');\n"),
        (
            "",
            "CREATE TABLE inbox (name TEXT);\nCREATE TRIGGER take AFTER INSERT ON inbox BEGIN\n"
            "    INSERT OR REPLACE INTO parent VALUES (9, new.name);\nEND;\n",
            "INSERT INTO inbox VALUES ('a');\n",
        ),
        (
            "",
            "CREATE TABLE inbox (name TEXT);\nCREATE TRIGGER take AFTER INSERT ON inbox BEGIN\n"
            "    DELETE FROM parent WHERE name = new.name;\nEND;\n",
            "INSERT INTO inbox VALUES ('a');\n",
        ),
    ],
)
def test_children_of_a_replaced_row_are_missed(tmp_path: Path, clause: str, extra: str, statement: str) -> None:
    folder = project(tmp_path, PARENT.format(clause=clause) + CHILD + extra + ROWS, statement)
    refused = memsql_in(folder, "migrate.up")
    assert refused.returncode == 6, refused.stdout + refused.stderr
    assert "table child loses 2 rows of 3" in refused.stderr or "table child loses 1 row of 3" in refused.stderr
    allowed = memsql_in(folder, "migrate.up", "--allow-data-loss")
    assert allowed.returncode == 0
    assert "lost, as allowed: table child loses" in allowed.stdout


def test_an_upsert_loses_nothing(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        PARENT.format(clause="") + CHILD + ROWS,
        "INSERT INTO parent VALUES (9, 'a') ON CONFLICT (name) DO UPDATE SET name = excluded.name;\n",
    )
    assert memsql_in(folder, "migrate.up").returncode == 0


def test_many_statements_of_one_shape_are_judged_as_one(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add(
        "0001_base",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);\n"
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE SET NULL);\n",
    )
    project.up()
    project.script(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        " INSERT INTO parent SELECT i, 'x' FROM n; INSERT INTO child SELECT id, id FROM parent;"
    )
    before = project.data()
    project.add("0002_change", "".join(f"DELETE FROM parent WHERE id = {n};\n" for n in range(1, 201)))
    project.run("migrate.up").expect(6, "column child.parent_id loses a value in 200 rows", "parent_id <reason>")
    assert project.data() == before
