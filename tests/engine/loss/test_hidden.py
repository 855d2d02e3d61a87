"""Losses that hide: behind names, renames, shadows, triggers and what is only compiled. On a file and on a server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import servers
from either import apply, content

from memsql import config
from memsql.actions import up as migrate
from memsql.db import connect
from memsql.engine.state import RunOptions
from memsql.errors import MigrationFailed

PARENT = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (1), (2);\n"
CHILD = (
    "CREATE TABLE {0} (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);\n"
    "INSERT INTO {0} VALUES (1, 1), (2, 1);\n"
)
GONE = "DELETE FROM p WHERE id = 1;\n"
FILLER = "CREATE TABLE filler (x TEXT);\n" + ("INSERT INTO filler VALUES ('" + "x" * 1000 + "');\n") * 4300

NOTES = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, a TEXT, b TEXT);\n"
    "INSERT INTO notes VALUES (1, 'one', 'two'), (2, 'three', NULL);\n"
)
NEW = "-- foreign_keys: off\nCREATE TABLE new (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT);\n"
RENAMED = "DROP TABLE notes;\nALTER TABLE new RENAME TO notes;\n"

REFUSED = {
    "a new table is no owner of shadows": (
        PARENT + CHILD.format("user_data"),
        "CREATE TABLE user (id INTEGER PRIMARY KEY);\n" + GONE,
    ),
    "a table beside a virtual one is no shadow": (
        "CREATE VIRTUAL TABLE post USING fts5(body);\n" + PARENT + CHILD.format("post_stat"),
        GONE,
    ),
    "nor when it is dropped": (
        "CREATE VIRTUAL TABLE post USING fts5(body);\nCREATE TABLE post_stat (x);\nINSERT INTO post_stat VALUES (1);\n",
        "DROP TABLE post_stat;\n",
    ),
    "created if it was not there, which it was": (
        PARENT + "CREATE TABLE p_log (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);\n"
        "INSERT INTO p_log VALUES (1, 1);\n",
        "CREATE TABLE IF NOT EXISTS p (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE IF NOT EXISTS p_log (id INTEGER PRIMARY KEY);\n" + GONE,
    ),
    "renamed away, and made anew under the old name": (
        PARENT + CHILD.format("a"),
        "ALTER TABLE a RENAME TO a_old;\nCREATE TABLE a (id INTEGER PRIMARY KEY, p REFERENCES p);\n" + GONE,
    ),
    "a name beyond ASCII": (
        'CREATE TABLE "ÄRZTE" (id INTEGER PRIMARY KEY);\nINSERT INTO "ÄRZTE" VALUES (1);\n',
        'DROP TABLE "ÄRZTE";\n',
    ),
    "a DELETE of some rows allows no DROP": (PARENT, "DELETE FROM p WHERE id = 1;\nDROP TABLE p;\n"),
    "nor a copy that forgets the others": (
        PARENT,
        "DELETE FROM p WHERE id = 1;\nCREATE TABLE q (id INTEGER PRIMARY KEY);\nDROP TABLE p;\n"
        "ALTER TABLE q RENAME TO p;\n",
    ),
    "another table takes the name over": (
        PARENT + "CREATE TABLE other (id INTEGER PRIMARY KEY);\nINSERT INTO other VALUES (7), (8), (9);\n",
        "DROP TABLE p;\nALTER TABLE other RENAME TO p;\n",
    ),
    "an upsert reaches what an insert does not": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);\nINSERT INTO t VALUES (1, 'a');\n"
        "CREATE TABLE log (x);\nINSERT INTO log VALUES (1);\n"
        "CREATE TRIGGER tu AFTER UPDATE ON t BEGIN DELETE FROM log; END;\n",
        "INSERT INTO t VALUES (2, 'b');\nINSERT INTO t VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'x';\n",
    ),
    "rows of a virtual table": (
        "CREATE VIRTUAL TABLE notes USING fts5(body);\nINSERT INTO notes VALUES ('one'), ('two');\n"
        + PARENT
        + "CREATE TRIGGER td AFTER DELETE ON p BEGIN DELETE FROM notes; END;\n",
        GONE,
    ),
    "a trigger at the head of a large file": (
        "CREATE TABLE t (x TEXT);\nCREATE TABLE log (x);\nINSERT INTO log VALUES (1);\n",
        "CREATE TRIGGER ti AFTER INSERT ON t BEGIN DELETE FROM log; END;\n" + FILLER + "INSERT INTO t VALUES (1);\n",
    ),
    "a rebuild that copies fewer columns": (
        NOTES,
        NEW + "INSERT INTO new (id, a) SELECT id, a FROM notes;\n" + RENAMED,
    ),
    "a rebuild under another column name": (
        NOTES,
        NEW
        + "INSERT INTO new (id, a, b) SELECT id, a, nullif(b, 'two') FROM notes;\n"
        + RENAMED
        + "ALTER TABLE notes RENAME COLUMN b TO c;\n",
    ),
    "a name that looks internal": (
        "CREATE TABLE memsql_notes (x);\nINSERT INTO memsql_notes VALUES (1);\n",
        "DROP TABLE memsql_notes;\n",
    ),
}
KEYED = (
    "CREATE TABLE par (id INTEGER PRIMARY KEY, code TEXT);\nCREATE UNIQUE INDEX par_code ON par (code);\n"
    "CREATE TABLE child (c TEXT REFERENCES par (code));\n"
)
VIEWED = (
    "CREATE TABLE a (id INTEGER PRIMARY KEY, body TEXT);\nCREATE VIEW v AS SELECT id, body FROM a;\n"
    'CREATE VIEW "w w" AS SELECT id, body FROM v;\n'
    "CREATE VIRTUAL TABLE w_fts USING fts5(body, content='w w', content_rowid='id');\n"
    "INSERT INTO a VALUES (1, 'one');\nINSERT INTO w_fts (w_fts) VALUES ('rebuild');\n"
)
FAILED = {
    "the unique index that a key names": (KEYED, "DROP INDEX par_code;\n"),
    "what an index shows through two views": (VIEWED, "UPDATE a SET body = 'two';\n"),
    "a rebuilt parent without the key that the child names": (
        "CREATE TABLE par (id INTEGER PRIMARY KEY, code TEXT UNIQUE);\n"
        "CREATE TABLE child (c TEXT REFERENCES par (code));\n"
        "INSERT INTO par VALUES (1, 'a');\nINSERT INTO child VALUES ('a');\n",
        "-- foreign_keys: off\nCREATE TABLE new (id INTEGER PRIMARY KEY, code TEXT);\n"
        "INSERT INTO new SELECT * FROM par;\nDROP TABLE par;\n"
        "ALTER TABLE new RENAME TO par;\n",
    ),
    "new tables that refer to nothing": (
        "CREATE TABLE x (y);\n",
        "-- foreign_keys: off\nCREATE TABLE par (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE child (p INTEGER REFERENCES par (id));\nINSERT INTO child VALUES (99);\n",
    ),
    "rows that refer to nothing in a large file": (
        PARENT + CHILD.format("child"),
        "-- foreign_keys: off\n" + FILLER + "INSERT INTO child VALUES (9, 99);\n" + FILLER.partition("\n")[2],
    ),
    "the content of an index is renamed": (
        "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);\n"
        "CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');\n",
        "ALTER TABLE docs RENAME TO papers;\n",
    ),
    "a column of the content is renamed": (
        "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);\n"
        "CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');\n",
        "ALTER TABLE docs RENAME COLUMN body TO txt;\n",
    ),
}
FINE = {
    "a rebuild that copies everything": (NOTES, NEW + "INSERT INTO new SELECT * FROM notes;\n" + RENAMED),
    "a rebuild, and values that an UPDATE takes by name": (
        NOTES,
        NEW + "INSERT INTO new SELECT * FROM notes;\n" + RENAMED + "UPDATE notes SET b = NULL;\n",
    ),
    "rows that are deleted first": (
        NOTES,
        "DELETE FROM notes WHERE id = 1;\n"
        + NEW[21:]
        + "INSERT INTO new SELECT * FROM notes;\n"
        + "DELETE FROM notes;\n"
        + RENAMED,
    ),
    "an index of a parent that no key names": (KEYED + "CREATE INDEX other ON par (code);\n", "DROP INDEX other;\n"),
    "the index of a key made anew": (KEYED, "DROP INDEX par_code;\nCREATE UNIQUE INDEX par_code_2 ON par (code);\n"),
    "a key that fitted nothing before": (
        "-- allow: broken child the next step makes the key\n" + KEYED.replace("UNIQUE ", ""),
        "DROP INDEX par_code;\nCREATE INDEX other ON par (code);\n",
    ),
    "an index over a view that is built anew": (VIEWED, "-- fts_rebuild: all\nUPDATE a SET body = 'two';\n"),
    "what an index over a view does not show": (VIEWED, "CREATE TABLE z (body);\nINSERT INTO z VALUES ('a v');\n"),
    "a DELETE of all rows allows the DROP": (PARENT, "DELETE FROM p;\nDROP TABLE p;\n"),
    "a DELETE from a full-text table by name": (
        "CREATE VIRTUAL TABLE notes USING fts5(body);\nINSERT INTO notes VALUES ('one'), ('two');\n",
        "DELETE FROM notes WHERE rowid = 1;\n",
    ),
    "a key that fits again": (
        "-- allow: broken child the next step makes the key\n"
        "CREATE TABLE par (id INTEGER PRIMARY KEY, code TEXT);\nCREATE TABLE child (c TEXT REFERENCES par (code));\n",
        "-- foreign_keys: off\nCREATE UNIQUE INDEX par_code ON par (code);\n"
        "INSERT INTO par VALUES (1, 'a');\nINSERT INTO child VALUES ('a');\n",
    ),
    "a column beyond ASCII": (
        'CREATE TABLE t (id INTEGER PRIMARY KEY, "É" TEXT);\n',
        'ALTER TABLE t DROP COLUMN "É";\n',
    ),
}
CASES = [
    (name, *texts, code) for code, cases in ((6, REFUSED), (5, FAILED), (0, FINE)) for name, texts in cases.items()
]


@pytest.mark.parametrize("kind", ["file", pytest.param("server", marks=pytest.mark.server)])
@pytest.mark.parametrize(("base", "text", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_is_noticed(tmp_path: Path, *, base: str, text: str, code: int, kind: str) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    (tmp_path / "migrations" / "0001_base.sql").write_text(base, encoding="utf-8")
    if kind == "file":
        _check(tmp_path, str(tmp_path / "memory.db"), text, code)
        return
    with servers.fresh(tmp_path / "sqld") as server:
        _check(tmp_path, server.url, text, code)


def _check(folder: Path, database: str, text: str, code: int) -> None:
    assert apply(folder, database) == 0
    before = content(database)[:-2]
    (folder / "migrations" / "0002_step.sql").write_text(text, encoding="utf-8")
    assert apply(folder, database) == code
    if code:
        assert content(database)[:-2] == before


DEFERRED = "CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);\nCREATE TABLE x (y);\n"


@pytest.mark.server
def test_who_breaks_a_deferred_key_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "setup.cfg").write_text("[memsql]\n")
    steps = ["INSERT INTO x VALUES (1);\n", "INSERT INTO c VALUES (99);\n", "INSERT INTO p VALUES (99);\n"]
    for number, text in enumerate([PARENT + DEFERRED, *steps], 1):
        (tmp_path / "migrations" / f"{number:04d}_step.sql").write_text(text)
    with servers.fresh(tmp_path / "sqld") as server:
        for database in (str(tmp_path / "memory.db"), server.url):
            with pytest.raises(MigrationFailed) as failed:
                migrate.up(config.load(project=str(tmp_path), database=database, environ={}), RunOptions())
            assert failed.value.details == ("1 row of c refers to p rows that do not exist",)
            if "://" in database:
                with closing(connect(servers.target(database), "ro")) as conn:
                    rows = conn.execute("SELECT version, status FROM schema_migrations").rows
            else:
                with closing(sqlite3.connect(database)) as db:
                    rows = db.execute("SELECT version, status FROM schema_migrations").fetchall()
            assert [tuple(row) for row in rows] == [(1, "applied"), (2, "applied"), (3, "failed")]
