"""Quantiles, and what pairs of runs say."""

from __future__ import annotations

from memsql.advise.percentiles import Ratio, ratio_of, times_of, turns


def test_times() -> None:
    times = times_of([float(n) for n in range(100, 0, -1)])
    assert times is not None
    assert (times.runs, times.p50, times.p95, times.p99) == (100, 50.0, 95.0, 99.0)
    assert times_of([]) is None


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    base = [1.0, 1.0, 10.0, 100.0]
    assert ratio_of(base, [value * 2 for value in base]) == Ratio(4, 2.0, 2.0, 2.0)
    assert ratio_of([], []) is None
    assert ratio_of([0.0], [1.0]) is None


def test_what_is_clear() -> None:
    assert Ratio(4, 0.5, 0.6, 0.9).is_clear
    assert Ratio(4, 1.1, 2.0, 3.0).is_clear
    assert not Ratio(4, 0.5, 0.9, 1.1).is_clear
    assert not Ratio(4, 0.96, 0.97, 0.98).is_clear


def test_each_side_begins_as_often() -> None:
    assert list(turns(2, 3)) == [(0, 1), (1, 0), (0, 1)]
    assert list(turns(3, 4)) == [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2)]
