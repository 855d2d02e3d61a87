"""Writes the ledger of a database that is adopted at a known shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from memsql import ledger
from memsql.db import Connection
from memsql.legacy.recognise import drift
from memsql.legacy.shapes import Fit
from memsql.project.load import Project


def write_ledger(
    conn: Connection, project: Project, fit: Fit, operation: Literal["adopt", "baseline"] = "adopt"
) -> None:
    """Mark the migrations of ``project`` as applied that the shape of ``fit`` counts as, in the open transaction. The
    dates of a legacy ledger are kept."""
    books = ledger.read(conn)
    now = datetime.now(UTC)
    when = _legacy_date(conn, fit) or now
    ledger.create_tables(conn, books)
    statements = []
    for migration in project.ordered:
        if migration.version not in fit.shape.era.counts_as:
            continue
        old = books.rows.get(migration.version) if books.is_foreign else None
        keep = old if old is not None and old.status == "applied" else None
        applied = _parse(keep.applied_at) if keep else None
        entry = ledger.Entry(
            migration.version,
            migration.name,
            migration.id,
            (keep.description if keep else None) or migration.header.description or None,
            migration.checksum,
            applied or when,
            (keep.duration_ms if keep else None) or 0,
            migration.hashes,
        )
        statements += ledger.applied_statements(entry, operation, keep.applied_by if keep else None)
    if statements:
        conn.write(statements)
    if drift(fit):
        entry = ledger.Entry(None, operation, operation, None, None, now, 0)
        ledger.add_history(conn, entry, operation, f"accepted as it is: {'; '.join(drift(fit))}")


def _legacy_date(conn: Connection, fit: Fit) -> datetime | None:
    query = fit.shape.era.applied_at
    if query is None:
        return None
    value = conn.execute(query).one()
    return _parse(value) if isinstance(value, str) else None


def _parse(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
