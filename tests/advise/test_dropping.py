"""Superfluous indexes that have to stay, because something in the schema does not work without them."""

from __future__ import annotations

import pytest

from memsql.advise.dropping import redundant_of
from memsql.advise.index_list import read_indexes
from memsql.advise.replica import replica
from memsql.db.sqlite import memory

TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL, b INT); CREATE TABLE z (x);"
UNIQUE = "CREATE UNIQUE INDEX i ON t (a); CREATE UNIQUE INDEX j ON t (a, b);"
PLAIN = "CREATE INDEX i ON t (a); CREATE INDEX j ON t (a, b);"


@pytest.mark.parametrize(
    ("schema", "name", "kept"),
    [
        (UNIQUE, "j", ""),
        (PLAIN, "i", ""),
        (
            UNIQUE + "CREATE TABLE k (x, y, FOREIGN KEY (x, y) REFERENCES t (a, b));",
            "j",
            "without it table k cannot be written: foreign key mismatch",
        ),
        (
            PLAIN + "CREATE VIEW v AS SELECT * FROM t INDEXED BY i WHERE a = 5;",
            "i",
            "without it view v cannot be read: no such index: i",
        ),
        (
            PLAIN + "CREATE TRIGGER w AFTER INSERT ON z WHEN EXISTS (SELECT 1 FROM t INDEXED BY i WHERE a = new.x)"
            " BEGIN DELETE FROM z; END;",
            "i",
            "without it trigger w on z cannot run: no such index: i",
        ),
        (
            UNIQUE + "CREATE TRIGGER w AFTER INSERT ON z BEGIN"
            " INSERT INTO t (a, b) VALUES (new.x, 1) ON CONFLICT (a, b) DO NOTHING; END;",
            "j",
            "without it trigger w on z cannot run: ON CONFLICT clause does not match",
        ),
    ],
)
def test_what_needs_a_superfluous_index(schema: str, name: str, kept: str) -> None:
    source = memory()
    source.script(TABLE + schema)
    with replica(source) as clone:
        (one,) = redundant_of(clone, read_indexes(clone.conn, clone.schema), [], [])
    source.close()
    assert one.index.name == name
    assert len(one.kept) == bool(kept)
    assert "".join(one.kept).startswith(kept)
