"""The constants and columns that conditions ask of made-up rows."""

from __future__ import annotations

from contextlib import closing

import pytest

from memsql.db.sqlite import memory
from memsql.schema import read
from memsql.scratch.constants import wanted
from memsql.scratch.fitting import concerned, neighbours, populate
from memsql.scratch.restriction import Amount

SCHEMA = """
CREATE TABLE jobs (id INTEGER PRIMARY KEY, state TEXT, tries INT, doc TEXT, at TEXT,
    owner INT REFERENCES owners (id));
CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE log (job TEXT, n INT);
CREATE INDEX log_n ON log (n);
CREATE TABLE apart (id INTEGER PRIMARY KEY);
CREATE VIEW shared AS SELECT name FROM owners JOIN apart ON apart.id = owners.id;
"""


@pytest.mark.parametrize(
    ("condition", "table"),
    [
        ("state = 'done' AND tries > 3 AND at < '2019-05-01'", "jobs"),
        ("lower(trim(state)) IN ('a', 'b') AND tries BETWEEN -7 AND -6", "jobs"),
        ("owner = 4711", "jobs"),
        ("state LIKE '%@example.com' AND length(doc) = 17", "jobs"),
        ("json_extract(doc, '$.a.b') = 'v' AND state IS NULL", "jobs"),
        ("state = \"quoted\" AND typeof(doc) = 'blob'", "jobs"),
        ("EXISTS (SELECT 1 FROM owners o WHERE o.name = state AND o.id = 77)", "jobs"),
        ("job IN (SELECT state FROM jobs WHERE tries = 12)", "log"),
        ("job = n", "log"),
    ],
)
def test_rows_reach_a_condition(condition: str, table: str) -> None:
    text = f"DELETE FROM {table} WHERE {condition};"
    with closing(memory()) as conn:
        conn.script(SCHEMA)
        part = concerned(read(conn), text)
        amount = Amount(150, odd="json" not in condition)
        populate(conn, part, None, rows=amount, seed=3, asked=wanted(text, part))
        assert conn.execute(f"SELECT count(*) FROM {table} WHERE {condition}").one()


def test_a_column_that_the_text_renames_has_its_old_name() -> None:
    with closing(memory()) as conn:
        conn.script(SCHEMA)
        text = "ALTER TABLE log RENAME COLUMN n TO amount;\nUPDATE log SET amount = 1 WHERE amount = 99;"
        assert wanted(text, read(conn))["log"].presets == ({"n": (99,)},)


def test_the_neighbours_of_a_change_are_there_whatever_their_number() -> None:
    with closing(memory()) as conn:
        conn.script(SCHEMA + "".join(f"CREATE TABLE k{n} (o INT REFERENCES owners (id));" for n in range(60)))
        schema = read(conn)
    assert {"owners", "apart", "jobs", "k0", "k59"} <= neighbours(schema, "UPDATE owners SET name = 1")
    assert "log" in neighbours(schema, "DROP INDEX log_n")
    assert len(concerned(schema, "UPDATE owners SET name = 1").tables) == 63


def test_odd_values_are_in_every_sample() -> None:
    with closing(memory()) as conn:
        conn.script("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE s (v TEXT) STRICT;")
        populate(conn, read(conn), None, rows=Amount(200, odd=True), seed=1)
        kinds = conn.execute("SELECT DISTINCT typeof(v) FROM t ORDER BY 1").rows
        assert [kind for (kind,) in kinds] == ["blob", "null", "text"]
        for condition in ("v = '007'", "v = ''", "v = 'Ann'", "v = 'ann'", "CAST(v AS BLOB) = x'616ee9'"):
            assert conn.execute(f"SELECT count(*) FROM t WHERE {condition}").one(), condition
        assert conn.execute("SELECT count(*) FROM s WHERE v = '007'").one()
