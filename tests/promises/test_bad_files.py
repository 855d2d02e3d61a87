"""Migration files as people get them wrong: each is refused or rolled back, and the database stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli import Project

USERS = "-- People\nCREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\nINSERT INTO users VALUES (1, 'a'), (2, 'b');\n"
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"
TAGS = "CREATE TABLE tags (name TEXT PRIMARY KEY);\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Versions 10 and 20 applied, 30 waiting."""
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0010_users", USERS, "-- allow: data-loss a test\nDROP TABLE users;\n")
    project.add("0020_notes", NOTES, "DROP TABLE notes;\n")
    project.up()
    project.add("0030_tags", TAGS, "DROP TABLE tags;\n")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


def edit(name: str) -> Callable[[Project], object]:
    def change(p: Project) -> None:
        p.up_file(name).write_text(p.up_file(name).read_text() + "INSERT INTO users VALUES (3, 'c');\n")

    return change


def write(name: str, text: str | bytes) -> Callable[[Project], object]:
    return lambda p: p.add(name, text)


def write_plain(file: str, text: str = "SELECT 1;\n") -> Callable[[Project], object]:
    def change(p: Project) -> None:
        (p.migrations / file).write_text(text)

    return change


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
    "edited rollback": (
        lambda p: p.down_file("0020_notes").write_text("DROP TABLE IF EXISTS notes;\n"),
        ("0020_notes was applied, and then changed",),
    ),
    "rollback removed": (lambda p: p.down_file("0020_notes").unlink(), ("0020_notes was applied, and then changed",)),
    "two edited": (
        lambda p: (edit("0010_users")(p), edit("0020_notes")(p)),
        ("2 applied migrations no longer match", "0010_users", "0020_notes"),
    ),
    "missing": (lambda p: p.remove("0010_users"), ("0010_users was applied, and its file is gone",)),
    "renamed": (lambda p: p.rename("0010_users", "0010_people"), ("applied under the name 0010_users",)),
    "renumbered": (
        lambda p: p.rename("0020_notes", "0040_notes"),
        ("0020_notes was applied, and its file is gone", "its content is now in 0040_notes; was it renumbered?"),
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
    "empty": (write("0030_tags", b""), ("migrations/0030_tags.sql holds no statement",)),
    "BOM alone": (write("0030_tags", b"\xef\xbb\xbf"), ("migrations/0030_tags.sql holds no statement",)),
    "comments alone": (write("0030_tags", "-- one\n/* two\nthree */\n"), ("holds no statement",)),
    "semicolons alone": (write("0030_tags", "-- one\n ; ;\n;"), ("holds no statement",)),
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
        ("migrations/0031_x.sql cannot be read",),
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
    found = project.run("migrate.up", "--json").expect(2)
    assert found.err == ""
    answer = found.json()
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
    text = "-- Things\n-- allow: data-loss none really\nCREATE TABLE t (x);\nINSERT INTO t VALUES ('a\nb');\n"
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


# -- rollbacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "down", [None, "", "-- nothing to see\n", ";\n"], ids=["none", "empty", "comment", "semicolon"]
)
@pytest.mark.parametrize("steps", [1, 2])
def test_down_refuses_before_touching_anything_where_there_is_no_way_back(
    tmp_path: Path, down: str | None, steps: int
) -> None:
    project = Project(tmp_path)
    project.add("0001_users", USERS, "DROP TABLE users;\n")
    project.add("0002_one_way", NOTES, down)
    if steps == 2:
        project.add("0003_tags", TAGS, "DROP TABLE tags;\n")
    project.up()
    assert set(project.states().values()) == {"applied"}
    before = project.files()
    expected = "0002_one_way has no rollback file" if down is None else "0002_one_way.rollback.sql holds no statement"
    project.run("migrate.down", "--steps", str(steps)).expect(6, expected, "no way back", "nothing was changed")
    assert project.files() == before


