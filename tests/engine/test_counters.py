"""last_insert_rowid(), changes() and total_changes() say what they say in the shell of SQLite, whatever ran before."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project

from memsql.db import connect
from memsql.db.counters import Counters, Counts
from memsql.db.sqlite import memory

BASE = """CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE member (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES team (id) ON DELETE CASCADE, name TEXT);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
CREATE TABLE seen (a, b, c);
INSERT INTO team VALUES (1, 'red'), (2, 'blue'), (3, 'green');
INSERT INTO member VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO counted VALUES (7, 'x');
"""
SEE = "INSERT INTO seen VALUES (last_insert_rowid(), changes(), total_changes());\n"
SEE_ON_A_SERVER = "INSERT INTO seen VALUES (last_insert_rowid(), changes(), 0);\n"
TRIGGER = f"CREATE TRIGGER see AFTER INSERT ON team BEGIN {SEE}UPDATE member SET name = 'n'; {SEE}END;\n"
FILES = {
    "at the beginning": SEE,
    "after an INSERT": "INSERT INTO team (name) VALUES ('q'), ('r');\n" + SEE + SEE,
    "after an UPDATE": "UPDATE team SET name = 'q';\n" + SEE,
    "after an UPDATE of nothing": "UPDATE team SET name = 'q';\nUPDATE team SET name = 'q' WHERE id = 99;\n" + SEE,
    "after a DELETE": "DELETE FROM member WHERE id > 1;\n" + SEE,
    "after a rebuild": "CREATE TABLE new (id INTEGER PRIMARY KEY, team_id INTEGER, name TEXT);\n"
    "INSERT INTO new SELECT * FROM member;\nDROP TABLE member;\n" + SEE + "ALTER TABLE new RENAME TO member;\n" + SEE,
    "after an AUTOINCREMENT table is dropped": "UPDATE team SET name = 'q';\n"
    "CREATE TABLE new (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);\nINSERT INTO new SELECT * FROM counted;\n"
    "DELETE FROM new WHERE id = 99;\nDROP TABLE counted;\n" + SEE + "ALTER TABLE new RENAME TO counted;\n" + SEE,
    "after statements that ran twice": "-- allow: data-loss member it goes with its team\n"
    "INSERT INTO team VALUES (500, 'q');\nDELETE FROM team WHERE id = 1;\n"
    + SEE
    + "DELETE FROM team WHERE id = 2;\n"
    + SEE,
    "in a statement that runs twice": "UPDATE team SET name = 'q';\n"
    "INSERT OR REPLACE INTO team VALUES (changes(), 'q');\n" + SEE,
    "in a trigger": TRIGGER
    + "INSERT INTO team (name) VALUES ('q');\nINSERT INTO team (name) SELECT name FROM member;\n"
    + SEE,
    "with many statements of a shape": "".join(
        f"UPDATE team SET name = 'q{n}' WHERE id = {n};\n" + SEE for n in range(5)
    ),
    "in other letters": "UPDATE team SET name = 'q';\n"
    'INSERT INTO seen VALUES (LAST_INSERT_ROWID(), Changes ( ), "total_changes"());\n',
    "in a view": "CREATE VIEW now AS SELECT changes() AS c, total_changes() AS t;\nUPDATE team SET name = 'q';\n"
    "INSERT INTO seen SELECT c, c, t FROM now;\n",
    "as a default": "CREATE TABLE other (x, r DEFAULT (last_insert_rowid()), c DEFAULT (changes()));\n"
    "UPDATE team SET name = 'q';\nINSERT INTO other (x) VALUES (1);\nINSERT INTO seen SELECT r, c, 0 FROM other;\n",
    "with TEMP tables": "CREATE TEMP TABLE t AS SELECT 1 AS x;\nINSERT INTO t VALUES (2);\n" + SEE,
    "for a reference": "INSERT INTO team (name) VALUES ('q');\n"
    "INSERT INTO member (team_id, name) VALUES (last_insert_rowid(), 'm');\n" + SEE,
}
BEFORE = (
    "INSERT INTO team (name) VALUES ('z');\nDELETE FROM member WHERE id = 3;\nUPDATE team SET name = name || '!';\n"
)


def in_the_shell(texts: Sequence[str]) -> list[tuple[object, ...]]:
    """What ``texts``, each in a connection of its own, leave in the table ``seen``."""
    uri = "file:counters?mode=memory&cache=shared"
    with closing(sqlite3.connect(uri, uri=True)) as first:
        for text in texts:
            with closing(sqlite3.connect(uri, uri=True)) as conn:
                conn.execute("PRAGMA foreign_keys = on")
                conn.executescript(text)
        return first.execute("SELECT a, b, c FROM seen ORDER BY rowid").fetchall()


@pytest.mark.parametrize("way", [("migrate.up",), ("migrate.up", "--all-or-nothing")], ids=["shared", "whole"])
@pytest.mark.parametrize("name", FILES)
def test_they_say_what_the_shell_says(tmp_path: Path, name: str, way: tuple[str, ...]) -> None:
    expected = in_the_shell([BASE, BEFORE, FILES[name]])
    assert expected
    project = Project(tmp_path)
    for number, text in enumerate([BASE, BEFORE, FILES[name]], 1):
        project.add(f"{number:04}_file", text)
    project.run(*way).expect(0)
    assert project.query("SELECT a, b, c FROM seen ORDER BY rowid") == expected


def test_they_are_the_same_alone_and_behind_others(tmp_path: Path) -> None:
    texts = [BASE, *([SEE, BEFORE, SEE] * 3), TRIGGER, "INSERT INTO team (name) VALUES ('q');\n", SEE]
    rows = []
    for way in ("alone", "together"):
        project = Project(tmp_path / way)
        for number, text in enumerate(texts, 1):
            project.add(f"{number:04}_file", text)
            if way == "alone":
                project.up()
        project.up()
        rows.append(project.query("SELECT * FROM seen"))
    assert rows[0] == rows[1]
    assert rows[0][0] == (0, 0, 0)


def test_a_large_file_begins_with_zero(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_base", BASE)
    project.add(
        "0002_large", SEE + "".join(f"INSERT INTO team (name) VALUES ('name {n}');\n" for n in range(3000)) + SEE
    )
    project.up()
    assert project.query("SELECT * FROM seen") == [(0, 0, 0), (3003, 1, 3001)]


def test_what_is_set_is_what_sqlite_says() -> None:
    with closing(memory()) as conn:
        conn.execute("CREATE TABLE t (x)")
        counters = Counters(conn)
        counters.begin()
        for counts in (Counts(5, 3, 9), Counts(-7, 0, 9), Counts(2**62, 1000, 4000), Counts(0, 1, 4000)):
            counters.counts = counts
            counters.before()
            assert conn.execute("SELECT last_insert_rowid(), changes(), total_changes()").rows == [
                (counts.rowid, counts.changes, counts.total)
            ]
            counters.after()
            assert counters.counts == counts
        conn.execute("INSERT INTO t VALUES (1), (2)")
        counters.after()
        assert counters.counts == Counts(2, 2, 4002)
        assert conn.execute("SELECT count(*) FROM sqlite_temp_schema").one() == 0


@pytest.mark.server
def test_on_a_server(tmp_path: Path) -> None:
    with servers.fresh(tmp_path / "sqld") as server:
        project = Project(tmp_path / "project")

        def up(code: int, *words: str) -> None:
            project.run("migrate.up", "--database", server.url).expect(code, *words)

        texts = [BASE, BEFORE, SEE_ON_A_SERVER, FILES["for a reference"].replace(SEE, SEE_ON_A_SERVER)]
        texts += [FILES["after an UPDATE"].replace(SEE, SEE_ON_A_SERVER)]
        texts += [FILES["after statements that ran twice"].replace(SEE, SEE_ON_A_SERVER), SEE_ON_A_SERVER]
        texts += ["CREATE TRIGGER see AFTER INSERT ON team BEGIN " + SEE_ON_A_SERVER + "END;\n"]
        texts += ["INSERT INTO team (name) VALUES ('q');\n"]
        for number, text in enumerate(texts, 1):
            project.add(f"{number:04}_file", text)
        up(0)
        with closing(connect(servers.target(server.url), "ro")) as conn:
            seen = conn.execute("SELECT a, b, c FROM seen ORDER BY rowid").rows
        assert [tuple(row) for row in seen] == in_the_shell(texts)
        project.add("0020_total", SEE)
        up(2, "total_changes()", "nothing was changed")
        project.add("0020_total", "SELECT 'total_changes()'; -- total_changes()\n")
        up(0)
        project.add("0021_sequence", FILES["after an AUTOINCREMENT table is dropped"].replace(SEE, SEE_ON_A_SERVER))
        up(2, "AUTOINCREMENT")
