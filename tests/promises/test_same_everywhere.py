"""The same migrations on a file and on a server: the same verdict, the same tables, the same rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import extent
import pytest
import servers
from either import apply, content
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BASE = """CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE, note TEXT);
CREATE VIRTUAL TABLE child_fts USING fts5(note, content='child', content_rowid='id');
CREATE TRIGGER child_in AFTER INSERT ON child BEGIN
    INSERT INTO child_fts (rowid, note) VALUES (new.id, new.note);
END;
CREATE TRIGGER child_out AFTER DELETE ON child BEGIN
    INSERT INTO child_fts (child_fts, rowid, note) VALUES ('delete', old.id, old.note);
END;
CREATE TRIGGER parent_log AFTER UPDATE ON parent BEGIN DELETE FROM log WHERE id = old.id; END;
CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT);
CREATE INDEX child_parent ON child (parent_id);
INSERT INTO parent VALUES (1, 'one'), (2, 'two');
INSERT INTO child VALUES (1, 1, 'a; b'), (2, 1, 'c'), (3, 2, NULL);
INSERT INTO log VALUES (1, 'x'), (2, 'y');
"""
STATEMENTS = [
    "DELETE FROM parent WHERE id = 1;",
    "UPDATE parent SET name = name || '!';",
    "INSERT INTO parent VALUES (3, 'three');",
    "INSERT OR REPLACE INTO parent VALUES (9, 'one');",
    "DROP TABLE child;",
    "DROP TABLE parent;",
    "DELETE FROM log;",
    "ALTER TABLE child ADD COLUMN more TEXT DEFAULT 'd';",
    "ALTER TABLE log DROP COLUMN line;",
    "DROP INDEX child_parent;",
    "ALTER TABLE log RENAME TO lines;",
    "CREATE TABLE extra AS SELECT * FROM log;",
    "DELETE FROM child_fts WHERE rowid = 1;",
    "INSERT INTO child VALUES (8, 2, 'new');",
    "UPDATE child SET note = 'changed' WHERE id = 1;",
    "SELECT nothing FROM nowhere;",
    "INSERT INTO child VALUES (7, 77, 'no parent');",
    "CREATE VIEW v AS SELECT * FROM parent;",
    "DROP TABLE IF EXISTS nowhere;",
    "CREATE TABLE p2 (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO p2 SELECT * FROM parent;\nDROP TABLE parent;\n"
    "ALTER TABLE p2 RENAME TO parent;",
    "DROP TRIGGER parent_log;",
    "DROP TRIGGER child_in;",
    "INSERT INTO parent VALUES (1, 'again');",
]
ALLOWED = "".join(
    f"-- allow: data-loss {name} it is a test\n"
    for name in ("parent", "child", "log", "child_fts", "child.note", "child.parent_id")
)
HEADERS = ["", "-- foreign_keys: off\n", ALLOWED, "-- fts_rebuild: all\n"]
MIGRATION = st.tuples(st.sampled_from(HEADERS), st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4))


@pytest.mark.server
@settings(max_examples=extent.number(20, 200), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(MIGRATION, min_size=1, max_size=3))
def test_a_file_and_a_server_agree(migrations: list[tuple[str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "migrations").mkdir()
        (folder / "setup.cfg").write_text("[memsql]\n")
        (folder / "migrations" / "0001_base.sql").write_text(BASE)
        file = str(folder / "memory.db")
        with servers.fresh(folder / "sqld") as server:
            for database in (file, server.url):
                assert apply(folder, database) == 0
            for number, (header, statements) in enumerate(migrations, 2):
                text = header + "\n".join(statements) + "\n"
                (folder / "migrations" / f"{number:04d}_step.sql").write_text(text)
            codes = {apply(folder, database) for database in (file, server.url)}
            # Of two things wrong with one migration, an older SQLite may stumble over the other one first.
            assert 0 not in codes or codes == {0}
            if all(len(statements) == 1 for _, statements in migrations):
                assert len(codes) == 1
            assert content(file) == content(server.url)
