"""Whether a full-text index stays right while its triggers are used, and what is said of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from indexed import open_

from memsql.fts import Problem, check, discover, problems_of

# Nobody pulls the plug here, and waiting for the disk is most of what these tests would do.
FAST = "PRAGMA synchronous = off;"
WRITES = """
    INSERT INTO docs VALUES (10, 'ten words', 'alpha'), (11, NULL, 'beta'), (-5, 'minus', NULL), (12, '', '');
    INSERT INTO docs (title, body) VALUES ('automatic', 'gamma');
    UPDATE docs SET title = 'changed', body = 'delta' WHERE id = 11;
    UPDATE docs SET title = NULL WHERE id = 10;
    UPDATE docs SET body = 'only body' WHERE id = 12;
    UPDATE docs SET id = 99 WHERE id = -5;
    DELETE FROM docs WHERE id IN (11, 13);
"""


def look(path: Path) -> list[Problem]:
    conn = open_(path)
    try:
        return [f for table in discover(conn) for f in problems_of(conn, table)]
    finally:
        conn.close()


def stays_right(path: Path, writes: str = WRITES) -> bool:
    with closing(sqlite3.connect(path)) as db:
        try:
            db.executescript(FAST + writes)
        except sqlite3.Error:
            return False
    conn = open_(path)
    try:
        return all(check(conn, table).ok for table in discover(conn))
    finally:
        conn.close()