def test_a_rollback_that_fails_leaves_the_migration_applied(project: Project) -> None:
    project.add("0030_tags", TAGS, "DROP TABLE tags;\nDROP TABLE nonsense;\n")
    project.up()
    before = project.data()
    project.run("migrate.down").expect(
        5,
        "0030_tags failed in statement 2: no such table: nonsense",
        "migrations/0030_tags.rollback.sql:2",
        "DROP TABLE nonsense",
        "this migration was rolled back",
    )
    assert project.data() == before
    assert project.states()[30] == "applied"


# -- text that fails ---------------------------------------------------------------------------------


def statements(number: int, bad: int, text: str, pad: str = "") -> tuple[str, int]:
    """``number`` statements, the one numbered ``bad`` replaced by ``text``; and the line that one is on."""
    lines = ["-- Many", "CREATE TABLE many (id INTEGER PRIMARY KEY, note TEXT);"]
    place = 0
    for n in range(2, number + 1):
        if n == bad:
            place = len(lines) + 2
            lines += ["-- the culprit", text]
        else:
            lines.append(f"INSERT INTO many\nVALUES ({n}, 'it''s; {n}{pad}');")
            lines[-1:] = lines[-1].split("\n")
    return "\n".join(lines) + "\n", place


@pytest.mark.parametrize("pad", ["", "é" * 75_000], ids=["small", "6 MB"])
def test_a_syntax_error_in_statement_37_is_named_and_nothing_is_applied(project: Project, pad: str) -> None:
    text, line = statements(43, 37, "INSRT INTO many VALUES (37, 'x');", pad)
    project.add("0030_tags", text)
    before = project.data()
    project.run("migrate.up").expect(
        5,
        'error: 0030_tags failed in statement 37: near "INSRT": syntax error',
        f"migrations/0030_tags.sql:{line}",
        "statement: INSRT INTO many VALUES (37, 'x')",
        "this migration was rolled back",
        "run the command again",
    )
    assert project.data() == before
    assert project.states() == {10: "applied", 20: "applied", 30: "failed"}
    project.run("migrate.status", "--check").expect(1, "failed")
    good, _ = statements(43, 37, "INSERT INTO many VALUES (37, 'x');", pad)
    project.add("0030_tags", good)
    project.up()
    assert project.one("SELECT count(*) FROM many") == 42
    assert project.states()[30] == "applied"


def test_the_failed_attempt_is_in_the_history(project: Project) -> None:
    project.add("0030_tags", "CREATE TABLE tags (x);\nINSERT INTO nowhere VALUES (1);\n")
    error = project.run("migrate.up", "--json").expect(5).json()["error"]
    assert (error["file"], error["line"], error["statement"]) == (
        "migrations/0030_tags.sql",
        2,
        "INSERT INTO nowhere VALUES (1)",
    )
    attempts = project.query("SELECT operation, status, message FROM memsql_history WHERE version = 30")
    assert [(o, s) for o, s, _ in attempts] == [("apply", "failed")]
    assert "no such table: nowhere" in attempts[0][2]
    assert project.applied() == ["0010_users", "0020_notes"]


def test_what_came_before_the_failure_stays_and_is_named(project: Project) -> None:
    project.add("0040_bad", "CREATE TABLE more (x);\nSELEKT 1;\n")
    project.add("0050_never", "CREATE TABLE never (x);\n")
    project.run("migrate.up").expect(5, "0040_bad failed in statement 2", "this run finished 0030_tags")
    assert project.states() == {10: "applied", 20: "applied", 30: "applied", 40: "failed", 50: "pending"}


