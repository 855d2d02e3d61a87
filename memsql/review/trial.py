"""Tries a migration on one sample of made-up rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from memsql.db.sqlite import SQLiteConnection
from memsql.errors import MemsqlError
from memsql.lint import Finding
from memsql.review.case import Case, place, rehearse
from memsql.review.findings import finding_of
from memsql.review.round_trip import RoundTrip, round_trip
from memsql.review.sample import Sample, add_rows
from memsql.review.statements import Measured, measure, writes_rows
from memsql.scratch.database import contents_of, copy_of, try_run


@dataclass(frozen=True, slots=True)
class Trial:
    """The migration on one sample of rows: ``findings`` of the round trip, and what the statements of both directions
    did."""

    sample: Sample
    trip: RoundTrip
    findings: tuple[Finding, ...] = ()
    up: Measured = field(default_factory=Measured)
    down: Measured = field(default_factory=Measured)


def try_on(case: Case, filled: SQLiteConnection, sample: Sample) -> Trial:
    """Try the migration on the rows of ``sample``, which ``filled`` has."""
    if not sample.rows:
        return Trial(sample, RoundTrip(None, (), "not tried"), up=measure(filled, case.migration))
    findings: list[Finding] = []
    with copy_of(filled) as conn:
        trip = round_trip(case, conn, contents_of(conn))
    findings += trip.findings
    if trip.error is not None and case.is_check(trip.error):
        findings.append(_check_fails(trip.error, case))
        case = case.without_checks()
        with copy_of(filled) as conn:
            trip = round_trip(case, conn, contents_of(conn))
        findings += trip.findings
    down = Measured()
    if trip.error is None and case.migration.down is not None and writes_rows(case.migration.down.text()):
        with copy_of(filled) as conn:
            if try_run(conn, case.project, "up", allow=True) is None:
                add_rows(conn, case)
                down = measure(conn, case.migration, "down")
    return Trial(sample, trip, tuple(findings), measure(filled, case.migration), down)


def _check_fails(error: MemsqlError, case: Case) -> Finding:
    path, line = place(error, case.up)
    fix = f"made-up rows know nothing of what a check wants; {rehearse()}"
    return finding_of("MR03", path, f"{error.message}, on made-up rows", line=line, severity="info", fix=fix)
