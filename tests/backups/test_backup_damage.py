"""Damaged databases, damaged backups: what is said, what is kept, and what is never called proven."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import backups
import partial
import pytest
from backups import ROWS, TABLES
from cli import Project
from hypothesis import HealthCheck, given
from hypothesis import settings as quick
from hypothesis import strategies as st

from memsql.backups.catalogue import read_backup
from memsql.backups.verify import verify
from memsql.progress import SILENT

MORE = """CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pairs SELECT email, id FROM users;
CREATE TABLE sparse (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO sparse SELECT id * 1000000007, hex(zeroblob(200)) FROM users;
CREATE VIRTUAL TABLE own USING fts5(words);
INSERT INTO own SELECT email FROM users;
CREATE VIEW late AS SELECT email FROM users WHERE id > 100;
CREATE TRIGGER notes_bi BEFORE INSERT ON notes BEGIN SELECT 1; END;
PRAGMA user_version = 5;
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("template"))
    project.add("0001_tables", TABLES, "DROP TABLE search;\nDROP TABLE notes;\nDROP TABLE users;\n")
    project.up()
    project.script(ROWS + MORE)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


def salvaged(project: Project) -> sqlite3.Connection:
    """The database in the only backup, which must say of itself that it is not proven."""
    manifest = backups.manifest(backups.one(project))
    assert (manifest["proven"], manifest["salvaged"]) == (False, True)
    conn = sqlite3.connect(backups.one(project))
    assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return conn


