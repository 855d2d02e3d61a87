"""Databases that cannot be used, or only read: a plain message, the right exit code, and not a byte changed."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli import Project, content, files_below
from permissions import mode

pytestmark = pytest.mark.slow

ONE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\nINSERT INTO users VALUES (1, 'a'), (2, 'b');\n"
TWO = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One migration applied to the database, one waiting."""
    project = Project(tmp_path_factory.mktemp("template"), settings="busy_timeout = 200ms\n")
    project.add("0001_users", ONE, "-- allow: data-loss users a test\nDROP TABLE users;\n")
    project.up()
    project.add("0002_notes", TWO, "DROP TABLE notes;\n")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


# -- permissions -------------------------------------------------------------------------------------


def test_a_read_only_file(project: Project, bound: Callable[[], None]) -> None:
    before = project.files()
    with mode(project.db, 0o444):
        for words in (["migrate.up"], ["migrate.down"], ["migrate.up", "--all-or-nothing"]):
            project.run(*words, preexec_fn=bound).expect(
                3, "error: memory.db cannot be written", "permissions of the file and of its folder"
            )
        project.run("migrate.status", preexec_fn=bound).expect(0, "1 applied, 1 pending")
    assert project.files() == before


def test_a_read_only_folder(project: Project, bound: Callable[[], None]) -> None:
    folder = project.root / "data"
    folder.mkdir()
    database = folder / "app.db"
    project.db.rename(database)
    before = files_below(folder)
    with mode(folder, 0o555):
        done = project.run("migrate.up", "--database", str(database), preexec_fn=bound)
        done.expect(3, f"{database}", "next: check")
        project.run("migrate.status", "--database", str(database), preexec_fn=bound).expect(0, "1 applied")
        missing = folder / "none.db"
        project.run("migrate.up", "--database", str(missing), preexec_fn=bound).expect(3, "cannot open")
        project.run("migrate.status", "--database", str(missing), preexec_fn=bound).expect(0, "2 pending")
    assert files_below(folder) == before


def test_a_file_that_may_not_be_read(project: Project, bound: Callable[[], None]) -> None:
    with mode(project.db, 0o000):
        for task in ("migrate.up", "migrate.status", "migrate.down"):
            project.run(task, preexec_fn=bound).expect(3, "cannot open memory.db")
    with mode(project.up_file("0002_notes"), 0o000):
        project.run("migrate.up", preexec_fn=bound).expect(
            2, "migrations/0002_notes.sql cannot be read: Permission denied"
        )


def test_a_read_only_project_can_be_read(project: Project, bound: Callable[[], None]) -> None:
    before = project.files()
    with mode(project.root, 0o555), mode(project.db, 0o444), mode(project.migrations, 0o555):
        project.run("migrate.status", preexec_fn=bound).expect(0, "1 applied, 1 pending")
        project.run("migrate.create", "more", preexec_fn=bound).expect(
            2, "0003_more.sql cannot be written: Permission denied"
        )
        project.run("migrate.sum", preexec_fn=bound).expect(2, "memsql.sum cannot be written")
    assert project.files() == before


def test_a_read_only_wal_database(project: Project, bound: Callable[[], None]) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
    before = project.files()
    with mode(project.root, 0o555), mode(project.db, 0o444):
        project.run("migrate.up", preexec_fn=bound).expect(3, "memory.db")
    assert project.files() == before


# -- what is no database -----------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["migrate.up", "migrate.status", "migrate.down"])
@pytest.mark.parametrize("data", [b"id,email\n1,a@example.org\n" * 40, b"xy"], ids=["csv", "two bytes"])
def test_a_file_that_is_no_database(project: Project, task: str, data: bytes) -> None:
    project.db.write_bytes(data)
    before = project.files()
    project.run(task).expect(3, "memory.db is not a SQLite database")
    assert project.files() == before


def test_an_empty_file_is_an_empty_database(project: Project) -> None:
    project.db.write_bytes(b"")
    project.run("migrate.status").expect(0, "2 pending")
    assert project.db.read_bytes() == b""
    project.up()
    assert project.states() == {1: "applied", 2: "applied"}


