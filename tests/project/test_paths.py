"""Version numbers, names and paths as they come: gaps, digits, timestamps, spaces, quotes, ``#%?``, unicode."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from cli import Project

from memsql import visible

pytestmark = pytest.mark.slow

ODD = [
    "with space",
    "it's",
    'double"quote',
    "hash#tag",
    "100%",
    "percent%41",
    "what?",
    "semi;colon",
    "a&b=c",
    "back\\slash",
    "$HOME",
    "new\nline",
    "ünïcode",
    "数据库",
    "emoji 🦜",
    "[brackets]",
    "-dash",
    "~tilde",
    "file:memory",
]
IDS = [name.encode("ascii", "backslashreplace").decode() for name in ODD]


# -- versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "versions",
    [
        ["1", "3", "7"],
        ["0001", "0005", "0300"],
        ["9998", "9999", "10000", "10001"],
        ["20240131235959", "20240201000000", "20260101000000"],
        ["1", "02", "003", "20240131235959"],
        ["0", "1"],
        ["9223372036854775806", "9223372036854775807"],
    ],
    ids=lambda versions: "-".join(versions),
)
def test_versions_are_numbers(tmp_path: Path, versions: list[str]) -> None:
    project = Project(tmp_path)
    project.add(
        f"{versions[0]}_log", "CREATE TABLE log (v INTEGER);\nINSERT INTO log VALUES (0);\n", "DROP TABLE log;\n"
    )
    for v in versions[1:]:
        project.add(
            f"{v}_step",
            "INSERT INTO log SELECT count(*) FROM log;\n",
            "DELETE FROM log WHERE v = (SELECT max(v) FROM log);\n",
        )
    project.up()
    numbers = [int(v) for v in versions]
    assert project.states() == dict.fromkeys(numbers, "applied")
    assert list(project.states()) == numbers
    assert project.query("SELECT v FROM log") == [(n,) for n in range(len(versions))]
    assert project.query("SELECT migration_id FROM memsql_history ORDER BY id") == [
        (f"{v}_{'step' if i else 'log'}",) for i, v in enumerate(versions)
    ]
    project.run("migrate.down").expect(0, f"rolled back {versions[-1]}_step")
    if numbers[0]:
        # 0 is before the first one.
        project.run("migrate.to", versions[0]).expect(0)
    assert project.states() == {n: "applied" if i == 0 else "rolled_back" for i, n in enumerate(numbers)}
    project.run("migrate.to", versions[-1]).expect(0)
    project.run("migrate.status", "--check").expect(0)


def test_ten_thousand_comes_after_four_nines(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("9999_log", "CREATE TABLE log (v INTEGER);\n")
    project.run("migrate.create", "next").expect(0, "migrations/10000_next.sql")
    assert "-- depends: 9999_log" in project.up_file("10000_next").read_text()
    project.add("10000_next", "-- depends: 9999_log\nINSERT INTO log VALUES (1);\n")
    project.run("migrate.sum").expect(0)
    project.up()
    assert list(project.states()) == [9999, 10000]


# -- paths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD, ids=IDS)
def test_odd_names_of_folders_files_and_tables(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    project = Project(root, database="placeholder.db")
    project.db = root / f"{name}.db"
    (root / "setup.cfg").write_text("[memsql]\n", encoding="utf-8")
    quoted = '"' + name.replace('"', '""') + '"'
    project.add(
        "0001_odd",
        f"CREATE TABLE {quoted} ({quoted} TEXT);\nINSERT INTO {quoted} VALUES ('x');\n",
        f"DROP TABLE {quoted};\n",
    )
    project.add("0002_fill", f"INSERT INTO {quoted} VALUES ('y');\n", f"DELETE FROM {quoted} WHERE {quoted} = 'y';\n")
    # Without the folder it would be a URL, and without the code a pattern for several files.
    database = f"--database={'./' if name.startswith('file:') else ''}{name}.db"
    if name == "what?":
        database = "--database=file:what%3F.db"
    project.up(database)
    assert project.query(f"SELECT {quoted} FROM {quoted}") == [("x",), ("y",)]
    project.run("migrate.down", "--to=0", database).expect(
        6, "0001_odd would lose data", f"table {visible.line(name)} is dropped with 1 row"
    )
    assert project.query(f"SELECT {quoted} FROM {quoted}") == [("x",)]
    assert {p.name for p in root.iterdir()} == {"migrations", "setup.cfg", f"{name}.db"}


@pytest.mark.parametrize(
    "name", ["with space", "it's", "hash#tag", "100%", "%(home)s", "what?", "ünïcode 🦜", "a=b", "x:y"]
)
def test_odd_names_in_setup_cfg(tmp_path: Path, name: str) -> None:
    # A question mark that is not encoded is a pattern for several files.
    database = "file:what%3F.db" if name == "what?" else f"{name}.db"
    project = Project(tmp_path, settings=f"migrations = m {name}\n", database=database)
    project.db = tmp_path / f"{name}.db"
    project.migrations.rename(tmp_path / f"m {name}")
    project.migrations = tmp_path / f"m {name}"
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.up()
    assert project.query("SELECT * FROM a") == []
    assert {p.name for p in tmp_path.iterdir()} == {"setup.cfg", f"m {name}", f"{name}.db"}


@pytest.mark.parametrize(
    "name", ["with space", "it's", 'double"quote', "hash#tag", "100%", "what?", "ünïcode_🦜", "a;b", "a.b"]
)
def test_odd_names_of_migrations(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path)
    project.add(f"0001_{name}", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.run("migrate.sum").expect(0)
    project.up().expect(0, f"applied 0001_{name}")
    assert project.applied() == [f"0001_{name}"]
    assert project.query("SELECT name FROM schema_migrations") == [(name,)]
    project.run("migrate.status", "--check").expect(0)
    project.run("migrate.down").expect(0, f"rolled back 0001_{name}")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse file names that are not UTF-8")
def test_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    name = os.fsdecode(b"caf\xe9.db")
    project.up("--database", name)
    assert (tmp_path / name).is_file()
    project.run("migrate.status", "--check", "--database", name).expect(0, "database: caf\\udce9.db")
    done = project.run("migrate.status", "--json", "--database", name).expect(0)
    assert done.json()["migrations"][0]["state"] == "applied"
    (project.migrations / os.fsdecode(b"0002_caf\xe9.sql")).write_text("SELECT 1;\n")
    project.run("migrate.up").expect(2, "0002_caf\\udce9.sql", "UTF-8")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf_8(tmp_path: Path, encoding: str) -> None:
    project = Project(tmp_path)
    project.add("0001_数据", "SELECT 'ü' FRM x;\n")
    for words in (["migrate.status"], ["migrate.up"], ["migrate.up", "--json"], ["migrate.up", "--dry-run"]):
        done = project.run(*words, env={"PYTHONIOENCODING": encoding})
        assert "Traceback" not in done.err, done
        assert done.code == (0 if words == ["migrate.status"] else 5), done


# -- where things are --------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.add("0001_a", "CREATE TABLE a (x);\n")
    return project


def test_the_project_is_found_upwards(project: Project) -> None:
    deep = project.root / "src" / "deep"
    deep.mkdir(parents=True)
    (project.root / "src" / "setup.cfg").write_text("[metadata]\nname = other\n")
    project.up(cwd=deep)
    assert project.db.exists()
    assert list(deep.iterdir()) == []


def test_the_project_can_be_named(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.run("migrate.up", cwd=elsewhere).expect(2, "no memsql project here", "--project")
    project.up("--project", "../project", cwd=elsewhere)
    assert project.db.exists()
    assert list(elsewhere.iterdir()) == []
    project.run("migrate.up", "--project", "nowhere", cwd=elsewhere).expect(
        2, "--project nowhere: there is no such folder"
    )


def test_database_is_relative_to_where_one_stands(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    project.up("--project", str(project.root), "--database", "mine.db", cwd=elsewhere)
    assert [p.name for p in elsewhere.iterdir()] == ["mine.db"]
    assert not project.db.exists()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:///relative.db", "relative.db"),
        ("sqlite:///sub/relative.db", "sub/relative.db"),
        ("sqlite:///with%20space%23.db", "with space#.db"),
        ("sqlite:////{root}/absolute%3F.db", "absolute?.db"),
        ("{root}/plain.db", "plain.db"),
        ("sqlite:///q.db?mode=ignored", "q.db"),
        ("percent%20stays.db", "percent%20stays.db"),
        ("sqlite:relative.db", "relative.db"),
        ("SQLite:./sub/relative.db", "sub/relative.db"),
        ("sqlite:/{root}/absolute.db", "absolute.db"),
        ("file:relative.db", "relative.db"),
        ("FILE:./sub/relative.db", "sub/relative.db"),
        ("file:with%20space%23.db", "with space#.db"),
        ("file:q.db?mode=rwc&cache=shared", "q.db"),
        ("file:/{root}/absolute.db", "absolute.db"),
        ("file:///{root}/absolute.db", "absolute.db"),
        ("file://localhost/{root}/absolute.db", "absolute.db"),
        ("file:word", "word"),
        ("./file:literal.db", "file:literal.db"),
    ],
)
def test_sqlite_urls(project: Project, url: str, place: str) -> None:
    (project.root / "sub").mkdir()
    url = url.format(root=str(project.root).lstrip("/") if ":" in url else project.root)
    project.up("--database", url)
    assert (project.root / place).is_file()
    assert not project.db.exists()
    project.run("migrate.status", "--check", "--database", url).expect(0)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite://relative.db", "write sqlite:///relative/path"),
        ("sqlite:///", "write sqlite:///relative/path"),
        ("postgres://localhost/x", "postgres:// is no kind of database that memsql knows"),
        (":memory:", "no database that a later"),
        ("", "no database that a later"),
        ("file::memory:", "no database that a later"),
        ("file::memory:?cache=shared", "no database that a later"),
        ("sqlite::memory:", "no database that a later"),
        ("sqlite:///:memory:", "no database that a later"),
        ("file:", "no database that a later"),
        ("file:x.db?mode=memory", "?mode=memory"),
        ("file:x.db?mode=ro", "?mode=ro"),
        ("file:x.db?vfs=unix-none", "?vfs=unix-none"),
        ("file:x.db#1", "%23"),
        ("file://relative.db", "write file:relative/path"),
        ("file://server/share/x.db", "write file:relative/path"),
        ("jdbc:sqlite:x.db", "jdbc: is no kind of database that memsql knows"),
        ("sqlite3:x.db", "sqlite3: is no kind of database that memsql knows"),
        ("turso:x.db", "turso: is no kind of database that memsql knows"),
    ],
)
def test_bad_urls(project: Project, url: str, part: str) -> None:
    before = project.files()
    project.run("migrate.up", "--database", url).expect(2, part)
    assert project.files() == before


def test_three_slashes_in_front_of_an_absolute_path(project: Project) -> None:
    """Of some clients it is the absolute path; memsql does not make another file for them."""
    project.up()
    before = project.files()
    url = f"sqlite://{project.db}"
    project.run("migrate.up", "--database", url).expect(2, f"sqlite:///{project.db}")
    assert project.files() == before


def test_a_link_to_a_database_is_followed(project: Project, tmp_path: Path) -> None:
    project.up()
    link = tmp_path / "link.db"
    link.symlink_to(project.db)
    project.add("0002_b", "CREATE TABLE b (x);\n")
    project.up("--database", str(link))
    assert project.states() == {1: "applied", 2: "applied"}
    assert link.is_symlink()
