"""Migration files as people get them wrong: each is refused or rolled back, and the database stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bad_files import TAGS, edit, write, write_plain
from cli import Project


def circle(p: Project) -> None:
    p.add("0030_tags", "-- depends: 0040_more\n" + TAGS)
    p.add("0040_more", "-- depends: 0030_tags\nSELECT 1;")


REFUSED: dict[str, tuple[Callable[[Project], object], tuple[str, ...]]] = {
    "edited": (
        edit("0010_users"),
        (
            "0010_users was applied, and then changed",
            "migrations/0010_users.sql",
            "nothing was changed",
            "migrate.repair --version 10",
        ),
    ),
    "two edited": (
        lambda p: (edit("0010_users")(p), edit("0020_notes")(p)),
        ("2 applied migrations no longer match", "0010_users", "0020_notes"),
    ),
    "missing": (lambda p: p.remove("0010_users"), ("0010_users was applied, and its file is gone",)),
    "renamed": (lambda p: p.rename("0010_users", "0010_people"), ("applied under the name 0010_users",)),
    "renumbered and renamed": (
        lambda p: p.rename("0020_notes", "0040_remarks"),
        ("0020_notes was applied, and its file is gone", "its content is now in 0040_remarks; was it renumbered?"),
    ),
    "duplicate version": (
        write("0030_other", TAGS),
        ("two migrations have version 30: 0030_other.sql and 0030_tags.sql",),
    ),
    "duplicate version by digits": (write("30_other", TAGS), ("two migrations have version 30",)),
    "out of order": (
        write("0015_between", TAGS),
        ("0015_between would be applied out of order", "--out-of-order", "renumber"),
    ),
    "empty": (write("0030_tags", b""), ("migrations/0030_tags.sql holds no statement and no comment",)),
    "BOM alone": (write("0030_tags", b"\xef\xbb\xbf"), ("migrations/0030_tags.sql holds no statement",)),
    "semicolons alone": (write("0030_tags", " ; ;\n;"), ("holds no statement",)),
    "not UTF-8": (
        write("0030_tags", b"SELECT 1;\nSELECT '\xe9';\n"),
        ("migrations/0030_tags.sql is not UTF-8: byte 0xe9", "migrations/0030_tags.sql:2", "save the file as UTF-8"),
    ),
    "UTF-16": (write("0030_tags", TAGS.encode("utf-16")), ("is not UTF-8",)),
    "NUL": (
        write("0030_tags", TAGS.encode() + b"INSERT INTO tags VALUES ('\0');\n"),
        ("holds a NUL character", "migrations/0030_tags.sql:2"),
    ),
    "rollback not UTF-8": (
        lambda p: p.add("0030_tags", TAGS, b"DROP TABLE \xff;"),
        ("migrations/0030_tags.rollback.sql is not UTF-8",),
    ),
    "stray name": (write_plain("notes.sql"), ("migrations/notes.sql is not named like a migration", "NNNN_name.sql")),
    "no name": (write_plain("0031.sql"), ("migrations/0031.sql is not named like a migration",)),
    "version too large": (write_plain("9223372036854775808_x.sql"), ("is not named like a migration",)),
    "rollback without migration": (
        write_plain("0031_x.rollback.sql"),
        ("migrations/0031_x.rollback.sql is a rollback without its migration 0031_x.sql",),
    ),
    "a dangling link": (
        lambda p: (p.migrations / "0031_x.sql").symlink_to("nowhere"),
        ("migrations/0031_x.sql is a link", "put the file itself there"),
    ),
    "unknown directive": (
        write("0030_tags", "-- Tags\n-- forein_keys: off\n" + TAGS),
        ('unknown directive "forein_keys"', "migrations/0030_tags.sql:2", 'Did you mean "foreign_keys"?'),
    ),
    "unknown directive in rollback": (
        lambda p: p.add("0030_tags", TAGS, "-- allw: x y\nDROP TABLE tags;\n"),
        ("migrations/0030_tags.rollback.sql:1",),
    ),
    "allow without reason": (
        write("0030_tags", "-- allow: data-loss\n" + TAGS),
        ("migrations/0030_tags.sql:1", "reason"),
    ),
    "bad switch": (write("0030_tags", "-- transactional: maybe\n" + TAGS), ("migrations/0030_tags.sql:1", "maybe")),
    "cycle": (circle, ("depend on each other in a circle", "0030_tags -> 0040_more")),
    "depends on itself": (
        write("0030_tags", "-- depends: 0030_tags\n" + TAGS),
        ("in a circle", "0030_tags -> 0030_tags"),
    ),
    "unknown dependency": (
        write("0030_tags", "-- Tags\n-- depends: 0010_users 0011_gone\n" + TAGS),
        ("0030_tags depends on 0011_gone, and there is no such migration", "migrations/0030_tags.sql:2"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_before_anything_runs(project: Project, case: str) -> None:
    change, parts = REFUSED[case]
    change(project)
    before = project.files()
    project.run("migrate.up").expect(2, "error: ", *parts)
    assert project.files() == before


@pytest.mark.parametrize("case", ["edited", "missing", "renamed", "duplicate version", "stray name", "cycle"])
def test_down_refuses_it_too(project: Project, case: str) -> None:
    change, parts = REFUSED[case]
    change(project)
    before = project.files()
    project.run("migrate.down").expect(2, parts[0])
    assert project.files() == before


def test_the_error_is_one_object_with_json(project: Project) -> None:
    project.add("0030_tags", "-- Tags\n-- forein_keys: off\n" + TAGS)
    done = project.run("migrate.up", "--json").expect(2)
    assert done.err == ""
    answer = done.json()
    assert (answer["ok"], answer["command"]) == (False, "migrate.up")
    error = answer["error"]
    assert (error["kind"], error["file"], error["line"], error["exit_code"]) == (
        "FileError",
        "migrations/0030_tags.sql",
        2,
        2,
    )


@pytest.mark.parametrize(
    ("case", "version", "state"),
    [
        ("edited", 10, "edited"),
        ("missing", 10, "missing"),
        ("renamed", 10, "edited"),
        ("out of order", 15, "out_of_order"),
    ],
)
def test_status_names_what_is_wrong(project: Project, case: str, version: int, state: str) -> None:
    REFUSED[case][0](project)
    before = project.files()
    assert project.states()[version] == state
    project.run("migrate.status").expect(0, state.replace("_", " "), "next: ")
    project.run("migrate.status", "--check").expect(1)
    assert project.files() == before


@pytest.mark.parametrize("case", ["duplicate version", "stray name", "unknown dependency", "cycle"])
def test_status_refuses_a_folder_it_cannot_order(project: Project, case: str) -> None:
    change, parts = REFUSED[case]
    change(project)
    project.run("migrate.status").expect(2, parts[0])


def test_a_bad_file_stops_the_good_ones_before_it(project: Project) -> None:
    project.add("0040_bad", b"\xff")
    before = project.files()
    project.run("migrate.up").expect(2, "0040_bad.sql is not UTF-8")
    assert project.files() == before
    project.up("--to", "30")
    assert project.states() == {10: "applied", 20: "applied", 30: "applied", 40: "pending"}


def test_out_of_order_is_applied_when_asked_for(project: Project) -> None:
    project.add("0015_between", "CREATE TABLE between_them (id INTEGER);\n")
    project.up("--out-of-order")
    assert project.states() == dict.fromkeys((10, 15, 20, 30), "applied")


def test_no_folder_of_migrations(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.migrations.rmdir()
    project.db.touch()
    before = project.files()
    for task in ("migrate.up", "migrate.status", "migrate.down"):
        project.run(task).expect(2, "the migrations folder migrations cannot be read", "migrate.create")
    assert project.files() == before


def test_other_files_in_the_folder_are_left_alone(project: Project) -> None:
    for name in ("README.md", "notes.txt", "0030_tags.sql.orig", ".0031_x.sql.swp"):
        (project.migrations / name).write_text("not SQL at all")
    (project.migrations / "folder.sql").mkdir()
    (project.migrations / "legacy").mkdir()
    (project.migrations / "legacy" / "L1_x.sql").write_text("neither")
    project.up()
    assert project.states() == dict.fromkeys((10, 20, 30), "applied")


@pytest.mark.parametrize(
    "convert",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
    ],
    ids=["CRLF", "BOM", "BOM and CRLF"],
)
def test_another_checkout_of_the_same_text_is_no_edit(project: Project, convert: Callable[[bytes], bytes]) -> None:
    project.run("migrate.sum").expect(0)
    project.up()
    for path in project.migrations.iterdir():
        if path.suffix == ".sql":
            path.write_bytes(convert(path.read_bytes()))
    sums = project.migrations / "memsql.sum"
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    before = project.files()
    assert project.states() == dict.fromkeys((10, 20, 30), "applied")
    project.up().expect(0, "nothing to do")
    project.run("migrate.status", "--check").expect(0)
    project.run("migrate.sum", "--check").expect(0)
    assert project.files() == before


def test_files_with_bom_and_crlf_apply_like_any_other(tmp_path: Path) -> None:
    project = Project(tmp_path)
    text = "-- Things\n-- allow: data-loss t none really\nCREATE TABLE t (x);\nINSERT INTO t VALUES ('a\nb');\n"
    project.add("0001_t", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbfDROP TABLE t;\r\n")
    project.up()
    assert project.query("SELECT x FROM t") == [("a\nb",)]
    assert project.query("SELECT description FROM schema_migrations") == [("Things",)]
    project.run("migrate.down", "--allow-data-loss").expect(0)


def test_a_forward_dependency_comes_first(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_child", "-- depends: 0003_base\nINSERT INTO log VALUES ('child');\n")
    project.add("0002_free", "-- depends:\nCREATE TABLE other (x);\n")
    project.add("0003_base", "CREATE TABLE log (what);\nINSERT INTO log VALUES ('base');\n")
    project.up()
    assert project.query("SELECT what FROM log ORDER BY rowid") == [("base",), ("child",)]
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")
