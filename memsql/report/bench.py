"""What bench.queries says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.advise.bench import Bench, Plan, QueryBench, ScaleBench, Side
from memsql.advise.costs import RowsRead
from memsql.advise.percentiles import Ratio, Times
from memsql.visible import page
from memsql.words import count, size

KINDS = ("warm", "cold")
HEADINGS = ("p50", "p50 after", "p95", "p95 after", "p99", "p99 after", "rows", "rows after", "ratio (quartiles)")


def text(result: Bench) -> str:
    """The tables of all scales, a line for each query."""
    plan = result.plan
    lines = [f"{before_of(plan)} (before) against version {plan.after} (after), {place(plan)}, milliseconds"]
    lines.append(f"warm: on an open connection; cold: {cold_means(result)}")
    for one in result.scales:
        lines += ["", *_scale_lines(one)]
    return page([*lines, "", verdict(result)])


def before_of(plan: Plan) -> str:
    """What is before, such as ``version 1``."""
    return f"era {plan.before}" if isinstance(plan.before, str) else f"version {plan.before}"


def place(plan: Plan) -> str:
    """Where the databases were measured."""
    return "files" if plan.server is None else "each behind a libSQL server on this machine"


def cold_means(result: Bench) -> str:
    """What was done before each cold run, in words."""
    if result.forgets:
        return "each on a new connection, after the system was asked to forget the pages of the file"
    return "each on a new connection; the system here cannot be asked to forget the pages of the file"


def verdict(result: Bench) -> str:
    """The result in one line, at the largest scale that was measured."""
    measured = [one for one in result.scales if one.queries]
    if not measured:
        return "nothing was measured: no scale was ready in its share of the time, or there is no query"
    last = measured[-1]
    queries = count(len(last.queries), "query", "queries")
    return f"at scale {last.scale.factor}, {queries}; " + "; ".join(_kind_verdict(last, kind) for kind in KINDS)


def _kind_verdict(one: ScaleBench, kind: str) -> str:
    ratios = [_ratio_of(query, kind) for query in one.queries]
    clear = [ratio.middle for ratio in ratios if ratio is not None and ratio.is_clear]
    faster, failed = sum(1 for middle in clear if middle < 1), ratios.count(None)
    rest = len(ratios) - len(clear) - failed
    more = f", {failed} not measured" if failed else ""
    return f"{kind}: {faster} faster, {len(clear) - faster} slower, {rest} without a clear difference{more}"


def _ratio_of(query: QueryBench, kind: str) -> Ratio | None:
    return query.warm if kind == "warm" else query.cold


def data(result: Bench) -> dict[str, object]:
    """The same as fields of the JSON output; times in milliseconds."""
    return {
        "from": result.plan.before,
        "to": result.plan.after,
        "rounds": result.plan.rounds,
        "server": result.plan.server is not None,
        "cold": cold_means(result),
        "scales": [
            {
                "scale": one.scale.factor,
                "owners": one.scale.owners,
                "rows": one.filled.rows,
                "left_out": list(one.filled.left_out),
                "bytes": {"before": one.bytes[0], "after": one.bytes[1]},
                "problem": one.problem,
                "queries": [_query_data(query) for query in one.queries],
            }
            for one in result.scales
        ],
    }


def milliseconds(value: float | None) -> str:
    """A time with three digits that say something, such as ``0.042`` or ``152``."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def rows_read(rows: RowsRead | None) -> str:
    """How many rows a run reads; with a tilde where it is estimated, or lies between bounds."""
    if rows is None or rows.best is None:
        return "–"
    exact = rows.measured is not None or (rows.at_least is not None and rows.at_least == rows.at_most)
    return f"{'' if exact else '~'}{rows.best:,}"


def ratio(value: Ratio | None) -> str:
    """The median of the ratios and its quartiles."""
    return "–" if value is None else f"{value.middle:.2f} ({value.low:.2f}–{value.high:.2f})"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """``rows`` as lines: the first column is words, the others are figures."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  " + row[0].ljust(widths[0]) + "".join(f"  {c.rjust(w)}" for c, w in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]


def scale_title(one: ScaleBench) -> str:
    """The scale with the sizes of its tables and files."""
    rows = ", ".join(f"{number:,} {table}" for table, number in one.filled.rows.items() if number > 1)
    sizes = f"; {size(one.bytes[0])} before, {size(one.bytes[1])} after" if one.queries else ""
    return f"scale {one.scale.factor}{': ' if rows else ''}{rows}{sizes}"


def cells(query: QueryBench, kind: str) -> list[str]:
    """The figures of ``query`` in a row of a table; ``kind`` is warm or cold."""
    sides = query.before, query.after
    times = [times_of(side, kind) for side in sides]
    shown = [milliseconds(getattr(t, name) if t is not None else None) for name in ("p50", "p95", "p99") for t in times]
    reads = [rows_read(side.rows if side is not None else None) for side in sides]
    return [*shown, *reads, ratio(_ratio_of(query, kind))]


def times_data(times: Times | None) -> dict[str, object] | None:
    """The number of runs and the quantiles as fields of a JSON output."""
    if times is None:
        return None
    return {"runs": times.runs} | {f"{n}_ms": round(getattr(times, n), 6) for n in ("p50", "p95", "p99")}


def _scale_lines(one: ScaleBench) -> list[str]:
    lines = [scale_title(one)]
    if one.problem is not None:
        return [*lines, f"  left out: {one.problem}"]
    lines += [f"  without {statement}" for statement in one.filled.left_out]
    for kind in KINDS:
        table: list[Sequence[str]] = [(kind, *HEADINGS)]
        table += [(_label(query), *cells(query, kind)) for query in one.queries if query.before is not None]
        lines += aligned(table)
    lines += [f"  {_label(query)}: {query.error}" for query in one.queries if query.error is not None]
    return lines


def _label(query: QueryBench) -> str:
    return query.name if not query.part or query.part == query.name else f"{query.name} ({query.part})"


def times_of(side: Side | None, kind: str) -> Times | None:
    """The times of the runs of that kind, warm or cold."""
    if side is None:
        return None
    return side.warm if kind == "warm" else side.cold


def _query_data(query: QueryBench) -> dict[str, object]:
    return {
        "name": query.name,
        "path": query.path,
        "part": query.part,
        "before": _side_data(query.before),
        "after": _side_data(query.after),
        "warm_ratio": _ratio_data(query.warm),
        "cold_ratio": _ratio_data(query.cold),
        "error": query.error,
    }


def _side_data(side: Side | None) -> dict[str, object] | None:
    if side is None:
        return None
    return {
        "plan": list(side.plan.lines),
        "rows_read": side.rows.best,
        "rows_read_how": side.rows.how,
        "rows_returned": side.returned,
        "warm": times_data(side.warm),
        "cold": times_data(side.cold),
    }


def _ratio_data(value: Ratio | None) -> dict[str, object] | None:
    if value is None:
        return None
    return {"pairs": value.pairs} | {name: round(getattr(value, name), 4) for name in ("low", "middle", "high")}
