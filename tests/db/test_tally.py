"""What a server counts for a run: texts are cut into statements, and errors keep the index of the caller's items."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memsql.db.protocol import Item, Result, Script
from memsql.db.tally import Tally
from memsql.errors import StatementError


def answers(items: Sequence[Item]) -> list[Result]:
    """Three rows read and two written for each statement; nothing is said of a text."""
    return [
        Result((), []) if isinstance(item, Script) else Result(("n",), [(n,)], 1, 3, 2) for n, item in enumerate(items)
    ]


def test_texts_are_cut_and_their_results_are_empty() -> None:
    tally = Tally()
    text = Script("INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);")
    results = tally.batch([("SELECT 1", ()), text, ("SELECT 2", ())], answers)
    assert [r.rows for r in results] == [[(0,)], [], [(3,)]]
    assert tally == Tally(rows_read=12, rows_written=8)


def test_a_large_text_stays_whole_and_is_not_counted() -> None:
    tally = Tally()
    large = Script(f"SELECT '{'x' * 70_000}'; SELECT 2")
    tally.batch([large, ("SELECT 1", ())], answers)
    assert tally == Tally(3, 2, uncounted=1)


def test_a_text_without_a_statement_stays() -> None:
    assert len(Tally().batch([Script("-- nothing"), ("SELECT 1", ())], answers)) == 2


def test_an_error_has_the_index_of_the_item() -> None:
    def fails(_: Sequence[Item]) -> list[Result]:
        raise StatementError("no", index=2)

    with pytest.raises(StatementError) as error:
        Tally().batch([("SELECT 1", ()), Script("SELECT 2; SELECT 3; SELECT 4"), ("SELECT 5", ())], fails)
    assert error.value.index == 1


def test_a_server_that_counts_nothing() -> None:
    tally = Tally()
    tally.add(Result((), []))
    assert tally == Tally(uncounted=1)
