"""Migrating a real server: every era, rebuilds, faults, concurrency, and the number of requests it takes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import cli
import eras
import extent
import pytest
import servers
from cli import Done, Project, finish
from eras import CASES, NAMES
from places import ROOT
from proxy import Action, Answer, Cut, Proxy, Request, proxy_to
from reference_project import REBUILD

from memsql.db import connect
from memsql.errors import LockedError
from memsql.server import Running

TABLE = "CREATE TABLE {0} (id INTEGER PRIMARY KEY, x TEXT);\nINSERT INTO {0} (x) VALUES ('one'), ('two');\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def proxy(empty_server: Running) -> Iterator[Proxy]:
    with proxy_to(empty_server.url) as between:
        yield between


def run(url: str, *words: str, project: Path = ROOT) -> Done:
    return cli.run(*words, "--project", str(project), "--database", url, cwd=project)


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(connect(servers.target(url), "ro")) as conn:
        return [tuple(row) for row in conn.execute(sql).rows]


def tables(url: str) -> set[object]:
    rows = query(url, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_yoyo%' ESCAPE '\\'")
    return {row[0] for row in rows} - {"schema_migrations", "memsql_history", "sqlite_sequence"}


def applied(url: str) -> list[object]:
    return [row[0] for row in query(url, 'SELECT migration_id FROM "_yoyo_migration" ORDER BY migration_id')]


def states(url: str, project: Path = ROOT) -> list[str]:
    return [m["state"] for m in run(url, "migrate.status", "--json", project=project).expect(0).json()["migrations"]]


@pytest.mark.parametrize("kind", servers.KINDS)
def test_up_down_up_on_an_empty_server(empty_server: Running, kind: str) -> None:
    url = empty_server.url.replace("http", kind)
    run(url, "migrate.up").expect(0, "4 migrations applied, 0 pending", "proven")
    run(url, "migrate.up").expect(0, "nothing to do")
    assert states(url) == ["applied"] * 4
    run(url, "migrate.down", "--steps", "3").expect(0)
    assert states(url) == ["applied", "rolled_back", "rolled_back", "rolled_back"]
    run(url, "migrate.to", "4").expect(0)
    assert states(url) == ["applied"] * 4


# On files all of them are tried; a server needs some seconds for each.
@pytest.mark.parametrize(("era", "drift"), extent.some(CASES, 17, first=4), ids=extent.some(NAMES, 17, first=4))
def test_every_era_keeps_every_row(empty_server: Running, tmp_path: Path, era: str, drift: dict[str, Any]) -> None:
    file, copy, url = tmp_path / "legacy.db", tmp_path / "copy.db", empty_server.url
    eras.build(file, era, "small", seed=7, **drift)
    servers.load(file, url)
    before = eras.content_hash(servers.save(url, copy))
    assert before == eras.content_hash(file)
    both = {"api_key", "api_key_hash"} <= before["users"].keys()
    allowed = [("users", "api_key_hash")] if both else []

    run(url, "migrate.up").expect(0, "4 migrations applied, 0 pending")
    newest = eras.content_hash(servers.save(url, copy))
    assert eras.lost(before, newest, filled=allowed) == []
    run(url, "verify").expect(0)
    run(url, "migrate.down", "--steps", "3").expect(0)
    run(url, "migrate.up").expect(0)
    assert eras.content_hash(servers.save(url, copy)) == newest

    rows = eras.row_counts(copy)["users"]
    run(url, "migrate.down", "--steps", "3").expect(0)
    run(url, "migrate.down").expect(6, f"table users is dropped with {rows:,} rows")
    assert eras.content_hash(servers.save(url, copy)) == newest


def test_each_legacy_upgrade_alone_and_back(empty_server: Running, tmp_path: Path) -> None:
    file, copy, url = tmp_path / "legacy.db", tmp_path / "copy.db", empty_server.url
    eras.build(file, "1.2", "tiny", seed=3)
    servers.load(file, url)
    before, schema = eras.content_hash(servers.save(url, copy)), _schema(url)
    run(url, "legacy.status").expect(0, "1.2")
    for task in ("legacy.phase1", "legacy.phase2", "legacy.align"):
        run(url, task).expect(0, "(proven)")
    run(url, "legacy.adopt").expect(0, "adopted: 0001_baseline counts as applied")
    for number in ("3", "2", "1"):
        run(url, "legacy.rollback", "--phase", number).expect(0, "rolled back legacy upgrade")
    assert _schema(url) == schema
    assert eras.content_hash(servers.save(url, copy)) == before


def _schema(url: str) -> set[tuple[object, ...]]:
    rows = query(url, "SELECT type, name, tbl_name FROM sqlite_schema")
    return {row for row in rows if not str(row[2]).startswith(("_yoyo", "memsql_", "schema_migrations", "sqlite_"))}


def test_a_rebuild_of_a_parent_needs_the_directive(empty_server: Running, tmp_path: Path) -> None:
    file, copy, url, project = tmp_path / "now.db", tmp_path / "copy.db", empty_server.url, tmp_path / "project"
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, project / folder)
    (project / "setup.cfg").write_text("[memsql]\n")
    eras.build(file, "1.3", "tiny", seed=5)
    servers.load(file, url)
    run(url, "migrate.up", project=project).expect(0)
    before = eras.content_hash(servers.save(url, copy))
    counts = eras.row_counts(copy)
    rebuild = project / "migrations" / "0005_rebuild_users.sql"

    rebuild.write_text(REBUILD.format(directive=""))
    run(url, "migrate.sum", project=project).expect(0)
    refused = run(url, "migrate.up", project=project).expect(6, "-- foreign_keys: off")
    for child in ("entities", "memories", "interactions", "api_usage_tracking"):
        going = query(url, f"SELECT count(user_id) FROM {child}")[0][0]
        assert f"table {child} loses {going} rows of {counts[child]}" in refused.err
    assert eras.content_hash(servers.save(url, copy)) == before

    rebuild.write_text(REBUILD.format(directive="-- foreign_keys: off"))
    run(url, "migrate.sum", project=project).expect(0)
    run(url, "migrate.up", project=project).expect(0)
    assert eras.lost(before, eras.content_hash(servers.save(url, copy)), filled=[("users", "name")]) == []

    forgetful = REBUILD.format(directive="-- foreign_keys: off").replace(
        "CREATE INDEX idx_users_api_key_hash ON users (api_key_hash);", ""
    )
    (project / "migrations" / "0006_again.sql").write_text(forgetful)
    run(url, "migrate.sum", project=project).expect(0)
    run(url, "migrate.up", project=project).expect(5, "index idx_users_api_key_hash on users is gone")


def test_a_failure_is_located_and_what_was_before_stays(empty_server: Running, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    project.add("0002_two", TABLE.format("two"))
    lines = "".join(f"INSERT INTO two (x) VALUES ('{n}');\n" for n in range(36))
    project.add("0003_bad", lines + "INSERT INTO nowhere VALUES (1);\n" + lines)
    project.add("0004_four", TABLE.format("four"))
    url = empty_server.url
    run(url, "migrate.up", project=project.root).expect(
        5,
        "0003_bad failed in statement 37",
        "migrations/0003_bad.sql:37",
        "no such table: nowhere",
        "this migration was rolled back",
        "0001_one, 0002_two",
    )
    assert tables(url) == {"one", "two"}
    assert query(url, "SELECT count(*) FROM two") == [(2,)]
    assert states(url, project.root) == ["applied", "applied", "failed", "pending"]


def test_all_or_nothing(empty_server: Running, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    project.add("0002_bad", "INSERT INTO nowhere VALUES (1);\n")
    run(empty_server.url, "migrate.up", "--all-or-nothing", project=project.root).expect(
        5, "every migration of this run was rolled back"
    )
    assert tables(empty_server.url) == set()
    project.add("0002_bad", TABLE.format("two"))
    run(empty_server.url, "migrate.up", "--all-or-nothing", project=project.root).expect(0)
    assert tables(empty_server.url) == {"one", "two"}


def test_a_check_that_fails_and_one_that_cannot_run(empty_server: Running, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    project.check("0001_rows", "SELECT 'row ' || x FROM one WHERE x = 'two'")
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "its check '0001_rows' failed", "row two")
    project.check("0001_rows", "SELECT x FROM nowhere")
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "the check cannot run", "nowhere")
    assert tables(empty_server.url) == set()


def test_a_broken_index_is_noticed(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_text",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT);\n"
        "CREATE VIRTUAL TABLE t_fts USING fts5(x, content='t', content_rowid='id');\n",
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    project.add("0002_rows", "INSERT INTO t (x) VALUES ('never indexed');\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "a full-text index disagrees", "t_fts")
    assert query(empty_server.url, "SELECT count(*) FROM t") == [(0,)]
    project.add("0002_rows", "-- fts_rebuild: all\nINSERT INTO t (x) VALUES ('indexed');\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    assert query(empty_server.url, "SELECT count(*) FROM t_fts WHERE t_fts MATCH 'indexed'") == [(1,)]


def test_what_only_libsql_understands(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_vectors",
        "CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(3), old TEXT);\n"
        "INSERT INTO v (e) VALUES (vector32('[1, 2, 3]'));\n"
        "CREATE INDEX v_e ON v (libsql_vector_idx(e));\n",
        "DROP INDEX v_e;\nDROP TABLE v;\n",
    )
    project.add("0002_alter", "ALTER TABLE v ALTER COLUMN old TO old INTEGER DEFAULT 7;\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    assert query(empty_server.url, "SELECT vector_extract(e) FROM v") == [("[1,2,3]",)]
    project.add(
        "0003_delete",
        "ALTER TABLE v ALTER COLUMN old TO old TEXT;\nCREATE TABLE w AS SELECT id, old FROM v;\nDROP TABLE v;\n",
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(6, "column v.e is dropped with a value in 1 row")
    assert query(empty_server.url, "SELECT count(*) FROM v") == [(1,)]
    project.add(
        "0003_delete",
        "ALTER TABLE v ALTER COLUMN old TO old TEXT;\nCREATE TABLE w AS SELECT * FROM v;\nDROP TABLE v;\n",
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    assert query(empty_server.url, "SELECT vector_extract(e) FROM w") == [("[1,2,3]",)]


def test_alter_column_is_looked_at(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_w", "CREATE TABLE w (a TEXT, b INTEGER);\nINSERT INTO w VALUES ('x', NULL), ('y', 1), ('7', 2);\n"
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    project.add("0002_type", "ALTER TABLE w ALTER COLUMN a TO a INTEGER;\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "1 row of w: TEXT value in w.a")
    project.add("0002_type", "ALTER TABLE w ALTER COLUMN a TO a INTEGER;\nUPDATE w SET a = a;\n")
    tried = run(empty_server.url, "migrate.up", "--dry-run", "--on-server", "--json", project=project.root).expect(0)
    assert tried.json()["done"][0]["changes"][0]["rows"] == 3
    assert tried.json()["server"]["rows_written"] >= 3
    assert tried.json()["server"]["uncounted"] == 0
    project.add("0002_type", "ALTER TABLE w ALTER COLUMN b TO b INTEGER NOT NULL;\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "1 row of w: NULL value in w.b")
    project.add(
        "0002_type", "UPDATE w SET b = 0 WHERE b IS NULL;\nALTER TABLE w ALTER COLUMN b TO b INTEGER NOT NULL;\n"
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(0, "UPDATE w: 1 row")


def test_refused_statements_are_named(empty_server: Running, project: Project) -> None:
    project.add("0001_analyze", TABLE.format("one") + "ANALYZE;\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(
        5,
        "0001_analyze failed in statement 3",
        "a libSQL server does not run statements of this kind",
        "0001_analyze.sql:3",
    )
    project.add("0001_analyze", "-- transactional: false\nVACUUM;\n")
    run(empty_server.url, "migrate.up", project=project.root).expect(2, "SQLite files only")
    assert tables(empty_server.url) == set()


def test_the_number_of_requests(proxy: Proxy, project: Project) -> None:
    for number in range(1, 4):
        project.add(f"{number:04d}_t", TABLE.format(f"t{number}") + f"UPDATE t{number} SET x = 'three';\n" * 20)
    run(proxy.url, "migrate.status", project=project.root).expect(0)
    assert len(proxy.seen) <= 4
    proxy.seen.clear()
    run(proxy.url, "migrate.up", project=project.root).expect(0)
    several = len(proxy.seen)
    proxy.seen.clear()
    run(proxy.url, "migrate.up", project=project.root).expect(0, "nothing to do")
    assert len(proxy.seen) <= 4
    project.add("0004_t", TABLE.format("t4") + "UPDATE t4 SET x = 'three';\n" * 20)
    proxy.seen.clear()
    run(proxy.url, "migrate.up", project=project.root).expect(0)
    one = len(proxy.seen)
    # Reading the ledger before and after is no part of a migration; its lock, statements, proof and COMMIT are.
    writing = [r for r in proxy.seen if "BEGIN IMMEDIATE" in r.body or "COMMIT" in r.body]
    assert len(writing) <= 3
    assert several <= one + 1


def test_a_text_above_the_limit_of_a_request_stays_atomic(empty_server: Running, project: Project) -> None:
    row = "INSERT INTO big (x) VALUES ('" + "x" * 1000 + "');\n"
    project.add(
        "0001_big",
        "CREATE TABLE big (id INTEGER PRIMARY KEY, x TEXT);\n" + row * 9000 + "INSERT INTO nowhere VALUES (1);\n",
    )
    run(empty_server.url, "migrate.up", project=project.root).expect(5, "failed in statement 9002", "0001_big.sql:9002")
    assert tables(empty_server.url) == set()
    project.add("0001_big", "CREATE TABLE big (id INTEGER PRIMARY KEY, x TEXT);\n" + row * 9000)
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    assert query(empty_server.url, "SELECT count(*) FROM big") == [(9000,)]


def test_two_at_once_apply_each_once(empty_server: Running, project: Project) -> None:
    for number in range(1, 30):
        project.add(f"{number:04d}_t", TABLE.format(f"t{number}"))
    at_once = [project.start("migrate.up", "--database", empty_server.url) for _ in range(4)]
    codes = [finish(process).code for process in at_once]
    assert set(codes) <= {0, 4}
    assert 0 in codes
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    assert len(applied(empty_server.url)) == 29
    assert query(empty_server.url, "SELECT count(*) FROM _yoyo_log") == [(29,)]


def test_a_lock_that_is_taken_over_is_named(empty_server: Running, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"
    project.add("0002_slow", "CREATE TABLE two (x);\n" + f"INSERT INTO two {slow};\n" * 15)
    process = project.start("migrate.up", "--database", empty_server.url)
    with closing(connect(servers.target(empty_server.url), "rw")) as other:
        while process.poll() is None:
            # Whoever waits for the lock gets it after five seconds.
            with suppress(LockedError):
                other.begin()
                other.execute("INSERT INTO one (x) VALUES ('meanwhile')")
                other.commit()
    finish(process).expect(4, "0002_slow", "5 seconds", "next:")
    assert tables(empty_server.url) == {"one"}
    assert states(empty_server.url, project.root) == ["applied", "pending"]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_stops_it(empty_server: Running, project: Project, number: int, name: str) -> None:
    project.add("0001_one", TABLE.format("one"))
    run(empty_server.url, "migrate.up", project=project.root).expect(0)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    project.add("0002_long", f"CREATE TABLE two (x);\nINSERT INTO two {endless};\n")
    process = project.start("migrate.up", "--database", empty_server.url)
    with closing(connect(servers.target(empty_server.url), "rw", 100)) as other:
        while process.poll() is None:
            try:
                other.begin()
            except LockedError:
                break
            other.rollback()
    process.send_signal(number)
    finish(process).expect(5, f"{name} stopped 0002_long", "this migration was rolled back", "next:")


def _nth(number: int, action: Action) -> Callable[[Request], Action]:
    left = [number]

    def rule(_: Request) -> Action:
        left[0] -= 1
        return action if left[0] == 0 else None

    return rule


@pytest.mark.parametrize("when", extent.some(["before", "during", "after"], 3, first=2))
def test_a_connection_cut_at_any_request(proxy: Proxy, project: Project, when: str) -> None:
    project.add("0001_one", TABLE.format("one"), "DROP TABLE one;\n")
    project.add("0002_two", TABLE.format("two"), "DROP TABLE two;\n")
    for number in range(1, 12):
        proxy.rule = _nth(number, Cut(when))  # type: ignore[arg-type]
        done = run(proxy.url, "migrate.up", project=project.root)
        proxy.rule = lambda _: None
        there = [str(name) for name in applied(proxy.url)] if "schema_migrations" in _all_tables(proxy.url) else []
        assert there in ([], ["0001_one", "0002_two"]), done
        assert tables(proxy.url) == {name.partition("_")[2] for name in there}, done
        # What is reported is what is there.
        if done.code == 0:
            assert len(there) == 2
        else:
            assert done.code in (3, 4), done
            if there:
                assert "whether the change was committed is not known" in done.err, done
        run(proxy.url, "migrate.up", project=project.root).expect(0)
        assert query(proxy.url, "SELECT count(*) FROM two") == [(2,)]
        run(proxy.url, "migrate.down", "--to", "0", "--allow-data-loss", project=project.root).expect(0)


def _all_tables(url: str) -> set[object]:
    return {row[0] for row in query(url, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_a_lost_answer_to_commit_is_looked_up(proxy: Proxy, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    left = [True]

    def rule(request: Request) -> Action:
        return Cut("after") if '"COMMIT"' in request.body and left and left.pop() else None

    proxy.rule = rule
    run(proxy.url, "migrate.up", project=project.root).expect(
        0, "the answer to COMMIT was lost; the ledger says that it was committed"
    )
    assert applied(proxy.url) == ["0001_one"]


def test_nobody_can_tell(proxy: Proxy, project: Project) -> None:
    project.add("0001_one", TABLE.format("one"))
    cut: list[bool] = []

    def rule(request: Request) -> Action:
        if '"COMMIT"' in request.body:
            cut.append(True)
        return Cut("after") if cut else None

    proxy.rule = rule
    done = run(proxy.url, "migrate.up", project=project.root).expect(
        3, "whether the change was committed is not known; it is there completely or not at all", "migrate.status"
    )
    assert "rolled back" not in done.err
    proxy.rule = lambda _: None
    assert applied(proxy.url) == ["0001_one"]


def test_as_turso_cloud_answers(proxy: Proxy) -> None:
    def rule(request: Request) -> Action:
        if "upgrade" in {k.lower() for k in request.headers}:
            return Answer(505)
        return Answer(404) if request.path.startswith("/v1") else None

    proxy.rule = rule
    run(proxy.url, "migrate.up").expect(0, "4 migrations applied")
    run(proxy.url.replace("http", "ws"), "migrate.status").expect(3, "libsql://")


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
LONG = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_check_that_does_not_end_is_stopped_and_the_lock_is_free(
    empty_server: Running, project: Project, kind: str
) -> None:
    url = empty_server.url.replace("http", kind, 1)
    project.configure("[memsql]\ncheck_timeout = 500ms\n")
    project.add("0001_one", TABLE.format("one"))
    project.add("0002_two", TABLE.format("two"))
    project.check("0001_one", "SELECT x FROM one WHERE id > 9")
    project.check("0002_two", ENDLESS)
    parts = ("0002_two ran, but its check '0002_two' failed", "did not end within 0.5 s")
    run(url, "migrate.up", "--dry-run", "--on-server", project=project.root).expect(5, *parts)
    run(url, "migrate.up", project=project.root).expect(5, *parts, "finished 0001_one")
    assert tables(url) == {"one"}
    with closing(connect(servers.target(url), "rw")) as conn:
        conn.begin()
        conn.rollback()
    project.check("0002_two", "SELECT x FROM two WHERE id > 9")
    project.check("endless", ENDLESS)
    run(url, "migrate.up", project=project.root).expect(0, "applied 0002_two")
    run(url, "verify", project=project.root).expect(1, "ok       0002_two", "error    endless", "1 check failed")


def test_a_migration_may_take_longer_than_its_check(empty_server: Running, project: Project) -> None:
    url = empty_server.url
    project.configure("[memsql]\ncheck_timeout = 200ms\n")
    project.add("0001_one", TABLE.format("one"))
    project.add("0002_two", f"CREATE TABLE two (x);\nINSERT INTO two {LONG};\n")
    project.check("0001_one", "SELECT x FROM one WHERE id > 9")
    project.check("0002_two", "SELECT x FROM two WHERE x < 9")
    run(url, "migrate.up", project=project.root).expect(0, "applied 0001_one", "applied 0002_two")
    assert query(url, "SELECT x FROM two") == [(3000000,)]


def test_what_stops_a_run_behind_an_adoption_says_that_the_adoption_stays(proxy: Proxy, project: Project) -> None:
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    with closing(connect(servers.target(proxy.url), "rwc")) as conn:
        conn.execute("CREATE TABLE a (x)")
    committed: list[Request] = []

    def rule(request: Request) -> Action:
        if committed:
            return Answer(302)
        if "COMMIT" in request.body:
            committed.append(request)
        return None

    proxy.rule = rule
    run(proxy.url, "migrate.up", project=project.root).expect(
        3, "redirect", "the adoption before it stays: 0001_a counts as applied"
    )
