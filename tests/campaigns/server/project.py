"""The project of the campaigns against servers: five migrations of every kind, a check, and what they leave behind."""

from __future__ import annotations

from pathlib import Path

import cli

_PEOPLE = """-- people and their notes
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, picture BLOB);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE, body TEXT NOT NULL
);
CREATE INDEX notes_person ON notes (person);
INSERT INTO people VALUES (1, 'Ada', 61.5, x'00ff10'), (2, 'Bo;b', 1e300, NULL), (3, 'Zoë 😀', -0.25, x'');
INSERT INTO notes VALUES (1, 1, 'first; second'), (2, 1, 'it''s'), (3, 3, 'third note');
"""
_SEARCH = """-- full-text search of the notes
CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content = 'notes', content_rowid = 'id');
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN
    INSERT INTO notes_fts (rowid, body) VALUES (new.id, new.body);
END;
CREATE TRIGGER notes_ad AFTER DELETE ON notes BEGIN
    INSERT INTO notes_fts (notes_fts, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER notes_au AFTER UPDATE ON notes BEGIN
    INSERT INTO notes_fts (notes_fts, rowid, body) VALUES ('delete', old.id, old.body);
    INSERT INTO notes_fts (rowid, body) VALUES (new.id, new.body);
END;
INSERT INTO notes_fts (notes_fts) VALUES ('rebuild');
"""
_FILL = """-- more notes, and corrected ones
INSERT INTO notes (id, person, body)
WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
SELECT i, 1 + i % 3, 'note number ' || i FROM n;
UPDATE notes SET body = upper(body) WHERE id = 2;
"""
_REBUILD = """-- people get an address
-- foreign_keys: off
CREATE TABLE people_new (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, picture BLOB, address TEXT NOT NULL DEFAULT 'unknown'
);
INSERT INTO people_new (id, name, weight, picture) SELECT id, name, weight, picture FROM people;
DROP TABLE people;
ALTER TABLE people_new RENAME TO people;
"""
_REBUILD_BACK = """-- foreign_keys: off
-- allow: data-loss people.address the column goes
CREATE TABLE people_old (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, picture BLOB);
INSERT INTO people_old (id, name, weight, picture) SELECT id, name, weight, picture FROM people;
DROP TABLE people;
ALTER TABLE people_old RENAME TO people;
"""
_VIEW = """-- a view, and a column
ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 0;
CREATE VIEW starred AS SELECT id, body FROM notes WHERE stars > 0;
UPDATE notes SET stars = 1 WHERE id IN (1, 3);
"""
_MIGRATIONS = {
    "0001_people": (_PEOPLE, "DROP TABLE notes;\nDROP TABLE people;\n"),
    "0002_search": (
        _SEARCH,
        "DROP TRIGGER notes_ai;\nDROP TRIGGER notes_ad;\nDROP TRIGGER notes_au;\nDROP TABLE notes_fts;\n",
    ),
    "0003_fill": (_FILL, "DELETE FROM notes WHERE id >= 10;\nUPDATE notes SET body = 'it''s' WHERE id = 2;\n"),
    "0004_rebuild": (_REBUILD, _REBUILD_BACK),
    "0005_view": (
        _VIEW,
        "-- allow: data-loss notes.stars the column goes\nDROP VIEW starred;\nALTER TABLE notes DROP COLUMN stars;\n",
    ),
}
IDS = tuple(_MIGRATIONS)
# What fails in its second statement, and so is recorded as failed.
_FAILING = "-- fails\nCREATE TABLE more (id INTEGER PRIMARY KEY);\nINSERT INTO nowhere VALUES (1);\n"
_CHECK = (
    "SELECT 'note ' || n.id || ' of nobody' FROM notes AS n LEFT JOIN people AS p ON p.id = n.person WHERE p.id IS NULL"
)


def write(root: Path, *, failing: bool = False) -> cli.Project:
    """The project in the folder ``root``; ``failing``: its fourth migration does not run."""
    project = cli.Project(root)
    for name, (up, down) in _MIGRATIONS.items():
        project.add(name, _FAILING if failing and name == "0004_rebuild" else up, down)
    project.check("0001_notes", _CHECK, name="notes_have_people")
    return project
