"""A migration that rows stop says which rows: duplicates as the table compares them, NULLs, how many break a CHECK."""

from __future__ import annotations

from contextlib import closing

import pytest

from memsql.db.sqlite import memory
from memsql.engine.violations import violations
from memsql.errors import StatementError

BEFORE = """CREATE TABLE m (id INTEGER PRIMARY KEY, nick TEXT, n TEXT, "a, b" TEXT);
INSERT INTO m VALUES (1, 'ann', '1', 'x'), (2, 'Ann', '01', 'x'), (3, NULL, 'z', NULL), (4, NULL, NULL, 'y');
CREATE TABLE full (nick TEXT UNIQUE); INSERT INTO full VALUES ('ann');"""


_SEVENS = ("2 rows have the same n: 7",)
_THERE = "full has a row with this nick already: 'ann'"
_FORTY_TWO = "WITH RECURSIVE c (i) AS (SELECT 11 UNION ALL SELECT i + 1 FROM c WHERE i < 52) SELECT i FROM c"
_TEN_LINES = (*(f"2 rows have the same n: {n}" for n in range(11, 20)), "… and 33 more values")


@pytest.mark.parametrize(
    ("table", "statement", "said"),
    [
        (
            "nick TEXT UNIQUE COLLATE NOCASE",
            "INSERT INTO t SELECT nick FROM m",
            ("2 rows have the same nick: 'Ann' and 'ann'",),
        ),
        ("n INTEGER UNIQUE", "INSERT INTO t (n) SELECT n FROM m WHERE n", ("2 rows have the same n: '01' and '1'",)),
        (
            "a, b, PRIMARY KEY (a, b)",
            "INSERT INTO t (b, a) SELECT upper(nick), 1 FROM m WHERE id < 3;",
            ("2 rows have the same a, b: 1, 'ANN'",),
        ),
        ("nick TEXT NOT NULL", "INSERT INTO t SELECT nick FROM m", ("nick is NULL in 2 of 4 rows",)),
        ("nick TEXT CHECK (nick <> 'ann')", "INSERT INTO t SELECT nick FROM m", ("1 of 4 rows do not satisfy it",)),
        ("x", "INSERT INTO full SELECT nick FROM m", ("full has a row with this nick already: 'ann'",)),
        ("x", 'CREATE UNIQUE INDEX i ON m ("a, b" DESC)', ("2 rows have the same \"a, b\": 'x'",)),
        (
            "x",
            "CREATE UNIQUE INDEX i ON m (lower(nick), 1 + 1) WHERE id < 4;",
            ("2 rows have the same lower(nick), 1 + 1: 'ann', 2",),
        ),
        ("n UNIQUE); INSERT INTO t VALUES (1), (2), (3), (NULL", "UPDATE t SET n = 7 WHERE n < 3", _SEVENS),
        ("n UNIQUE); INSERT INTO t VALUES (1), (2", "UPDATE OR ABORT t AS u SET n = u.n / 5 + 7;", _SEVENS),
        ("n UNIQUE); INSERT INTO t VALUES (1), (2", "UPDATE t SET n = 7 WHERE t.n IN (SELECT n FROM t)", _SEVENS),
        ("n INTEGER UNIQUE", "INSERT INTO t VALUES (1), (1), (2)", ("2 rows have the same n: 1",)),
        ("n INTEGER UNIQUE", "INSERT INTO full (nick) VALUES ('x'), ('ann')", (_THERE,)),
        ("n INTEGER UNIQUE", "INSERT INTO full VALUES ('ann') RETURNING 1", ()),
        ("n INTEGER UNIQUE", f"INSERT INTO t {_FORTY_TWO} UNION ALL SELECT i FROM c", _TEN_LINES),
        ("n INTEGER UNIQUE", "WITH x AS (SELECT 1) INSERT INTO t SELECT 1 FROM m", ()),
    ],
)
def test_the_rows_are_named(table: str, statement: str, said: tuple[str, ...]) -> None:
    with closing(memory()) as conn:
        conn.script(BEFORE + f"CREATE TABLE t ({table});")
        counts = "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM full), count(*) FROM sqlite_schema"
        before = conn.execute(counts).rows
        conn.begin()
        with pytest.raises(StatementError) as raised:
            conn.execute(statement)
        error = raised.value
        error.statement = statement
        assert violations(conn, error, lambda: False) == said
        # What was tried is undone.
        assert conn.execute(counts).rows == before
