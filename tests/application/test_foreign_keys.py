"""The guard for the application's own connections: foreign keys are enforced, or the connection is refused."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from places import ROOT

from memsql.application import enforce_foreign_keys, has_foreign_keys, require_foreign_keys
from memsql.errors import Refused


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        yield conn


def test_a_connection_without_foreign_keys_is_refused(conn: sqlite3.Connection) -> None:
    assert not has_foreign_keys(conn)
    with pytest.raises(Refused, match="does not enforce foreign keys") as caught:
        require_foreign_keys(conn)
    assert "PRAGMA foreign_keys = ON" in (caught.value.hint or "")
    assert not has_foreign_keys(conn)


def test_a_connection_with_foreign_keys_passes(conn: sqlite3.Connection) -> None:
    enforce_foreign_keys(conn)
    require_foreign_keys(conn)
    conn.executescript("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id));")
    with pytest.raises(sqlite3.IntegrityError):
        conn.execute("INSERT INTO c VALUES (7)")


def test_inside_a_transaction_the_setting_is_passed_over_and_that_is_said(conn: sqlite3.Connection) -> None:
    conn.execute("BEGIN")
    with pytest.raises(Refused, match="does not enforce") as caught:
        enforce_foreign_keys(conn)
    assert "outside a transaction" in (caught.value.hint or "")
    conn.execute("ROLLBACK")
    enforce_foreign_keys(conn)


@pytest.mark.parametrize(
    "factory",
    [sqlite3.Row, lambda _cursor, row: {"value": row[0]}, lambda _cursor, row: 0],
    ids=["row", "dict", "zero"],
)
def test_whatever_a_row_factory_makes_of_a_value(conn: sqlite3.Connection, factory: Callable[..., object]) -> None:
    conn.row_factory = factory
    with pytest.raises(Refused):
        require_foreign_keys(conn)
    enforce_foreign_keys(conn)
    require_foreign_keys(conn)


def test_the_question_opens_no_transaction(conn: sqlite3.Connection) -> None:
    require_foreign_keys(_on(conn))
    assert not conn.in_transaction


def test_the_code_of_the_page_runs() -> None:
    page = (ROOT / "docs" / "foreign-keys.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block.replace('"memory.db"', '":memory:"'), "docs/foreign-keys.md", "exec"), {})


def _on(conn: sqlite3.Connection) -> sqlite3.Connection:
    conn.execute("PRAGMA foreign_keys = ON")
    return conn
