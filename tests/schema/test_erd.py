"""Entities and relations of a schema: how many rows a foreign key brings together, types as written, views."""

from __future__ import annotations

import sqlite3

import pytest

from memsql.schema import from_sql
from memsql.schema.diagram import mermaid
from memsql.schema.erd import Relation, erd

PARENT = "CREATE TABLE a (id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE UNIQUE, m INT, n INT, UNIQUE (m, n));"

# What the child says, how many parents a row has, how many rows a parent has.
CARDINALITIES = [
    ("a_id INT REFERENCES a", "|o--o{"),
    ("a_id INT NOT NULL REFERENCES a", "||--o{"),
    ("a_id INT UNIQUE REFERENCES a", "|o--o|"),
    ("a_id INT NOT NULL UNIQUE REFERENCES a", "||--o|"),
    ("a_id INT NOT NULL REFERENCES a (id), CONSTRAINT u UNIQUE (a_id)", "||--o|"),
    ("a_id INTEGER PRIMARY KEY REFERENCES a", "||--o|"),
    ("a_id INT PRIMARY KEY REFERENCES a", "|o--o|"),
    ("a_id INT PRIMARY KEY REFERENCES a) WITHOUT ROWID --", "||--o|"),
    ("a_id INT PRIMARY KEY REFERENCES a) STRICT --", "||--o|"),
    ("a_id INT REFERENCES a, b INT, UNIQUE (a_id, b)", "|o--o{"),
    ("a_id INT REFERENCES a, b INT, PRIMARY KEY (a_id, b)", "|o--o{"),
    ("a_id INT REFERENCES a CHECK (a_id IS NOT NULL)", "||--o{"),
    ("a_id INT REFERENCES a CHECK (a_id > 0)", "|o--o{"),
    ("a_id INT REFERENCES a); CREATE UNIQUE INDEX i ON c (a_id", "|o--o|"),
    ("a_id INT REFERENCES a); CREATE INDEX i ON c (a_id", "|o--o{"),
    ('"a_id" INT REFERENCES "A"); CREATE UNIQUE INDEX i ON c ("A_ID" DESC', "|o--o|"),
    ("a_id INT REFERENCES a); CREATE UNIQUE INDEX i ON c (a_id) WHERE (a_id IS NOT NULL", "|o--o|"),
    ("a_id INT REFERENCES a, b INT); CREATE UNIQUE INDEX i ON c (a_id) WHERE (b IS NOT NULL", "|o--o{"),
    ("a_id INT REFERENCES a, b INT); CREATE UNIQUE INDEX i ON c (a_id) WHERE (b IS NULL", "|o--o{"),
    ("a_id INT REFERENCES a, b INT); CREATE UNIQUE INDEX i ON c (abs(a_id + b)", "|o--o{"),
    ("a_id INT REFERENCES a); CREATE UNIQUE INDEX i ON c (a_id, a_id", "|o--o|"),
    ("x INT, y INT, FOREIGN KEY (x, y) REFERENCES a (m, n), UNIQUE (y, x)", "|o--o|"),
    ("x INT, y INT UNIQUE, FOREIGN KEY (x, y) REFERENCES a (m, n)", "|o--o|"),
    ("x INT NOT NULL, y INT, FOREIGN KEY (x, y) REFERENCES a (m, n)", "|o--o{"),
    ("x INT NOT NULL, y INT NOT NULL, FOREIGN KEY (x, y) REFERENCES a (m, n)", "||--o{"),
    ("x INT, y INT, z INT, FOREIGN KEY (x, y) REFERENCES a (m, n), UNIQUE (x, y, z)", "|o--o{"),
    # The key of the parent compares without regard to case: 'x' and 'X' both refer to it.
    ("k TEXT UNIQUE REFERENCES a (k)", "|o--o{"),
    ("k TEXT COLLATE NOCASE UNIQUE REFERENCES a (k)", "|o--o|"),
]


