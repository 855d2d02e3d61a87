"""What monitor.review says: for people as text or Markdown, for programs as fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memsql import hints, visible
from memsql.advise.costs import QueryCost
from memsql.operate.capacity import Growth, too_little
from memsql.operate.periodic import PeriodicReview
from memsql.report import periodic_attention
from memsql.report.markdown import prose
from memsql.report.monitor import query_label
from memsql.report.text import table
from memsql.words import count, milliseconds, size

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the review: sentences, and a table with its headers."""

    title: str
    lines: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()


def text(review: PeriodicReview) -> str:
    """The review as text, what asks for attention first."""
    lines = [_title(review)]
    for part in _parts(review):
        lines += ["", part.title, "-" * len(part.title), *part.lines]
        if part.rows:
            lines += table(part.headers, part.rows)
    return visible.page([*lines, "", verdict(review)])


def markdown(review: PeriodicReview) -> str:
    """The same as Markdown."""
    lines = [f"# {prose(_title(review))}", "", prose(verdict(review))]
    for part in _parts(review):
        lines += ["", f"## {part.title}", "", *(f"- {prose(line)}" for line in part.lines)]
        if part.rows:
            rule = ["---"] * len(part.headers)
            cells = [[prose("" if cell is None else str(cell)) for cell in row] for row in part.rows]
            lines += ["", *(f"| {' | '.join(row)} |" for row in [part.headers, rule, *cells])]
    return visible.page(lines)


def verdict(review: PeriodicReview) -> str:
    """The result in one line."""
    points = periodic_attention.points(review)
    return f"{count(len(points), 'point asks', 'points ask')} for attention" if points else "nothing asks for attention"


def data(review: PeriodicReview) -> dict[str, object]:
    """The same as fields of the JSON output."""
    rates, space, capacity, findings = review.metrics.rates, review.space, review.capacity, review.indexes
    return {
        "database": review.metrics.database,
        "environment": review.metrics.environment,
        "made_at": review.made_at.isoformat(timespec="seconds"),
        "attention": [{"what": p.what, "next": p.next} for p in periodic_attention.points(review)],
        "queries": [
            {"query": query_label(q.path), "p50_ms": q.p50, "p95_ms": q.p95, "rows": q.rows, "error": q.error}
            for q in review.metrics.queries
        ],
        "contracts": [
            {
                "query": query_label(c.plan.path),
                "name": c.plan.name,
                "plan": list(c.plan.lines),
                "rows_read": c.rows.best,
                "broken": [breach.expectation for breach in c.breaches],
                "unproven": list(c.unproven),
                "error": c.plan.error,
            }
            for c in review.metrics.costs
        ],
        "indexes": {"problem": findings}
        if isinstance(findings, str)
        else {
            "unused": list(findings.unused),
            "superfluous": [one.index.name for one in findings.redundant if not one.kept],
            "missing": [one.statement for one in findings.proposals.needed],
        },
        "slow": len(review.slow.slow),
        "statistics": None
        if review.analyzed is None
        else [{"table": s.table, "rows_then": s.rows, "rows_now": s.now} for s in review.analyzed],
        "space": {"bytes": space.bytes, "free_bytes": space.free, "wasted": round(space.wasted, 4)},
        "migrations": {
            "success_ratio": rates.success,
            "rollback_ratio": rates.rollback,
            "pending": review.metrics.pending,
        },
        "verifications": {"pass_ratio": rates.verification_pass},
        "backup": {"level": review.backup.level, "message": review.backup.message},
        "drills": {"number": review.drills.number, "last": review.drills.last, "ok": review.drills.ok},
        "capacity": {
            "sizes": [{"when": s.when.isoformat(timespec="seconds"), "bytes": s.bytes} for s in capacity.sizes],
            "free_bytes": capacity.free,
            "growth": None if capacity.growth is None else _growth_data(capacity.growth),
            "tables": [{"table": t.table, "before": t.before, "after": t.after} for t in capacity.tables],
        },
    }


def _growth_data(growth: Growth) -> dict[str, object]:
    return {
        "bytes_per_day": round(growth.per_day),
        "low": round(growth.low),
        "high": round(growth.high),
        "forecast": [
            {"days": e.days, "bytes": round(e.bytes), "low": round(e.low), "high": round(e.high)}
            for e in growth.estimates
        ],
        "full_in_days": growth.full,
        "full_soonest_in_days": growth.full_soonest,
    }


def _title(review: PeriodicReview) -> str:
    where = f" ({review.metrics.environment})" if review.metrics.environment else ""
    return f"Performance and capacity of {review.metrics.database}{where}, {review.made_at:%Y-%m-%d}"


def _parts(review: PeriodicReview) -> Iterator[_Part]:
    points = periodic_attention.points(review)
    yield _Part("Attention", tuple(f"{p.what}; {p.next}" for p in points) or ("nothing",))
    yield _queries(review)
    yield _slow(review)
    yield _Part("Indexes", tuple(_indexes(review)))
    yield _Part("Statistics and space", tuple(_statistics(review)), *_space(review))
    yield _Part("Migrations, backups and drills", tuple(_operation(review)))
    yield _capacity(review)


