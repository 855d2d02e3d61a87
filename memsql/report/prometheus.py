"""Figures as Prometheus text, written by Prometheus's own library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import memsql
from memsql.errors import UsageError
from memsql.operate.metrics import Metrics
from memsql.report.monitor import query_label

if TYPE_CHECKING:
    from prometheus_client import Metric

Samples = Iterable[tuple[dict[str, str], float | None]]


def text(found: Metrics) -> str:
    """The figures in the text format, every series labelled with its database.

    Raises UsageError where the library is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.registry import Collector
    except ImportError:
        raise UsageError(
            "--format prometheus needs the library prometheus-client",
            state="nothing was read",
            hint="pip install 'memsql-migrate[metrics]'",
        ) from None

    class Figures(Collector):
        def collect(self) -> Iterator[Metric]:
            return _families(found)

    registry = CollectorRegistry()
    registry.register(Figures())
    return generate_latest(registry).decode("utf-8").rstrip("\n")


def _families(found: Metrics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    base = {"database": found.database}

    def filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Iterator[Metric]:
        known = [(labels, value) for labels, value in samples if value is not None]
        for labels, value in known:
            family.add_metric(list({**base, **labels}.values()), value)
        if known:
            yield family

    def gauge(name: str, what: str, samples: Samples, *labels: str) -> Iterator[Metric]:
        return filled(GaugeMetricFamily(f"memsql_{name}", what, labels=["database", *labels]), samples)

    rates, backup, sizes, queries = found.rates, found.backup, found.stats.sizes, found.queries
    yield from gauge(
        "build_info",
        "The memsql that took these figures, and the environment it was told.",
        [({"version": memsql.__version__, "environment": found.environment or ""}, 1)],
        "version",
        "environment",
    )
    attempts = CounterMetricFamily(
        "memsql_attempts", "Attempts in the history of the database.", labels=["database", "operation", "status"]
    )
    yield from filled(attempts, [({"operation": o, "status": s}, n) for o, s, n in found.attempts])
    for name, what, value in (
        ("migration_success_ratio", "Of the attempts to apply a migration, the share that succeeded.", rates.success),
        ("migration_duration_mean_seconds", "What an applied migration took on average.", rates.mean_seconds),
        ("rollback_ratio", "Rollbacks for each applied migration.", rates.rollback),
        ("verification_pass_ratio", "Of the recorded verifications, the share that passed.", rates.verification_pass),
        ("migrations_pending", "Migrations that wait to be applied.", found.pending),
        ("database_bytes", "Size of the database: pages times page size.", found.stats.file_bytes),
        ("database_rows", "Rows of all ordinary tables.", found.stats.rows),
        ("backup_age_seconds", "Age of the newest proven backup.", backup.age_seconds if backup else None),
        ("backup_bytes", "Size of the newest proven backup.", backup.bytes if backup else None),
    ):
        yield from gauge(name, what, [({}, value)])
    tables = [s for s in sizes if s.type != "index"]
    yield from gauge("table_rows", "Rows of a table.", [({"table": s.name}, s.rows) for s in tables], "table")
    yield from gauge(
        "table_bytes",
        "What a table occupies, without its indexes.",
        [({"table": s.name}, s.bytes) for s in tables],
        "table",
    )
    yield from gauge(
        "index_bytes",
        "What an index occupies.",
        [({"table": s.table, "index": s.name}, s.bytes) for s in sizes if s.type == "index"],
        "table",
        "index",
    )
    yield from gauge(
        "query_duration_seconds",
        "What a query of sql/queries took, by quantile.",
        [
            ({"query": query_label(q.path), "quantile": name}, None if ms is None else ms / 1000)
            for q in queries
            for name, ms in (("0.5", q.p50), ("0.95", q.p95), ("0.99", q.p99))
        ],
        "query",
        "quantile",
    )
    yield from gauge(
        "query_runs",
        "How often the query was run for that.",
        [({"query": query_label(q.path)}, q.runs) for q in queries],
        "query",
    )
