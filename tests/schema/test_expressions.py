"""The canonical text of an expression is the same expression: SQLite computes the same from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from memsql.schema.expressions import read_expression
from memsql.schema.token_reader import Unreadable, scope_of_table

_OPERATORS = (
    *("=", "==", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "&", "|", "<<", ">>", "AND", "OR"),
    *("IS", "IS NOT", "LIKE", "NOT LIKE", "GLOB", "IS DISTINCT FROM"),
)
_OPERANDS = ("a", "b", '"c"', "1", "2.50", "0x1F", "'x'", "'A'", '"Ab"', "NULL", "t.a", "TRUE", "x'41'")
_PREFIXES = ("-", "+", "~", "NOT ", "- -")
_SUFFIXES = (" ISNULL", " NOTNULL", " NOT NULL", " IS NULL", " COLLATE NOCASE", " BETWEEN 1 AND b", " NOT IN (1, a)")
_VALUES = (None, 0, 1, -1, 2, 1.5, "", "a", "A", "x", "1", "2.5", b"A", 31)


def _infix(random: Random, depth: int = 3) -> str:
    """Operands and operators in a row, so that precedence decides what belongs together."""
    parts = []
    for place in range(random.randint(1, 4)):
        parts += [random.choice(_OPERATORS)] if place else []
        inner = f"({_infix(random, depth - 1)})" if depth and random.random() < 0.25 else random.choice(_OPERANDS)
        prefix = random.choice(_PREFIXES) if random.random() < 0.2 else ""
        suffix = random.choice(_SUFFIXES) if random.random() < 0.2 else ""
        parts.append(prefix + inner + suffix)
    return " ".join(parts)


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("CREATE TABLE t (a INTEGER, b TEXT, c)")
        random = Random(0)
        rows = [[random.choice(_VALUES) for _ in range(3)] for _ in range(25)]
        conn.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        yield conn


def _computed(conn: sqlite3.Connection, text: str) -> list[tuple[object, ...]] | str:
    try:
        return conn.execute(f"SELECT typeof(e), e FROM (SELECT {text} AS e FROM t)").fetchall()
    except sqlite3.Error as e:
        return type(e).__name__


def test_the_canonical_text_computes_the_same(table: sqlite3.Connection) -> None:
    scope = scope_of_table("t", ["a", "b", "c"])
    read = 0
    for seed in range(1500):
        text = _infix(Random(seed))
        expected = _computed(table, text)
        try:
            canonical = read_expression(text, scope)
        except Unreadable:
            assert expected == "OperationalError", text
            continue
        if expected == "OperationalError":
            continue
        read += 1
        assert _computed(table, canonical) == expected, f"{text} became {canonical}"
        assert read_expression(canonical, scope) == canonical, text
    assert read > 1000
