"""Several processes at once on one database: every migration runs exactly once."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import eras
import extent
import pytest
from cli import Done, Project, finish
from places import ROOT

pytestmark = pytest.mark.slow

PROCESSES = 8
VERSIONS = range(2, 22)


def write_migrations(project: Project) -> None:
    for n in VERSIONS:
        project.add(
            f"{n:04d}_row",
            f"INSERT INTO rows VALUES ({n}, 'row');\nCREATE TABLE t{n} (x);\n",
            f"DELETE FROM rows WHERE n = {n};\nDROP TABLE t{n};\n",
        )


def together(project: Project, *words: str) -> list[Done]:
    """Run the command in eight processes at once; each must succeed or say that it was locked."""
    runs = [finish(p) for p in [project.start(*words) for _ in range(PROCESSES)]]
    for done in runs:
        assert done.code in (0, 4), done
        assert "Traceback" not in done.err
    assert any(done.code == 0 for done in runs)
    return runs


def assert_each_once(project: Project) -> None:
    versions = [1, *VERSIONS]
    assert project.query("SELECT n, count(*) FROM rows GROUP BY n") == [(n, 1) for n in VERSIONS]
    applied = project.query("SELECT version, operation, status FROM memsql_history ORDER BY version")
    assert applied == [(v, "apply", "ok") for v in versions]
    log = Counter(project.query('SELECT migration_id, operation FROM "_yoyo_log"'))
    assert set(log.values()) == {1}
    assert {operation for _, operation in log} == {"apply"}
    assert len(log) == len(project.applied()) == len(versions)
    assert project.states() == dict.fromkeys(versions, "applied")
    assert project.one("PRAGMA integrity_check") == "ok"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_rows", "CREATE TABLE rows (n INTEGER, what TEXT);\n", "DROP TABLE rows;\n")
    return project


@pytest.mark.parametrize("journal", [None, "delete", "wal"], ids=["fresh", "existing", "existing WAL"])
def test_eight_at_once_apply_each_migration_once(project: Project, journal: str | None) -> None:
    if journal is not None:
        project.up()
        with closing(sqlite3.connect(project.db)) as conn:
            conn.execute(f"PRAGMA journal_mode = {journal}")
    write_migrations(project)
    runs = together(project, "migrate.up")
    said = Counter(line.split()[1] for done in runs for line in done.out.splitlines() if line.startswith("applied "))
    assert set(said.values()) == {1}, "two processes claim the same migration"
    assert_each_once(project)


def test_eight_at_once_with_all_or_nothing(project: Project) -> None:
    write_migrations(project)
    together(project, "migrate.up", "--all-or-nothing")
    assert_each_once(project)


def test_eight_at_once_without_transactions(project: Project) -> None:
    project.up()
    for n in VERSIONS:
        project.add(f"{n:04d}_row", f"-- transactional: false\nREINDEX;\nPRAGMA optimize;\nSELECT {n};\n")
    runs = together(project, "migrate.up")
    while any(s != "applied" for s in project.states().values()):
        project.up()
    assert Counter(project.query("SELECT version FROM memsql_history WHERE status = 'ok'")).most_common(1)[0][1] == 1
    steps = Counter(project.query("SELECT version, statements_done FROM memsql_history WHERE status = 'partial'"))
    assert steps == {(n, done): 1 for n in VERSIONS for done in (1, 2, 3)}
    assert not [d for d in runs if "failed" in d.err]


@pytest.mark.parametrize("era", extent.some(["1.0", "1.3", "2.0_npm"], 3))
def test_eight_at_once_adopt_a_legacy_database_once(tmp_path: Path, era: str) -> None:
    database = tmp_path / "legacy.db"
    eras.build(database, era, "small", seed=3)
    before = eras.content_hash(database)
    project = Project(tmp_path / "elsewhere")
    project.db = database
    runs = together(project, "migrate.up", "--project", str(ROOT), "--database", str(database))
    assert sum("adopted:" in done.out for done in runs) == 1
    assert eras.lost(before, eras.content_hash(database), filled=frozenset()) == []
    once = Counter(project.query("SELECT migration_id, status FROM memsql_history"))
    assert set(once.values()) == {1}
    assert len(project.applied()) == len(list((ROOT / "migrations").glob("*.rollback.sql")))


def test_eight_at_once_take_the_ledger_of_another_tool_over_once(project: Project) -> None:
    write_migrations(project)
    rows = ", ".join(f"('{n:014d}')" for n in (1, 2, 3))
    project.script(
        'CREATE TABLE "schema_migrations" (version varchar(128) primary key);'
        f"INSERT INTO schema_migrations VALUES {rows}; CREATE TABLE rows (n INTEGER, what TEXT);"
        "CREATE TABLE t2 (x); CREATE TABLE t3 (x); INSERT INTO rows VALUES (2, 'row'), (3, 'row');"
    )
    runs = together(project, "migrate.up", "--take-over")
    assert sum("took over the ledger" in done.out for done in runs) == 1
    project.up("--take-over")
    assert project.query("SELECT n, count(*) FROM rows GROUP BY n") == [(n, 1) for n in VERSIONS]
    adopted = Counter(project.query("SELECT version, operation FROM memsql_history"))
    assert adopted == {(n, "adopt" if n in (1, 2, 3) else "apply"): 1 for n in [1, *VERSIONS]} | {(None, "adopt"): 1}
    assert project.one("SELECT count(*) FROM schema_migrations_of_dbmate") == 3


def test_eight_at_once_roll_back_each_once(project: Project) -> None:
    write_migrations(project)
    project.up()
    together(project, "migrate.down", "--to", "1")
    while len(project.applied()) > 1:
        project.run("migrate.down", "--to", "1").expect(0)
    assert project.query("SELECT * FROM rows") == []
    rolled_back = project.query(
        "SELECT version, count(*) FROM memsql_history WHERE operation = 'rollback' GROUP BY version"
    )
    assert rolled_back == [(n, 1) for n in VERSIONS]


def test_an_application_that_writes_meanwhile_is_no_reason_to_fail(project: Project) -> None:
    project.add("0002_log", "CREATE TABLE log (n INTEGER PRIMARY KEY);\n")
    project.up()
    for n in range(3, 40):
        project.add(f"{n:04d}_row", f"INSERT INTO rows VALUES ({n}, 'row');\n")
    project.configure("[memsql]\nbusy_timeout = 60s\n")
    process = project.start("migrate.up")
    written = 0
    with closing(sqlite3.connect(project.db, timeout=30, isolation_level=None)) as app:
        while process.poll() is None:
            app.execute("INSERT INTO log DEFAULT VALUES")
            written += 1
            time.sleep(0.02)  # SQLite's lock is not fair: without a pause nobody else gets it
    finish(process).expect(0)
    assert project.query("SELECT n, count(*) FROM rows GROUP BY n") == [(n, 1) for n in range(3, 40)]
    assert project.one("SELECT count(*) FROM log") == written
