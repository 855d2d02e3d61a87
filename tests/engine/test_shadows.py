"""Nobody but its module writes the shadow tables of a virtual table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project

from memsql.db import connect
from memsql.server import Running

pytestmark = pytest.mark.slow

BASE = """CREATE VIRTUAL TABLE f USING fts5 (a, b);
CREATE VIRTUAL TABLE fc USING fts5 (a, content='');
CREATE VIRTUAL TABLE fd USING fts5 (a, content='', contentless_delete=1);
CREATE VIRTUAL TABLE "old notes" USING fts4 (a);
CREATE VIRTUAL TABLE rt USING rtree (id, x0, x1, +aux);
CREATE TABLE log (id INTEGER PRIMARY KEY, msg TEXT);
CREATE TABLE my_data (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE n_content (id INTEGER PRIMARY KEY, a TEXT);
CREATE VIRTUAL TABLE n USING fts5 (a, content='n_content', content_rowid='id');
INSERT INTO f (rowid, a, b) VALUES (1, 'x', 'y'), (2, 'z', 'w');
INSERT INTO fc (rowid, a) VALUES (1, 'x');
INSERT INTO "old notes" (docid, a) VALUES (1, 'x');
INSERT INTO rt VALUES (1, 0, 1, 'here');
INSERT INTO my_data VALUES (1, 'v');
"""
if sqlite3.sqlite_version_info < (3, 43):
    BASE = BASE.replace(", contentless_delete=1", "")
BASE_OF_A_SERVER = BASE.replace(", contentless_delete=1", "")
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON log BEGIN {}; END;\n"
WRITES = [
    ("DELETE FROM f_content WHERE id = 1", "f"),
    ("UPDATE f_content SET c0 = 'q'", "f"),
    ("delete from main.F_Content", "f"),
    ('DELETE FROM "f_data" WHERE id > 10', "f"),
    ("DELETE FROM [f_idx]", "f"),
    ("INSERT INTO f_docsize VALUES (9, x'01')", "f"),
    ("INSERT OR IGNORE INTO f_data (id) VALUES (99)", "f"),
    ("REPLACE INTO `f_config` VALUES ('version', 3)", "f"),
    ("WITH s AS (SELECT 1 AS x) DELETE FROM f_content WHERE id IN (SELECT x FROM s)", "f"),
    ("UPDATE OR REPLACE f_content SET id = 2 WHERE id = 1", "f"),
    ("INSERT INTO f_content VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET c0 = 'n'", "f"),
    ("DELETE FROM fc_docsize", "fc"),
    ("DELETE FROM fd_data", "fd"),
    ('UPDATE "old notes_content" SET c0a = NULL', "old notes"),
    ('DELETE FROM "old notes_segments"', "old notes"),
    ('DELETE FROM "old notes_segdir"', "old notes"),
    ('DELETE FROM "old notes_stat"', "old notes"),
    ("DELETE FROM rt_rowid", "rt"),
    ("UPDATE rt_node SET data = zeroblob(length(data))", "rt"),
    ("DELETE FROM rt_parent", "rt"),
    ("DROP TABLE f_content", "f"),
    ("DROP TABLE IF EXISTS rt_rowid", "rt"),
    ("ALTER TABLE f_content RENAME TO gone", "f"),
    ("ALTER TABLE f_content ADD COLUMN c2", "f"),
    ("ALTER TABLE rt_rowid DROP COLUMN a0", "rt"),
    ("DELETE FROM n_data", "n"),
    (TRIGGER.format("DELETE FROM f_content WHERE id = 1"), "f"),
    (TRIGGER.format("INSERT INTO my_data VALUES (7, 'v'); UPDATE rt_rowid SET a0 = 1"), "rt"),
    ("CREATE TRIGGER t BEFORE INSERT ON f_content BEGIN SELECT RAISE(IGNORE); END", "f"),
    ("ALTER TABLE f RENAME TO g; DELETE FROM g_content", "g"),
    ("CREATE VIRTUAL TABLE g USING fts5 (a); INSERT INTO g (a) VALUES ('x'); DELETE FROM g_content", "g"),
    ("DROP TABLE my_data; CREATE VIRTUAL TABLE my USING fts5 (a); DELETE FROM my_data WHERE id > 10", "my"),
]
MAY = [
    "INSERT INTO log (msg) SELECT c0 FROM f_content",
    "EXPLAIN DELETE FROM f_content",
    "INSERT INTO my_data VALUES (2, 'w'); UPDATE my_data SET v = 'n' WHERE id = 1; DELETE FROM my_data WHERE id = 2",
    "INSERT INTO n_content VALUES (1, 'x'); INSERT INTO n (n) VALUES ('rebuild')",
    "INSERT INTO n_content VALUES (1, 'x'); UPDATE n_content SET a = 'y'; INSERT INTO n (n) VALUES ('rebuild')",
    "CREATE TABLE fc_content (id INTEGER PRIMARY KEY); INSERT INTO fc_content VALUES (1); DELETE FROM fc_content",
    "UPDATE f SET a = 'q' WHERE rowid = 1; DELETE FROM f WHERE rowid = 2",
    "INSERT INTO f (f, rank) VALUES ('automerge', 4); INSERT INTO f (f) VALUES ('rebuild')",
    'DELETE FROM "old notes" WHERE docid = 1; UPDATE rt SET x1 = 2 WHERE id = 1',
    "DELETE FROM f; DROP TABLE f; DROP TABLE IF EXISTS f_content; CREATE TABLE f_content (x); INSERT INTO f_content "
    "VALUES (1); DELETE FROM f_content",
    "DELETE FROM f; DROP TABLE f; DROP TABLE IF EXISTS f_content; DROP TABLE IF EXISTS f_data",
    TRIGGER.format("INSERT INTO f (a) VALUES (new.msg)") + "INSERT INTO log (msg) VALUES ('q')",
    "INSERT INTO log (msg) VALUES ('DELETE FROM f_content'); -- DELETE FROM f_content",
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_base", BASE)
    project.up()
    return project


@pytest.mark.parametrize(("text", "owner"), WRITES, ids=[text[:60] for text, _ in WRITES])
def test_a_write_by_name_is_refused_before_it_runs(project: Project, text: str, owner: str) -> None:
    project.add("0002_write", f"INSERT INTO log (msg) VALUES ('first');\n{text};\n")
    done = project.run("migrate.up").expect(2, "0002_write.sql", f"belongs to the virtual table {owner}")
    assert "0002_write.sql:2" in done.err
    assert project.query("SELECT a, b FROM f") == [("x", "y"), ("z", "w")]
    assert project.query("SELECT msg FROM log") == []


@pytest.mark.parametrize("text", MAY, ids=[text[:60] for text in MAY])
def test_what_only_looks_like_it_goes_through(project: Project, text: str) -> None:
    project.add("0002_write", f"{text};\n")
    project.up()
    project.run("verify").expect(0)


def test_a_rollback_is_read_in_the_same_way(project: Project) -> None:
    project.add("0002_write", "SELECT 1;\n", "DELETE FROM f_content;\n")
    project.up()
    project.run("migrate.down").expect(2, "0002_write.rollback.sql", "f_content")


def test_a_table_for_an_index_with_other_content_is_data(project: Project) -> None:
    project.add(
        "0002_rows", "INSERT INTO n_content VALUES (1, 'x'), (2, 'y');\nINSERT INTO n (n) VALUES ('rebuild');\n"
    )
    project.up()
    project.add("0003_gone", "DROP TABLE n;\nDROP TABLE n_content;\n")
    project.run("migrate.up").expect(6, "n_content", "2 rows")


@pytest.mark.parametrize(
    "body",
    ["DELETE FROM f_content WHERE id = 1", "UPDATE f_content SET c0 = 'q'", "INSERT INTO f_data VALUES (99, x'')"],
)
@pytest.mark.parametrize(
    "fire",
    ["INSERT INTO log (msg) VALUES ('q')", "INSERT INTO log_view VALUES ('q')", "INSERT INTO log SELECT 5, 'q'"],
)
def test_a_trigger_that_writes_one_is_refused_when_it_fires(project: Project, body: str, fire: str) -> None:
    with closing(sqlite3.connect(project.db)) as conn:
        conn.executescript(
            TRIGGER.format(body)
            + "CREATE VIEW log_view AS SELECT msg FROM log;\nCREATE TRIGGER tv INSTEAD OF INSERT ON log_view "
            "BEGIN INSERT INTO log (msg) VALUES (new.msg); END;\n"
        )
    project.add("0002_fire", f"{fire};\n")
    project.run("migrate.up").expect(6, "fires trigger t,", "virtual table f")
    assert project.query("SELECT a, b FROM f") == [("x", "y"), ("z", "w")]


def test_a_trigger_from_before_the_virtual_table_counts_too(project: Project) -> None:
    project.add(
        "0002_late",
        TRIGGER.format("DELETE FROM g_content") + "CREATE VIRTUAL TABLE g USING fts5 (a);\n"
        "INSERT INTO g (a) VALUES ('x');\nINSERT INTO log (msg) VALUES ('q');\n",
    )
    project.run("migrate.up").expect(6, "fires trigger t,", "virtual table g")


def test_a_large_file_of_inserts_into_one_is_refused(project: Project) -> None:
    rows = "".join(f"INSERT INTO f_data VALUES ({n}, zeroblob(9));\n" for n in range(20_000, 60_000))
    project.add("0002_bulk", rows)
    project.run("migrate.up").expect(2, "f_data")


@pytest.mark.server
def test_on_a_server(tmp_path: Path) -> None:
    with servers.fresh(tmp_path / "sqld") as server:
        check_on_a_server(Project(tmp_path / "project"), server)


def check_on_a_server(project: Project, server: Running) -> None:
    def up(code: int, *words: str) -> None:
        project.run("migrate.up", "--database", server.url).expect(code, *words)

    project.add("0001_base", BASE_OF_A_SERVER)
    up(0)
    for text, owner in [*WRITES[::4], WRITES[26], WRITES[29], WRITES[30]]:
        project.add("0002_write", f"INSERT INTO log (msg) VALUES ('first');\n{text};\n")
        up(2, "0002_write.sql", f"belongs to the virtual table {owner}")
    project.add("0002_write", "SELECT 1;\n")
    up(0)
    for number, text in enumerate(MAY[:4], 3):
        project.add(f"{number:04}_may", f"{text};\n")
    up(0)
    with closing(connect(servers.target(server.url), "rw")) as conn:
        conn.execute(TRIGGER.format("DELETE FROM f_content WHERE id = 1"))
    project.add("0009_fire", "INSERT INTO log (msg) VALUES ('q');\n")
    up(6, "fires trigger t,", "virtual table f")
