"""Quantiles of measured times, and what two series of runs that took turns say about each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MARGIN = 0.05
"""By how much two equal programs differ on a quiet machine, for their pages and caches lie elsewhere."""


@dataclass(frozen=True, slots=True)
class Times:
    """What ``runs`` runs took, in milliseconds."""

    runs: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """How the times of one side relate to those of the other: the median of ``pairs`` ratios, each of two runs that
    followed each other, and the quartiles between which half of them lie."""

    pairs: int
    low: float
    middle: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether in three of four pairs the same side is faster, by more than what chance makes."""
        return self.high < 1 - _MARGIN or self.low > 1 + _MARGIN


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ``ordered`` values that the part ``share`` of all values does not exceed (nearest rank).

    ``quantile([1, 2, 3, 4], 0.5)`` is 2.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def times_of(values: Sequence[float]) -> Times | None:
    """The quantiles of ``values``, which are milliseconds in any order; None where there is none."""
    if not values:
        return None
    ordered = sorted(values)
    return Times(len(ordered), *(quantile(ordered, share) for share in (0.5, 0.95, 0.99)))


def ratio_of(base: Sequence[float], other: Sequence[float]) -> Ratio | None:
    """``other`` divided by ``base``, pair by pair; None without a pair. What slows the machine for a while slows both
    runs of a pair, so that it hardly changes their ratio."""
    ratios = sorted(b / a for a, b in zip(base, other, strict=True) if a > 0)
    if not ratios:
        return None
    low, middle, high = (quantile(ratios, share) for share in (0.25, 0.5, 0.75))
    return Ratio(len(ratios), low, middle, high)


def turns(sides: int, rounds: int) -> Iterator[tuple[int, ...]]:
    """The order of the sides 0, 1 … in each round. Another one begins each time, because who runs first may find less
    in the caches than who runs behind it."""
    for number in range(rounds):
        first = number % sides
        yield (*range(first, sides), *range(first))
