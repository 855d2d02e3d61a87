"""Indexes whose triggers put in a part of the rows only, in the styles in which people write such triggers."""

from __future__ import annotations

LIVE = "gone_at IS NULL"
OUT = "INSERT INTO f (f, rowid, body, tags) VALUES ('delete', old.id, old.body, old.tags);"
IN = "INSERT INTO f (rowid, body, tags) VALUES (new.id, new.body, new.tags);"
TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, tags TEXT, gone_at TEXT, kind TEXT, n INTEGER);\n"
INDEX = "CREATE VIRTUAL TABLE f USING fts5 (body, tags, content='t', content_rowid='id');\n"


def triggers(guard: str = LIVE, out_guard: str | None = None, *, table: str = "t") -> str:
    """The four triggers of a partial index; ``guard`` names columns with ``@.``, or is one about gone_at."""
    text = guard if "@." in guard else f"@.{guard}"
    leaving = text if out_guard is None else out_guard if "@." in out_guard else f"@.{out_guard}"
    new, old = text.replace("@.", "new."), leaving.replace("@.", "old.")
    return f"""
CREATE TRIGGER t_in AFTER INSERT ON {table} WHEN {new} BEGIN {IN} END;
CREATE TRIGGER t_out BEFORE DELETE ON {table} WHEN {old} BEGIN {OUT} END;
CREATE TRIGGER t_old BEFORE UPDATE ON {table} WHEN {old} BEGIN {OUT} END;
CREATE TRIGGER t_new AFTER UPDATE ON {table} WHEN {new} BEGIN {IN} END;
"""


SELECTING = """
CREATE TRIGGER t_in AFTER INSERT ON t BEGIN
    INSERT INTO f (rowid, body, tags) SELECT new.id, new.body, new.tags WHERE new.gone_at IS NULL;
END;
CREATE TRIGGER t_out AFTER DELETE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags) SELECT 'delete', old.id, old.body, old.tags WHERE old.gone_at IS NULL;
END;
CREATE TRIGGER t_upd AFTER UPDATE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags) SELECT 'delete', old.id, old.body, old.tags WHERE old.gone_at IS NULL;
    INSERT INTO f (rowid, body, tags) SELECT new.id, new.body, new.tags WHERE new.gone_at IS NULL;
END;
"""

READING = """
CREATE TRIGGER t_in AFTER INSERT ON t BEGIN
    INSERT INTO f (rowid, body, tags) SELECT id, body, tags FROM t WHERE id = new.id AND gone_at IS NULL;
END;
CREATE TRIGGER t_out BEFORE DELETE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags) SELECT 'delete', id, body, tags FROM t WHERE id = old.id AND gone_at IS NULL;
END;
CREATE TRIGGER t_old BEFORE UPDATE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags) SELECT 'delete', id, body, tags FROM t WHERE id = old.id AND gone_at IS NULL;
END;
CREATE TRIGGER t_new AFTER UPDATE ON t BEGIN
    INSERT INTO f (rowid, body, tags) SELECT id, body, tags FROM t WHERE id = new.id AND gone_at IS NULL;
END;
"""

EMPTYING = """
CREATE TRIGGER t_in AFTER INSERT ON t BEGIN
    INSERT INTO f (rowid, body, tags) VALUES (new.id, CASE WHEN new.gone_at IS NULL THEN new.body END, new.tags);
END;
CREATE TRIGGER t_out AFTER DELETE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags)
    VALUES ('delete', old.id, CASE WHEN old.gone_at IS NULL THEN old.body END, old.tags);
END;
CREATE TRIGGER t_upd AFTER UPDATE ON t BEGIN
    INSERT INTO f (f, rowid, body, tags)
    VALUES ('delete', old.id, CASE WHEN old.gone_at IS NULL THEN old.body END, old.tags);
    INSERT INTO f (rowid, body, tags) VALUES (new.id, CASE WHEN new.gone_at IS NULL THEN new.body END, new.tags);
END;
"""

BY_KIND = """
CREATE TRIGGER t_in1 AFTER INSERT ON t WHEN new.kind = 'note' AND new.gone_at IS NULL BEGIN {IN} END;
CREATE TRIGGER t_in2 AFTER INSERT ON t WHEN new.kind IS NOT 'note' AND new.gone_at IS NULL BEGIN
    INSERT INTO f (rowid, body, tags) VALUES (new.id, new.body, NULL); END;
CREATE TRIGGER t_out1 BEFORE DELETE ON t WHEN old.kind = 'note' AND old.gone_at IS NULL BEGIN {OUT} END;
CREATE TRIGGER t_out2 BEFORE DELETE ON t WHEN old.kind IS NOT 'note' AND old.gone_at IS NULL BEGIN
    INSERT INTO f (f, rowid, body, tags) VALUES ('delete', old.id, old.body, NULL); END;
CREATE TRIGGER t_old1 BEFORE UPDATE ON t WHEN old.kind = 'note' AND old.gone_at IS NULL BEGIN {OUT} END;
CREATE TRIGGER t_old2 BEFORE UPDATE ON t WHEN old.kind IS NOT 'note' AND old.gone_at IS NULL BEGIN
    INSERT INTO f (f, rowid, body, tags) VALUES ('delete', old.id, old.body, NULL); END;
CREATE TRIGGER t_new1 AFTER UPDATE ON t WHEN new.kind = 'note' AND new.gone_at IS NULL BEGIN {IN} END;
CREATE TRIGGER t_new2 AFTER UPDATE ON t WHEN new.kind IS NOT 'note' AND new.gone_at IS NULL BEGIN
    INSERT INTO f (rowid, body, tags) VALUES (new.id, new.body, NULL); END;
""".replace("{IN}", IN).replace("{OUT}", OUT)


