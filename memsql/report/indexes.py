"""What analyze.indexes says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from memsql import hints
from memsql.advise.costs import RowsRead, price_of
from memsql.advise.dropping import Redundant
from memsql.advise.indexes import Findings, IndexUse
from memsql.advise.measuring import Measured
from memsql.advise.proposals import Proposal
from memsql.author.index_pair import Pair
from memsql.report.text import indented, table
from memsql.visible import page
from memsql.words import count, size

_WHY = {
    "rowid": "it is on the key of the table itself",
    "same": "{by} has the same terms",
    "prefix": "{by} begins with the same terms",
    "partial": "{by} holds the same rows and more",
    "unique": "{by} finds at most one row by the first of its terms",
}


@dataclass(frozen=True, slots=True)
class View:
    """What belongs to the findings: the name of the database, the price of a billion rows read, the proposals that the
    migrations of the project create, the migration that was written, and what was measured, by the path of a query;
    ``measures``: somebody wants that."""

    target: str
    price: float | None = None
    in_migrations: frozenset[str] = frozenset()
    pair: Pair | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)
    _: KW_ONLY
    measures: bool = False


def text(findings: Findings, view: View) -> str:
    """The indexes by table, what is wrong with them, and the verdict last."""
    lines = [f"database: {view.target}", ""]
    if findings.indexes:
        rows = [
            (
                use.index.table,
                use.index.label,
                "" if use.index.constraint else use.index.shown,
                "?" if use.entries is None else f"{use.entries:,}",
                "?" if use.bytes is None else size(use.bytes),
                len(use.queries) or "",
                ", ".join(use.purposes),
            )
            for use in findings.indexes
        ]
        headers = ("table", "index", "key", "entries", "size", "queries", "also for")
        lines += [*table(headers, rows, frozenset({3, 4, 5})), ""]
    shares = [f"{table} {served} of {total}" for table, total, served in findings.served]
    lines += [f"queries that never read the whole table: {', '.join(shares)}", ""] if shares else []
    lines += _section("superfluous", [line for one in findings.redundant for line in _superfluous(one)])
    lines += _section(
        "used by no query, constraint, foreign key or trigger (an application may have queries that are in no file)",
        [_shown(findings, use) for use in findings.indexes if use.index.name in findings.unused],
    )
    lines += _section(
        "used by no query of the project, only where a row is deleted that others may refer to",
        [_shown(findings, use) for use in findings.indexes if use.index.name in findings.for_deletes],
    )
    proposals = findings.proposals
    lines += _section("missing", [line for one in proposals.needed for line in _missing(one, view)])
    lines += _section("superfluous then", [line for one in findings.replaced for line in _superfluous(one)])
    lines += _section(
        "not needed, for these plans are what the files of the queries expect; with more indexes they would read less",
        [line for one in proposals.beyond for line in _missing(one, view)],
    )
    lines += _section("queries that do not run here", [f"{path}: {error}" for path, error in findings.broken])
    lines += [f"note: {note}" for note in findings.notes]
    if proposals.sources:
        ways = [f"{name} ({_way(name, source, findings)})" for name, source in proposals.sources]
        lines.append(f"statistics: {', '.join(ways)}; {count(proposals.rows, 'row')} read for them")
    if view.pair is not None:
        lines += written(view.pair)
    return page([*lines, verdict(findings)])


def written(pair: Pair) -> list[str]:
    """What was written, and what to do next."""
    lines = [f"wrote {path}" for path in pair.files]
    lines += [f"left out: {note}" for note in pair.notes]
    return [
        *lines,
        f"next: {hints.command('migrate.up --dry-run')}"
        if pair.files
        else "nothing was written: there is nothing to do",
    ]


def _way(name: str, source: str, findings: Findings) -> str:
    return f"ANALYZE, {source}" if name in findings.proposals.analyzed else source


def verdict(findings: Findings) -> str:
    """The result on one line."""
    missing, superfluous, unused = findings.proposals.needed, findings.redundant, findings.unused
    return (
        f"{count(len(findings.indexes), 'index', 'indexes')}, {count(findings.queries, 'query', 'queries')}: "
        f"{len(missing)} missing, {len(superfluous)} superfluous, {len(unused)} unused"
    )


def data(findings: Findings, view: View) -> dict[str, object]:
    """The same as fields of the JSON output."""
    files = {"files": list(view.pair.files), "left_out": list(view.pair.notes)} if view.pair is not None else {}
    return {
        **files,
        "database": view.target,
        "queries": findings.queries,
        "indexes": [
            {
                "table": use.index.table,
                "name": use.index.name,
                "key": use.index.shown,
                "constraint": use.index.constraint or None,
                "unique": use.index.unique,
                "entries": use.entries,
                "bytes": use.bytes,
                "queries": list(use.queries),
                "purposes": list(use.purposes),
            }
            for use in findings.indexes
        ],
        "redundant": [_redundant(one) for one in findings.redundant],
        "replaced": [_redundant(one) for one in findings.replaced],
        "unused": list(findings.unused),
        "for_deletes": list(findings.for_deletes),
        "unread_tables": sorted(findings.unread),
        "served": [{"table": table, "queries": total, "served": served} for table, total, served in findings.served],
        "unindexed": [
            {"table": key.table, "columns": list(key.columns), "parent": key.parent} for key in findings.unindexed
        ],
        "missing": [_proposal(one, view) for one in findings.proposals.needed],
        "beyond": [_proposal(one, view) for one in findings.proposals.beyond],
        "statistics": [
            {"table": name, "rows": source, "analyzed": name in findings.proposals.analyzed}
            for name, source in findings.proposals.sources
        ],
        "rows_read": findings.proposals.rows,
        "broken": [{"path": path, "error": error} for path, error in findings.broken],
        "notes": list(findings.notes),
    }


def _redundant(one: Redundant) -> dict[str, object]:
    return {
        "name": one.index.name,
        "table": one.index.table,
        "key": one.index.shown,
        "kind": one.kind,
        "by": one.by.label if one.by is not None else None,
        "reason": _reason(one),
        "kept": list(one.kept),
    }


def _proposal(one: Proposal, view: View) -> dict[str, object]:
    return {
        "name": one.name,
        "table": one.candidate.table,
        "key": one.candidate.shown,
        "sql": one.statement,
        "reference": one.reference or None,
        "entries": one.entries,
        "bytes": one.bytes,
        "rows_saved": one.saved,
        "price_saved": None if view.price is None else round(price_of(one.saved, view.price), 6),
        "in_migrations": one.name in view.in_migrations,
        "queries": [
            {
                "name": benefit.query,
                "path": benefit.path,
                "rows_before": benefit.before,
                "rows_after": benefit.after,
                "unsorted": benefit.unsorted,
                "fulfilled": list(benefit.fulfilled),
                "measured": _measured_data(view.measured.get(benefit.path)),
            }
            for benefit in one.benefits
        ],
        "notes": list(one.notes),
    }


def _measured_data(measured: Measured | None) -> dict[str, object] | None:
    if measured is None or not measured.is_known:
        return None
    return {
        when: {"at_least": rows.at_least, "at_most": rows.at_most, "steps": rows.steps, "sqlite": rows.counted_by}
        for when, rows in (("before", measured.before), ("after", measured.after))
    }


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *indented(lines), ""] if lines else []


def _missing(one: Proposal, view: View) -> list[str]:
    lines = [f"{one.statement};"]
    if one.reference:
        lines.append(f"  {one.reference}, and no index begins with that")
    for benefit in one.benefits:
        sort = f", no longer sorts {count(benefit.unsorted, 'row')}" if benefit.unsorted else ""
        expected = f" ({', '.join(benefit.fulfilled)}, as its file expects)" if benefit.fulfilled else ""
        lines.append(f"  {benefit.path}: {benefit.before:,} rows read a call, then {benefit.after:,}{sort}{expected}")
        lines += indented(_measured(benefit.path, view), 4)
    if view.price is not None and one.saved:
        lines.append(f"  saves {price_of(one.saved, view.price):,.2f} in a million calls of each")
    size_text = f"about {size(one.bytes)} ({count(one.entries, 'entry', 'entries')})"
    part = " that meets the condition" if one.candidate.where else ""
    lines.append(f"  costs {size_text}, and an entry to write with each row{part}")
    if one.name in view.in_migrations:
        lines.append(f"  the migrations of the project create it: {hints.command('migrate.up')}")
    return [*lines, *(f"  {note}" for note in one.notes)]


def _measured(path: str, view: View) -> list[str]:
    """What a run read without the proposals, and with them."""
    measured = view.measured.get(path)
    if measured is None:
        return []
    before, after = measured.before, measured.after
    if not measured.is_known:
        return [f"not measured: {before.problem or after.problem}"] if view.measures else []
    counted = f"SQLite {after.counted_by}, with the sample values"
    return [f"measured: {_most(before)} rows, {before.steps:,} steps; then {_most(after)}, {after.steps:,} ({counted})"]


def _most(rows: RowsRead) -> str:
    return f"{rows.at_most:,}" if rows.at_least == rows.at_most else f"at most {rows.at_most:,}"


def _superfluous(one: Redundant) -> list[str]:
    lines = [f"{one.index.name} {one.index.shown} on {one.index.table}: {_reason(one)}"]
    return [*lines, *indented(f"stays, for {sentence}" for sentence in one.kept)]


def _reason(one: Redundant) -> str:
    by = "" if one.by is None else one.by.label if one.by.constraint else f"{one.by.name} {one.by.shown}"
    return _WHY[one.kind].format(by=by)


def _shown(findings: Findings, use: IndexUse) -> str:
    index = use.index
    unread = f"; no query reads {index.table} at all" if index.table in findings.unread else ""
    return f"{index.label} {index.shown} on {index.table}{unread}"
