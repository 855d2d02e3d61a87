"""What bench.writes says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.advise.bench_writes import TOGETHER, Weight, WriteBench
from memsql.advise.percentiles import Ratio, Times
from memsql.report.bench import aligned, milliseconds, ratio
from memsql.visible import page
from memsql.words import count, size


def text(result: WriteBench) -> str:
    """The databases and their sizes, and what a batch took on each."""
    plan = result.plan
    lines = [f"{schema}: {_weight(weight)}" for schema, weight in zip(plan.schemas, result.weights, strict=True)]
    lines += [
        f"{schema}: without {statement}"
        for schema, weight in zip(plan.schemas, result.weights, strict=True)
        for statement in weight.filled.left_out
    ]
    lines += [
        "",
        f"milliseconds for {count(plan.rows, 'row')} in one transaction, median of {count(result.rounds, 'round')};"
        f" ratios to {plan.schemas[0]} with quartiles{'' if plan.triggers else '; without triggers'}",
    ]
    table: list[Sequence[str]] = [("table", "write", *plan.schemas, *(f"ratio {name}" for name in plan.schemas[1:]))]
    for write in result.writes:
        medians = [milliseconds(times.p50 if times is not None else None) for times in write.times]
        table.append((write.table, write.operation, *medians, *map(ratio, write.ratios[1:])))
    lines += aligned(table)
    lines += [f"  not written to: {sentence}" for sentence in result.passed_over]
    return page([*lines, "", verdict(result)])


def verdict(result: WriteBench) -> str:
    """The result in one line."""
    total = [write for write in result.writes if write.table == TOGETHER]
    if not total:
        return "nothing was measured: no table has enough rows in every schema"
    first, *others = result.plan.schemas
    parts = []
    for number, schema in enumerate(others, 1):
        ratios = [
            f"{write.operation} {value.middle:.2f}{'' if value.is_clear else ' (not clear)'}"
            for write in total
            if (value := write.ratios[number])
        ]
        parts.append(f"{schema} takes {', '.join(ratios)} of the time of {first}")
    return "; ".join(parts)


def data(result: WriteBench) -> dict[str, object]:
    """The same as fields of the JSON output; times in milliseconds."""
    plan = result.plan
    return {
        "schemas": [
            {
                "name": name,
                "indexes": weight.indexes,
                "index_bytes": weight.index_bytes,
                "file_bytes": weight.file_bytes,
                "rows": weight.filled.rows,
                "left_out": list(weight.filled.left_out),
                "problem": weight.problem or None,
            }
            for name, weight in zip(plan.schemas, result.weights, strict=True)
        ],
        "scale": plan.scale.factor,
        "owners": plan.scale.owners,
        "batch_rows": plan.rows,
        "rounds": result.rounds,
        "triggers": plan.triggers,
        "writes": [
            {
                "table": write.table,
                "operation": write.operation,
                "times": [_times(times) for times in write.times],
                "ratios": [_ratio(value) for value in write.ratios],
            }
            for write in result.writes
        ],
        "passed_over": list(result.passed_over),
    }


def _weight(weight: Weight) -> str:
    indexes = f"{size(weight.index_bytes)} in all indexes" if not weight.problem else weight.problem
    return f"{count(weight.indexes, 'index', 'indexes')} by CREATE INDEX, {indexes}, {size(weight.file_bytes)} of file"


def _times(times: Times | None) -> dict[str, float] | None:
    if times is None:
        return None
    return {"runs": times.runs, "p50_ms": round(times.p50, 6), "p95_ms": round(times.p95, 6)}


def _ratio(value: Ratio | None) -> dict[str, float] | None:
    return None if value is None else {name: round(getattr(value, name), 4) for name in ("low", "middle", "high")}
