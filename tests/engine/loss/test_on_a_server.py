"""Accounting for every value on a server: what is kept there, how much of it, and in how many requests."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Done, Project
from proxy import Proxy, proxy_to

from memsql.db import connect
from memsql.server import Running

FAMILY = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);\n"
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE {action}, note TEXT);\n"
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c');\n"
    "INSERT INTO child VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z'), (4, NULL, 'w');\n"
)
BEFORE = "SELECT name FROM sqlite_schema WHERE name LIKE 'memsql\\_before%' ESCAPE '\\'"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def up(project: Project, url: str, *words: str) -> Done:
    return project.run("migrate.up", "--database", url, *words)


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(connect(servers.target(url), "ro")) as conn:
        return [tuple(row) for row in conn.execute(sql).rows]


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_table_above_the_limit_needs_a_permit_and_is_then_counted(
    empty_server: Running, project: Project, kind: str
) -> None:
    url = empty_server.url.replace("http", kind, 1)
    project.configure("[memsql]\nserver_copy_rows = 3\n")
    project.add("0001_family", FAMILY.format(action="CASCADE"))
    up(project, url).expect(0)
    project.add("0002_delete", "DELETE FROM parent WHERE id = 1;\n")
    up(project, url).expect(
        6,
        "table child may lose rows by a foreign-key action",
        "with 4 rows it is too large to be compared on a server (server_copy_rows = 3); by number 2 rows are gone",
        "-- allow: data-loss child <reason>",
    )
    assert query(url, "SELECT count(*) FROM child") == [(4,)]
    assert query(url, BEFORE) == []
    project.add("0002_delete", "-- allow: data-loss child its parent is gone\nDELETE FROM parent WHERE id = 1;\n")
    up(project, url).expect(0, "DELETE parent: 1 row", "lost, as allowed: table child", "2 rows are gone")
    assert query(url, "SELECT count(*) FROM child") == [(2,)]
    assert query(url, BEFORE) == []


def test_columns_above_the_limit(empty_server: Running, project: Project) -> None:
    project.configure("[memsql]\nserver_copy_rows = 3\n")
    project.add("0001_family", FAMILY.format(action="SET NULL"))
    up(project, empty_server.url).expect(0)
    project.add("0002_delete", "DELETE FROM parent WHERE id = 1;\n")
    up(project, empty_server.url).expect(6, "column child.parent may lose values", "by number 2 values are gone")


def test_a_large_table_where_nothing_happened_is_no_matter(empty_server: Running, project: Project) -> None:
    project.configure("[memsql]\nserver_copy_rows = 3\n")
    project.add("0001_family", FAMILY.format(action="CASCADE"))
    up(project, empty_server.url).expect(0)
    project.add("0002_delete", "DELETE FROM parent WHERE id = 3;\n")
    up(project, empty_server.url).expect(0, "DELETE parent: 1 row")


def test_many_statements_of_one_shape_are_compared_once(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_seen",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, seen INTEGER);\n"
        "CREATE TRIGGER t_seen AFTER UPDATE OF x ON t BEGIN UPDATE t SET seen = 1 WHERE id = new.id; END;\n"
        "CREATE TABLE log (id INTEGER PRIMARY KEY, x TEXT);\n"
        "CREATE TRIGGER log_one AFTER INSERT ON log BEGIN DELETE FROM t WHERE id = new.id AND new.x = 'gone'; END;\n"
        + "".join(f"INSERT INTO t VALUES ({n}, 'x', 0);\n" for n in range(300)),
    )
    up(project, empty_server.url).expect(0)
    project.add("0002_update", "".join(f"UPDATE t SET x = 'y{n}' WHERE id = {n};\n" for n in range(300)))
    with proxy_to(empty_server.url) as between:
        up(project, between.url).expect(0, "UPDATE t: 300 rows", "changed t.seen in 300 rows")
        assert sum(request.body.count("CREATE TABLE memsql_before_") for request in between.seen) == 1
    project.add("0003_log", "".join(f"INSERT INTO log (id, x) VALUES ({n}, '{n}');\n" for n in range(300)))
    up(project, empty_server.url).expect(0)
    project.add("0004_log", "".join(f"INSERT INTO log (id, x) VALUES ({n}, 'gone');\n" for n in range(300, 310)))
    up(project, empty_server.url).expect(0)
    project.add("0005_log", "DELETE FROM log;\n" + "".join(f"INSERT INTO log VALUES ({n}, 'gone');\n" for n in (3, 4)))
    up(project, empty_server.url).expect(6, "table t loses 2 rows of 300", "by trigger log_one")


def test_a_migration_that_keeps_rows_runs_alone_and_in_few_requests(empty_server: Running, project: Project) -> None:
    project.add("0001_family", FAMILY.format(action="CASCADE"))
    up(project, empty_server.url).expect(0)
    project.add("0002_one", "CREATE TABLE one (id INTEGER PRIMARY KEY);\n")
    project.add("0003_delete", "DELETE FROM parent WHERE id = 3;\nUPDATE child SET note = 'n' WHERE id = 1;\n")
    project.add("0004_two", "CREATE TABLE two (id INTEGER PRIMARY KEY);\n")
    with proxy_to(empty_server.url) as between:
        up(project, between.url).expect(0, "DELETE parent: 1 row", "UPDATE child: 1 row", "4 migrations applied")
        assert _writing(between) <= 6
        keeps = [request.body for request in between.seen if "memsql_before_1" in request.body]
    assert len(keeps) == 1
    assert "TABLE one" not in keeps[0]
    assert "TABLE two" not in keeps[0]


def _writing(between: Proxy) -> int:
    return sum("BEGIN IMMEDIATE" in request.body or '"COMMIT"' in request.body for request in between.seen)


def test_a_tree_that_falls_with_its_root(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_tree",
        "CREATE TABLE node (id INTEGER PRIMARY KEY, up INTEGER REFERENCES node (id) ON DELETE CASCADE);\n"
        "INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, NULL);\n",
    )
    up(project, empty_server.url).expect(0)
    project.add("0002_fell", "DELETE FROM node WHERE id = 1;\n")
    up(project, empty_server.url).expect(6, "table node loses 2 rows of 4")
    project.add("0002_fell", "DELETE FROM node WHERE id IN (1, 2, 3);\n")
    up(project, empty_server.url).expect(0)


def test_what_sqlite_does_not_understand_is_proven_as_far_as_possible(empty_server: Running, project: Project) -> None:
    project.add(
        "0001_family", FAMILY.format(action="CASCADE") + "CREATE TABLE vec (id INTEGER PRIMARY KEY, e F32_BLOB(2));\n"
    )
    up(project, empty_server.url).expect(0)
    project.add(
        "0002_delete",
        "ALTER TABLE child ALTER COLUMN note TO note TEXT DEFAULT 'n';\nDELETE FROM parent WHERE id = 1;\n",
    )
    up(project, empty_server.url).expect(6, "table child loses 2 rows of 4", "-- allow: data-loss child <reason>")
    project.add(
        "0002_delete",
        "ALTER TABLE child ALTER COLUMN note TO note TEXT DEFAULT 'n';\nDELETE FROM child WHERE parent = 1;\n"
        "DELETE FROM parent WHERE id = 1;\n",
    )
    up(project, empty_server.url).expect(0, "DELETE child: 2 rows", "DELETE parent: 1 row")


def test_a_rehearsal_on_the_server_says_the_same_numbers(empty_server: Running, project: Project) -> None:
    project.add("0001_family", FAMILY.format(action="SET NULL"))
    up(project, empty_server.url).expect(0)
    project.add("0002_delete", "-- allow: data-loss child.parent meant\nDELETE FROM parent WHERE id = 1;\n")
    lines = ("DELETE parent: 1 row", "column child.parent loses a value in 2 rows")
    up(project, empty_server.url, "--dry-run", "--on-server").expect(0, *lines)
    up(project, empty_server.url, "--dry-run", "--with-data").expect(0, *lines)
    up(project, empty_server.url).expect(0, *lines)


def test_the_names_under_which_rows_are_kept_are_taken(empty_server: Running, project: Project) -> None:
    project.add("0001_family", FAMILY.format(action="CASCADE"))
    up(project, empty_server.url).expect(0)
    project.add("0002_taken", "CREATE TABLE memsql_before_1 (id INTEGER PRIMARY KEY);\n")
    up(project, empty_server.url).expect(2, "names that begin with memsql_before_ are taken", "another name")
    project.run("migrate.up").expect(2, "names that begin with memsql_before_ are taken")
    project.add("0002_taken", "DELETE FROM parent WHERE id = 3;\n")
    with closing(connect(servers.target(empty_server.url), "rw")) as conn:
        conn.execute("CREATE TABLE memsql_before_1 (id INTEGER PRIMARY KEY)")
    up(project, empty_server.url).expect(6, "there is a table memsql_before_1", "ALTER TABLE memsql_before_1 RENAME TO")
