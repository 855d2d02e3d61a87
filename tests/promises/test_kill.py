"""SIGKILL at the statements of the protocol: the next run finishes, and nothing is lost or done twice.

By default at a share of them, at each one with ``invoke test --thorough``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import extent
import measured
import pytest
from cli import Project, clean_environment
from killer import is_hot
from places import ROOT

pytestmark = pytest.mark.kill

KILLER = ROOT / "tests" / "helpers" / "killer.py"
FILLER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
REBUILD = """-- foreign_keys: off
CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT);
INSERT INTO users_new (id, email) SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
INSERT INTO log VALUES (2);
"""


@pytest.fixture
def template(tmp_path: Path) -> Project:
    """Version 1 is applied and has rows.

    2 rebuilds the parent of a cascade, 3 fills pages, 4 makes a full-text index and a trigger.
    """
    project = Project(tmp_path / "template")
    project.add(
        "0001_base",
        f"""CREATE TABLE log (version INTEGER);
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, body BLOB);
INSERT INTO users {FILLER} SELECT i, 'user ' || i FROM n;
INSERT INTO notes {FILLER} SELECT i, i, zeroblob(2000) FROM n;
INSERT INTO log VALUES (1);
""",
        "SELECT 1;\n",
    )
    project.up()
    project.add("0002_rebuild", REBUILD, "DELETE FROM log WHERE version = 2;\n")
    project.add(
        "0003_fill",
        f"INSERT INTO log VALUES (3);\nINSERT INTO notes {FILLER} SELECT 1000 + i, i, zeroblob(3000) FROM n;\n",
        "DELETE FROM notes WHERE id >= 1000;\nDELETE FROM log WHERE version = 3;\n",
    )
    project.add(
        "0004_search",
        """CREATE VIRTUAL TABLE found USING fts5(email, content='users', content_rowid='id');
CREATE TRIGGER users_ai AFTER INSERT ON users BEGIN INSERT INTO found(rowid, email) VALUES (new.id, new.email); END;
INSERT INTO found(found) VALUES ('rebuild');
INSERT INTO users (id, email) VALUES (100, 'hundred');
INSERT INTO log VALUES (4);
""",
        """DELETE FROM users WHERE id = 100;