def _index(arguments: str) -> str:
    return f"CREATE VIRTUAL TABLE f USING fts5 (body, tags, content='t', content_rowid='id', {arguments});\n"


STYLES = {
    "a guard on each trigger": TABLE + INDEX + triggers(),
    "another spelling": TABLE
    + INDEX
    + triggers("gone_at IS NULL", "(( old.gone_at ISNULL )) /* alive */".replace("old", "@")),
    "several columns": TABLE
    + INDEX
    + triggers("@.gone_at IS NULL AND (@.kind <> 'draft' OR @.kind IS NULL) AND @.n > 0"),
    "select where": TABLE + INDEX + SELECTING,
    "select from the table": TABLE + INDEX + READING,
    "two triggers an event": TABLE + INDEX + BY_KIND,
    "values emptied": TABLE + INDEX + EMPTYING,
    "a number": TABLE + INDEX + triggers("@.gone_at IS NULL AND @.n + 0 > 0.5"),
    "a collation": TABLE.replace("kind TEXT", "kind TEXT COLLATE NOCASE")
    + INDEX
    + triggers("@.gone_at IS NULL AND @.kind IS NOT 'DRAFT'"),
    "prefix and columnsize": TABLE + _index("prefix='1 2 3', columnsize=0") + triggers(),
    "detail none": TABLE + _index("detail=none") + triggers(),
    "detail column": TABLE + _index("detail=column, tokenize='porter unicode61 remove_diacritics 2'") + triggers(),
    "trigram": TABLE + _index("tokenize='trigram'") + triggers(),
    "an unindexed column": TABLE + INDEX.replace("body, tags", "body, tags UNINDEXED") + triggers(),
    "the rowid": TABLE + INDEX.replace(", content_rowid='id'", "") + triggers().replace(".id", ".rowid"),
    "the index's own place": TABLE.replace("id INTEGER PRIMARY KEY", "id INTEGER PRIMARY KEY, rank TEXT, seg TEXT")
    + INDEX
    + triggers(),
    "odd names": (TABLE + INDEX + triggers())
    .replace("tags", '"a ""tag"""')
    .replace("gone_at", '"gone at"')
    .replace(" t_", " o_")
    .replace("content='t'", "content='it''s'")
    .replace("TABLE t ", 'TABLE "it\'s" ')
    .replace("ON t ", 'ON "it\'s" ')
    .replace("TABLE f ", 'TABLE "my f" ')
    .replace("INTO f ", 'INTO "my f" ')
    .replace("(f, rowid", '("my f", rowid'),
    "a generated column": TABLE.replace("n INTEGER", "n INTEGER, alive AS (gone_at IS NULL AND n > 0)")
    + INDEX
    + triggers("@.alive"),
    "a view": TABLE
    + "CREATE VIEW v AS SELECT id, body, tags FROM t WHERE gone_at IS NULL;\n"
    + INDEX.replace("content='t'", "content='v'")
    + triggers(),
    "a view of all rows": TABLE
    + "CREATE VIEW v AS SELECT id, body, tags FROM t;\n"
    + INDEX.replace("content='t'", "content='v'")
    + triggers(),
}
"""A schema with a partial index in each style, by a name for it."""

ROWS = """
INSERT INTO t (id, body, tags, gone_at, kind, n) VALUES
    (1, 'green moss', 'wet old', NULL, 'note', 5), (2, 'tall fern', NULL, NULL, 'draft', 1),
    (3, NULL, 'dry', NULL, NULL, 2), (4, 'gone moss', 'wet', '2020', 'note', 3),
    (5, 'brown moss', '', NULL, 'Draft', NULL), (-7, 'a lichen', 'dry', NULL, 'x', 10);
UPDATE t SET gone_at = '2021' WHERE id = 2;
UPDATE t SET body = 'green moss and more', tags = 'wet new' WHERE id = 1;
UPDATE t SET body = 'still gone' WHERE id = 4;
INSERT INTO t (id, body, gone_at) VALUES (20, 'short lived', NULL), (21, 'was gone', 'x');
DELETE FROM t WHERE id >= 20;
"""
"""Statements after which the index in every style is right, and some rows are outside of it."""
