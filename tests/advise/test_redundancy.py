"""Which indexes another one makes superfluous: a table of indexes and answers."""

from __future__ import annotations

import pytest

from memsql.advise.index_list import read_indexes, rowid_alias
from memsql.advise.purposes import purposes
from memsql.advise.redundancy import implies, superseded, unindexed
from memsql.db.sqlite import memory
from memsql.schema import from_sql, read

TABLE = """CREATE TABLE p (k PRIMARY KEY);
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE nocase NOT NULL, b, c UNIQUE, d REFERENCES p (k));
CREATE TRIGGER t_after AFTER INSERT ON t WHEN new.b = 1 BEGIN UPDATE t SET b = 2 WHERE a = new.a; END;
"""


@pytest.mark.parametrize(
    ("indexes", "answers"),
    [
        (["i (a)", "j (a, b)"], ["i prefix j"]),
        (["i (a)", "j (a)"], ["j same i"]),
        (["i (a)", "j (a)", "k (a, b)"], ["i prefix k", "j prefix k"]),
        (["i (a)", "j (a, b)", "k (a, b, d)"], ["i prefix k", "j prefix k"]),
        (["i (a)", "j (b, a)"], []),
        # The collation of the column is meant where none is written.
        (["i (a COLLATE nocase)", "j (a, b)"], ["i prefix j"]),
        (["i (a COLLATE binary)", "j (a, b)"], []),
        # An index is read backwards as well, as a whole.
        (["i (a, b)", "j (a DESC, b DESC, d)"], ["i prefix j"]),
        (["i (a, b DESC)", "j (a, b)"], []),
        (["i (a DESC)", "j (a, b)"], ["i prefix j"]),
        (["i (lower(b))", "j (LOWER( b ), a)"], ["i prefix j"]),
        (["i (lower(b))", "j (b)"], []),
        # Entries that are equal are sorted by the rowid anyway.
        (["i (a, id)", "j (a)"], ["j same i"]),
        (["i (a, id DESC)", "j (a)"], ["j prefix i"]),
        (["i (id)"], ["i rowid"]),
        (["i (id, a)"], []),
        # One that is unique does more than one that is not.
        (["UNIQUE i (a)", "j (a)"], ["j same i"]),
        (["UNIQUE i (a)", "j (a, b)"], ["j unique i"]),
        (["UNIQUE i (a)", "UNIQUE j (a, b)"], ["j unique i"]),
        # Of rows with NULL there may be many.
        (["UNIQUE i (b)", "j (b, a)"], []),
        (["UNIQUE i (a, b)", "j (a)"], ["j prefix i"]),
        (["i (c)"], ["i same UNIQUE (c)"]),
        (["UNIQUE i (c)"], ["i same UNIQUE (c)"]),
        (["UNIQUE i (c COLLATE nocase)"], []),
        # Partial ones.
        (["i (a) WHERE b = 1", "j (a)"], ["i partial j"]),
        (["i (a) WHERE b = 1", "j (a, d)"], ["i partial j"]),
        (["i (a)", "j (a, b) WHERE b = 1"], []),
        (["i (a) WHERE b = 1", "j (a, d) WHERE (b = 1)"], ["i prefix j"]),
        (["i (a) WHERE b = 1 AND d = 2", "j (a) WHERE d = 2"], ["i partial j"]),
        (["i (a) WHERE b = 1", "j (a) WHERE b = 2"], []),
        (["i (a) WHERE b = 1", "j (a) WHERE b IS NOT NULL"], ["i partial j"]),
        (["UNIQUE i (a) WHERE b = 1", "j (a)"], []),
        (["UNIQUE i (a) WHERE b = 1", "UNIQUE j (a)"], ["i partial j"]),
        (["UNIQUE i (a) WHERE b = 1", "j (a) WHERE b = 1"], ["j same i"]),
    ],
)
def test_superfluous(indexes: list[str], answers: list[str]) -> None:
    conn = memory()
    conn.script(TABLE)
    for index in indexes:
        unique, _, rest = index.rpartition("UNIQUE ")
        name, _, key = rest.partition(" ")
        conn.execute(f"CREATE {'UNIQUE' if unique or index.startswith('UNIQUE') else ''} INDEX {name} ON t {key}")
    schema = read(conn)
    rowids = {table.name: rowid_alias(table) for table in schema.tables.values()}
    lines = [
        f"{one.index.name} {one.kind} {one.by.label if one.by else ''}".strip()
        for one in superseded(read_indexes(conn, schema), rowids, (), {"t": {"a", "id"}})
    ]
    conn.close()
    assert sorted(lines) == answers