def count(conn: sqlite3.Connection, table: str) -> int:
    return int(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def leaf(path: Path, table: str) -> int:
    """How far behind the first page of ``table`` one of its middle leaves lies."""
    with closing(sqlite3.connect(path)) as conn:
        if not conn.execute(
            "SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_DBSTAT_VTAB'"
        ).fetchone():
            pytest.skip("this SQLite cannot tell which page belongs to which table")
        root = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
        pages = [
            r[0]
            for r in conn.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
            )
        ]
    assert len(pages) > 4
    return int(pages[len(pages) // 2]) - int(root)


def test_a_damaged_page(project: Project) -> None:
    whole = project.query("SELECT * FROM notes")
    backups.damage(project.db, "notes", page=leaf(project.db, "notes"))
    before = project.db.read_bytes()
    project.run("backup").expect(3, "memory.db is damaged", "no backup was kept", "memsql backup --salvage")
    assert list((project.root / "backups").iterdir()) == []
    project.run("backup", "--salvage").expect(
        1, "NOT proven", "notes: ", "rows were kept; others lay on damaged pages and are lost"
    )
    assert project.db.read_bytes() == before
    with closing(salvaged(project)) as conn:
        kept = conn.execute("SELECT * FROM notes").fetchall()
        assert 280 < len(kept) < 300
        assert set(kept) < set(whole)
        assert [count(conn, t) for t in ("users", "pairs", "sparse", "own", "late")] == [300, 300, 300, 300, 200]
        assert count(conn, "search WHERE search MATCH 'words'") == len(kept)
        assert count(conn, "own WHERE own MATCH 'user7'") == 1
        assert conn.execute("PRAGMA user_version").fetchone() == (5,)
        assert conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'users'").fetchone() == (300,)
        assert count(conn, "sqlite_schema WHERE type = 'trigger'") == 2
    # It is no proof to anybody.
    name = backups.one(project).name
    project.run("backup.list").expect(0, "0 proven", "it was never proven")
    project.run("backup.verify", name).expect(1, "what could be salvaged", "1 not proven")
    project.run("backup.restore").expect(2, "there is no proven backup")
    project.run("backup.restore", name).expect(
        6, "holds what could be salvaged", "--unproven", "memory.db was not touched"
    )
    assert project.db.read_bytes() == before
    project.run("backup.restore", name, "--unproven").expect(0, "rows were kept; others")
    assert project.one("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("table", ["sparse", "pairs"])
def test_other_kinds_of_tables(project: Project, table: str) -> None:
    where = leaf(project.db, table) if table == "sparse" else 1
    if table == "pairs":
        with closing(sqlite3.connect(project.db)) as conn:
            root = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'pairs'").fetchone()[0]
            pages = [
                r[0]
                for r in conn.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'pairs' AND pagetype = 'leaf' ORDER BY path"
                )
            ]
        where = pages[len(pages) // 2] - root
    backups.damage(project.db, table, page=where)
    project.run("backup", "--salvage").expect(1, f"{table}: ", "are lost")
    with closing(salvaged(project)) as conn:
        assert 100 < count(conn, table) < 300
        assert count(conn, "notes") == 300


def test_a_damaged_index_loses_nothing(project: Project) -> None:
    backups.damage(project.db, "notes_by_user")
    project.run("backup").expect(
        1, "the copy of memory.db is not proven: the database is damaged", "quick_check", "--salvage"
    )
    assert backups.files(project) == []
    project.run("backup", "--salvage").expect(1, "NOT proven")
    with closing(salvaged(project)) as conn:
        assert [count(conn, t) for t in ("users", "notes", "pairs")] == [300, 300, 300]
        assert count(conn, "notes INDEXED BY notes_by_user WHERE user_id = 5") == 1


def test_a_damaged_root_loses_one_table(project: Project) -> None:
    backups.damage(project.db, "sparse")
    project.run("backup", "--salvage").expect(1, "sparse: 0 rows were kept")
    with closing(salvaged(project)) as conn:
        assert [count(conn, t) for t in ("users", "notes", "sparse")] == [300, 300, 0]


@pytest.mark.slow
def test_a_truncated_file(project: Project) -> None:
    data = project.db.read_bytes()
    project.db.write_bytes(data[: len(data) // 2 // 4096 * 4096])
    project.run("backup").expect(3, "memory.db is damaged", "--salvage")
    project.run("backup", "--salvage").expect(1, "NOT proven")
    with closing(salvaged(project)) as conn:
        assert count(conn, "users") > 0


def test_a_schema_that_cannot_be_read(project: Project) -> None:
    project.script(
        "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = 'CREATE TABLE pairs (' WHERE name = 'pairs';"
    )
    project.run("backup").expect(3, "memory.db is damaged", "--salvage")
    project.run("backup", "--salvage").expect(1, "table pairs is lost")
    with closing(salvaged(project)) as conn:
        assert [count(conn, t) for t in ("users", "notes", "sparse")] == [300, 300, 300]


def test_a_sound_database_needs_no_salvage(project: Project) -> None:
    project.run("backup", "--salvage").expect(0, "proven in")
    assert backups.manifest(backups.one(project))["proven"]


def test_nothing_to_salvage(project: Project) -> None:
    data = project.db.read_bytes()
    project.db.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    project.run("backup", "--salvage").expect(3, "damaged", "no backup was kept")
    assert list((project.root / "backups").iterdir()) == []


@pytest.fixture(scope="module")
def both(template: Project, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    project = template.copy(tmp_path_factory.mktemp("both"))
    project.run("backup").expect(0)
    project.run("backup", "--compress").expect(0)
    return backups.files(project)


@quick(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    which=st.integers(0, 1),
    beside=st.booleans(),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
    way=st.sampled_from(["change", "insert", "remove"]),
)
def test_one_byte(
    both: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
    *,
    which: int,
    beside: bool,
    place: float,
    byte: int,
    way: str,
) -> None:
    """One byte changed, inserted or removed, anywhere in a backup or its manifest, is found by whoever reads it."""
    folder = tmp_path_factory.getbasetemp() / "one-byte"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = both[which]
    for path in (source, source.with_name(source.name + ".json")):
        shutil.copy(path, folder)
    changed = folder / (source.name + (".json" if beside else ""))
    data = changed.read_bytes()
    at = int(place * len(data))
    after = data[:at] + (b"" if way == "remove" else bytes([byte])) + data[at if way == "insert" else at + 1 :]
    changed.write_bytes(after)
    verdict = verify(read_backup(folder / source.name, source.name), SILENT)
    assert verdict.ok == (after == data)


def test_an_index_of_a_part_of_the_rows_holds_this_part_again(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_part", partial.TABLE + partial.INDEX + partial.triggers() + "CREATE TABLE other (a TEXT);\n")
    project.up()
    project.script(partial.ROWS)
    project.script(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
        "INSERT INTO other SELECT hex(zeroblob(200)) FROM n"
    )
    matches = project.query("SELECT rowid FROM f WHERE f MATCH 'moss OR fern' ORDER BY rowid")
    backups.damage(project.db, "other", page=leaf(project.db, "other"))
    project.run("backup", "--salvage").expect(1, "other: ", "are lost")
    with closing(salvaged(project)) as conn:
        assert conn.execute("SELECT rowid FROM f WHERE f MATCH 'moss OR fern' ORDER BY rowid").fetchall() == matches
        conn.execute("DELETE FROM t")
        assert conn.execute("SELECT * FROM f WHERE f MATCH 'moss'").fetchall() == []
