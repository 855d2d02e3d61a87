"""What monitor.* says; the text for Prometheus is in prometheus.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from memsql.advise import outcomes
from memsql.advise.forecasts import Outcome, median_error
from memsql.advise.outcomes import Compared, CostOutcome
from memsql.operate.health import Sign
from memsql.operate.metrics import Metrics
from memsql.visible import page
from memsql.words import count

_FORECASTS_SHOWN = 10


def health_text(signs: Sequence[Sign], target: str) -> str:
    """A line for each sign, with its details below it, and the verdict last."""
    lines = [f"database: {target}", ""]
    for sign in signs:
        lines.append(f"{sign.level:<8} {sign.name}: {sign.message}")
        lines += [f"           {detail}" for detail in sign.details]
    return page([*lines, "", health_verdict(signs)])


def health_verdict(signs: Sequence[Sign]) -> str:
    """The result in one line."""
    errors, warnings = (sum(1 for s in signs if s.level == level) for level in ("error", "warning"))
    return f"{'not well' if errors else 'well'}: {count(errors, 'error')}, {count(warnings, 'warning')}"


def health_data(signs: Sequence[Sign], target: str) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "database": target,
        "findings": [
            {"name": s.name, "level": s.level, "message": s.message, "details": list(s.details)} for s in signs
        ],
    }


def metrics_data(metrics: Metrics) -> dict[str, object]:
    """All figures as fields. Times of queries are in milliseconds, others in seconds; sizes are in bytes."""
    rates, backup, contracts = metrics.rates, metrics.backup, metrics.contracts
    rows_read = {cost.plan.key: cost.rows for cost in metrics.costs}
    return {
        "database": metrics.database,
        "environment": metrics.environment,
        "version": metrics.version,
        "migrations": {
            "success_ratio": rates.success,
            "mean_duration_seconds": rates.mean_seconds,
            "rollback_ratio": rates.rollback,
            "pending": metrics.pending,
            "attempts": [{"operation": o, "status": s, "count": n} for o, s, n in metrics.attempts],
        },
        "verifications": {"pass_ratio": rates.verification_pass},
        "bytes": metrics.stats.file_bytes,
        "rows": metrics.stats.rows,
        "tables": [
            {"name": s.name, "rows": s.rows, "bytes": s.bytes} for s in metrics.stats.sizes if s.type != "index"
        ],
        "indexes": [
            {"name": s.name, "table": s.table, "bytes": s.bytes} for s in metrics.stats.sizes if s.type == "index"
        ],
        "queries": [
            {
                "query": query_label(q.path),
                "name": q.name,
                "runs": q.runs,
                "p50_ms": _rounded(q.p50),
                "p95_ms": _rounded(q.p95),
                "p99_ms": _rounded(q.p99),
                "rows": q.rows,
                "rows_read": None if (read := rows_read.get((q.path, q.part))) is None else read.best,
                "error": q.error,
                "warning": q.warning,
            }
            for q in metrics.queries
        ],
        "forecasts": {**forecasts_data(metrics.forecasts), **costs_data(metrics.cost_forecasts)},
        "contracts": {"held": contracts.held, "broken": contracts.broken, "unproven": contracts.unproven},
        "backup": None
        if backup is None
        else {
            "file": backup.name,
            "created_at": backup.created_at,
            "age_seconds": backup.age_seconds,
            "bytes": backup.bytes,
        },
    }


def forecasts_data(runs: Sequence[Outcome]) -> dict[str, object]:
    """How the forecasts of dry runs compare with what happened, and the newest ones."""
    median = median_error(runs)
    return {
        "compared": len(runs),
        "median_error": None if median is None else round(median, 3),
        "last": [
            {
                "id": one.id,
                "direction": one.direction,
                "at": one.at,
                "forecast_ms": one.forecast_ms,
                "actual_ms": one.actual_ms,
                "error": round(one.error, 3),
            }
            for one in runs[:_FORECASTS_SHOWN]
        ],
    }


def costs_data(transactions: Sequence[CostOutcome]) -> dict[str, object]:
    """The same of the lock and of the bytes that transactions wrote."""
    locked, written = [one.locked for one in transactions], [one.written for one in transactions]
    return {
        "lock": _compared(locked),
        "bytes": _compared(written),
        "transactions": [
            {
                "ids": list(one.ids),
                "direction": one.direction,
                "at": one.at,
                "forecast_locked_ms": None if one.locked is None else round(one.locked.forecast, 3),
                "actual_locked_ms": None if one.locked is None else round(one.locked.actual, 3),
                "forecast_bytes": None if one.written is None else one.written.forecast,
                "actual_bytes": None if one.written is None else one.written.actual,
            }
            for one in transactions[:_FORECASTS_SHOWN]
        ],
    }


def _compared(pairs: Sequence[Compared | None]) -> dict[str, object]:
    median = outcomes.median_error(pairs)
    return {
        "compared": sum(1 for pair in pairs if pair is not None),
        "median_error": None if median is None else round(median, 3),
    }


def metrics_warnings(metrics: Metrics) -> list[str]:
    """A sentence for each query whose times say nothing."""
    return [f"{q.path}: {q.warning}" for q in metrics.queries if q.warning is not None]


def query_label(path: str) -> str:
    """How programs call a query: the name of its file without .sql, which is unique."""
    return PurePath(path).stem


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
