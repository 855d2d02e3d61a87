"""NOT NULL and CHECK that SQLite 3.53 changes without a rebuild: the steps are run on the newest SQLite there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli import Project

from memsql import config
from memsql.author.change import Abilities, Hints, Renames, plan_change, step_sql
from memsql.author.derive import draft
from memsql.author.engines import abilities
from memsql.errors import FileError
from memsql.schema import diff, from_sql
from memsql.sqltext import split
from memsql.targets import parse_targets

ABLE = Hints(abilities=Abilities(constraints=True))
BEFORE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, "b c" INTEGER NOT NULL, CONSTRAINT Pos CHECK ("b c" > 0));'
TRIGGER = "CREATE TRIGGER g AFTER UPDATE ON t BEGIN SELECT 1; END;"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            BEFORE,
            BEFORE.replace("a TEXT", "a TEXT NOT NULL"),
            [
                "-- Fails where a is NULL; to see these rows: SELECT * FROM t WHERE a IS NULL\n"
                "ALTER TABLE t ALTER COLUMN a SET NOT NULL;"
            ],
        ),
        (
            BEFORE.replace("a TEXT", "a TEXT DEFAULT 'x'"),
            BEFORE.replace("a TEXT", "a TEXT NOT NULL DEFAULT 'x'"),
            ["UPDATE t SET a = 'x' WHERE a IS NULL;\nALTER TABLE t ALTER COLUMN a SET NOT NULL;"],
        ),
        (BEFORE, BEFORE.replace(" NOT NULL", ""), ['ALTER TABLE t ALTER COLUMN "b c" DROP NOT NULL;']),
        (
            BEFORE,
            BEFORE.replace('Pos CHECK ("b c" > 0)', "Big CHECK (t.[b c]  > 10 /* so */)"),
            ["ALTER TABLE t DROP CONSTRAINT pos;", "ALTER TABLE t ADD CONSTRAINT Big CHECK (t.[b c]  > 10 /* so */);"],
        ),
        (
            BEFORE,
            BEFORE.replace("a TEXT", "a TEXT CHECK (a <> '')"),
            ["ALTER TABLE t ADD CHECK (a <> '');"],
        ),
        (
            BEFORE,
            BEFORE.replace("a TEXT, ", "d INT, ").replace('Pos CHECK ("b c" > 0)', "q CHECK (d > 1)"),
            [
                "ALTER TABLE t DROP CONSTRAINT pos;",
                "ALTER TABLE t DROP COLUMN a;",
                "ALTER TABLE t ADD COLUMN d INT;",
                "ALTER TABLE t ADD CONSTRAINT q CHECK (d > 1);",
            ],
        ),
    ],
)
def test_what_needs_no_rebuild(before: str, after: str, expected: list[str]) -> None:
    plan = plan_change(from_sql(before), from_sql(after), Renames(), ABLE)
    assert [step_sql(step) for step in plan.steps] == expected
    assert plan.rebuilds == ()
    apsw: Any = pytest.importorskip("apsw")
    conn = apsw.Connection(":memory:")
    conn.execute(before)
    for step in plan.steps:
        for statement in split(step_sql(step)):
            conn.execute(statement.text)
    made = ";\n".join(row[0] for row in conn.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    assert not diff(from_sql(made), from_sql(after)).meaning_lines()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE.replace("CONSTRAINT Pos ", ""), BEFORE.replace(', CONSTRAINT Pos CHECK ("b c" > 0)', "")),
        (BEFORE, BEFORE.replace("a TEXT", "a TEXT UNIQUE")),
        (BEFORE, BEFORE.replace("a TEXT", "a INTEGER NOT NULL")),
        (BEFORE, BEFORE.replace("a TEXT", "a TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'x'")),
        (
            BEFORE.replace("a TEXT", "a TEXT DEFAULT 'x'") + TRIGGER,
            BEFORE.replace("a TEXT", "a TEXT NOT NULL DEFAULT 'x'") + TRIGGER,
        ),
    ],
)
def test_what_needs_a_rebuild_all_the_same(before: str, after: str) -> None:
    assert plan_change(from_sql(before), from_sql(after), Renames(), ABLE).rebuilds == ("t",)


def test_what_the_targets_can_do() -> None:
    assert abilities(parse_targets("sqlite 3.34")) == Abilities(drop_column=False)
    assert abilities(parse_targets("sqlite 3.40, d1")) == Abilities()
    assert abilities(()) == Abilities()
    before, after = BEFORE.replace("a TEXT, ", "a TEXT, z, "), BEFORE
    old = Hints(abilities=Abilities(drop_column=False))
    assert plan_change(from_sql(before), from_sql(after), Renames(), old).rebuilds == ("t",)


def test_what_a_target_does_not_have_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    config_file = tmp_path / "setup.cfg"
    config_file.write_text(config_file.read_text() + "target = sqlite 3.34\n")
    project.add("0001_base", "CREATE TABLE t (a, b);")
    (tmp_path / "sql").mkdir(exist_ok=True)
    wanted = tmp_path / "sql" / "schema.sql"
    settings = config.load(project=str(tmp_path), env=None, database=None)
    wanted.write_text("CREATE TABLE t (a, b); CREATE TABLE s (x INTEGER) STRICT;")
    with pytest.raises(FileError, match=r"would not run on SQLite 3\.34, the target of setup\.cfg") as raised:
        draft(settings, "x", "sql/schema.sql")
    assert raised.value.details == ("STRICT tables: SQLite 3.34 has it from SQLite 3.37 on",)
    wanted.write_text("CREATE TABLE t (a);")
    assert draft(settings, "x", "sql/schema.sql").rebuilds == ("t",)
