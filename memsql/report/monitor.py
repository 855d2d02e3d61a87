"""What monitor.* says, but for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from memsql.operate.health import Sign
from memsql.operate.metrics import Metrics
from memsql.words import count


def health_text(signs: Sequence[Sign], target: str) -> str:
    """A line for each thing that was looked at, and the verdict last."""
    lines = [f"database: {target}", ""]
    for sign in signs:
        lines.append(f"{sign.level:<8} {sign.name}: {sign.message}")
        lines += [f"           {detail}" for detail in sign.details]
    return "\n".join([*lines, "", health_verdict(signs)])


def health_verdict(signs: Sequence[Sign]) -> str:
    """What came of it, in one line."""
    bad, warned = (sum(1 for s in signs if s.level == level) for level in ("error", "warning"))
    return f"{'not well' if bad else 'well'}: {count(bad, 'error')}, {count(warned, 'warning')}"


def health_data(signs: Sequence[Sign], target: str) -> dict[str, object]:
    """The same as fields."""
    return {
        "database": target,
        "findings": [
            {"name": s.name, "level": s.level, "message": s.message, "details": list(s.details)} for s in signs
        ],
    }


def metrics_data(found: Metrics) -> dict[str, object]:
    """All figures as fields."""
    rates, backup = found.rates, found.backup
    return {
        "database": found.database,
        "environment": found.environment,
        "migrations": {
            "success_ratio": rates.success,
            "mean_duration_seconds": rates.mean_seconds,
            "rollback_ratio": rates.rollback,
            "pending": found.pending,
            "attempts": [{"operation": o, "status": s, "count": n} for o, s, n in found.attempts],
        },
        "verifications": {"pass_ratio": rates.verification_pass},
        "bytes": found.stats.file_bytes,
        "rows": found.stats.rows,
        "tables": [{"name": s.name, "rows": s.rows, "bytes": s.bytes} for s in found.stats.sizes if s.type != "index"],
        "indexes": [
            {"name": s.name, "table": s.table, "bytes": s.bytes} for s in found.stats.sizes if s.type == "index"
        ],
        "queries": [
            {
                "query": query_label(q.path),
                "name": q.name,
                "runs": q.runs,
                "p50_ms": _rounded(q.p50),
                "p95_ms": _rounded(q.p95),
                "p99_ms": _rounded(q.p99),
                "error": q.error,
            }
            for q in found.queries
        ],
        "backup": None
        if backup is None
        else {
            "file": backup.name,
            "created_at": backup.created_at,
            "age_seconds": backup.age_seconds,
            "bytes": backup.bytes,
        },
    }


def query_label(path: str) -> str:
    """What a query is called by programs: its file's name without .sql, of which there is only one."""
    return PurePath(path).stem


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
