"""Decides what in a periodic review asks for attention, and says what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from memsql import hints
from memsql.operate.periodic import PeriodicReview
from memsql.words import count, size

_WASTED = 0.25
_WORTH = 1 << 20
_DRILL_EVERY = timedelta(days=35)
_FULL_SOON = 180


@dataclass(frozen=True, slots=True)
class Point:
    """Something to look at, as a sentence, and the command that comes ``next``."""

    what: str
    next: str


def points(review: PeriodicReview) -> list[Point]:
    """Everything that asks for attention, contracts first."""
    return [*_queries(review), *_indexes(review), *_upkeep(review), *_operation(review), *_capacity(review)]


def _queries(review: PeriodicReview) -> Iterator[Point]:
    broken = [cost.plan.name for cost in review.metrics.costs if cost.breaches]
    failing = [cost.plan.name for cost in review.metrics.costs if cost.has_error]
    if broken:
        yield Point(f"plans are not what their files expect: {', '.join(broken)}", hints.command("analyze.queries"))
    if failing:
        yield Point(f"hot queries do not run: {', '.join(failing)}", hints.command("analyze.queries"))
    if review.slow.slow:
        slow = count(len(review.slow.slow), "thing")
        yield Point(f"{slow} took longer than slow_query_ms", hints.command(f"monitor.slow --days {review.days}"))


def _indexes(review: PeriodicReview) -> Iterator[Point]:
    if isinstance(review.indexes, str):
        return
    superfluous = sum(1 for one in review.indexes.redundant if not one.kept)
    for number, what in (
        (len(review.indexes.proposals.needed), "missing"),
        (superfluous, "superfluous"),
        (len(review.indexes.unused), "unused"),
    ):
        if number:
            yield Point(f"{count(number, 'index', 'indexes')} {what}", hints.command("analyze.indexes"))


def _upkeep(review: PeriodicReview) -> Iterator[Point]:
    if review.analyzed is not None:
        off = [s.table for s in review.analyzed if s.is_far_off]
        if off:
            yield Point(f"statistics are far off: {', '.join(off)}", hints.command("maintain.optimize"))
        elif not review.analyzed and review.metrics.stats.rows:
            yield Point("ANALYZE never ran: plans are made by guesses", hints.command("maintain.optimize --dry-run"))
    space = review.space
    if space.unused is not None and space.wasted > _WASTED and space.wasted * space.bytes > _WORTH:
        wasted = f"{space.wasted * 100:.0f} % of {size(space.bytes)} hold nothing"
        yield Point(wasted, hints.command("maintain.vacuum --dry-run"))


def _operation(review: PeriodicReview) -> Iterator[Point]:
    if review.backup.level != "ok":
        yield Point(f"backup: {review.backup.message.partition(';')[0]}", hints.command("backup"))
    last = review.drills.last
    if last is None or review.made_at - datetime.fromisoformat(last) > _DRILL_EVERY:
        yield Point("no drill is recorded for a month", hints.command("backup.drill --record"))
    elif not review.drills.ok:
        yield Point("the last drill failed", hints.command("backup.drill --record"))
    if review.metrics.pending:
        yield Point(f"{count(review.metrics.pending, 'migration')} pending", hints.command("migrate.status"))


def _capacity(review: PeriodicReview) -> Iterator[Point]:
    growth = review.capacity.growth
    if growth is not None and growth.full_soonest is not None and growth.full_soonest <= _FULL_SOON:
        yield Point(
            f"the disk may be full in {count(growth.full_soonest, 'day')}", hints.command("maintain.vacuum --dry-run")
        )