def test_a_truncated_database(project: Project) -> None:
    project.script("CREATE TABLE filler (x); INSERT INTO filler SELECT zeroblob(9000);")
    data = project.db.read_bytes()
    project.db.write_bytes(data[: len(data) // 2])
    project.add("0003_touch", "INSERT INTO filler SELECT x FROM filler;\nUPDATE users SET email = 'x';\n")
    before = project.files()
    project.run("migrate.up").expect(3, "memory.db is damaged", "restore a backup")
    assert project.files() == before


def test_a_damaged_page_is_met_half_way(project: Project) -> None:
    project.up()
    project.script("CREATE TABLE big (x); INSERT INTO big SELECT randomblob(3000) FROM users, users AS b, users AS c;")
    root = project.one("SELECT rootpage FROM sqlite_schema WHERE name = 'big'")
    size = project.one("PRAGMA page_size")
    with open(project.db, "r+b") as f:
        f.seek((root - 1) * size)
        f.write(b"\xff" * size)
    project.add("0003_touch", "UPDATE users SET email = 'changed';\nUPDATE big SET x = NULL;\n", "SELECT 1;")
    project.run("migrate.up").expect(3, "memory.db is damaged", "restore a backup")
    assert project.query("SELECT email FROM users") == [("a",), ("b",)]
    assert project.applied() == ["0001_users", "0002_notes"]


def test_a_folder_as_database(project: Project) -> None:
    (project.root / "folder.db").mkdir()
    for task in ("migrate.up", "migrate.status", "migrate.down"):
        project.run(task, "--database", "folder.db").expect(3, "folder.db is a folder, not a database file")
    assert list((project.root / "folder.db").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("task", ["migrate.up", "verify", "backup", "monitor.health", "schema.dump"])
def test_a_pipe_or_a_device_as_database(project: Project, task: str) -> None:
    project.db.unlink(missing_ok=True)
    os.mkfifo(project.db)
    project.run(task).expect(3, "no regular file")
    project.run(task, "--database", "/dev/null").expect(3, "no regular file")


def test_a_database_in_wal_mode_under_a_second_name(project: Project) -> None:
    project.run("migrate.up").expect(0)
    project.script("PRAGMA journal_mode = wal")
    os.link(project.db, project.root / "second.db")
    project.add("0003_more", "CREATE TABLE more (x);\n", "DROP TABLE more;\n")
    project.run("migrate.up", "--database", "second.db").expect(3, "hard links", "nothing was changed")
    project.run("migrate.status", "--database", "second.db").expect(0)


@pytest.mark.parametrize(
    "words",
    [
        ("verify", f"--project={'a' * 5000}"),
        ("backup.verify", f"--file={'a' * 5000}"),
        ("maintain.vacuum", f"--into={'a' * 5000}"),
        ("migrate.create", "x", f"--from={'a' * 5000}"),
        ("migrate.history", "--limit", "9" * 30),
    ],
)
def test_names_and_numbers_that_are_too_long(project: Project, words: tuple[str, ...]) -> None:
    project.run("migrate.up").expect(0)
    project.run(*words).expect(2)


def test_settings_with_a_byte_order_mark(project: Project) -> None:
    path = project.root / "setup.cfg"
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    project.run("migrate.status").expect(0)


def test_a_folder_that_does_not_exist(project: Project) -> None:
    before = project.files()
    project.run("migrate.up", "--database", "no/such/app.db").expect(
        3, "cannot open no/such/app.db", "the folder exists"
    )
    project.run("migrate.status", "--database", "no/such/app.db").expect(0, "2 pending")
    assert project.files() == before


def test_down_makes_no_database(project: Project) -> None:
    before = project.files()
    project.run("migrate.down", "--database", "typo.db").expect(3, "typo.db does not exist")
    assert project.files() == before


def test_a_ledger_of_another_shape_is_left_alone(project: Project) -> None:
    project.db.unlink()
    project.script("CREATE TABLE schema_migrations (version TEXT, note TEXT)")
    before = project.files()
    said = ("a table of another tool", "its columns: version, note", "migrate.up --take-over")
    project.run("migrate.up").expect(6, *said, "nothing was changed")
    project.run("migrate.status").expect(0, *said)
    project.run("migrate.down").expect(0, "nothing to do")
    assert project.files() == before


# -- locks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["migrate.up"], ["migrate.up", "--all-or-nothing"], ["migrate.down"]])
def test_a_locked_database(project: Project, words: list[str]) -> None:
    before = project.everything()
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.run(*words).expect(4, "memory.db is locked by another process", "busy_timeout")
        project.run("migrate.status").expect(0, "1 pending")
        other.execute("ROLLBACK")
    assert project.everything() == before
    project.up()


def test_a_database_locked_against_readers(project: Project) -> None:
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for task in ("migrate.up", "migrate.status", "migrate.down"):
            project.run(task).expect(4, "memory.db is locked by another process")
        other.execute("ROLLBACK")
    project.up()


def test_a_reader_in_the_way_of_the_commit(project: Project) -> None:
    before = project.everything()
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM users").fetchall()
        project.run("migrate.up").expect(4, "memory.db is locked by another process", "not applied")
        other.execute("ROLLBACK")
    assert project.everything() == before
    project.up()


def test_busy_timeout_is_how_long_it_waits(project: Project) -> None:
    (project.root / "setup.cfg").write_text("[memsql]\nbusy_timeout = 60s\n")
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = project.start("migrate.up")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
        other.execute("ROLLBACK")
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, out + err


def test_yoyo_at_work(project: Project) -> None:
    project.script(
        "CREATE TABLE yoyo_lock (locked INT DEFAULT 1, ctime TIMESTAMP, pid INT NOT NULL, PRIMARY KEY (locked));"
        "INSERT INTO yoyo_lock VALUES (1, '2024-01-01', 4711);"
    )
    before = project.everything()
    project.run("migrate.up").expect(4, "yoyo (process 4711) holds its lock", "yoyo break-lock")
    project.run("migrate.down").expect(4, "yoyo (process 4711) holds its lock")
    assert project.everything() == before
    project.script("DELETE FROM yoyo_lock")
    project.up()


# -- a full disk -------------------------------------------------------------------------------------

BIG = """CREATE TABLE big (x);
INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
SELECT randomblob(1000) FROM n;
"""


def test_a_file_size_limit(project: Project) -> None:
    """Writing fails with EFBIG beyond the limit, as it does with ENOSPC on a full disk, for any user."""
    project.up()
    project.add("0003_big", BIG)
    before = project.data()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    project.run("migrate.up", preexec_fn=limit).expect(5, "0003_big", "this migration was rolled back")
    assert project.data() == before
    assert project.one("PRAGMA integrity_check") == "ok"
    project.up()
    assert project.one("SELECT count(*) FROM big") == 3000


def test_a_full_disk(project: Project) -> None:
    """On a real file system of 1 MB, in a mount namespace of its own."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    project.up()
    project.add("0003_big", BIG)
    disk = project.root / "disk"
    disk.mkdir()
    after = project.root / "after.db"
    inside = (
        'mount -t tmpfs -o size=1m none "$1" && cp "$2" "$1/app.db" && shift && shift && "$@"; '
        "c=$?; cp disk/app.db after.db; exit $c"
    )
    prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(disk), str(project.db))
    project.run("migrate.up", "--database", str(disk / "app.db"), prefix=prefix).expect(
        5, "0003_big", "the disk is full", "free space", "this migration was rolled back"
    )
    assert content(after, without=frozenset({"schema_migrations", "memsql_history"})) == content(
        project.db, without=frozenset({"schema_migrations", "memsql_history"})
    )
    with closing(sqlite3.connect(after)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# -- reads never write -------------------------------------------------------------------------------


def no_database(project: Project) -> None:
    project.db.unlink()


def empty_database(project: Project) -> None:
    project.db.write_bytes(b"")


def wal_database(project: Project) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        assert conn.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)


def stray_journal(project: Project) -> None:
    project.db.with_name("memory.db-journal").write_bytes(b"")


def as_it_is(project: Project) -> None:
    pass


READS = [
    ["migrate.status"],
    ["migrate.status", "--check"],
    ["migrate.status", "--json"],
    ["migrate.up", "--to", "1"],
    ["migrate.up", "--dry-run"],
    ["migrate.down", "--dry-run"],
    ["migrate.sum", "--check"],
    ["migrate.repair", "--dry-run"],
]


@pytest.mark.parametrize("prepare", [no_database, empty_database, wal_database, as_it_is])
@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_reads_never_write(
    project: Project, prepare: Callable[[Project], None], words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    prepare(project)
    if words == ["migrate.up", "--to", "1"] and prepare in (no_database, empty_database):
        words = ["migrate.status"]  # there would be something to do
    scratch = tmp_path_factory.mktemp("scratch")
    before = project.files()
    times = {p: p.stat().st_mtime_ns for p in project.root.rglob("*")}
    done = project.run(*words, env={"TMPDIR": str(scratch)})
    is_lost = words in (["migrate.down", "--dry-run"], ["migrate.repair", "--dry-run"]) and prepare is no_database
    assert done.code == (3 if is_lost else 1 if "--check" in words else 0), done
    assert project.files() == before
    assert {p: p.stat().st_mtime_ns for p in project.root.rglob("*")} == times
    assert list(scratch.iterdir()) == []


APPLICATION = """
import sqlite3, sys
app = sqlite3.connect(sys.argv[1], isolation_level=None)
app.execute("INSERT INTO users VALUES (3, 'in the log only')")
app.execute("BEGIN IMMEDIATE")
app.execute("INSERT INTO users VALUES (4, 'not committed')")
print("ready", flush=True)
sys.stdin.read()
app.execute("COMMIT")
print(app.execute("SELECT count(*) FROM users").fetchone()[0])
"""


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["migrate.status"], "1 pending"),
        (["migrate.up", "--dry-run"], "would apply 0002_notes"),
    ],
    ids=["status", "dry run"],
)
def test_reads_beside_a_running_application(project: Project, words: list[str], part: str) -> None:
    # The application is a process of its own: reading its files here would drop the locks of this one.
    wal_database(project)
    with subprocess.Popen(
        [sys.executable, "-c", APPLICATION, str(project.db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        before = project.files()
        assert "memory.db-wal" in before
        project.run(*words).expect(0, part)
        after = project.files()
        assert app.communicate(timeout=60)[0] == "4\n"
    assert set(after) == set(before)
    assert (after["memory.db"], after["memory.db-wal"]) == (before["memory.db"], before["memory.db-wal"])
