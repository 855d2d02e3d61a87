"""A permit to lose data names a table: what does not is refused before anything runs, and told how to be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

BASE = "CREATE TABLE member (id INTEGER PRIMARY KEY, phone TEXT);\nINSERT INTO member VALUES (1, '11');\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_base", BASE)
    project.up()
    return project


@pytest.mark.parametrize(
    "line", ["nobody calls any more", "it's gone", "phone nobody calls", "table of old phones", "main.member gone"]
)
def test_a_permit_without_a_table_is_refused(project: Project, line: str) -> None:
    project.add("0002_tag", "CREATE TABLE tag (name TEXT);\n")
    project.add("0003_phone", f"-- A\n-- allow: data-loss {line}\nALTER TABLE member DROP COLUMN phone;\n")
    before = project.data()
    hint = "`-- allow: data-loss member <reason>`"
    for command in ("migrate.up", "migrate.up --dry-run"):
        run = project.run(*command.split()).expect(
            2, "migrations/0003_phone.sql:2", "-- allow: data-loss " + line[:5], hint
        )
        run.expect(2, "the file drops, rebuilds or changes: member", "`-- allow: data-loss member.COLUMN <reason>`")
    assert project.data() == before


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("data_loss member.phone gone", "data-loss member.phone gone"),
        ("dataloss member.phone gone", "data-loss member.phone gone"),
        ("DATA-LOSS member.phone gone", "data-loss member.phone gone"),
        ("data-lost member.phone gone", "data-loss member.phone gone"),
        ("Broken report old", "broken report old"),
        ("brokn report old", "broken report old"),
    ],
)
def test_a_misspelt_permit_is_refused(project: Project, line: str, meant: str) -> None:
    before = project.data()
    for up, down in ((f"-- A\n-- allow: {line}\n", ""), ("", f"-- A\n-- allow: {line}\n")):
        project.add("0002_tag", f"{up}CREATE TABLE tag (name TEXT);\n", f"{down}DROP TABLE tag;\n")
        run = project.run("migrate.up").expect(2, f"did you mean `-- allow: {meant}`?")
        run.expect(2, f"migrations/0002_tag{'.rollback' if down else ''}.sql:2")
        assert project.data() == before


def test_a_rollback_is_looked_at_with_its_migration(project: Project) -> None:
    project.add("0002_tag", "CREATE TABLE tag (x);\n", "-- A\n-- allow: data-loss nobody tags\nDROP TABLE tag;\n")
    project.run("migrate.up").expect(2, "migrations/0002_tag.rollback.sql:2", "changes: tag")
    project.add("0002_tag", "CREATE TABLE tag (x);\n", "-- A\n-- allow: data-loss tag nobody tags\nDROP TABLE tag;\n")
    project.up()
    project.run("migrate.down").expect(0)


def test_a_table_of_the_database_need_not_be_in_the_text(project: Project) -> None:
    project.add("0002_child", "CREATE TABLE child (id INTEGER PRIMARY KEY, m REFERENCES member ON DELETE CASCADE);\n")
    project.add("0003_less", "-- A\n-- allow: data-loss CHILD they go too\nDELETE FROM member WHERE id = 1;\n")
    project.up()


def test_a_table_of_an_earlier_file_of_the_run_counts(project: Project) -> None:
    project.add("0002_make", 'CREATE TABLE IF NOT EXISTS main . "a.b" (x);\nCREATE TABLE c (x);\n')
    project.add("0003_move", "ALTER TABLE c /* is */ RENAME -- now\n TO d;\n")
    project.add("0004_drop", '-- A\n-- allow: data-loss "a.b" a\n-- allow: data-loss d.x a\nDROP TABLE "a.b";\n')
    project.up()


def test_what_was_applied_before_is_replayed(project: Project) -> None:
    text = "-- A\n-- allow: data-loss nobody tags\nCREATE TABLE tag (x);\n"
    project.add("0002_tag", text.replace("nobody", "tag"))
    project.up()
    project.add("0002_tag", text)
    project.run("schema.dump", "--write").expect(0)
    project.run("schema.diff").expect(0)


def test_a_name_with_line_breaks_is_permitted_on_one_line(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", 'CREATE TABLE "two\nlines" (id INTEGER PRIMARY KEY, "a\tb" TEXT);\n')
    project.add("0002_b", "INSERT INTO \"two\nlines\" VALUES (1, 'x');\n")
    project.run("migrate.up").expect(0)
    drop = 'ALTER TABLE "two\nlines" DROP COLUMN "a\tb";\nDROP TABLE "two\nlines";\n'
    project.add("0003_c", drop)
    project.run("migrate.up").expect(6, '-- allow: data-loss "two\\nlines"."a\\tb" <reason>')
    names = ('"two\\nlines"."a\\tb"', '"two\\nlines"')
    project.add("0003_c", "".join(f"-- allow: data-loss {name} nobody needs it\n" for name in names) + drop)
    project.run("migrate.up").expect(0)


def test_a_name_that_is_not_drawn_is_permitted_as_it_is_shown(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a\u2028b (id INTEGER PRIMARY KEY);\nINSERT INTO a\u2028b VALUES (1);\n")
    project.add("0002_b", "DROP TABLE a\u2028b;\n")
    project.run("migrate.up").expect(6, '-- allow: data-loss "a\\u2028b" <reason>')
    project.add("0002_b", '-- allow: data-loss "a\\u2028b" nobody needs it\nDROP TABLE a\u2028b;\n')
    project.run("migrate.up").expect(0)
