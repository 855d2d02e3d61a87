"""Vanilla yoyo through memsql's connections, on files and servers: its ledger is ours, and it is as safe as it can be made."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import cli
import pytest
import servers
import yoyo
from cli import TIMEOUT, Done, Project, clean_environment
from proxy import Cut, Request, proxy_to
from servers import Guarded

from memsql import ledger
from memsql.db import Connection, connect
from memsql.project import files
from memsql.server import Running
from memsql.yoyo import dbapi

ALL = ("0001_log", "0002_one", "0003_two")


@dataclass
class Place:
    """A project and the database that yoyo is pointed at; ``url`` is what both tools take."""

    project: Project
    url: str
    env: dict[str, str] = field(default_factory=dict)

    def command(self, command: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "yoyo", *self.words(command, *words)]

    def words(self, command: str, *words: str) -> list[str]:
        options = ["--batch", "--no-config-file", *words, "--database", self.url]
        return [command, *options, str(self.project.migrations)]

    def yoyo(self, command: str, *words: str, code: int = 0) -> Done:
        """Run yoyo to its end; it ends with ``code`` and never with a traceback."""
        return cli.run(*self.words(command, *words), cwd=self.project.root, env=self.env, program="yoyo").expect(code)

    def listed(self) -> dict[str, str]:
        rows = (line.split() for line in self.yoyo("list").out.splitlines())
        return {row[1]: row[0] for row in rows if len(row) >= 2 and row[0] in ("A", "U")}

    def states(self) -> dict[int, str]:
        return self.project.states("--database", self.url)

    def open(self) -> Connection:
        return connect(servers.target(self.url), "rwc")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.open()) as conn:
            return list(conn.execute(sql).rows)

    def tables(self) -> set[str]:
        return {name for (name,) in self.query("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def run(self, *statements: str) -> None:
        with closing(self.open()) as conn:
            for sql in statements:
                conn.execute(sql)


LIBSQL = pytest.param("libsql", marks=pytest.mark.server)


@pytest.fixture(params=["file", LIBSQL, pytest.param("ws", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    project = Project(tmp_path / "project")
    project.add("0001_log", "-- The log\n-- depends:\nCREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    project.add("0002_one", "-- depends: 0001_log\nINSERT INTO log VALUES (1);\n", "DELETE FROM log WHERE n = 1;\n")
    project.add("0003_two", "-- depends: 0002_one\nINSERT INTO log VALUES (2);\n", "DELETE FROM log WHERE n = 2;\n")
    if request.param == "file":
        return Place(project, f"memsql+sqlite:///{project.db}")
    server: Running = request.getfixturevalue("empty_server")
    address = server.url.removeprefix("http://")
    return Place(project, f"memsql+libsql://{address}?tls=0" if request.param == "libsql" else f"memsql+ws://{address}")


@pytest.fixture
def guarded_place(tmp_path: Path, guarded: Guarded) -> Place:
    project = Project(tmp_path / "project")
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    return Place(project, "memsql+" + guarded.server.url)


def ours(place: Place, *ids: str) -> None:
    """Apply as memsql does: the statements and the ledger in one transaction."""
    with closing(place.open()) as conn:
        conn.begin()
        ledger.create_tables(conn, ledger.read(conn))
        for migration in files.read_folder(place.project.migrations, "migrations"):
            if migration.id in ids:
                conn.script(migration.up.text())
                ledger.mark_applied(
                    conn,
                    ledger.Entry(
                        migration.version, migration.name, migration.id, None, migration.checksum, datetime.now(UTC), 1
                    ),
                )
        conn.commit()


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
    status.expect(0, "applied by yoyo; the ledger lacks it", "invoke migrate.repair")
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


def test_a_failure_leaves_neither_change_nor_mark(place: Place) -> None:
    place.project.add(
        "0004_bad",
        "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nCREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);\n",
    )
    failed = place.yoyo("apply", code=1)
    failed.expect(1, "error: apply of 0004_bad failed: no such table: nowhere", "nothing of 0004_bad was kept")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]
    assert "half" not in place.tables()
    assert place.listed() == {**dict.fromkeys(ALL, "A"), "0004_bad": "U"}
    assert place.query("SELECT count(*) FROM yoyo_lock") == [(0,)]


def test_a_commit_in_a_migration_is_refused(place: Place) -> None:
    place.project.add("0004_bad", "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nCOMMIT;\n")
    place.yoyo("apply", code=1).expect(1, "COMMIT inside a transaction")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]


def test_force_ignores_what_failed_and_keeps_the_rest(place: Place) -> None:
    place.project.add(
        "0004_bad",
        "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nINSERT INTO nowhere VALUES (1);\n"
        "INSERT INTO log VALUES (5);\n",
    )
    place.run("CREATE TABLE before (a)")
    done = subprocess.run(
        place.command("apply", "--force"),
        cwd=place.project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    # yoyo itself logs what it ignores, with a traceback.
    assert done.returncode == 0
    assert "Ignored error" in done.stderr
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,), (4,), (5,)]
    assert place.listed()["0004_bad"] == "A"


def test_a_rebuild_keeps_the_rows_that_refer_to_it(place: Place) -> None:
    place.project.add(
        "0004_parent",
        "-- depends: 0003_two\nCREATE TABLE parent (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE child (parent_id INTEGER REFERENCES parent ON DELETE CASCADE);\n"
        "INSERT INTO parent VALUES (1);\nINSERT INTO child VALUES (1);\n",
    )
    place.project.add(
        "0005_rebuild",
        "-- depends: 0004_parent\n-- foreign_keys: off\n"
        "CREATE TABLE new (id INTEGER PRIMARY KEY, a);\nINSERT INTO new (id) SELECT id FROM parent;\n"
        "DROP TABLE parent;\nALTER TABLE new RENAME TO parent;\n",
    )
    place.yoyo("apply")
    assert place.query("SELECT parent_id FROM child") == [(1,)]
    place.project.add("0006_orphans", "-- depends: 0005_rebuild\n-- foreign_keys: off\nDELETE FROM parent;\n")
    place.yoyo("apply", code=1).expect(
        1, "0006_orphans failed: 1 rows of child refer to rows of parent that do not exist"
    )
    assert place.query("SELECT id FROM parent") == [(1,)]
    place.project.remove("0006_orphans")
    place.project.add("0006_broken", "-- depends: 0005_rebuild\nINSERT INTO child VALUES (7);\n")
    place.yoyo("apply", code=1).expect(1, "FOREIGN KEY constraint failed", "nothing of 0006_broken was kept")


def test_a_rollback_that_is_missing_is_refused(place: Place) -> None:
    place.yoyo("apply")
    place.project.down_file("0003_two").unlink()
    place.yoyo("rollback", "--revision", "0003_two", code=1).expect(
        1, "0003_two.rollback.sql is missing", "yoyo unmark"
    )
    assert place.listed() == dict.fromkeys(ALL, "A")


def test_without_a_transaction_what_ran_is_told(place: Place) -> None:
    place.project.add(
        "0004_loose",
        "-- depends: 0003_two\n-- transactional: false\nINSERT INTO log VALUES (4);\nINSERT INTO nowhere VALUES (1);\n",
        None,
    )
    place.yoyo("apply", code=1).expect(1, "what ran of 0004_loose before that stays")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,), (4,)]
    place.project.up_file("0004_loose").write_text(
        "-- depends: 0003_two\n-- transactional: false\nINSERT INTO log VALUES (5);\n"
    )
    place.yoyo("apply")
    assert place.listed()["0004_loose"] == "A"


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


def test_a_file_that_cannot_be_used_is_told(place: Place) -> None:
    place.project.add("0004_odd", "-- depends: 0003_two\n-- foreign_kees: off\nSELECT 1;\n")
    place.yoyo("apply", code=1).expect(1, 'unknown directive "foreign_kees"', "0004_odd.sql:2")
    assert place.listed()["0004_odd"] == "U"


def _in_url(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, f"{place.url}?authToken={token}")


def _as_password(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, place.url.replace("://", f"://:{token}@"))


def _in_environment(token: str) -> Callable[[Place], Place]:
    return lambda place: Place(place.project, place.url, {"TURSO_AUTH_TOKEN": token})


def _in_dotenv(token: str) -> Callable[[Place], Place]:
    def put(place: Place) -> Place:
        (place.project.root / ".env").write_text(f"TURSO_AUTH_TOKEN={token}\n")
        return place

    return put


@pytest.mark.parametrize("way", [_in_url, _as_password, _in_environment, _in_dotenv])
def test_a_token_lets_in_and_appears_nowhere(
    guarded: Guarded, guarded_place: Place, way: Callable[[str], Callable[[Place], Place]]
) -> None:
    good, bad = guarded.keys.token(a="rw"), guarded.keys.token(a="rw")[:-8] + "AAAAAAAA"
    for token, code in ((good, 0), (bad, 1)):
        place = way(token)(guarded_place)
        for command in ("list", "apply", "rollback"):
            done = place.yoyo(command, "-vvv", code=code)
            assert token not in done.out + done.err
            assert token.split(".")[2] not in done.out + done.err
            if code:
                done.expect(1, "the token is wrong", "set TURSO_AUTH_TOKEN")


def test_a_token_is_wanted_or_does_not_suffice(guarded: Guarded, guarded_place: Place) -> None:
    guarded_place.yoyo("list", code=1).expect(1, "the server wants a token")
    read_only = Place(guarded_place.project, guarded_place.url, {"TURSO_AUTH_TOKEN": guarded.keys.token(a="ro")})
    assert read_only.listed() == {"0001_log": "U"}
    read_only.yoyo("apply", code=1).expect(1, "error: ", "the token does not give the right")


@pytest.mark.parametrize("scheme", ["libsql", "http", "ws"])
def test_a_server_that_is_away_is_told(tmp_path: Path, scheme: str) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    place = Place(project, f"memsql+{scheme}://127.0.0.1:1" + ("?tls=0" if scheme == "libsql" else ""))
    for command in ("list", "apply", "break-lock"):
        place.yoyo(command, code=1).expect(1, "error: ", "refuses the connection", "next: ")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memsql+libsql:///x", "there is no host in this URL"),
        ("memsql+libsql://h/?color=1", "no parameter 'color'"),
        ("memsql+http://h/?tls=1", "does not go with http://"),
        ("memsql+sqlite://", "write sqlite:///relative/path"),
    ],
)
def test_a_url_that_cannot_be_read_is_told(tmp_path: Path, url: str, said: str) -> None:
    Place(Project(tmp_path), url).yoyo("list", code=1).expect(1, said)


def test_a_folder_without_a_project_will_do(tmp_path: Path, empty_server: Running) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    (project.root / "setup.cfg").unlink()
    place = Place(project, "memsql+" + empty_server.url)
    place.yoyo("apply")
    assert place.listed() == {"0001_log": "A"}


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


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_without_an_answer_is_looked_into(
    tmp_path: Path, empty_server: Running, when: Literal["before", "after"]
) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n", "DROP TABLE log;\n")
    marked: list[str] = []

    def rule(request: Request) -> Cut | None:
        if "COMMIT" in request.body and len(marked) == 1:
            marked.append("cut")
            return Cut(when)
        if 'INSERT INTO \\"_yoyo_migration\\" (' in request.body:
            marked.append("marked")
        return None

    with proxy_to(empty_server.url, rule) as proxy:
        place = Place(project, "memsql+" + proxy.url)
        done = place.yoyo("apply", code=0 if when == "after" else 1)
        assert marked == ["marked", "cut"]
        if when == "before":
            done.expect(1, "apply of 0001_log failed: ", "nothing of 0001_log was kept; it is not marked as applied")
        assert place.listed() == {"0001_log": "A" if when == "after" else "U"}
        assert ("log" in place.tables()) == (when == "after")
        assert place.query("SELECT count(*) FROM yoyo_lock") == [(0,)]


def test_a_server_that_goes_away_leaves_the_lock_and_says_so(tmp_path: Path, empty_server: Running) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    away: list[str] = []

    def rule(request: Request) -> Cut | None:
        if "CREATE TABLE log" in request.body:
            away.append("")
        return Cut("before") if away else None

    with proxy_to(empty_server.url, rule) as proxy:
        Place(project, "memsql+" + proxy.url).yoyo("apply", code=1).expect(
            1, "apply of 0001_log failed", "yoyo break-lock"
        )
    place = Place(project, "memsql+" + empty_server.url)
    assert place.listed() == {"0001_log": "U"}
    place.yoyo("break-lock")
    place.yoyo("apply")
    assert place.listed() == {"0001_log": "A"}


@pytest.fixture
def writer(empty_server: Running) -> Iterator[Connection]:
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        yield conn


def test_a_lock_that_was_taken_away_ends_the_migration(
    tmp_path: Path, empty_server: Running, writer: Connection
) -> None:
    project = Project(tmp_path)
    project.add("0001_log", "CREATE TABLE log (n INTEGER);\n")
    (project.migrations / "0002_slow.py").write_text(
        "import time\nfrom yoyo import step\n__depends__ = {'0001_log'}\n"
        "def slow(conn):\n    conn.cursor().execute('INSERT INTO log VALUES (1)')\n"
        "    open('begun', 'w').close()\n    time.sleep(6)\n"
        "steps = [step(slow), step('INSERT INTO log VALUES (2)', ignore_errors='apply'), step('INSERT INTO log VALUES (3)')]\n"
    )
    place = Place(project, "memsql+" + empty_server.url)
    process = subprocess.Popen(
        place.command("apply"),
        cwd=project.root,
        env=clean_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not os.path.exists(project.root / "begun"):
        assert process.poll() is None
    writer.begin()
    writer.execute("CREATE TABLE other (a)")
    writer.commit()
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "apply of 0002_slow failed: " in said
    assert place.query("SELECT n FROM log") == []
    assert place.listed()["0002_slow"] == "U"


def _squeezed(sql: str) -> str:
    return "".join(sql.split())