DELETE FROM log WHERE version = 4;
DROP TRIGGER users_ai;
DROP TABLE found;
""",
    )
    return project


@dataclass(frozen=True)
class Sweep:
    """A healed copy of the project for every statement at which it was killed.

    ``hot``: how many kills left a hot journal.
    """

    projects: list[Project]
    hot: int


def kill_everywhere(template: Project, *words: str, first: int = 1, stride: int = 1) -> Sweep:
    copies = template.root.parent / "copies"
    copies.mkdir()
    done = subprocess.run(
        [sys.executable, str(KILLER), str(template.root), str(copies), str(first), str(stride), *words],
        env=measured.environment(clean_environment()),
        capture_output=True,
        text=True,
        check=False,
        timeout=extent.number(200, 1200),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps, hot = (int(word) for word in done.stdout.split())
    return Sweep([Project.at(copies / str(n)) for n in range(1, steps + 1)], hot)


def assert_up(project: Project) -> None:
    assert project.one("PRAGMA integrity_check") == "ok"
    assert project.query("PRAGMA foreign_key_check") == []
    assert project.query("SELECT version FROM log ORDER BY version") == [(1,), (2,), (3,), (4,)]
    assert project.query("SELECT count(*), sum(id) FROM users") == [(41, 920)]
    assert project.query("SELECT count(*), sum(length(body)) FROM notes") == [(80, 40 * 5000)]
    assert project.query("SELECT count(*) FROM found WHERE found MATCH 'user'") == [(40,)]
    versions = [(1,), (2,), (3,), (4,)]
    assert project.query("SELECT version FROM schema_migrations WHERE status = 'applied' ORDER BY version") == versions
    assert project.query("SELECT version FROM memsql_history WHERE operation = 'apply' ORDER BY id") == versions
    assert project.query('SELECT count(*), count(DISTINCT migration_id) FROM "_yoyo_log"') == [(4, 4)]
    assert len(project.applied()) == 4
    assert not is_hot(project.db.with_name("memory.db-journal"))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("first", extent.some([1, 2, 3, 4], 4))
def test_up_is_killed_at_every_statement(template: Project, first: int) -> None:
    """In parts, each of which begins at another statement and takes every ninth or fourth one."""
    sweep = kill_everywhere(template, "migrate.up", first=first, stride=extent.number(13, 4))
    assert len(sweep.projects) >= extent.number(4, 15)
    assert sweep.hot >= extent.number(1, 3)
    for project in sweep.projects:
        assert_up(project)


@pytest.mark.timeout(extent.number(400, 1500))
def test_down_is_killed_at_every_statement(template: Project) -> None:
    template.up()
    sweep = kill_everywhere(template, "migrate.down", "--to", "1", stride=extent.number(12, 1))
    assert len(sweep.projects) >= extent.number(6, 80)
    for project in sweep.projects:
        assert project.one("PRAGMA integrity_check") == "ok"
        assert project.query("SELECT version FROM log") == [(1,)]
        assert project.query("SELECT count(*) FROM users") == [(40,)]
        assert project.query("SELECT count(*) FROM notes") == [(40,)]
        assert project.applied() == ["0001_base"]
        rolled_back = project.query(
            "SELECT version, count(*) FROM memsql_history WHERE operation = 'rollback' GROUP BY 1"
        )
        assert rolled_back == [(2, 1), (3, 1), (4, 1)]


@pytest.mark.timeout(extent.number(400, 1500))
@pytest.mark.parametrize("words", [(), ("--all-or-nothing",)], ids=["fresh", "all or nothing"])
def test_a_fresh_database_is_killed_at_every_statement(template: Project, words: tuple[str, ...]) -> None:
    template.db.unlink()
    if words:
        template.remove("0002_rebuild")
        template.add("0002_plain", "INSERT INTO log VALUES (2);\n")
    sweep = kill_everywhere(template, "migrate.up", *words, stride=extent.number(23, 1))
    assert len(sweep.projects) >= extent.number(4, 90)
    for project in sweep.projects:
        assert_up(project)


@pytest.mark.timeout(extent.number(400, 1500))
def test_a_takeover_is_killed_at_every_statement(tmp_path: Path) -> None:
    template = Project(tmp_path / "template")
    for n in (1, 2, 3):
        template.add(f"{n:04d}_row", f"CREATE TABLE t{n} (x);\nINSERT INTO t{n} VALUES ({n});\n", f"DROP TABLE t{n};\n")
    template.script(
        "CREATE TABLE schema_migrations (version uint64,dirty bool); INSERT INTO schema_migrations VALUES (2, 0);"
        "CREATE TABLE t1 (x); INSERT INTO t1 VALUES (1); CREATE TABLE t2 (x); INSERT INTO t2 VALUES (2);"
    )
    sweep = kill_everywhere(template, "migrate.up", "--take-over", stride=extent.number(12, 1))
    assert len(sweep.projects) >= extent.number(3, 40)
    for project in sweep.projects:
        assert project.one("PRAGMA integrity_check") == "ok"
        assert project.query("SELECT * FROM t1, t2, t3") == [(1, 2, 3)]
        assert project.query("SELECT version, dirty FROM schema_migrations_of_golang_migrate") == [(2, 0)]
        assert len(project.applied()) == 3
        history = project.query("SELECT version, operation FROM memsql_history ORDER BY id")
        assert history == [(1, "adopt"), (2, "adopt"), (None, "adopt"), (3, "apply")]


@pytest.mark.timeout(400)
def test_without_a_transaction_nothing_is_done_twice_either(template: Project) -> None:
    for name in ("0002_rebuild", "0003_fill", "0004_search"):
        template.remove(name)
    template.add(
        "0002_steps",
        """-- transactional: false
ANALYZE users;
PRAGMA optimize;
PRAGMA page_size = 8192;
VACUUM;
REINDEX;
ANALYZE notes;
""",
    )
    sweep = kill_everywhere(template, "migrate.up", stride=extent.number(4, 1))
    assert len(sweep.projects) >= extent.number(8, 30)
    for project in sweep.projects:
        assert project.one("PRAGMA integrity_check") == "ok"
        assert project.one("PRAGMA page_size") == 8192
        assert project.query("SELECT count(*) FROM users") == [(40,)]
        steps = project.query("SELECT statements_done FROM memsql_history WHERE status = 'partial' ORDER BY id")
        assert steps == [(n,) for n in range(1, 7)]
        assert project.query("SELECT version FROM memsql_history WHERE status = 'ok' ORDER BY id") == [(1,), (2,)]
        assert project.applied() == ["0001_base", "0002_steps"]
