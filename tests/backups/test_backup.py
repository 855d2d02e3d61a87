"""Backups of files through the command line: one consistent state, proven, under a name of its own."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import backups
import pytest
from backups import ROWS, TABLES
from cli import Project, files_below, finish
from permissions import mode
from places import ROOT
from watching import Watching

from memsql import config
from memsql.backups.catalogue import Backup, read_backup
from memsql.backups.create import create
from memsql.backups.manifest import Manifest, read_manifest
from memsql.backups.prune import Retention, decide


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("template"), settings="busy_timeout = 200ms\n")
    project.add("0001_tables", TABLES, "DROP TABLE search;\nDROP TABLE notes;\nDROP TABLE users;\n")
    project.up()
    project.script(ROWS)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return template.copy(tmp_path)


# -- what a backup is --------------------------------------------------------------------------------


def test_a_backup_and_its_manifest(project: Project) -> None:
    project.script("PRAGMA user_version = 7; PRAGMA application_id = 99;")
    before = project.files()
    found = project.run("backup", "--json").expect(0).json()
    path = backups.one(project)
    assert re.fullmatch(r"memory-\d{8}T\d{6}Z\.db", path.name)
    assert project.root / found["backup"] == path
    assert {k: v for k, v in project.files().items() if not k.startswith("backups")} == before
    assert backups.hashes(path) == backups.hashes(project.db)
    told = backups.manifest(path)
    assert (told["version"], told["applied"], told["content"], told["proven"], told["salvaged"]) == (
        1,
        ["0001_tables"],
        "sqlite",
        True,
        False,
    )
    assert told["source"] == {
        "name": "memory.db",
        "identity": str(project.db),
        "engine": "sqlite",
        "engine_version": sqlite3.sqlite_version,
        "journal_mode": "delete",
    }
    assert [p["name"] for p in told["proofs"]] == ["quick_check", "content", "foreign_keys", "full_text"]
    assert {t["name"]: t["rows"] for t in told["tables"]}["notes"] == 300
    assert not any(t["name"].startswith("search") for t in told["tables"])
    assert (path.stat().st_mode & 0o777, path.with_name(path.name + ".json").stat().st_mode & 0o777) == (0o600, 0o600)
    assert backups.hidden(path.parent) == []
    with closing(sqlite3.connect(path)) as conn:
        assert [
            conn.execute(f"PRAGMA {p}").fetchone()[0] for p in ("user_version", "application_id", "journal_mode")
        ] == [7, 99, "delete"]
    project.run("backup.list").expect(0, "proven", path.name, "1 backup, 1 proven")
    project.run("backup.verify", path.name).expect(0, "all proven")


def test_compressed(project: Project) -> None:
    project.run("backup", "--compress").expect(0, "compression")
    path = backups.one(project)
    told = backups.manifest(path)
    assert path.name.endswith(".db.zst")
    assert told["bytes"] == path.stat().st_size < told["plain_bytes"] // 5
    project.run("backup.verify").expect(0, "all proven")
    before = backups.hashes(project.db)
    project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == before


def test_without_zstd(project: Project) -> None:
    # Python 3.14 has it in the standard library.
    hide = project.root / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\nsys.modules['compression.zstd'] = sys.modules['backports.zstd'] = None\n"
    )
    project.run("backup", "--compress", env={"PYTHONPATH": f"{hide}:{ROOT}"}).expect(
        2, "there is no zstd on this machine", "pip install 'memsql-migrate[compress]'"
    )
    assert backups.files(project) == []


def test_an_empty_database(project: Project) -> None:
    project.db.write_bytes(b"")
    project.run("backup").expect(0, "0 rows in 0 tables", "no ledger")
    project.script("CREATE TABLE later (x)")
    project.run("backup.restore").expect(0)
    assert project.query("SELECT * FROM sqlite_schema") == []


@pytest.mark.parametrize(
    "pragmas",
    [
        "PRAGMA page_size = 512",
        "PRAGMA page_size = 65536",
        "PRAGMA encoding = 'UTF-16le'",
        "PRAGMA auto_vacuum = incremental",
    ],
)
def test_settings_of_the_file_come_along(tmp_path: Path, pragmas: str) -> None:
    project = Project(tmp_path)
    project.script(f"{pragmas}; {TABLES} {ROWS} DELETE FROM notes WHERE id % 3 = 0;")
    names = ("page_size", "encoding", "auto_vacuum", "page_count", "freelist_count")
    before = [project.one(f"PRAGMA {name}") for name in names]
    project.run("backup").expect(0)
    project.db.unlink()
    project.run("backup.restore").expect(0)
    assert [project.one(f"PRAGMA {name}") for name in names] == before


@pytest.mark.parametrize(
    "name", ['it\'s "my" data base.db', "mémoire ∆.sqlite3", "-x.db", "..db", "a%20b?c#d.db", "noending"]
)
def test_names(template: Project, tmp_path: Path, name: str) -> None:
    project = template.copy(tmp_path)
    project.configure(f'[memsql]\ndatabase = {name.replace("%", "%")}\nbackups = safe \' "places" é\n')
    project.db.rename(project.root / name)
    project.db = project.root / name
    before = backups.hashes(project.db)
    found = project.run("backup", "--json").expect(0).json()["backup"]
    assert re.fullmatch(r"safe ' \"places\" é/[\w.-]+\.db", found)
    project.db.write_bytes(b"gone")
    project.run("backup.restore", found).expect(0)
    assert backups.hashes(project.db) == before
    assert any(p.name.startswith(f"{name}.replaced-") for p in project.root.iterdir())


def test_a_file_name_that_is_not_utf8(project: Project) -> None:
    name = os.fsdecode(b"b\xff.db")
    project.db.rename(project.root / name)
    project.run("backup", "--database", name).expect(0, "proven")
    project.run("backup.list", "--database", name).expect(0, "1 proven")
    (project.root / name).unlink()
    project.run("backup.restore", "--database", name).expect(0)
    assert (project.root / name).exists()


def test_faults_of_the_database_are_kept_and_said(project: Project) -> None:
    project.script(
        "INSERT INTO notes VALUES (9999, 12345, 'orphan'); DELETE FROM search WHERE rowid = 1;"
        "DROP TRIGGER notes_ai; UPDATE notes SET body = 'other' WHERE id = 5;"
    )
    project.run("backup").expect(
        0,
        "proven in",
        "faults of the database",
        "search does not agree with its content",
        "1 rows of notes refer to users rows that do not exist",
    )
    told = backups.manifest(backups.one(project))
    assert told["proven"]
    assert [p["name"] for p in told["proofs"]] == ["quick_check", "content"]
    project.run("backup.verify").expect(0, "search does not agree")
    project.run("backup.restore").expect(0, "search does not agree")


# -- while others write ------------------------------------------------------------------------------


def settings(project: Project) -> config.Settings:
    return config.load(project=str(project.root), environ={})


def test_the_source_changes_during_the_backup(project: Project) -> None:
    """A commit at every step of copy and hashes, in WAL mode: the backup is the state in which it began."""
    backups.in_wal(project.db)
    before = backups.hashes(project.db)
    commits = 0
    with closing(sqlite3.connect(project.db, isolation_level=None, check_same_thread=False)) as other:

        def write(_: float | None) -> None:
            nonlocal commits
            other.execute("INSERT INTO users (email) VALUES (?)", (f"late {commits}",))
            other.execute("UPDATE notes SET body = 'changed' WHERE id = ?", (1 + commits % 300,))
            commits += 1

        made = create(settings(project), progress=Watching(ticked=write))
    assert commits > 3
    assert backups.hashes(made.path) == before != backups.hashes(project.db)
    assert made.manifest is not None
    assert made.manifest.source.journal_mode == "wal"
    assert not made.path.with_name(made.path.name + "-wal").exists()


def test_with_a_rollback_journal_a_commit_waits(project: Project) -> None:
    refused = []
    with closing(sqlite3.connect(project.db, isolation_level=None, timeout=0, check_same_thread=False)) as other:

        def write(_: float | None) -> None:
            # Only while the source is read; its proof holds nothing.
            try:
                other.execute("UPDATE notes SET body = 'changed' WHERE id = 1")
            except sqlite3.OperationalError as e:
                refused.append(str(e))

        made = create(settings(project), progress=Watching(ticked=write))
    assert set(refused) == {"database is locked"}
    with closing(sqlite3.connect(made.path)) as conn:
        assert conn.execute("SELECT body = 'changed' FROM notes WHERE id = 1").fetchone() == (0,)


WRITER = """
import sqlite3, sys, threading
app = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
done = 0
while not stop.is_set():
    app.execute("BEGIN IMMEDIATE")
    app.execute("UPDATE accounts SET balance = balance - 1 WHERE id = 1")
    app.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 2")
    app.execute("INSERT INTO log VALUES (1, zeroblob(500))")
    app.execute("COMMIT")
    done += 1
    if done == 20:
        print("ready", flush=True)
