"""A schema with a bit of everything, and rows for it."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    email TEXT NOT NULL UNIQUE,
    nick TEXT,
    age INT,
    score REAL DEFAULT 1.5,
    note TEXT NOT NULL DEFAULT '' /* for the staff */
);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT,
    body TEXT,
    state TEXT DEFAULT 'new' CHECK (state IN ('new', 'done')),
    rank INTEGER
);
CREATE TABLE audit (what TEXT, post INTEGER);
CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree (id), label TEXT);
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER REFERENCES egg (id), name TEXT);
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER REFERENCES hen (id), name TEXT);
CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;
CREATE TABLE plain (code TEXT PRIMARY KEY, amount INTEGER, kind TEXT);
CREATE TABLE firm (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER) STRICT;
CREATE TABLE areas (w INTEGER, h INTEGER, area INTEGER AS (w * h));
CREATE TABLE "odd table" ("a ""great"" column" TEXT, [b c] INTEGER, `select` TEXT);
CREATE INDEX posts_rank ON posts (rank);
CREATE INDEX posts_done ON posts (user_id) WHERE state = 'done';
CREATE INDEX posts_lower ON posts (lower(title));
CREATE INDEX users_nick ON users (nick);
CREATE INDEX "odd index" ON "odd table" ("b c" DESC);
CREATE VIEW active AS SELECT id, email, nick FROM users WHERE age > 17;
CREATE VIEW active_posts AS SELECT p.id, a.nick FROM posts AS p JOIN active AS a ON a.id = p.user_id;
CREATE TRIGGER active_insert INSTEAD OF INSERT ON active BEGIN
    INSERT INTO users (email, nick, age) VALUES (new.email, new.nick, 18);
END;
CREATE TRIGGER posts_audit AFTER INSERT ON posts BEGIN
    INSERT INTO audit (what, post) VALUES ('insert', new.id);
END;
CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, content='posts', content_rowid='id');
CREATE TRIGGER posts_fts_insert AFTER INSERT ON posts BEGIN
    INSERT INTO posts_fts (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
CREATE TRIGGER posts_fts_delete AFTER DELETE ON posts BEGIN
    INSERT INTO posts_fts (posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
END;
CREATE TRIGGER posts_fts_update AFTER UPDATE ON posts BEGIN
    INSERT INTO posts_fts (posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO posts_fts (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
CREATE VIRTUAL TABLE docs USING fts5(head, text);
"""
ROWS = """
INSERT INTO users (id, email, nick, age) VALUES (3, 'a@x', 'ann', 40), (7, 'b@x', NULL, 12), (9, 'c@x',
    'it''s', 99), (50, 'd@x', 'x', 1);
DELETE FROM users WHERE id = 50;
INSERT INTO posts (id, user_id, title, body, state, rank) VALUES
    (2, 3, 'First light', 'the quick fox', 'new', 5), (5, 7, 'Second', 'lazy dogs', 'done', 6), (11, 9,
        'Third', NULL, 'done', -1);
INSERT INTO tree VALUES (4, NULL, 'root'), (6, 4, 'leaf'), (8, 8, 'own');
INSERT INTO hen VALUES (1, NULL, 'h1');
INSERT INTO egg VALUES (1, 1, 'e1'), (2, NULL, 'e2');
UPDATE hen SET egg = 2;
INSERT INTO kv VALUES ('a', '1'), ('b', NULL);
INSERT INTO plain (rowid, code, amount, kind) VALUES (5, 'x', 1, 'k'), (9, 'y', NULL, 'k');
INSERT INTO firm VALUES (2, 'acme', 10), (4, 'co', NULL);
INSERT INTO areas (w, h) VALUES (2, 3), (4, NULL);
INSERT INTO "odd table" VALUES ('1', 2, 'three'), (NULL, NULL, '"');
INSERT INTO docs (rowid, head, text) VALUES (3, 'alpha', 'one two'), (8, 'beta', 'three');
"""


@dataclass(frozen=True)
class Edit:
    """``changes`` replaces texts of SCHEMA, one after the other.

    ``rebuilt`` tables are rebuilt, the others changed in place. ``lost``: columns (table, column), or tables, whose
    rows do not come back. ``text`` stands in the migration.
    """

    name: str
    changes: tuple[tuple[str, str], ...]
    rebuilt: frozenset[str] = frozenset()
    lost: frozenset[tuple[str, str]] = frozenset()
    text: tuple[str, ...] = ()

    def apply(self, schema: str = SCHEMA) -> str:
        for old, new in self.changes:
            assert old in schema, f"{self.name}: {old}"
            schema = schema.replace(old, new)
        return schema


def edit(
    name: str,
    *changes: tuple[str, str],
    rebuilt: str = "",
    lost: tuple[tuple[str, str], ...] = (),
    text: tuple[str, ...] = (),
) -> Edit:
    return Edit(name, changes, frozenset(filter(None, rebuilt.split(","))), frozenset(lost), text)
