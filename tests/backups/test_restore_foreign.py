"""backup.restore --unproven: what sqlite3, VACUUM INTO and the Turso shell saved, and what must not get in."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import urllib.request
from contextlib import closing
from pathlib import Path

import backups
import pytest
import servers
from cli import Project, content, files_below

from memsql.db import connect
from memsql.server import Running

SCHEMA = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT, x REAL, raw BLOB);\n"
    "CREATE VIRTUAL TABLE words USING fts5 (body, content='notes', content_rowid='id');\n"
    "CREATE VIRTUAL TABLE own USING fts5 (body);\n"
    "CREATE TRIGGER notes_words AFTER INSERT ON notes BEGIN "
    "INSERT INTO words (rowid, body) VALUES (new.id, new.body); INSERT INTO own (body) VALUES (new.body); END;\n"
    "CREATE TRIGGER notes_gone AFTER DELETE ON notes BEGIN "
    "INSERT INTO words (words, rowid, body) VALUES ('delete', old.id, old.body); END;\n"
    "CREATE INDEX notes_by_body ON notes (body);\n"
    "CREATE VIEW short AS SELECT body FROM notes WHERE length(body) < 9;\n"
    "CREATE TABLE made (a INTEGER, b AS (a + 1) STORED);\n"
    "CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID;\n"
)
ROWS = (
    "INSERT INTO notes (body, x, raw) VALUES ('it''s', 1e999, x'00ff'), ('two' || char(10) || 'lines;' || char(13), "
    "-1e999, NULL), ('ünï', 0.1, zeroblob(3));\n"
    "INSERT INTO made (a) VALUES (1);\nINSERT INTO keyed VALUES ('a', 1);\nDELETE FROM notes WHERE id = 3;\n"
    "PRAGMA user_version = 7;\n"
)
DUMP = (
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n"
    "{}\nINSERT INTO t VALUES(2);\nCOMMIT;\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "my project", settings="busy_timeout = 200ms\n")
    project.script("CREATE TABLE before (a); INSERT INTO before VALUES ('as it was');")
    return project


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(SCHEMA + ROWS)
    return path


def shell(*words: str) -> str:
    if shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 program")
    return subprocess.run(["sqlite3", *words], capture_output=True, text=True, check=True, timeout=30).stdout


def saved(source: Path, way: str) -> Path:
    """``source``, saved by ``way``."""
    path = source.with_name(f"saved {way}")
    match way:
        case ".backup":
            shell(str(source), f".backup '{path}'")
        case "VACUUM INTO":
            with closing(sqlite3.connect(source)) as conn:
                conn.execute("VACUUM INTO ?", (str(path),))
        case "copy of WAL":
            shutil.copy(source, path)
            with closing(sqlite3.connect(path)) as conn:
                conn.execute("PRAGMA journal_mode = wal")
        case "analysed .dump":
            with closing(sqlite3.connect(source)) as conn:
                conn.executescript(
                    "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1); INSERT INTO box VALUES (1, 2, 3);"
                )
                conn.executescript("CREATE VIRTUAL TABLE old USING fts4 (a); INSERT INTO old VALUES ('x'); ANALYZE;")
            path.write_text(shell(str(source), ".dump"), newline="")
        case ".dump":
            path.write_text(shell(str(source), ".dump"), newline="")
        case ".dump after VACUUM":
            # The shadow tables come before their virtual table then.
            path.write_text(shell(str(saved(source, "VACUUM INTO")), ".dump"), newline="")
        case ".dump in UTF-16":
            path.write_bytes(shell(str(source), ".dump").encode("utf-16"))
    return path


WAYS = [".backup", "VACUUM INTO", "copy of WAL", ".dump", ".dump after VACUUM", ".dump in UTF-16", "analysed .dump"]


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_back(project: Project, source: Path, way: str) -> None:
    path = saved(source, way)
    old = content(project.db)
    before = path.read_bytes()
    project.run("backup.restore", str(path)).expect(1, "cannot be trusted", "--unproven", "was not touched")
    assert content(project.db) == old
    report = project.run("backup.restore", str(path), "--unproven", "--json").expect(0).json()
    assert (report["unproven"], report["omitted"]) == (True, [])
    assert backups.hashes(project.db) == backups.hashes(source)
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("SELECT body FROM own WHERE own MATCH 'lines'").fetchall() == [("two\nlines;\r",)]
        conn.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert {
            r[0] for r in conn.execute("SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'index', 'view')")
        } >= {
            "notes_words",
            "notes_by_body",
            "short",
        }
        if "dump" not in way:
            assert conn.execute("PRAGMA user_version").fetchone() == (7,)
        conn.execute("INSERT INTO notes (body) VALUES ('new')")
        assert conn.execute("SELECT max(id) FROM notes").fetchone() == (4,)
    (kept,) = [p for p in project.root.iterdir() if ".replaced-" in p.name]
    assert content(kept) == old
    assert path.read_bytes() == before


@pytest.mark.server
@pytest.mark.parametrize("way", [".backup", ".dump"])
def test_onto_a_server(project: Project, source: Path, empty_server: Running, way: str) -> None:
    path = saved(source, way)
    words = ("backup.restore", str(path), "--unproven", "--database", empty_server.url)
    project.run(*words).expect(0, "not proven: nobody knows")
    with closing(connect(servers.target(empty_server.url))) as conn:
        assert conn.execute("SELECT count(*) FROM words WHERE words MATCH 'lines'").one() == 1
        assert conn.execute("SELECT seq FROM sqlite_sequence").one() == 3
    project.run(*words).expect(6, "is not empty")
    project.run(*words, "--replace").expect(0, "what it replaced")


@pytest.fixture
def vectors(empty_server: Running) -> Running:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        for statement in (
            "CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(3), far REAL)",
            "CREATE INDEX near ON v (libsql_vector_idx(e))",
            "INSERT INTO v (e, far) VALUES (vector('[1,2,3]'), 1e999)",
            "CREATE VIRTUAL TABLE f USING fts5 (a)",
            "INSERT INTO f VALUES ('hello world')",
        ):
            conn.execute(statement)
    return empty_server


def _of_turso(server: Running, folder: Path) -> Path:
    """What `.dump` of the Turso shell writes: it asks the server for it."""
    path = folder / "turso.sql"
    with urllib.request.urlopen(f"{server.url}/dump", timeout=20) as answer:
        path.write_bytes(answer.read())
    return path


@pytest.mark.server
def test_a_dump_of_the_turso_shell(project: Project, vectors: Running, tmp_path: Path) -> None:
    path = _of_turso(vectors, tmp_path)
    assert ",inf)" in path.read_text()
    done = project.run("backup.restore", str(path), "--unproven").expect(0, "what could not be taken")
    assert "the vector index near: the function libsql_vector_idx is unknown to SQLite" in done.out
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("SELECT id, far FROM v").fetchall() == [(1, float("inf"))]
        assert conn.execute("SELECT a FROM f WHERE f MATCH 'world'").fetchall() == [("hello world",)]
        names = {row[0] for row in conn.execute("SELECT name FROM sqlite_schema")}
    assert not names & {"near", "near_shadow", "libsql_vector_meta_shadow"}


@pytest.mark.server
def test_a_dump_of_turso_comes_back_whole_on_a_server(project: Project, vectors: Running, tmp_path: Path) -> None:
    path = _of_turso(vectors, tmp_path)
    words = ("backup.restore", str(path), "--unproven", "--database", vectors.url, "--replace", "--json")
    assert project.run(*words).expect(0).json()["omitted"] == []
    with closing(connect(servers.target(vectors.url))) as conn:
        near = conn.execute("SELECT id FROM vector_top_k('near', vector('[1,2,3]'), 1)").rows
    assert near == [(1,)]


@pytest.mark.server
def test_a_file_of_a_server_with_a_vector_index(project: Project, vectors: Running, tmp_path: Path) -> None:
    data = next((tmp_path / "sqld").rglob("default/data"))
    path = tmp_path / "exported.db"
    for ending in ("", "-wal"):
        if Path(f"{data}{ending}").exists():
            shutil.copy(f"{data}{ending}", f"{path}{ending}")
    words = ("backup.restore", str(path), "--unproven")
    project.run(*words).expect(0, "what could not be taken", "the vector index near: only libSQL can use it")
    assert project.query("SELECT id FROM v") == [(1,)]
    assert project.run(*words, "--database", vectors.url, "--replace", "--json").expect(0).json()["omitted"] == []
    with closing(connect(servers.target(vectors.url))) as conn:
        assert conn.execute("SELECT id FROM vector_top_k('near', vector('[1,2,3]'), 1)").rows == [(1,)]


def test_what_a_newer_sqlite_wrote_into_the_schema(project: Project, source: Path) -> None:
    """Views, triggers and indexes in a syntax that this SQLite does not know are named; a table is refused."""
    with closing(sqlite3.connect(source)) as conn:
        conn.execute("PRAGMA writable_schema = on")
        conn.execute("UPDATE sqlite_schema SET sql = 'CREATE VIEW short AS SELECT OUT OF NOTHING' WHERE name = 'short'")
        conn.commit()
    done = project.run("backup.restore", str(source), "--unproven").expect(0, "what could not be taken")
    assert "the view short: near" in done.out
    assert project.query("SELECT count(*) FROM sqlite_schema WHERE name = 'short'") == [(0,)]
    assert project.query("SELECT id FROM notes") == [(1,), (2,)]
    with closing(sqlite3.connect(source)) as conn:
        conn.execute("PRAGMA writable_schema = on")
        conn.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE made (a) SIDEWAYS' WHERE name = 'made'")
        conn.commit()
    refused(project, source, "holds the table made, which SQLite", "cannot read")


def test_a_log_beside_the_file_is_read_and_nothing_there_changes(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    with closing(sqlite3.connect(tmp_path / "live.db")) as conn:
        conn.executescript("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (1);")
        for ending in ("", "-wal"):
            shutil.copy(f"{tmp_path}/live.db{ending}", f"{folder}/saved.db{ending}")
    before = files_below(folder)
    project.run("backup.restore", str(folder / "saved.db"), "--unproven").expect(0)
    assert files_below(folder) == before
    assert project.query("SELECT a FROM t") == [(1,)]
    assert project.one("PRAGMA journal_mode") == "wal"


def test_a_journal_of_a_crash_is_left_alone(project: Project, tmp_path: Path) -> None:
    path, folder = tmp_path / "live.db", tmp_path / "theirs"
    folder.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.executescript("PRAGMA cache_size = 1; CREATE TABLE t (a); INSERT INTO t VALUES (hex(zeroblob(9000)));")
        conn.executescript("BEGIN; UPDATE t SET a = 'half'; INSERT INTO t VALUES (hex(zeroblob(90000)));")
        for ending in ("", "-journal"):
            shutil.copy(f"{path}{ending}", f"{folder}/saved.db{ending}")
    before = files_below(folder)
    refused(project, folder / "saved.db", "cannot be opened as it is", "open it once with sqlite3", code=3)
    assert files_below(folder) == before


def refused(project: Project, path: Path, *parts: str, code: int = 1) -> None:
    """``path`` is refused, and nothing changes."""
    before = project.files()
    project.run("backup.restore", str(path), "--unproven").expect(code, *parts, "was not touched")
    assert project.files() == before


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"", ("is empty",)),
        (b"  \n\n-- nothing\n", ("holds no table",)),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n", ("holds no table",)),
        (b"SQLite format 3\0", ("is cut off",)),
        (b"SQLi", ("neither a SQLite database nor a dump",)),
        (os.urandom(64) + b"\0" + b"\x80" * 5000, ("neither a SQLite database nor",)),
        (b"\x80\x81" * 5000, ("neither a SQLite database nor a dump",)),
        (gzip.compress(b"CREATE TABLE t (a);"), ("is packed with gzip", "gunzip")),
        (b"\x28\xb5\x2f\xfd....", ("is packed with zstd", "unzstd")),
        (b"Dear diary, today nothing happened; and so on.", ("neither a SQLite database nor a dump", ":1")),
        (b"a" * 3_000_000, ("neither a SQLite database nor a dump", ":1")),
        (
            b"/*!40101 SET NAMES utf8 */;\nSET @a = 1;\nCREATE TABLE t (a);",
            ("neither a SQLite database nor a dump", ":2"),
        ),
    ],
    ids=range(12),
)
def test_what_is_no_database(project: Project, tmp_path: Path, data: bytes, parts: tuple[str, ...]) -> None:
    path = tmp_path / "odd"
    path.write_bytes(data)
    refused(project, path, *parts)


def test_a_sparse_file_larger_than_the_disk(project: Project, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "huge.db"
    shutil.copy(source, path)
    os.truncate(path, 1 << 42)
    refused(project, path, "no space for", "are missing", code=6)


def test_noise_in_the_schema(project: Project, source: Path, tmp_path: Path) -> None:
    """SQLite then complains in words that are no UTF-8."""
    data = bytearray(source.read_bytes())
    at = data.index(b"CREATE TABLE made")
    data[at + 13 : at + 30] = b"\xf9" * 17
    path = tmp_path / "noise.db"
    path.write_bytes(data)
    refused(project, path, "is damaged, and is not restored")


@pytest.mark.parametrize("way", ["cut off", "a page of zeros", "no schema", "noise"])
def test_a_damaged_file(project: Project, source: Path, tmp_path: Path, way: str) -> None:
    data = bytearray(source.read_bytes())
    size = 4096
    if way == "cut off":
        del data[len(data) - 100 :]
    elif way == "a page of zeros":
        data[size : 2 * size] = bytes(size)
    elif way == "no schema":
        data[100:600] = b"\xff" * 500
    else:
        data[2 * size : 6 * size] = b"\xab" * (4 * size)
    path = tmp_path / "damaged.db"
    path.write_bytes(data)
    refused(project, path, "is cut off" if way == "cut off" else "is damaged, and is not restored")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("ATTACH 'other.db' AS o;", ("runs ATTACH",)),
        (".shell touch pwned", ("holds .shell, a command of the sqlite3 shell",)),
        (".read other.sql\n", ("holds .read",)),
        (".open other.db\nCREATE TABLE u (a);", ("holds .open",)),
        ("SELECT load_extension('evil');", ("runs SELECT",)),
        ("INSERT INTO t VALUES(load_extension('evil'));", ("calls load_extension()",)),
        ("INSERT INTO t SELECT a FROM t;", ("computes rows with a SELECT",)),
        ("INSERT INTO t VALUES((SELECT count(*) FROM t, t, t, t));", ("computes rows with a SELECT",)),
        ("CREATE TABLE u AS SELECT 1 AS a;", ("computes rows with a SELECT",)),
        (
            "INSERT INTO t WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i FROM n) SELECT i FROM n;",
            ("computes rows",),
        ),
        ("INSERT INTO t VALUES(zeroblob(900000000));", ("does not load: string or blob too big",)),
        ("INSERT INTO t VALUES(zeroblob(1000000));\n" * 80, ("grows to 16 times its size",)),
        ("VACUUM INTO 'other.db';", ("runs VACUUM",)),
        ("ROLLBACK; -- due to errors", ("ends with ROLLBACK",)),
        ("/**** ERROR: (11) database disk image is malformed *****/", ("met an error here",)),
        ("SAVEPOINT a;", ("runs SAVEPOINT",)),
        ("INSERT INTO nowhere VALUES(1);", ("does not load: no such table: nowhere",)),
        ("CREATE UNIQUE INDEX i ON t(1 = 1);\nINSERT INTO t VALUES(3);", ("does not load: UNIQUE",)),
        ("INSERT INTO sqlite_schema VALUES('table','x','x',2,'CREATE TABLE x (a)');", ("writes sqlite_schema",)),
        (
            "INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql)VALUES('trigger','x','t',0,'CREATE TRIGGER x');",
            ("writes sqlite_schema",),
        ),
        ("UPDATE sqlite_schema SET sql = '';", ("does not load: table sqlite_master may not be modified",)),
        ("PRAGMA writable_schema=ON;\nDELETE FROM sqlite_schema;", ("does not load: table sqlite_master may not",)),
        ("CREATE TEMP TABLE u (a);", ("runs CREATE",)),
        ("ALTER TABLE t RENAME TO u;", ("runs ALTER",)),
        ("DROP TABLE t;", ("runs DROP",)),
        ("CREATE TABLE u (a) RANDOM ROWID;", ("does not load",)),
    ],
)
def test_a_hostile_or_broken_dump(project: Project, tmp_path: Path, line: str, parts: tuple[str, ...]) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(DUMP.format(line))
    refused(project, path, *parts, "dump.sql:")
    assert {p.name for p in tmp_path.iterdir()} == {"dump.sql", "my project"}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_dump_that_is_cut_off(project: Project, source: Path, tmp_path: Path, keep: float) -> None:
    text = saved(source, ".dump").read_text()
    path = tmp_path / "dump.sql"
    path.write_text(text[: int(len(text) * keep)])
    refused(project, path, "is cut off")


def test_what_looks_like_a_command_in_a_value_is_none(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(
        DUMP.format("INSERT INTO t VALUES('\n.shell rm -rf /\n/**** ERROR: (1) *****/\nATTACH x; SELECT');")
    )
    project.run("backup.restore", str(path), "--unproven").expect(0)
    assert project.one("SELECT count(*) FROM t") == 3


def test_what_cannot_be_taken_is_named(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(
        DUMP.format(
            "PRAGMA cache_size=9;\nCREATE INDEX odd ON t(odd(a));\nPRAGMA writable_schema=ON;\n"
            "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)"
            "VALUES('table','w','w',0,'CREATE VIRTUAL TABLE w USING strange(a)');\nPRAGMA writable_schema=OFF;"
        )
    )
    done = project.run("backup.restore", str(path), "--unproven").expect(0, "what could not be taken")
    assert "the index odd: the function odd is unknown to SQLite" in done.out
    assert "the virtual table w: the module strange is unknown to SQLite" in done.out
    assert "left out: PRAGMA cache_size (line 5)" in done.out
    assert project.one("SELECT count(*) FROM t") == 2


def test_a_text_without_a_transaction_says_so(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text("DROP TABLE IF EXISTS t;\nCREATE TABLE t(a);\nINSERT INTO t VALUES(1),(2);\n")
    done = project.run("backup.restore", str(path), "--unproven").expect(0, "nothing in it tells whether it is whole")
    assert "what to know of it:" in done.out
    assert "faults" not in done.out
    path.write_text("CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n.shell touch pwned")
    project.run("backup.restore", str(path), "--unproven").expect(1, "holds .shell, a command of the sqlite3 shell")
    path.write_text("CREATE TABLE t(a);\nINSERT INTO t VALUES(1),(2)")
    project.run("backup.restore", str(path), "--unproven").expect(1, "is cut off in the middle of a statement", ":2")


def test_text_of_sqlite_3_50(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(DUMP.format("INSERT INTO t VALUES(unistr('a\\u000ab\\\\c\\+01F600'));"))
    project.run("backup.restore", str(path), "--unproven").expect(0)
    assert ("a\nb\\c\U0001f600",) in project.query("SELECT a FROM t")


def test_a_trigger_in_the_middle_does_not_fire(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(DUMP.format("CREATE TRIGGER twice AFTER INSERT ON t BEGIN INSERT INTO t VALUES(new.a); END;"))
    project.run("backup.restore", str(path), "--unproven").expect(0)
    assert project.one("SELECT count(*) FROM t") == 2


def test_faults_of_the_source_are_findings(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (9);"
        )
    project.run("backup.restore", str(path), "--unproven").expect(0, "of c refer")


def test_a_manifest_that_was_lost_or_damaged(project: Project) -> None:
    project.run("backup").expect(0)
    (path,) = (project.root / "backups").glob("*.db")
    manifest = path.with_name(path.name + ".json")
    manifest.write_text("{}")
    refused(project, path, "cannot be trusted")
    manifest.unlink()
    project.run("backup.restore", path.name, "--unproven").expect(0, "not proven")


def test_the_database_itself_is_no_backup_of_it(project: Project) -> None:
    project.run("backup.restore", str(project.db), "--unproven").expect(2, "is the database itself")


def test_migrations_that_are_not_here(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    other.add("0009_later", "CREATE TABLE later (a);", "DROP TABLE later;")
    other.up()
    refused(project, other.db, "has migrations that are not among the files here: 0009_later", code=6)
    project.run("backup.restore", str(other.db), "--unproven", "--allow-newer").expect(0, "at migration 9")
