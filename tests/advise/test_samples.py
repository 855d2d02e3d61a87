"""Sample values for variables that have none: from the column that they are compared with, of its type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memsql.advise.queries import plans_of
from memsql.advise.samples import with_samples
from memsql.db import Connection
from memsql.db.sqlite import memory
from memsql.errors import StatementError
from memsql.project.named_queries import read_named
from memsql.project.queries import Query, filled

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score REAL, born DATE);
CREATE TABLE memories (id INTEGER PRIMARY KEY, user_id INT, "the kind" TEXT, metadata TEXT);
CREATE TABLE pairs (a TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO users VALUES (7, NULL, 2.5, '2020-02-02'), (8, 'Ada', NULL, NULL);
INSERT INTO memories VALUES (30, 8, 'idea', '{"topic": "work"}')
"""


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = memory()
    for sql in SCHEMA.split(";\n"):
        connection.execute(sql)
    yield connection
    connection.close()


def literals(conn: Connection, sql: str) -> dict[str, str]:
    queries = read_named(f"{sql};", "q.sql")
    (ready,) = filled(conn, with_samples(conn, queries))
    assert isinstance(ready, Query), ready
    assert not isinstance(ready, StatementError)
    (plan,) = plans_of(conn, queries)
    assert plan.error is None
    return dict(ready.literals)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM users WHERE id = ?", {"1": "7"}),
        ("SELECT * FROM users WHERE :id = id", {"id": "7"}),
        ("SELECT * FROM users WHERE name LIKE $1 LIMIT $2 OFFSET $3", {"1": "'Ada'", "2": "20", "3": "0"}),
        ("SELECT * FROM users AS u JOIN memories m ON m.user_id = u.id WHERE m.user_id = @x", {"x": "8"}),
        ("SELECT * FROM memories m, users u WHERE u.id = :u AND m.id >= :m", {"u": "7", "m": "30"}),
        ('SELECT * FROM memories WHERE "the kind" IN (:a, :b)', {"a": "'idea'", "b": "'idea'"}),
        ("SELECT * FROM memories WHERE user_id NOT IN (?, ?)", {"1": "8", "2": "8"}),
        ("SELECT * FROM users WHERE score BETWEEN :low AND :high", {"low": "2.5", "high": "2.5"}),
        ("SELECT * FROM users WHERE lower(name) = lower(:name)", {"name": "'ada'"}),
        ("SELECT * FROM memories WHERE json_extract(metadata, '$.topic') = :topic", {"topic": "'work'"}),
        ("SELECT * FROM users WHERE name IS NOT :name", {"name": "'Ada'"}),
        ("SELECT * FROM memories WHERE rowid > :last", {"last": "30"}),
        ("UPDATE users SET name = :name WHERE users.id = :id", {"name": "'Ada'", "id": "7"}),
        # Nothing is there, and nothing is known.
        ("SELECT * FROM pairs WHERE a = :a", {"a": "'a'"}),
        ("SELECT :what", {"what": "'a'"}),
        ("SELECT * FROM users WHERE absent = :a OR id = 1", None),
    ],
)
def test_a_value_is_one_of_the_column(conn: Connection, sql: str, expected: dict[str, str] | None) -> None:
    if expected is None:
        (plan,) = plans_of(conn, read_named(f"{sql};", "q.sql"))
        assert plan.error == "no such column: absent"
    else:
        assert literals(conn, sql) == expected


def test_a_value_is_of_the_type_of_the_column_where_there_are_no_rows(conn: Connection) -> None:
    conn.execute("DELETE FROM users")
    sql = "SELECT * FROM users WHERE id = :a AND score > :b AND name = :c AND born < :d"
    assert literals(conn, sql) == {"a": "1", "b": "1.0", "c": "'a'", "d": "'2026-01-01'"}


def test_values_of_a_file_are_kept(conn: Connection) -> None:
    (query,) = with_samples(conn, read_named("-- param: id = 3\nSELECT * FROM users WHERE id = :id AND name = :n", "q"))
    assert query.samples == ("n",)
    assert "id = 3" in query.sql