def test_the_first_migration_of_all_may_fail_too(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.add("0002_b", "CREATE TABLE b (x);\nCREATE TABLE b (x);\n")
    project.add("0003_c", "CREATE TABLE c (x);\n")
    project.run("migrate.up").expect(
        5, "0002_b failed in statement 2: table b already exists", "migrations/0002_b.sql:2", "this run finished 0001_a"
    )
    assert project.states() == {1: "applied", 2: "failed", 3: "pending"}
    assert [r[0] for r in project.query("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b', 'c')")] == ["a"]
    project.add("0002_b", "CREATE TABLE b (x);\n")
    project.up()
    assert project.states() == dict.fromkeys((1, 2, 3), "applied")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INSERT INTO users VALUES (9, 'unfinished", "unrecognized token"),
        ("CREATE TABLE half (", "incomplete input"),
        ("INSERT INTO users VALUES (1, 'again');", "UNIQUE constraint failed: users.id"),
        ("INSERT OR ROLLBACK INTO users VALUES (3, 'x'), (1, 'again');", "UNIQUE constraint failed: users.id"),
        (
            "CREATE TRIGGER no BEFORE INSERT ON users BEGIN SELECT raise(ROLLBACK, 'not here'); END;\n"
            "INSERT INTO users VALUES (4, 'd');",
            "not here",
        ),
        ("SELECT load_extension('x');", "not authorized"),
    ],
    ids=["open string", "incomplete", "constraint", "or rollback", "raise rollback", "load_extension"],
)
def test_whatever_the_engine_refuses_is_undone(project: Project, text: str, message: str) -> None:
    project.add("0030_tags", TAGS + "INSERT INTO users VALUES (7, 'kept by nobody');\n" + text)
    before = project.data()
    project.run("migrate.up").expect(5, message, "migrations/0030_tags.sql", "this migration was rolled back")
    assert project.data() == before
    assert project.states()[30] == "failed"


# -- transaction control -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "END TRANSACTION",
        "ROLLBACK",
        "SAVEPOINT s",
        "RELEASE s",
        "ROLLBACK TO s",
        "ATTACH 'other.db' AS other",
        "DETACH other",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "PRAGMA foreign_keys = off",
        'pragma main."foreign_keys"(0)',
        "/* hidden */ CoMMiT",
        "-- hidden;\nCOMMIT",
    ],
)
@pytest.mark.parametrize("side", ["up", "down"])
def test_what_would_break_the_transaction_is_refused(project: Project, statement: str, side: str) -> None:
    text = f"CREATE TABLE tags (name TEXT);\nINSERT INTO users VALUES (8, 'x');\n\n{statement};\nSELECT 1;\n"
    if side == "up":
        project.add("0030_tags", text, "DROP TABLE tags;\n")
    else:
        project.add("0030_tags", TAGS, text)
    before = project.files()
    file = "migrations/0030_tags.sql" if side == "up" else "migrations/0030_tags.rollback.sql"
    line = 5 if "\n" in statement else 4
    project.run("migrate.up").expect(2, f"{file}:{line}", "nothing was changed")
    assert project.files() == before


def test_transaction_control_is_found_at_the_end_of_a_large_file(project: Project) -> None:
    text, line = statements(43, 43, "COMMIT;", "é" * 75_000)
    project.add("0030_tags", text)
    before = project.files()
    project.run("migrate.up").expect(2, "runs COMMIT", f"migrations/0030_tags.sql:{line}")
    assert project.files() == before


def test_the_same_words_elsewhere_are_none_of_our_business(project: Project) -> None:
    project.add(
        "0030_tags",
        """-- Words
CREATE TABLE "commit" ("begin" TEXT, [end] TEXT, vacuumed TEXT);
INSERT INTO "commit" VALUES ('; COMMIT; ', 'x;
ROLLBACK;', CASE WHEN 1 THEN 'a' ELSE 'b' END);
/* ; COMMIT; */
-- ; COMMIT;
CREATE TRIGGER watch AFTER INSERT ON "commit" BEGIN
    UPDATE "commit" SET vacuumed = CASE WHEN new.[end] IS NULL THEN 'a' ELSE 'b' END;
    SELECT 1;
END;
PRAGMA foreign_key_list("commit")
""",
    )
    project.up()
    assert project.query('SELECT * FROM "commit"') == [("; COMMIT; ", "x;\nROLLBACK;", "a")]


# -- checks ------------------------------------------------------------------------------------------


