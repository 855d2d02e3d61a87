"""migrate.create --from: every edit of a schema becomes a pair that goes there and back without losing a row."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import extent
import pytest
import servers
from cli import LEDGER, Project
from edited_schema import ROWS, SCHEMA, Edit
from schema_edits import EDITS

from memsql.db import connect
from memsql.server import Running

pytestmark = pytest.mark.slow

DOWN = "".join(f"DROP VIEW {v};\n" for v in ("active_posts", "active")) + "".join(
    f"DROP TABLE {t};\n"
    for t in (
        "docs",
        "posts_fts",
        "posts",
        "users",
        "audit",
        "tree",
        "egg",
        "hen",
        "kv",
        "plain",
        "firm",
        "areas",
        '"odd table"',
    )
)


# The migrations make the snapshot, word by word, and the database is what they make: two replays, so for a share.
SNAPSHOT_IS_KEPT = ("schema.dump", "--check", "schema.diff", "--check")
WITH_THE_SNAPSHOT = {edit.name for edit in extent.some(EDITS, 7)}
DATABASE_IS_THE_SNAPSHOT = ("schema.diff", "--from", "database", "--to", "sql/schema.sql", "--check")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The schema, applied, with rows."""
    project = Project(tmp_path_factory.mktemp("before"))
    project.add("0001_base", f"-- The base\n{SCHEMA}", DOWN)
    project.run("schema.dump", "--write", "migrate.up").expect(0)
    project.script(ROWS)
    return project


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that is the user's own, as columns and values, in the order of the rowid."""
    tables = {}
    with closing(sqlite3.connect(path)) as conn:
        conn.row_factory = sqlite3.Row
        for name, wr in conn.execute(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
        ).fetchall():
            if name in LEDGER or name.startswith("sqlite_"):
                continue
            quoted = '"' + name.replace('"', '""') + '"'
            rowid = "" if wr else "rowid AS _rowid, "
            tables[name] = [dict(r) for r in conn.execute(f"SELECT {rowid}* FROM {quoted} ORDER BY 1")]
    return tables


