"""What fuzzing found beside the readers that the targets try."""

from __future__ import annotations

from contextlib import closing

import pytest

from memsql import words
from memsql.db.sqlite import memory
from memsql.errors import StatementError
from memsql.exchange.reading import read_set
from memsql.exchange.tools import tool_of


def test_a_message_of_sqlite_that_is_no_utf8_is_a_message() -> None:
    with closing(memory()) as conn, pytest.raises(StatementError) as refused:
        conn.execute("SELECT json_extract('{}', CAST(x'ff' AS TEXT))")
    assert "\ufffd" in refused.value.message


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9" * 100, int("9" * 100)), ("9" * 101, None), ("", None), ("²", None), ("٣", None)],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert words.whole_number(text) == number


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 30 + "d", "1e3", "", "²s"])
def test_no_times(text: str) -> None:
    assert words.parse_duration(text, "s") is None


def test_thousands_of_files_depend_on_each_other_in_a_row() -> None:
    last = 3000
    tree = {f"{n:04}_a.sql": f"-- depends: {n + 1:04}_a\nSELECT 1;\n".encode() for n in range(last)}
    tree[f"{last:04}_a.sql"] = b"SELECT 1;\n"
    migrations = read_set(tool_of("yoyo"), tree, "theirs").migrations
    assert [migration.version for migration in migrations] == [f"{n:04}" for n in range(last, -1, -1)]
