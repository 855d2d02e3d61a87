"""A server with a full-text index that is broken, and the ways to rebuild it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watching import Watching

from memsql.db import Connection
from memsql.db.clone import clone
from memsql.fts import check_in_transaction, discover, rebuild_online, rows_for, unfinished

SCHEMA = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
CREATE TABLE log (what TEXT);
CREATE VIRTUAL TABLE docs_fts USING fts5(title, body, content='docs', content_rowid='id', prefix='2');
CREATE TRIGGER first AFTER INSERT ON docs BEGIN INSERT INTO log VALUES ('first'); END;
CREATE TRIGGER docs_fts_insert AFTER INSERT ON docs BEGIN
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); -- kept as it is
END;
CREATE TRIGGER last AFTER INSERT ON docs BEGIN INSERT INTO log VALUES ('last'); END;
CREATE TRIGGER docs_fts_delete AFTER DELETE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;
CREATE TRIGGER docs_fts_update AFTER UPDATE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); END;
CREATE VIEW found AS SELECT rowid AS id, rank FROM docs_fts;
CREATE VIEW "found twice" AS SELECT a.id FROM found AS a JOIN found AS b USING (id);
CREATE TRIGGER through INSTEAD OF INSERT ON "found twice" BEGIN INSERT INTO docs (id) VALUES (new.id); END;
CREATE VIEW unrelated AS SELECT count(*) AS n FROM docs;
WITH RECURSIVE n (i) AS (VALUES (-50) UNION ALL SELECT i + 1 FROM n WHERE i < 449)
INSERT INTO docs SELECT i * 3, 'title ' || i, 'body word' || (i % 7) FROM n;
INSERT INTO docs_fts (docs_fts, rank) VALUES ('rank', 'bm25(10.0, 5.0)');
"""
# Behind the triggers' back: what is stale, and what was never put in.
BREAK = """
DROP TRIGGER docs_fts_update;
UPDATE docs SET body = 'changed' WHERE id = 30;
CREATE TRIGGER docs_fts_update AFTER UPDATE ON docs BEGIN
    INSERT INTO docs_fts (docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO docs_fts (rowid, title, body) VALUES (new.id, new.title, new.body); END;
"""
# A rename quotes the new name, and its shadows' otherwise.
OBJECTS = """SELECT type, name, tbl_name, replace(sql, '"docs_fts" USING', 'docs_fts USING') FROM sqlite_schema
WHERE sql NOT LIKE 'CREATE TABLE _docs\\_fts%' ESCAPE '\\' ORDER BY type, name"""
FIRE = 'DELETE FROM log; INSERT INTO "found twice" (id) VALUES (99999); DELETE FROM docs WHERE id = 99999;'


def ok(conn: Connection, name: str = "docs_fts") -> bool:
    with clone(conn.target, 5000, choice=rows_for([name])) as copy:
        copy.connection.begin()
        return not check_in_transaction(copy.connection, [name])


def online(
    conn: Connection,
    *,
    chunk: int = 100,
    after: Mapping[int, Callable[[], object]] | None = None,
    prove: Callable[[str], bool] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Rebuild docs_fts online, with something done after the n-th report of progress."""
    calls = 0

    def progress(fraction: float | None) -> None:
        nonlocal calls
        (after or {}).get(calls, int)()
        calls += 1

    return rebuild_online(
        conn,
        discover(conn)[0],
        chunk=chunk,
        progress=Watching(ticked=progress),
        stopped=stopped,
        prove=prove or (lambda name: ok(conn, name)),
    )


def clean(conn: Connection) -> bool:
    left = conn.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%memsql_fts%'").rows
    return ok(conn) and left == [] and unfinished(conn) == []