def sequence(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as conn:
        return dict(conn.execute("SELECT name, seq FROM sqlite_sequence WHERE name = 'users'").fetchall())


def without(
    tables: dict[str, list[dict[str, Any]]], lost: frozenset[tuple[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    """``tables`` but for the columns and tables in ``lost``."""
    return {
        name: [{c: v for c, v in row.items() if (name, c) not in lost} for row in rows]
        for name, rows in tables.items()
        if (name, "") not in lost
    }


@pytest.mark.parametrize("edit", extent.some(EDITS, 7), ids=lambda e: e.name)
def test_an_edit_goes_there_and_back(before: Project, tmp_path: Path, edit: Edit) -> None:
    project = before.copy(tmp_path)
    old, old_sequence = rows(project.db), sequence(project.db)
    snapshot = project.root / "sql" / "schema.sql"
    snapshot.write_text(edit.apply(), encoding="utf-8")
    done = project.run(
        "migrate.create",
        edit.name,
        "--from",
        "sql/schema.sql",
        "migrate.up",
        "--allow-data-loss",
        *(SNAPSHOT_IS_KEPT if edit.name in WITH_THE_SNAPSHOT else DATABASE_IS_THE_SNAPSHOT),
    ).expect(0, "proven: up, down and up again", "no difference")
    text = project.up_file(f"0002_{edit.name}").read_text(encoding="utf-8")
    assert set(re.findall(r'^DROP TABLE "?(.*?)"?;\nALTER TABLE', text, re.M)) == edit.rebuilt, text
    for part in edit.text:
        assert part in text, text
    assert ("-- foreign_keys: off" in text) == bool(edit.rebuilt - {"docs"}), text
    assert "renamed from" not in snapshot.read_text(encoding="utf-8") + text
    assert ("will refuse this" in done.out) == ("warning:" in done.out)
    kept = without(rows(project.db), edit.lost)
    assert sum(map(len, kept.values())) >= sum(map(len, without(old, edit.lost).values()))
    project.run(
        "migrate.down",
        "--allow-data-loss",
        "schema.diff",
        "--from",
        "database",
        "--to",
        str(before.root / "sql" / "schema.sql"),
        "--check",
    ).expect(0)
    assert without(rows(project.db), edit.lost) == without(old, edit.lost)
    if "autoincrement" not in edit.name:
        assert sequence(project.db) == old_sequence


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """Two tables, applied, and the snapshot of them."""
    project = Project(tmp_path)
    project.add(
        "0001_base",
        "CREATE TABLE users (\n    id INTEGER PRIMARY KEY,\n    nick TEXT,\n    age INTEGER\n);\n"
        "CREATE TABLE log (what TEXT);\n",
        "DROP TABLE log;\nDROP TABLE users;\n",
    )
    project.run("schema.dump", "--write", "migrate.up").expect(0)
    project.script("INSERT INTO users VALUES (1, 'ann', 40), (2, NULL, NULL)")
    return project


def edited(project: Project, *changes: tuple[str, str]) -> Path:
    path = project.root / "sql" / "schema.sql"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def create(project: Project, *words: str, name: str = "x") -> Any:
    return project.run("migrate.create", name, "--from", "sql/schema.sql", *words)


def test_nothing_is_written_where_nothing_differs(small: Project) -> None:
    before = small.files()
    create(small).expect(0, "nothing differs", "nothing was written")
    assert create(small, "--json").expect(0).json()["files"] == []
    # A rename that was done already, and another order of the columns, are no difference either.
    edited(small, ("    nick TEXT,\n    age INTEGER\n", "    age INTEGER,\n    nick TEXT -- renamed from: name\n"))
    create(small).expect(0, "nothing differs")
    assert small.files().keys() == before.keys()


def test_a_dropped_column_is_said_and_refused_and_allowed_with_a_reason(small: Project) -> None:
    edited(small, ("    nick TEXT,\n", ""))
    create(small).expect(
        0, "warning: migrate.up: loses the values of users.nick", "migrate.up will refuse this where data would be lost"
    )
    text = small.up_file("0002_x").read_text(encoding="utf-8")
    assert "-- Loses the values of users.nick" in text
    assert "allow:" not in text
    small.run("migrate.up").expect(6, "column users.nick is dropped with a value in 1 row")
    small.remove("0002_x")
    small.run("migrate.sum").expect(0)
    create(small, "--allow-data-loss", "nobody reads it").expect(
        0, "warning: migrate.up: loses the values of users.nick"
    )
    assert "-- allow: data-loss users.nick nobody reads it\n" in small.up_file("0002_x").read_text(encoding="utf-8")
    small.run("migrate.up").expect(0)
    assert small.query("SELECT id, age FROM users") == [(1, 40), (2, None)]


def test_a_rename_that_was_not_asked_for_is_a_hint(small: Project) -> None:
    edited(small, ("    nick TEXT,", "    handle TEXT,"))
    create(small).expect(
        0, "users.nick goes and handle comes: if that is the same column, write `-- renamed from: nick` behind it"
    )


def test_a_not_null_that_the_rows_do_not_keep_fails_and_names_the_way_to_them(small: Project) -> None:
    edited(small, ("    nick TEXT,", "    nick TEXT NOT NULL,"))
    create(small).expect(0)
    assert (
        "-- Fails where nick is NULL; to see these rows: SELECT * FROM users WHERE nick IS NULL\n"
        in small.up_file("0002_x").read_text()
    )
    before = small.data()
    small.run("migrate.up").expect(5, "NOT NULL constraint failed: new_users.nick")
    assert small.data() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [("    age INTEGER", "    age INTEGER,\n    city TEXT NOT NULL")],
            ("users.city is new and NOT NULL without a default", "sql/schema.sql:9", "give it a DEFAULT"),
        ),
        (
            [("    age INTEGER", "    years INTEGER -- renamed from: old_age")],
            (
                "users.years cannot be renamed from old_age: users has no such column",
                "sql/schema.sql:8",
                "it has: id, nick, age",
            ),
        ),
        (
            [("CREATE TABLE log", "-- renamed from: nothing\nCREATE TABLE protocol")],
            ("protocol cannot be renamed from nothing", "sql/schema.sql"),
        ),
        (
            [("    age INTEGER", "    years INTEGER, -- renamed from: age\n    age2 INTEGER -- renamed from: age")],
            ("two columns of users are renamed from age",),
        ),
        ([("    age INTEGER", "    years INTEGER -- renamed from:")], ("names nothing", "sql/schema.sql:8")),
        ([("what TEXT", "what TEXT,,")], ("does not make a schema", "sql/schema.sql:3", "nothing was written")),
        ([("what TEXT);", "what TEXT);\nDETACH main;")], ("does not make a schema", "sql/schema.sql:4")),
        (
            [("what TEXT);", "what TEXT);\nCREATE VIEW v AS SELECT nix FROM log;")],
            ("what is wanted would not work", "view v: no such column: nix"),
        ),
        (
            [("what TEXT);", "what TEXT);\nCREATE VIRTUAL TABLE f USING fts5(x, content='nix');")],
            (
                "what is wanted would not work",
                "full-text table f: its content table nix does not exist",
                "sql/schema.sql:4",
            ),
        ),
        (
            [("what TEXT);", "what TEXT);\nCREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM nix; END;")],
            ("table log: no such table: main.nix",),
        ),
        ([("what TEXT);", "what TEXT REFERENCES users (age));")], ("foreign key mismatch",)),
        (
            [
                ("CREATE TABLE log", "-- renamed from: users\nCREATE TABLE log"),
                ("CREATE TABLE users", "-- renamed from: log\nCREATE TABLE users"),
            ],
            ("takes a name that another table gives up",),
        ),
    ],
    ids=lambda v: v[0].split(" ")[0] if isinstance(v, tuple) else None,
)
def test_what_cannot_be_derived_is_said_with_its_line(
    small: Project, changes: list[tuple[str, str]], said: tuple[str, ...]
) -> None:
    edited(small, *changes)
    before = small.files()
    create(small).expect(2, *said)
    assert small.files() == before


def test_a_column_without_a_way_back_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add(
        "0001_base",
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (a, p INTEGER NOT NULL REFERENCES p (id), "
        "q TEXT NOT NULL CHECK (length(q) > 3));\nCREATE VIRTUAL TABLE f USING fts5(a, content='');\n",
    )
    project.run("schema.dump", "--write").expect(0)
    path = edited(project, (", p INTEGER NOT NULL REFERENCES p (id)", ""))
    create(project).expect(2, "c.p cannot go", "sql/schema.sql:3", "first make it NULL in a migration of its own")
    project.run("schema.dump", "--write").expect(0)
    edited(project, (", q TEXT NOT NULL CHECK (length(q) > 3)", ""))
    create(project).expect(2, "CHECK constraint failed", ".rollback.sql", "first make it NULL")
    project.run("schema.dump", "--write").expect(0)
    edited(project, ("fts5(a,", "fts5(a, b,"))
    create(project).expect(2, "f cannot be changed by a derived migration", f"{path.relative_to(tmp_path)}:")
    assert len(list(project.migrations.iterdir())) == 2


def test_options_that_do_not_fit(small: Project) -> None:
    small.run("migrate.create", "x", "--from", "nowhere.sql").expect(2, "there is no file nowhere.sql")
    small.run("migrate.create", "x", "--allow-data-loss", "because").expect(2, "goes with --from")
    create(small, "--foreign-keys-off").expect(2, "do not go together")
    create(small, "--allow-data-loss", " ").expect(2, "takes a reason")
    create(small, "--allow-data-loss", "a\nb").expect(2, "takes a reason")
    create(small, name="../x").expect(2, "makes no migration name")
    small.migrations.joinpath("0002_broken.sql").write_text("CREATE TABLE users (x);")
    create(small).expect(5, "table users already exists")


def test_another_file_than_the_snapshot_is_left_alone(small: Project) -> None:
    wish = small.root / "wish.sql"
    wish.write_bytes(
        "\ufeffCREATE TABLE log (what TEXT);\r\nCREATE TABLE users (\r\n"
        "    id INTEGER PRIMARY KEY,\r\n    handle TEXT, -- renamed from: nick\r\n    age INTEGER\r\n"
        ");\r\n".encode()
    )
    before = wish.read_bytes()
    report = small.run("migrate.create", "x", "--from", "wish.sql", "--json").expect(0).json()
    assert report["files"] == ["migrations/0002_x.sql", "migrations/0002_x.rollback.sql", "migrations/memsql.sum"]
    assert report["differences"] == ["~ table users: column nick renamed to handle"]
    assert report["losses"] == {"up": [], "down": []}
    assert report["rows"] == {"log": 25, "users": 25}
    assert wish.read_bytes() == before
    small.run("schema.dump", "--check").expect(1)
    small.run("migrate.up", "schema.dump", "--write", "verify").expect(0)
    assert small.query("SELECT handle FROM users") == [("ann",), (None,)]


def test_the_first_migration_can_be_derived_too(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    create(project, name="base").expect(0, "wrote migrations/0001_base.sql")
    project.run("migrate.up", "schema.dump", "--check", "migrate.down", "migrate.up").expect(0)


def test_files_that_cannot_be_written_leave_nothing_behind(small: Project) -> None:
    edited(small, ("    age INTEGER", "    age INTEGER,\n    city TEXT"))
    small.up_file("0002_x").mkdir()
    before = small.files()
    create(small).expect(2, "migrations/0002_x.sql exists already", "nothing was overwritten")
    assert small.files() == before


def test_a_derived_pair_goes_there_and_back_on_a_server(before: Project, tmp_path: Path, empty_server: Running) -> None:
    project = before.copy(tmp_path / "project")

    def ask(conn: Any, tables: tuple[str, ...]) -> list[Any]:
        return [conn.execute(f"SELECT * FROM {t} ORDER BY 1").rows for t in tables]

    wanted = next(e for e in EDITS if e.name == "everything_at_once").apply().replace(" AUTOINCREMENT", "")
    (project.root / "sql" / "schema.sql").write_text(wanted, encoding="utf-8")
    create(project, "--allow-data-loss", "tried on a server").expect(0)
    url = ("--database", empty_server.url)
    project.run("migrate.up", "--to", "1", *url).expect(0)
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.script(ROWS)
        kept = ("posts", "hen", "egg", "plain", "kv", "tree", "posts_fts", "active_posts")
        old = ask(conn, kept)
        project.run("migrate.up", *url).expect(0)
        assert [len(t) for t in ask(conn, kept)] == [len(t) for t in old]
        project.run("migrate.down", *url).expect(0)
        assert ask(conn, kept)[:-1] == old[:-1]


SPELLED = """CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT);
CREATE INDEX by_mail ON member (mail);
CREATE VIEW roster AS SELECT id, mail AS "Mail" FROM member;
CREATE TRIGGER keep AFTER INSERT ON member BEGIN DELETE FROM member WHERE mail = 'x'; END;
CREATE VIRTUAL TABLE docs USING fts5(body);
"""


def test_another_spelling_writes_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", SPELLED, "SELECT 1;")
    (tmp_path / "wish.sql").write_text(
        """create table [member] ("mail" text null, 'id' integer, constraint pk primary key (ID asc));
create index by_mail on "MEMBER" ('mail' asc);
create view roster as select all ID, MAIL "Mail" from Member;
create trigger keep after insert on member for each row begin delete from member where (mail) == "x"; end;
create virtual table docs using FTS5("body", detail = full);
"""
    )
    project.run("migrate.create", "again", "--from", "wish.sql").expect(0, "nothing differs")
    assert not list(tmp_path.glob("migrations/0002*"))


def test_names_in_other_letters_are_derived_where_a_comment_asks_for_that(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", SPELLED, "SELECT 1;")
    project.run("migrate.up").expect(0)
    project.script("INSERT INTO member VALUES (1, 'a'); INSERT INTO docs VALUES ('text')")
    letters = SPELLED.replace("TABLE member", "TABLE Member").replace("INDEX by_mail", "INDEX By_Mail")
    letters = letters.replace("mail TEXT", "mAil TEXT").replace("TABLE docs", "TABLE Docs")
    (tmp_path / "wish.sql").write_text(letters)
    project.run("migrate.create", "letters", "--from", "wish.sql").expect(
        0, "nothing differs", "column mail is spelled mAil", "renamed from"
    )
    assert not list(tmp_path.glob("migrations/0002*"))
    project.run("schema.diff", "--from", "migrations", "--to", "wish.sql", "--check").expect(1, "index by_mail")

    asked = letters.replace("mAil TEXT)", "mAil TEXT -- renamed from: mail\n)")
    asked = asked.replace("CREATE TABLE Member", "-- renamed from: member\nCREATE TABLE Member")
    asked = asked.replace("CREATE INDEX", "-- renamed from: by_mail\nCREATE INDEX")
    asked = asked.replace("CREATE VIRTUAL", "-- renamed from: docs\nCREATE VIRTUAL")
    (tmp_path / "wish.sql").write_text(asked)
    project.run("migrate.create", "letters", "--from", "wish.sql").expect(0)
    project.run("migrate.up").expect(0)
    project.run("schema.diff", "--from", "database", "--to", "wish.sql", "--check").expect(0, "no difference")
    assert project.query("SELECT mAil FROM member UNION ALL SELECT body FROM docs") == [("a",), ("text",)]
    project.run("migrate.down").expect(0)
    (tmp_path / "wish.sql").write_text(SPELLED)
    project.run("schema.diff", "--from", "database", "--to", "wish.sql", "--check").expect(0, "no difference")
    assert project.query("SELECT mail FROM member UNION ALL SELECT body FROM docs") == [("a",), ("text",)]