@pytest.mark.parametrize(("child", "arrow"), CARDINALITIES)
def test_cardinalities(child: str, arrow: str) -> None:
    drawing = mermaid(from_sql(f"{PARENT} CREATE TABLE c ({child}\n);".replace("--\n)", "\n")))
    assert f"    a {arrow} c : " in drawing


@pytest.mark.parametrize(("child", "arrow"), [c for c in CARDINALITIES if "a_id" in c[0] or " k " in f" {c[0]}"])
def test_sqlite_agrees_with_the_cardinalities(child: str, arrow: str) -> None:
    conn = sqlite3.connect(":memory:")
    conn.execute("PRAGMA foreign_keys = ON")
    conn.executescript(f"{PARENT} CREATE TABLE c ({child}\n);".replace("--\n)", "\n"))
    conn.execute("INSERT INTO a VALUES (1, 'x', 1, 1)")
    column, one, other = ("k", "x", "X") if child.startswith("k ") else ("a_id", 1, 1)

    def takes(*values: object) -> bool:
        try:
            for n, value in enumerate(values):
                second = ", b" if " b INT" in child else ""
                place = f"?, {n}" if second else "?"
                conn.execute(f"INSERT INTO c ({column}{second}) VALUES ({place})", (value,))
        except sqlite3.IntegrityError:
            return False
        finally:
            conn.execute("DELETE FROM c")
        return True

    # Of an INTEGER PRIMARY KEY, NULL means the next number.
    assert takes(None) == (arrow.startswith("|o") or "INTEGER PRIMARY" in child)
    # The condition of a partial index holds for some rows alone.
    assert takes(one, other) == arrow.endswith("{") or "b IS" in child


def test_relations_of_a_table_with_itself_and_of_several_keys() -> None:
    drawing = erd(
        from_sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t, one INT NOT NULL REFERENCES T (ID) UNIQUE,"
            " gone INT REFERENCES nowhere (id))"
        )
    )
    assert sorted(drawing.relations, key=lambda r: r.columns) == [
        Relation("t", "t", "foreign key", "one", "zero or one", ("one",), ("ID",)),
        Relation("t", "t", "foreign key", "zero or one", "zero or many", ("up",), ("id",)),
    ]


def test_types_as_written() -> None:
    columns = (
        "a text, b varchar(20), c DECIMAL(10, 2), d double  precision, e 'odd', f, g Int GENERATED ALWAYS AS (1),"
        " h unsigned big int NOT NULL, i numeric CHECK (i > 0), j real DEFAULT (1), k Text COLLATE nocase"
    )
    (entity,) = erd(from_sql(f"CREATE TABLE t ({columns})")).nodes
    assert [a.type for a in entity.attributes] == [
        "text",
        "varchar(20)",
        "DECIMAL(10, 2)",
        "double precision",
        "odd",
        "",
        "Int",
        "unsigned big int",
        "numeric",
        "real",
        "Text",
    ]
    drawing = mermaid(from_sql(f"CREATE TABLE t ({columns})"))
    assert '        text a\n        varchar(20) b\n        DECIMAL_10__2_ c "DECIMAL(10, 2)"\n' in drawing


def test_views_are_drawn_with_what_they_read() -> None:
    schema = from_sql(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INT);"
        'CREATE VIEW v AS WITH c AS (SELECT * FROM "A") SELECT c.id, (SELECT max(id) FROM b) AS top FROM c;'
        "CREATE VIEW w AS SELECT id AS v FROM v; CREATE VIEW alone AS SELECT 1 AS one;"
    )
    drawing = erd(schema)
    assert [e.name for e in drawing.nodes if e.kind == "view"] == ["alone", "v", "w"]
    assert [(r.parent, r.child) for r in drawing.relations] == [("a", "v"), ("b", "v"), ("v", "w")]
    assert '    a }o..o{ v : "view"\n' in mermaid(schema)
    assert [(r.parent, r.child) for r in erd(schema, ["B", "v"]).relations] == [("b", "v")]