def test_of_two_equal_ones_that_stays_which_a_query_expects() -> None:
    conn = memory()
    conn.script(TABLE + "CREATE INDEX i ON t (a); CREATE INDEX j ON t (a);")
    (one,) = superseded(read_indexes(conn, read(conn)), {"t": "id"}, {"j"})
    assert (one.index.name, one.by and one.by.name) == ("i", "j")


@pytest.mark.parametrize(
    ("condition", "other", "answer"),
    [
        ("a = 1", "", True),
        ("", "a = 1", False),
        ("a = 1 and b = 2", "b = 2", True),
        ("a = 1 or b = 2", "b = 2", False),
        ("a between 1 and 2 and b = 3", "a between 1 and 2", True),
        ("a between 1 and 2 and b = 3", "a between 1 and 3", False),
        ("a > 1", "a is not null", True),
        ("a in (1, 2)", "a is not null", True),
        ("a is 1", "a is not null", False),
        ("b > 1", "a is not null", False),
    ],
)
def test_what_a_condition_implies(condition: str, other: str, answer: bool) -> None:
    assert implies(condition, other) is answer


@pytest.mark.parametrize(
    ("index", "columns", "answer"),
    [
        ("CREATE INDEX i ON t (d)", ["d"], False),
        ("CREATE INDEX i ON t (d, a)", ["d"], False),
        ("CREATE INDEX i ON t (a, d)", ["d"], True),
        ("CREATE INDEX i ON t (a, d)", ["d", "a"], False),
        ("CREATE INDEX i ON t (d) WHERE a = 1", ["d"], True),
        ("CREATE INDEX i ON t (a)", ["id"], False),
        ("CREATE INDEX i ON t (a)", ["c"], False),
    ],
)
def test_columns_without_an_index(index: str, columns: list[str], answer: bool) -> None:
    conn = memory()
    conn.script(TABLE + index)
    assert unindexed(columns, [i for i in read_indexes(conn, read(conn)) if i.table == "t"], "id") is answer


def test_what_an_index_is_for() -> None:
    conn = memory()
    conn.execute("PRAGMA foreign_keys = on")
    conn.script(TABLE + "CREATE INDEX i ON t (d); CREATE INDEX j ON t (a, b); CREATE INDEX k ON t (b);")
    schema = read(conn)
    assert purposes(conn, schema, read_indexes(conn, schema)) == {
        "sqlite_autoindex_p_1": ("PRIMARY KEY", "parent key of t"),
        "sqlite_autoindex_t_1": ("UNIQUE",),
        "i": ("rows that refer to p",),
        "j": ("trigger t_after",),
    }


def test_which_column_is_the_rowid() -> None:
    columns = {
        "id INTEGER PRIMARY KEY": "id",
        "id INTEGER PRIMARY KEY ASC": "id",
        "id INTEGER, PRIMARY KEY (id DESC)": "id",
        "id INTEGER PRIMARY KEY DESC": None,
        "id INT PRIMARY KEY": None,
        "id INTEGER, a, PRIMARY KEY (id, a)": None,
    }
    for text, alias in columns.items():
        assert rowid_alias(from_sql(f"CREATE TABLE t ({text})").tables["t"]) == alias, text
