"""Statements that differ only in their values."""

from __future__ import annotations

import pytest

from memsql.sqltext.shapes import inserts_values, runs, shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INSERT INTO t (a) VALUES (1)", "insert into t (a) values ('x'), (NULL)"),
        ("REPLACE INTO t VALUES (1)", "REPLACE INTO t VALUES (2)"),
        ("UPDATE t SET a = 'it''s' WHERE id = 1", "UPDATE t SET a = '' WHERE id = 2.5e3"),
        ("DELETE FROM t WHERE id = x'00'", "DELETE FROM t WHERE id = 7"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (2) ON CONFLICT DO NOTHING"),
    ],
)
def test_the_same_shape(one: str, other: str) -> None:
    assert shape(one) is not None
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INSERT INTO t (a) VALUES (1)", "INSERT INTO t (b) VALUES (1)"),
        ("INSERT INTO t VALUES (1)", "REPLACE INTO t VALUES (1)"),
        ('UPDATE "t 1" SET a = 1', 'UPDATE "t 2" SET a = 1'),
        ("UPDATE t1 SET a = 1", "UPDATE t2 SET a = 1"),
        ("DELETE FROM t WHERE id = 1 -- 2", "DELETE FROM t WHERE id = 1 -- 3"),
        ("DELETE FROM t WHERE id = 1", "DELETE FROM t WHERE id = 1 OR 1"),
    ],
)
def test_another_shape(one: str, other: str) -> None:
    assert shape(one) != shape(other)


@pytest.mark.parametrize(
    "text",
    ["INSERT INTO t SELECT 1", "UPDATE t SET a = (SELECT 1)", "DROP TABLE t", "WITH x AS (VALUES (1)) DELETE FROM t"],
)
def test_of_no_shape(text: str) -> None:
    assert shape(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INSERT INTO t VALUES (1)", True),
        ('INSERT INTO "my table" (a, b) VALUES (1, 2)', True),
        ("INSERT INTO docs (docs) VALUES ('delete-all')", False),
        ("INSERT INTO docs (\"Docs\", rank) VALUES ('rank', 1)", False),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 2", False),
        ("INSERT OR REPLACE INTO t VALUES (1)", False),
        ("INSERT INTO t SELECT a FROM u UNION VALUES (1)", False),
    ],
)
def test_what_only_inserts(text: str, expected: bool) -> None:
    assert inserts_values(text) is expected


def test_neighbours_of_one_shape_are_a_run() -> None:
    texts = ["DELETE FROM t WHERE a = 1", "DELETE FROM t WHERE a = 2", "DROP TABLE u", "DROP TABLE v", "DELETE FROM t"]
    assert list(runs(texts)) == [texts[:2], texts[2:3], texts[3:4], texts[4:]]
