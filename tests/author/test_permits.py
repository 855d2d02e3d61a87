"""migrate.permits: the permits of the files, and names for those that have none."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import Project

BASE = """CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT, fax TEXT);
CREATE TABLE "old notes" (id INTEGER PRIMARY KEY, "a.b" TEXT);
CREATE TABLE kept (id INTEGER PRIMARY KEY, x TEXT);
"""
DROPS = 'ALTER TABLE member DROP COLUMN phone;\nDROP TABLE "old notes";\n'
BACK = "ALTER TABLE member ADD COLUMN phone TEXT;\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_base", BASE)
    return project


def test_without_a_permit_there_is_nothing_to_list(project: Project) -> None:
    project.run("migrate.permits").expect(0, "no file has a permit")
    assert project.run("migrate.permits", "--json").json()["files"] == []


def test_what_names_a_table_is_listed_and_stays(project: Project) -> None:
    text = '-- A\n-- allow: data-loss member.phone gone\n-- allow: data-loss "old notes" gone\n-- allow: broken v why\n'
    project.add("0002_drop", text + DROPS)
    before = project.files()
    project.run("migrate.permits", "--rewrite").expect(
        0, "migrations/0002_drop.sql", "-- allow: data-loss member.phone gone", "3 permits in 1 file, 0 without"
    )
    assert project.files() == before


@pytest.mark.parametrize("reason", ["nobody calls any more", "it's gone"])
def test_a_wide_permit_is_named_from_a_replay(project: Project, reason: str) -> None:
    project.add("0002_drop", f"-- A\n-- allow: data-loss {reason}\n{DROPS}", "-- B\nSELECT 1;\n")
    before = project.files()
    project.run("migrate.permits").expect(0, f"line 2 names no table: -- allow: data-loss {reason}", "--rewrite")
    assert project.files() == before
    project.run("migrate.up").expect(2, "migrate.permits")
    project.run("migrate.permits", "--rewrite").expect(0, "wrote migrations/0002_drop.sql", "wrote memsql.sum")
    lines = project.up_file("0002_drop").read_text().splitlines()
    assert lines[0] == "-- A"
    assert sorted(lines[1:3]) == [
        f'-- allow: data-loss "old notes" {reason}',
        f"-- allow: data-loss member.phone {reason}",
    ]
    assert lines[3:] == DROPS.splitlines()
    project.run("migrate.permits").expect(0, "0 without the name of a table")
    project.run("migrate.sum", "--check").expect(0)
    project.run("migrate.up").expect(0)


def test_both_directions_and_several_lines(project: Project) -> None:
    project.add(
        "0002_add",
        "-- A\n-- allow: data-loss kept.x first\n-- allow: data-loss one reason\n-- allow: data-loss another one\n"
        "ALTER TABLE member DROP COLUMN phone;\nALTER TABLE kept DROP COLUMN x;\nCREATE TABLE more (x TEXT);\n"
        "ALTER TABLE member ADD COLUMN mail TEXT;\n",
        "-- B\n-- allow: data-loss the mails go\nDROP TABLE more;\nALTER TABLE member DROP COLUMN mail;\n" + BACK,
    )
    project.run("migrate.permits", "--rewrite").expect(0)
    assert project.up_file("0002_add").read_text().splitlines()[1:3] == [
        "-- allow: data-loss kept.x first",
        "-- allow: data-loss member.phone one reason; another one",
    ]
    down = project.up_file("0002_add").with_name("0002_add.rollback.sql").read_text().splitlines()
    assert "-- allow: data-loss member.mail the mails go" in down


def test_a_line_for_nothing_goes(project: Project) -> None:
    project.add("0002_add", "-- A\n-- allow: data-loss just in case\nALTER TABLE member ADD COLUMN mail TEXT;\n")
    project.run("migrate.permits").expect(0, "nothing is lost on made-up rows: the line can go")
    project.run("migrate.permits", "--rewrite").expect(0)
    assert "allow" not in project.up_file("0002_add").read_text()


def test_a_file_that_cannot_be_tried_stays_as_it_is(project: Project) -> None:
    project.add("0002_bad", "-- A\n-- allow: data-loss nobody calls\nALTER TABLE nowhere DROP COLUMN phone;\n")
    project.add("0003_drop", "-- A\n-- allow: data-loss nobody calls\nALTER TABLE member DROP COLUMN fax;\n")
    before = project.up_file("0002_bad").read_text()
    project.run("migrate.permits", "--rewrite").expect(0, "no proposal: it does not run on an empty database")
    assert project.up_file("0002_bad").read_text() == before
    assert "-- allow: data-loss member.fax nobody calls" in project.up_file("0003_drop").read_text()


def test_line_ends_and_a_mark_stay(project: Project) -> None:
    text = "-- A\n-- allow: data-loss nobody calls\nALTER TABLE member DROP COLUMN fax;\n"
    project.add("0002_drop", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    project.run("migrate.permits", "--rewrite").expect(0)
    wanted = text.replace("loss nobody", "loss member.fax nobody").replace("\n", "\r\n")
    assert project.up_file("0002_drop").read_bytes() == b"\xef\xbb\xbf" + wanted.encode()


def test_a_stale_sum_is_not_written_over(project: Project) -> None:
    project.run("migrate.sum").expect(0)
    path = project.up_file("0001_base")
    path.write_text("-- A\n-- allow: data-loss nobody calls\n" + path.read_text())
    before = project.files()
    project.run("migrate.permits", "--rewrite").expect(2, "memsql.sum does not match")
    assert project.files() == before


def test_what_goes_with_other_rows_is_named_too(project: Project) -> None:
    project.add(
        "0002_team",
        "CREATE TABLE team (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE player (id INTEGER PRIMARY KEY, team INTEGER NOT NULL REFERENCES team ON DELETE CASCADE);\n"
        "CREATE TABLE fan (id INTEGER PRIMARY KEY, team INTEGER REFERENCES team ON DELETE SET NULL);\n",
    )
    project.add("0003_fewer", "-- A\n-- allow: data-loss they are dissolved\nDELETE FROM team WHERE true;\n")
    project.run("migrate.permits", "--rewrite").expect(0)
    lines = project.up_file("0003_fewer").read_text().splitlines()
    assert sorted(lines[1:3]) == [
        "-- allow: data-loss fan.team they are dissolved",
        "-- allow: data-loss player they are dissolved",
    ]


def test_an_index_over_other_rows_needs_no_permit(project: Project) -> None:
    project.add(
        "0002_fts",
        "CREATE VIRTUAL TABLE found USING fts5(name, content='member', content_rowid='id');\n"
        "CREATE VIRTUAL TABLE own USING fts5(text);\n",
    )
    project.add("0003_drop", "-- A\n-- allow: data-loss nobody searches\nDROP TABLE found;\nDROP TABLE own;\n")
    project.run("migrate.permits", "--rewrite").expect(0)
    lines = project.up_file("0003_drop").read_text().splitlines()
    assert lines[1:3] == ["-- allow: data-loss own nobody searches", "DROP TABLE found;"]
