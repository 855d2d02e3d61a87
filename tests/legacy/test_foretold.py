"""Legacy upgrades on a server: what they do is predicted and sent in one request, and does what a file does."""

from __future__ import annotations

from pathlib import Path

import pytest
import servers
from cli import Done, Project
from either import content
from proxy import proxy_to

from memsql.server import Running

ERA = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT);\nCREATE TABLE notes (item INTEGER, text TEXT);\n"
ROWS = "INSERT INTO items VALUES (1, 'one'), (2, 'two');\nINSERT INTO notes VALUES (1, 'first'), (2, 'second');\n"
BASE = ERA.replace("name TEXT", "title TEXT")
RENAME = "ALTER TABLE items RENAME COLUMN name TO title;\n"


def _adopted(
    folder: Path, server: Running, upgrade: str, *, era: str = ERA, base: str = BASE
) -> tuple[Done, Done, int]:
    """A database of ``era`` with ROWS, adopted with ``upgrade`` as a file and on ``server``: what both said, and how
    many requests came."""
    project = Project(folder / "project")
    project.add("0001_base", base, "DROP TABLE items;")
    for path, text in (
        ("sql/legacy/old.sql", f"-- the first release\n-- era: old\n-- phases: change\n-- counts_as: 1\n{era}"),
        ("migrations/legacy/L1_change.sql", f"-- the change\n{upgrade}"),
    ):
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).write_text(text)
    project.run("migrate.sum").expect(0)
    project.script(era + ROWS)
    servers.load(project.db, server.url)
    with proxy_to(server.url) as proxy:
        there = project.run("legacy.adopt", "--json", "--database", proxy.url)
        requests = proxy.requests
    here = project.run("legacy.adopt", "--json")
    if here.code == 0:
        assert there.json()["steps"] == here.json()["steps"]
        assert content(server.url) == content(str(project.db))
    return here, there, requests


PREDICTED = f"""
-- when: EXISTS (SELECT 1 FROM pragma_table_info('items') WHERE name = 'name')
{RENAME}
-- when: EXISTS (SELECT 1 FROM pragma_table_info('items') WHERE name = 'name')
DROP TABLE items;
-- when: EXISTS (SELECT 1 FROM notes)
UPDATE items SET title = upper(title);
-- when: NOT EXISTS (SELECT 1 FROM notes)
UPDATE items SET title = 'nobody wrote a note';
CREATE TABLE made (x);
-- when: NOT EXISTS (SELECT 1 FROM made)
DROP TABLE made;
-- when: EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'gone')
-- when: EXISTS (SELECT 1 FROM gone)
DROP TABLE gone;
ALTER TABLE notes RENAME TO notes_old;
CREATE VIRTUAL TABLE found USING fts5(title, content='items', content_rowid='id');
-- when: 'found' NOT IN (SELECT name FROM memsql_legacy_objects WHERE phase = 'change')
INSERT INTO found (found) VALUES ('rebuild');
"""
WRONG = {
    "a guard on rows that the upgrade changes": (
        f"{RENAME}UPDATE items SET title = 'new' WHERE id = 1;\n"
        "-- when: EXISTS (SELECT 1 FROM items WHERE title = 'new')\nDELETE FROM notes WHERE item = 1;\n"
    ),
    "a guard on rows that the upgrade makes": (
        f"{RENAME}CREATE TABLE log (x);\nINSERT INTO log VALUES (1);\n"
        "-- when: EXISTS (SELECT 1 FROM log)\nINSERT INTO log VALUES (2);\n"
    ),
}


def test_an_upgrade_is_one_request_and_does_what_it_does_on_a_file(empty_server: Running, tmp_path: Path) -> None:
    base = BASE.replace("notes", "notes_old") + (
        "CREATE VIRTUAL TABLE found USING fts5(title, content='items', content_rowid='id');\n"
    )
    here, there, requests = _adopted(tmp_path, empty_server, PREDICTED, base=base)
    there.expect(0, "2 rows of notes are kept in notes_old", "UPDATE items: 2 rows")
    assert here.code == 0
    assert requests == 11


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_prediction_costs_requests_and_nothing_else(empty_server: Running, tmp_path: Path, name: str) -> None:
    here, there, requests = _adopted(tmp_path, empty_server, WRONG[name])
    assert (here.code, there.code) == (0, 0), there.err
    assert requests > 12


@pytest.mark.parametrize(
    ("upgrade", "code", "said"),
    [
        (f"{RENAME}INSERT INTO items SELECT item, text FROM notes;\n", 5, "UNIQUE constraint failed"),
        (f"{RENAME}DROP TABLE notes;\n", 6, "notes"),
        (
            f"{RENAME}CREATE TRIGGER stop BEFORE INSERT ON notes BEGIN SELECT RAISE(ROLLBACK, 'no more'); END;\n"
            "INSERT INTO notes SELECT id, title FROM items;\n",
            5,
            "no more",
        ),
    ],
)
def test_a_failure_leaves_everything_as_it_was(
    empty_server: Running, tmp_path: Path, upgrade: str, code: int, said: str
) -> None:
    before = _tables(empty_server, tmp_path)
    here, there, _ = _adopted(tmp_path, empty_server, upgrade)
    for done in (here, there):
        done.expect(code, said)
        assert done.json()["error"]["state"].startswith("nothing was changed")
    assert here.json()["error"]["message"] == there.json()["error"]["message"]
    assert before == []
    assert _tables(empty_server, tmp_path) == ["items", "notes"]


def _tables(server: Running, folder: Path) -> list[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(servers.save(server.url, folder / "saved.db"))) as db:
        return [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
