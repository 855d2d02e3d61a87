"""Finds the statements of a migration that reached no made-up row, so that nothing is known of what they do to rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsql.db.sqlite import SQLiteConnection
from memsql.lint import Finding
from memsql.review.case import Case
from memsql.review.findings import finding_of
from memsql.review.model import StatementResult
from memsql.review.statements import WRITES, Measured, has_only_values, measure
from memsql.review.trial import Trial
from memsql.schema import Schema, Table, is_internal
from memsql.sqltext import fold, identifiers

# Statements that only make something beside the tables that they name.
_MAKES = frozenset({"drop index"}) | frozenset(
    {"create table", "create view", "create trigger", "create virtual table", "drop view", "drop trigger"}
)


def not_reached(case: Case, base: SQLiteConnection, before: Schema, trials: Sequence[Trial]) -> Iterator[Finding]:
    """A finding for each statement of both directions that none of ``trials`` tried on rows, where it may find some in
    production. ``base`` is the database before the migration, without rows."""
    ups, downs = [t.up for t in trials], [t.down for t in trials]
    counts = {fold(name): max(t.sample.counts.get(name, 0) for t in trials) for t in trials for name in t.sample.counts}
    empty: Measured | None = None
    for path, direction, measured in ((case.up, "up", ups), (case.down, "down", downs)):
        for number, results in enumerate(zip(*(m.results for m in measured if m.results), strict=False)):
            problem = _problem(results, before, counts)
            if problem and direction == "up" and results[0].kind in WRITES:
                empty = empty if empty is not None else measure(base, case.migration)
                # What writes only where there is no such row yet has its rows there.
                if number < len(empty.results) and (empty.results[number].rows or 0) > 0:
                    continue
            if problem:
                yield finding_of("MR15", path, problem, line=results[0].line, statement=results[0].text)
        rest = max((m.left_out for m in measured), default=0)
        if rest and any(m.rest_writes for m in measured):
            yield finding_of("MR15", path, f"the last {rest} statements were not looked at one by one")


def _problem(results: Sequence[StatementResult], before: Schema, counts: dict[str, int]) -> str:
    """Why the statement with these results, one for each trial, proved nothing; empty where it proved something."""
    shown = results[0]
    if any(r.rows is None for r in results):
        # It, or one before it, failed on rows.
        return ""
    if shown.kind not in WRITES:
        if shown.kind == "create index" and "UNIQUE" not in shown.text[:40].upper():
            return ""
        missing = [] if shown.kind in _MAKES else _without_rows(_known(shown.tables, before), counts)
        return _nothing_on(missing) if missing else ""
    if has_only_values(shown.text) or max(r.rows or 0 for r in results):
        return ""
    if any(is_internal(name, ()) for name in shown.tables[:1]):
        # The rows of sqlite_sequence are not made up.
        return ""
    named = identifiers(shown.text)
    known = [t for t in before.tables.values() if fold(t.name) in named and t.kind != "view"]
    missing = _without_rows(known, counts)
    if missing:
        return _nothing_on(missing)
    if not known:
        return ""
    target = shown.tables[0] if shown.tables else known[0].name
    return f"{target}: no made-up row is reached by this {shown.kind.upper()}, so what it does was not tried"


def _known(names: Sequence[str], schema: Schema) -> list[Table]:
    tables = (schema.table(name) for name in names)
    return [t for t in tables if t is not None and t.kind == "table"]


def _without_rows(tables: Sequence[Table], counts: dict[str, int]) -> list[str]:
    return [t.name for t in tables if t.kind == "table" and not counts.get(fold(t.name), 0)]


def _nothing_on(tables: Sequence[str]) -> str:
    return f"nothing was tried on rows of {', '.join(tables)}: none that were made up satisfy its constraints"
