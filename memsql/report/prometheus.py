"""Figures as Prometheus text, written by the library prometheus-client.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import memsql
from memsql.advise import outcomes
from memsql.advise.forecasts import median_error
from memsql.errors import UsageError
from memsql.operate.metrics import Metrics
from memsql.report.monitor import query_label

if TYPE_CHECKING:
    from prometheus_client import Metric

Sample = tuple[tuple[str, ...], float | None]
"""The values of a family's labels, and the figure; None where there is no figure."""


def text(metrics: Metrics) -> str:
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
            return _families(metrics)

    registry = CollectorRegistry()
    registry.register(Figures())
    return generate_latest(registry).decode("utf-8").rstrip("\n")


def _families(metrics: Metrics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    def filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[Sample]) -> Iterator[Metric]:
        """The family with its samples; nothing where there is no figure."""
        for labels, value in samples:
            if value is not None:
                family.add_metric([metrics.database, *labels], value)
        if family.samples:
            yield family

    def gauge(name: str, help: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Iterator[Metric]:
        return filled(GaugeMetricFamily(f"memsql_{name}", help, labels=["database", *labels]), samples)

    environment = ((memsql.__version__, metrics.environment or ""), 1)
    build = "The memsql that took these figures, and the environment it was told."
    yield from gauge("build_info", build, ("version", "environment"), [environment])
    labels = ["database", "operation", "status"]
    attempts = CounterMetricFamily("memsql_attempts", "Attempts in the history of the database.", labels=labels)
    yield from filled(attempts, [((operation, status), number) for operation, status, number in metrics.attempts])
    for name, help, value in _plain(metrics):
        yield from gauge(name, help, (), [((), value)])
    for name, help, names, samples in _labelled(metrics):
        yield from gauge(name, help, names, samples)


def _plain(metrics: Metrics) -> list[tuple[str, str, float | None]]:
    """The gauges of the database as a whole: name, help, figure."""
    rates, backup = metrics.rates, metrics.backup
    return [
        ("migration_success_ratio", "Of the attempts to apply a migration, the share that succeeded.", rates.success),
        ("migration_duration_mean_seconds", "What an applied migration took on average.", rates.mean_seconds),
        ("rollback_ratio", "Rollbacks for each applied migration.", rates.rollback),
        ("verification_pass_ratio", "Of the recorded verifications, the share that passed.", rates.verification_pass),
        (
            "forecast_error_ratio",
            "Median of how far dry runs were from what migrations then took.",
            median_error(metrics.forecasts),
        ),
        (
            "forecast_lock_error_ratio",
            "Median of how far dry runs were from how long transactions then held the write lock.",
            outcomes.median_error([one.locked for one in metrics.cost_forecasts]),
        ),
        (
            "forecast_bytes_error_ratio",
            "Median of how far dry runs were from how many bytes transactions then wrote.",
            outcomes.median_error([one.written for one in metrics.cost_forecasts]),
        ),
        ("migrations_pending", "Migrations that wait to be applied.", metrics.pending),
        ("database_bytes", "Size of the database: pages times page size.", metrics.stats.file_bytes),
        ("database_rows", "Rows of all ordinary tables.", metrics.stats.rows),
        ("backup_age_seconds", "Age of the newest proven backup.", backup.age_seconds if backup else None),
        ("backup_bytes", "Size of the newest proven backup.", backup.bytes if backup else None),
    ]


def _labelled(metrics: Metrics) -> list[tuple[str, str, tuple[str, ...], list[Sample]]]:
    """The gauges of each table, index and query: name, help, names of the labels, samples."""
    tables = [s for s in metrics.stats.sizes if s.type != "index"]
    indexes = [s for s in metrics.stats.sizes if s.type == "index"]
    contracts = metrics.contracts
    durations: list[Sample] = [
        ((query_label(q.path), quantile), None if ms is None else ms / 1000)
        for q in metrics.queries
        for quantile, ms in (("0.5", q.p50), ("0.95", q.p95), ("0.99", q.p99))
    ]
    return [
        ("table_rows", "Rows of a table.", ("table",), [((s.name,), s.rows) for s in tables]),
        (
            "table_bytes",
            "What a table occupies, without its indexes.",
            ("table",),
            [((s.name,), s.bytes) for s in tables],
        ),
        (
            "index_bytes",
            "What an index occupies.",
            ("table", "index"),
            [((s.table, s.name), s.bytes) for s in indexes],
        ),
        (
            "query_duration_seconds",
            "What a query of sql/queries took, by quantile.",
            ("query", "quantile"),
            durations,
        ),
        (
            "query_runs",
            "How often the query was run for that.",
            ("query",),
            [((query_label(q.path),), q.runs) for q in metrics.queries],
        ),
        (
            "query_rows",
            "How many rows the query returned.",
            ("query",),
            [((query_label(q.path),), q.rows) for q in metrics.queries],
        ),
        (
            "query_rows_read",
            "How many rows the query read, counted or estimated.",
            ("query",),
            [((query_label(cost.plan.path),), cost.rows.best) for cost in metrics.costs],
        ),
        (
            "contracts",
            "Queries that expect something of their plan, by whether that holds.",
            ("state",),
            [(("held",), contracts.held), (("broken",), contracts.broken), (("unproven",), contracts.unproven)],
        ),
    ]