def test_a_migration_whose_check_fails_is_rolled_back(project: Project) -> None:
    project.check(
        "0030_tags_there",
        "SELECT 'user ' || id || ' has no tag' FROM users WHERE id NOT IN (SELECT name FROM tags)",
        name="everybody has a tag",
    )
    before = project.data()
    project.run("migrate.up").expect(
        5,
        "0030_tags ran, but its check 'everybody has a tag' failed",
        "sql/checks/0030_tags_there.sql",
        "user 1 has no tag",
        "user 2 has no tag",
        "this migration was rolled back",
    )
    assert project.data() == before
    assert project.states()[30] == "failed"


def test_a_check_that_cannot_run_is_no_pass(project: Project) -> None:
    project.check("0030_wrong", "SELECT nonsense FROM tags")
    before = project.data()
    project.run("migrate.up").expect(5, "the check cannot run: no such column: nonsense")
    assert project.data() == before


def test_a_warning_is_said_and_the_migration_stays(project: Project) -> None:
    project.check("0030_soft", "SELECT 'no tags yet'", severity="warning")
    project.check("0099_later", "SELECT 'belongs to another migration'")
    project.check("whole", "SELECT 'belongs to verify'")
    project.up().expect(0, "warning: 0030_soft: no tags yet")
    assert project.states()[30] == "applied"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SELECT 1\n", ("has no name", "sql/checks/0030_x.sql:1")),
        ("-- name: two\nSELECT 1;\nSELECT 2;\n", ("must hold one SELECT, and holds 2 statements",)),
        ("-- name: none\n", ("must hold one SELECT, and holds 0 statements",)),
        ("-- name: bad\n-- severity: fatal\nSELECT 1\n", ("sql/checks/0030_x.sql:2", "fatal")),
        ("-- name: writes\nDELETE FROM users RETURNING id\n", ("must hold one SELECT", "sql/checks/0030_x.sql")),
    ],
    ids=["no name", "two", "none", "severity", "writes"],
)
def test_a_bad_check_is_refused_before_anything_runs(project: Project, text: str, parts: tuple[str, ...]) -> None:
    project.checks.mkdir(parents=True)
    (project.checks / "0030_x.sql").write_text(text)
    before = project.files()
    project.run("migrate.up").expect(2, *parts)
    assert project.files() == before


# -- memsql.sum --------------------------------------------------------------------------------------


def _swapped(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (
            lambda p: p.add("0030_tags", TAGS + "SELECT 2;\n"),
            "0030_tags.sql: the file changed since memsql.sum was written",
        ),
        (lambda p: p.add("0040_new", "SELECT 1;\n"), "0040_new.sql: not in memsql.sum"),
        (lambda p: p.remove("0030_tags"), "0030_tags.sql: in memsql.sum, but there is no such file"),
        (
            lambda p: (p.migrations / "memsql.sum").write_text("memsql.sum 1\nrubbish\n"),
            "0010_users.sql: not in memsql.sum",
        ),
        (
            lambda p: (p.migrations / "memsql.sum").write_text(
                "\n".join(_swapped((p.migrations / "memsql.sum").read_text().splitlines())) + "\n"
            ),
            "memsql.sum itself was edited or merged",
        ),
    ],
    ids=["changed", "new", "gone", "rubbish", "shuffled"],
)
def test_a_stale_sum_stops_up_and_down(project: Project, change: Callable[[Project], object], part: str) -> None:
    project.run("migrate.sum").expect(0, "memsql.sum written")
    project.run("migrate.sum", "--check").expect(0, "fresh")
    change(project)
    before = project.files()
    project.run("migrate.up").expect(2, "memsql.sum does not match the migration files", part, "migrate.sum")
    project.run("migrate.down").expect(2, part)
    project.run("migrate.status").expect(0, f"problem: memsql.sum: {part}")
    project.run("migrate.status", "--check").expect(1)
    project.run("migrate.sum", "--check").expect(1, part)
    assert project.files() == before
    project.run("migrate.sum").expect(0)
    project.up()
