"""Vanilla yoyo through memsql's connections, on files and servers: it agrees with memsql about what is applied."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yoyo
from cli import TIMEOUT, Project, clean_environment
from yoyo_command import ALL, LIBSQL, Place, ours

from memsql.yoyo import dbapi

pytestmark = pytest.mark.slow


def test_a_look_writes_nothing(place: Place) -> None:
    assert place.listed() == dict.fromkeys(ALL, "U")
    place.yoyo("break-lock")
    place.yoyo("unmark")
    place.yoyo("rollback")
    if not place.url.startswith("memsql+sqlite"):
        assert place.tables() == set()
    else:
        assert not place.project.db.exists()


def test_yoyo_sees_what_we_applied(place: Place) -> None:
    ours(place, "0001_log", "0002_one")
    before = place.tables()
    assert place.listed() == {"0001_log": "A", "0002_one": "A", "0003_two": "U"}
    assert place.tables() == before


def test_yoyo_and_up_take_turns_on_a_file(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.add("0002_one", "-- depends: 0001_log\nINSERT INTO log VALUES (1);\n", "DELETE FROM log WHERE n = 1;\n")
    place = Place(project, "memsql+sqlite:///memory.db")
    project.up("--to", "1")
    assert place.listed() == {"0001_log": "A", "0002_one": "U"}
    place.yoyo("apply")
    assert project.query("SELECT n FROM log") == [(1,)]
    project.run("migrate.repair").expect(0, "0002_one")
    project.run("migrate.status", "--check").expect(0)
    project.run("migrate.down", "--to", "0").expect(0)
    assert place.listed() == {"0001_log": "U", "0002_one": "U"}


def test_what_yoyo_applies_is_applied_for_us(place: Place) -> None:
    place.yoyo("apply")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]
    assert place.states() == dict.fromkeys((1, 2, 3), "applied")
    status = place.project.run("migrate.status", "--database", place.url)
    status.expect(0, "applied by yoyo; the ledger lacks it", "memsql migrate.repair")
    assert place.query("SELECT count(*) FROM yoyo_lock") == [(0,)]


def test_a_rollback_by_yoyo_is_seen(place: Place) -> None:
    ours(place, *ALL)
    place.yoyo("rollback", "--revision", "0003_two")
    assert place.query("SELECT n FROM log") == [(1,)]
    assert place.states() == {1: "applied", 2: "applied", 3: "rolled_back"}
    place.project.run("migrate.status", "--database", place.url).expect(0, "rolled back by yoyo")
    assert place.listed() == {"0001_log": "A", "0002_one": "A", "0003_two": "U"}


def test_mark_unmark_and_reapply(place: Place) -> None:
    place.yoyo("apply", "--revision", "0001_log")
    place.yoyo("mark")
    assert place.listed() == dict.fromkeys(ALL, "A")
    assert place.query("SELECT n FROM log") == []
    place.yoyo("unmark", "--revision", "0003_two")
    assert place.listed() == {"0001_log": "A", "0002_one": "A", "0003_two": "U"}
    place.yoyo("reapply", "--revision", "0002_one")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,)]
    operations = place.query('SELECT migration_id, operation FROM "_yoyo_log" ORDER BY rowid')
    assert operations == [
        ("0001_log", "apply"),
        ("0002_one", "mark"),
        ("0003_two", "mark"),
        ("0003_two", "unmark"),
        ("0002_one", "rollback"),
        ("0002_one", "apply"),
    ]


def test_dates_and_tables_are_those_of_yoyos_own_backend(place: Place, tmp_path: Path) -> None:
    place.yoyo("apply")
    theirs = tmp_path / "theirs.db"
    Place(place.project, f"sqlite:///{theirs}").yoyo("apply")
    tables = "SELECT name, sql FROM sqlite_schema WHERE name LIKE '%yoyo%' AND type = 'table' ORDER BY name"
    dates = 'SELECT applied_at_utc, created_at_utc FROM "_yoyo_migration" JOIN "_yoyo_log" USING (migration_hash)'
    with closing(sqlite3.connect(theirs)) as conn:
        assert [(name, _squeezed(sql)) for name, sql in place.query(tables)] == [
            (name, _squeezed(sql)) for name, sql in conn.execute(tables)
        ]
        expected = conn.execute(dates).fetchall()
    for row in [*expected, *place.query(dates)]:
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?", str(when)) for when in row)
    if place.url.startswith("memsql+sqlite"):
        assert Place(place.project, place.url.removeprefix("memsql+")).listed() == dict.fromkeys(ALL, "A")


def test_python_migrations_use_the_connection(place: Place) -> None:
    (place.project.migrations / "0004_python.py").write_text(
        "from datetime import datetime\nfrom yoyo import step\n__depends__ = {'0003_two'}\n"
        "def fill(conn):\n"
        "    cursor = conn.cursor()\n"
        "    cursor.executemany('INSERT INTO log VALUES (?)', [(7,), (8,)])\n"
        "    assert cursor.rowcount == 2\n"
        "    cursor.execute('SELECT n AS number FROM log WHERE n > ? ORDER BY n', (6,))\n"
        "    assert cursor.description[0][0] == 'number'\n"
        "    assert cursor.fetchmany(1) == [(7,)] and cursor.fetchone() == (8,) and cursor.fetchone() is None\n"
        "    cursor.execute('INSERT INTO log VALUES (?)', (datetime(2024, 1, 2, 3, 4, 5),))\n"
        "steps = [step(fill, 'DELETE FROM log WHERE n > 6'),\n"
        "         step('INSERT INTO nowhere VALUES (1)', ignore_errors='apply'), step('INSERT INTO log VALUES (9)')]\n"
    )
    subprocess.run(
        place.command("apply"),
        cwd=place.project.root,
        env=clean_environment(),
        check=True,
        timeout=TIMEOUT,
        capture_output=True,
    )
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,), (7,), (8,), (9,), ("2024-01-02T03:04:05",)]


def test_two_at_once_apply_everything_once(place: Place) -> None:
    both = [
        subprocess.Popen(
            place.command("apply"),
            cwd=place.project.root,
            env=clean_environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=TIMEOUT) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]
    assert place.query('SELECT count(*) FROM "_yoyo_log"') == [(3,)]
    assert place.listed() == dict.fromkeys(ALL, "A")


def test_what_another_process_applied_meanwhile_is_not_applied_again(place: Place) -> None:
    folder = str(place.project.migrations)
    first, second = yoyo.get_backend(place.url), yoyo.get_backend(place.url)
    with second.lock():
        stale = second.to_apply(yoyo.read_migrations(folder))
        with first.lock():
            first.apply_migrations(first.to_apply(yoyo.read_migrations(folder)))
        second.apply_migrations(stale)
        undo = second.to_rollback(yoyo.read_migrations(folder))
    first.rollback_one(undo[0])
    second.rollback_migrations(undo[:1])
    assert place.query("SELECT n FROM log") == [(1,)]
    assert place.query('SELECT operation FROM "_yoyo_log" ORDER BY rowid') == [("apply",)] * 3 + [("rollback",)]


# Each waits ten seconds, as long as yoyo does for a lock.
@pytest.mark.parametrize("place", ["file", LIBSQL], indirect=True)
def test_its_lock_is_respected_and_can_be_broken(place: Place) -> None:
    place.yoyo("apply", "--revision", "0001_log")
    place.run("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2024-01-01', 4711)")
    assert place.listed()["0001_log"] == "A"
    place.yoyo("apply", code=1).expect(1, "Process 4711 has locked this database", "yoyo break-lock")
    assert place.query("SELECT pid FROM yoyo_lock") == [(4711,)]
    place.project.run("migrate.up", "--database", place.url).expect(4, "4711")
    place.yoyo("break-lock")
    place.yoyo("apply")
    assert place.listed() == dict.fromkeys(ALL, "A")


def test_who_calls_yoyo_from_python_can_catch_it() -> None:
    backend = yoyo.get_backend("memsql+http://:secret@127.0.0.1:1")
    with pytest.raises(dbapi.InterfaceError, match="refuses the connection"):
        backend.is_applied(yoyo.migrations.Migration("0001_a", "0001_a.sql", "."))
    assert "secret" not in f"{vars(backend)!r} {backend.uri}"


def test_a_file_needs_no_network(tmp_path: Path) -> None:
    script = (
        "import sys, yoyo; backend = yoyo.get_backend('memsql+sqlite:///x.db'); backend.mark_migrations([]); "
        "backend.ensure_internal_schema_updated(); "
        "sys.exit(', '.join({'aiohttp', 'libsql_client'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.db").exists()


def _squeezed(sql: str) -> str:
    return "".join(sql.split())