def _queries(review: PeriodicReview) -> _Part:
    costs = {cost.plan.key: cost for cost in review.metrics.costs}
    rows = []
    for timing in review.metrics.queries:
        cost = costs.get((timing.path, timing.part))
        read = None if cost is None or cost.rows.best is None else f"{cost.rows.best:,}"
        state = timing.error or ("" if cost is None else _contract(cost))
        rows.append((timing.name, _ms(timing.p50), _ms(timing.p95), timing.rows, read, state))
    line = count(len(rows), "hot query", "hot queries") if rows else "the project has no hot queries (sql/queries)"
    headers = ("query", "p50", "p95", "rows", "rows read", "contract")
    return _Part("Hot queries and their contracts", (line,), headers, tuple(rows))


def _contract(cost: QueryCost) -> str:
    if cost.breaches:
        return f"broken: {'; '.join(breach.expectation for breach in cost.breaches)}"
    if cost.unproven:
        return f"not proven: {'; '.join(cost.unproven)}"
    return "kept" if cost.plan.expected else ""


def _slow(review: PeriodicReview) -> _Part:
    log = review.slow
    if not log.recorded:
        return _Part("What was slow", (f"nothing is recorded in {count(log.days, 'day')}",))
    rows = tuple((milliseconds(s.worst.ms), s.times, s.worst.kind, s.worst.name) for s in log.slow[:_SHOWN])
    limit = milliseconds(log.threshold_ms)
    line = (
        f"{len(log.slow)} of {count(log.recorded, 'time')} recorded in {count(log.days, 'day')} took {limit} or longer"
    )
    return _Part("What was slow", (line,), ("took", "times", "what", "which"), rows)


def _indexes(review: PeriodicReview) -> Iterator[str]:
    findings = review.indexes
    if isinstance(findings, str):
        yield f"not looked at: {findings}"
        return
    used = sum(1 for use in findings.indexes if use.queries)
    yield f"{count(len(findings.indexes), 'index', 'indexes')}; hot queries use {used}"
    superfluous = [one.index.name for one in findings.redundant if not one.kept]
    for what, names in (("superfluous", superfluous), ("unused", findings.unused)):
        yield f"{what}: {', '.join(names) or 'none'}"
    yield f"missing: {', '.join(one.statement for one in findings.proposals.needed) or 'none'}"


def _statistics(review: PeriodicReview) -> Iterator[str]:
    if review.analyzed is None:
        yield "statistics: a libSQL server keeps none"
    elif not review.analyzed:
        yield "statistics: ANALYZE never ran"
    else:
        off = [s for s in review.analyzed if s.is_far_off]
        yield f"statistics of {count(len(review.analyzed), 'table')}, {len(off)} of them far off"
        yield from (f"{s.table} had {s.rows:,} rows then and has {s.now:,} now" for s in off[:_SHOWN])
    space = review.space
    known = "" if space.unused is None else f", {size(sum(u for _, _, u in space.unused))} unused in the others"
    yield f"{size(space.bytes)}: {size(space.free)} in free pages{known}; {space.wasted * 100:.0f} % hold nothing"


def _space(review: PeriodicReview) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
    worst = [one for one in review.space.unused or () if one[2] >= one[1] / 4][:5]
    return ("table or index", "size", "unused"), tuple((name, size(whole), size(rest)) for name, whole, rest in worst)


def _operation(review: PeriodicReview) -> Iterator[str]:
    rates = review.metrics.rates
    yield f"attempts of migrations that succeeded: {_share(rates.success)}; {review.metrics.pending} pending"
    yield f"recorded verifications that passed: {_share(rates.verification_pass)}"
    yield f"backup: {review.backup.message}"
    drills = review.drills
    if drills.last is None:
        yield f"drills: none is recorded ({hints.command('backup.drill --record')})"
    else:
        outcome = "went well" if drills.ok else "failed"
        yield f"drills: {drills.number} recorded, the last on {drills.last[:10]} {outcome}"


def _capacity(review: PeriodicReview) -> _Part:
    capacity, growth = review.capacity, review.capacity.growth
    lines = [
        f"{size(capacity.sizes[-1].bytes)} now" + ("" if capacity.free is None else f", {size(capacity.free)} free")
    ]
    lines += [
        f"{t.table}: {t.before:,} → {t.after:,} rows between the oldest and the newest backup"
        for t in capacity.tables[:5]
    ]
    if growth is None:
        return _Part("Capacity", (*lines, too_little(capacity.sizes)))
    span = (capacity.sizes[-1].when - capacity.sizes[0].when).days
    lines.append(
        f"grows by {_signed(growth.per_day)} a day, by 95 % between {_signed(growth.low)} and {_signed(growth.high)};"
        f" {count(len(capacity.sizes), 'size')} in {count(span, 'day')}"
    )
    if capacity.free is not None:
        soonest = "" if growth.full_soonest is None else f", at the soonest in {count(growth.full_soonest, 'day')}"
        full = "not within ten years" if growth.full is None else f"in about {count(growth.full, 'day')}"
        lines.append(f"the disk is full {full}{soonest}, if it goes on like this")
    rows = tuple(
        (f"in {e.days} days", size(round(e.bytes)), f"{size(round(e.low))} to {size(round(e.high))}")
        for e in growth.estimates
    )
    return _Part("Capacity", tuple(lines), ("when", "size", "between (95 %)"), rows)


def _signed(amount: float) -> str:
    return ("−" if amount < 0 else "") + size(round(abs(amount)))


def _share(ratio: float | None) -> str:
    return "none was made" if ratio is None else f"{ratio * 100:.0f} %"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} ms"