print(done)
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_writer_that_never_rests(project: Project, journal: str) -> None:
    project.script(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); INSERT INTO accounts VALUES (1, 0), (2, 0);"
        "CREATE TABLE log (n, filler); CREATE TABLE ballast (x); INSERT INTO ballast SELECT zeroblob(9000) FROM users;"
    )
    with closing(sqlite3.connect(project.db)) as conn:
        conn.execute(f"PRAGMA journal_mode = {journal}")
    (project.root / "setup.cfg").write_text("[memsql]\nbusy_timeout = 30s\n")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(project.db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        for _ in range(2):
            project.run("backup").expect(0, "proven")
        done = int(app.communicate(timeout=60)[0])
    assert done > 20
    assert backups.assert_whole(project) == 2
    for path in backups.files(project):
        with closing(sqlite3.connect(path)) as conn:
            assert conn.execute(
                "SELECT sum(balance), max(balance) = (SELECT count(*) FROM log) FROM accounts"
            ).fetchone() == (0, 1)


def test_two_at_once(project: Project) -> None:
    for done in [finish(p) for p in [project.start("backup", *(["--compress"] * (n % 2))) for n in range(4)]]:
        done.expect(0, "proven")
    assert backups.assert_whole(project) == 4
    assert backups.hidden(project.root / "backups") == []
    project.run("backup.verify", "--all").expect(0, "4 backups, all proven")


def test_names_are_never_taken_from_others(project: Project) -> None:
    from memsql.backups.names import stamp

    folder = project.root / "backups"
    folder.mkdir()
    now = datetime.now(UTC)
    taken = [folder / f"memory-{stamp(now + timedelta(seconds=n))}.db" for n in range(60)]
    for path in taken[::2]:
        path.write_bytes(b"mine")
    for path in taken[1::2]:
        path.with_name(path.name + ".json").write_bytes(b"mine")
    found = project.run("backup", "--json").expect(0).json()["backup"]
    assert found.endswith("Z-2.db")
    assert all(path.read_bytes() == b"mine" for path in taken[::2])
    assert all(path.with_name(path.name + ".json").read_bytes() == b"mine" for path in taken[1::2])


# -- what can go wrong -------------------------------------------------------------------------------


def test_there_is_no_database(project: Project) -> None:
    project.db.unlink()
    project.run("backup").expect(3, "memory.db does not exist: there is nothing to back up")
    assert backups.files(project) == []
    assert not project.db.exists()


def test_it_is_no_database(project: Project) -> None:
    project.db.write_bytes(b"a,b,c\n" * 100)
    project.run("backup").expect(3, "memory.db is not a SQLite database", "no backup was kept")
    project.run("backup", "--salvage").expect(3, "memory.db is not a SQLite database")
    (project.root / "folder").mkdir()
    project.run("backup", "--database", "folder").expect(3, "folder is a folder, not a database file")
    assert backups.files(project) == []


def test_a_locked_database(project: Project) -> None:
    with closing(sqlite3.connect(project.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.run("backup").expect(0, "proven")
        other.execute("ROLLBACK")
        other.execute("BEGIN EXCLUSIVE")
        project.run("backup").expect(4, "memory.db is locked by another process", "no backup was kept")
        other.execute("ROLLBACK")
    assert backups.assert_whole(project) == 1


def test_folders_that_cannot_be_written(project: Project, bound: Callable[[], None]) -> None:
    folder = project.root / "backups"
    folder.mkdir()
    with mode(folder, 0o555):
        project.run("backup", preexec_fn=bound).expect(
            3, "backups cannot be written: Permission denied", "next: check the folder"
        )
    folder.rmdir()
    with mode(project.root, 0o555):
        project.run("backup", preexec_fn=bound).expect(3, "backups cannot be written: Permission denied")
    folder.mkdir()
    with mode(folder, 0):
        project.run("backup.list", preexec_fn=bound).expect(3, "backups cannot be read: Permission denied")
    folder.rmdir()
    folder.write_text("a file")
    project.run("backup").expect(3, "backups cannot be written")


def test_a_source_that_may_only_be_read(project: Project, bound: Callable[[], None]) -> None:
    (project.root / "data").mkdir()
    database = project.root / "data" / "app.db"
    project.db.rename(database)
    before = files_below(database.parent)
    with mode(database.parent, 0o555), mode(database, 0o444):
        project.run("backup", "--database", str(database), preexec_fn=bound).expect(0, "proven")
    assert files_below(database.parent) == before


@pytest.mark.parametrize("words", [[], ["--compress"]], ids=["plain", "compressed"])
def test_a_file_size_limit(project: Project, words: list[str]) -> None:
    most = project.db.stat().st_size // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    project.run("backup", *words, preexec_fn=limit).expect(3, "backups cannot be written", "no backup was kept")
    assert list((project.root / "backups").iterdir()) == []


@pytest.mark.parametrize(("room", "words"), [("100k", []), ("400k", []), ("560k", ["--compress"])])
def test_a_full_disk(project: Project, room: str, words: list[str]) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    project.script("CREATE TABLE noise (x); INSERT INTO noise SELECT randomblob(800) FROM users;")
    disk = project.root / "backups"
    disk.mkdir()
    inside = f'mount -t tmpfs -o size={room} none "$1" && shift && "$@"; c=$?; ls -A backups >left; exit $c'
    prefix = (unshare, "-m", "sh", "-c", inside, "sh", str(disk))
    project.run("backup", *words, prefix=prefix).expect(3, "no backup was kept", "next: ")
    assert (project.root / "left").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(project: Project, number: signal.Signals) -> None:
    """While the source is locked, so that it surely has begun and not ended."""
    (project.root / "setup.cfg").write_text("[memsql]\nbusy_timeout = 50s\n")
    project.script(
        "CREATE TABLE ballast (x); INSERT INTO ballast SELECT randomblob(20000) FROM users, (SELECT 1 UNION SELECT 2);"
    )
    running = project.start("backup", "--compress")
    folder = project.root / "backups"
    while not list(folder.glob(".memsql-work-*/copy.db")):
        assert running.poll() is None
    running.send_signal(number)
    done = finish(running)
    done.expect(5, "the backup was stopped", "no backup was kept")
    assert list(folder.iterdir()) == []


def test_leftovers_of_dead_runs_go_and_those_of_living_ones_stay(project: Project) -> None:
    import fcntl

    folder = project.root / "backups"
    for name in ("dead", "alive", "bare"):
        (folder / f".memsql-work-{name}").mkdir(parents=True)
        if name != "bare":
            (folder / f".memsql-work-{name}" / "lock").touch()
            (folder / f".memsql-work-{name}" / "copy.db").write_bytes(b"half")
    with (folder / ".memsql-work-alive" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project.run("backup").expect(0)
        assert backups.hidden(folder) == [".memsql-work-alive"]
    project.run("backup.prune", "--keep", "1").expect(0)
    assert backups.hidden(folder) == []


def test_bad_options(project: Project) -> None:
    project.run("backup", "--format", "xml").expect(2, "--format xml: give sqlite or sql")
    project.run("backup.verify", "nothing.db").expect(2, "there is no backup nothing.db")
    project.run("backup.verify").expect(2, "there is no proven backup of memory.db", "invoke backup")
    project.run("backup.prune").expect(2, "say what to keep")
    project.run("backup.prune", "--keep", "-1").expect(2, "--keep -1: give a number")
    project.run("backup.restore", "--to", "http://127.0.0.1:9").expect(2)
    project.run("backup").expect(0)
    project.run("backup.verify", backups.one(project).name, "--all").expect(2, "do not go together")
    project.run("backup.restore", "--to", "http://127.0.0.1:9").expect(2, "give the path of a file")


# -- list and prune ----------------------------------------------------------------------------------


def test_list(project: Project) -> None:
    project.run("backup.list").expect(0, "no backup of memory.db in backups", "next: invoke backup")
    project.run("backup").expect(0)
    shutil.copy(project.db, project.root / "other.db")
    project.run("backup", "--database", "other.db").expect(0)
    stray = project.root / "backups" / "stray.db"
    stray.write_bytes(b"whose?")
    found = project.run("backup.list", "--json").expect(0).json()["backups"]
    assert [(b["proven"], b["version"], b["source"]) for b in found if b["source"]] == [(True, 1, "memory.db")]
    assert [b["problem"] for b in found if not b["source"]] == [
        "backups/stray.db.json is missing: nothing is known of this backup"
    ]
    assert len(project.run("backup.list", "--all", "--json").expect(0).json()["backups"]) == 3
    project.run("backup.list", "--all").expect(0, "other.db", "not proven: backups/stray.db: ", "3 backups, 2 proven")
    path = next(p for p in backups.files(project) if p.name.startswith("memory"))
    with path.open("ab") as file:
        file.write(b"!")
    project.run("backup.list").expect(0, "bytes instead of", "2 backups, 0 proven")
    project.run("backup.restore").expect(2, "there is no proven backup")


def made(name: str, days: float, now: datetime, template: Manifest, *, proven: bool = True, of: str = "a") -> Backup:
    manifest = replace(
        template,
        created_at=(now - timedelta(days=days)).isoformat(),
        proven=proven,
        source=replace(template.source, identity=of),
    )
    return Backup(Path(name), manifest, None if proven else "it was never proven")


def test_what_is_pruned(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    one = read_manifest(path.with_name(path.name + ".json"), "x")
    now = datetime(2026, 1, 31, tzinfo=UTC)
    found = [
        made("n0", 0, now, one, proven=False),
        made("n1", 1, now, one),
        made("n2", 2, now, one),
        made("b1", 3, now, one, of="b"),
        made("n3", 10, now, one),
        made("n4", 20, now, one),
        made("s1", 25, now, one, proven=False),
        made("b2", 40, now, one, of="b"),
        Backup(Path("stray"), None, "missing"),
    ]

    def gone(keep: int | None, days: float | None) -> list[str]:
        return [c.backup.path.name for c in decide(found, Retention(keep, days), now) if c.reason is None]

    assert gone(0, None) == ["n0", "n2", "n3", "n4", "s1", "b2"]
    assert gone(2, None) == ["n3", "n4"]
    assert gone(None, 10) == ["n4", "s1", "b2"]
    assert gone(3, 2) == ["n4"]
    assert gone(0, 100) == []
    assert gone(0, 0) == ["n2", "n3", "n4", "s1", "b2"]


def test_prune(project: Project) -> None:
    for _ in range(3):
        project.run("backup").expect(0)
    shutil.copy(project.db, project.root / "other.db")
    project.run("backup", "--database", "other.db").expect(0)
    folder = project.root / "backups"
    (folder / "mine.db").write_bytes(b"mine")
    (folder / "memory-20200101T000000Z.db.json").write_text("a manifest whose file never came")
    (folder / "notes.json").write_text("{}")
    before = files_below(folder)
    project.run("backup.prune", "--keep", "1", "--dry-run").expect(0, "2 backups would go", "left alone")
    assert files_below(folder) == before
    project.run("backup.prune", "--keep", "1").expect(0, "2 backups removed")
    left = {p.name for p in folder.iterdir()}
    assert len(left) == 6
    assert {"mine.db", "notes.json"} < left
    project.run("backup.prune", "--keep", "0", "--keep-days", "0").expect(
        0, "0 backups removed", "the newest proven one"
    )
    project.run("backup.verify").expect(0)


def test_read_backup_says_what_is_wrong(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    beside = path.with_name(path.name + ".json")
    text = beside.read_text()
    told = json.loads(text)
    for change in ({"proven": not told["proven"]}, {"format": 2}, {"bytes": told["bytes"] + 1}, {"extra": 1}):
        beside.write_text(json.dumps({**told, **change}, indent=2) + "\n")
        assert not read_backup(path, path.name).proven
        project.run("backup.restore", path.name).expect(1, "was not touched")
    for data in (text[:-1], text.replace("  ", "\t", 1), text + " ", "[]", ""):
        beside.write_text(data)
        assert read_backup(path, path.name).manifest is None
    beside.write_text(text)
    assert read_backup(path, path.name).proven


def test_a_chain(project: Project) -> None:
    (project.root / "tasks.py").write_text("from memsql.tasks import ns\n")
    invoke = (sys.executable, "-m", "invoke")
    done = subprocess.run(
        [*invoke, "backup", "migrate", "backup.verify", "verify"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("TURSO_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("proven") >= 3
    done = subprocess.run(
        [*invoke, "backup.verify", backups.one(project).name, "verify"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
