"""Everything that can be proven about a database, as a list of findings. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql import words
from memsql.config import Settings
from memsql.db import Connection, connection
from memsql.db.queries import load
from memsql.engine.replay import replay_schema
from memsql.engine.signals import interruptible
from memsql.engine.state import State, read_state
from memsql.errors import ConnectError, MemsqlError
from memsql.progress import Progress
from memsql.project import plan
from memsql.project.checks import run_checks
from memsql.project.load import load_project
from memsql.schema import read
from memsql.schema.compare import compare, definitions

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about the database. ``messages`` has a sentence for each problem; none means
    proven."""

    name: str
    severity: str
    messages: tuple[str, ...]
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.messages


def verify(settings: Settings, *, deep: bool, progress: Progress) -> list[Finding]:
    """Check pages, foreign keys, full-text indexes, ledger, sums, schema and every check of the project.

    ``deep`` runs SQLite's full integrity_check instead of quick_check. Raises ConnectError where the database cannot be
    read at all.
    """
    project = load_project(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        checks = project.checks
        state = read_state(project, conn)
        findings = [
            Finding("migration_files", "error", project.sum_problems, "memsql.sum must match the files"),
            _ledger(state),
        ]
        progress.start("checking pages")
        findings.append(_pages(conn, deep=deep))
        progress.start("checking foreign keys")
        findings.append(_foreign_keys(conn))
        progress.start("comparing the schema")
        findings += _schema(state, conn)
        progress.start("checking full-text indexes")
        findings += _full_text(settings, conn, progress)
        applied = {s.version for s in state.statuses if s.is_applied}
        due = [c for c in checks if c.version is None or c.version in applied]
        # On a server all at once, to save requests; on a file one by one, to show progress.
        for batch in [due] if settings.target.path is None else [[c] for c in due]:
            progress.start(f"check {batch[0].name}" if len(batch) == 1 else f"{len(batch)} checks")
            with interruptible() as interrupted:
                results = run_checks(conn, batch, interrupted)
            findings += [Finding(r.check.name, r.check.severity, r.messages[:_SHOWN], r.check.why) for r in results]
        return findings


def failed(findings: Sequence[Finding]) -> bool:
    """Whether a finding of severity error has a problem."""
    return any(not f.ok and f.severity == "error" for f in findings)


def _ledger(state: State) -> Finding:
    messages = [
        f"{s.migration.id if s.migration else s.name}: {s.note or s.state}"
        for s in state.statuses
        if s.state in (plan.EDITED, plan.MISSING, plan.FAILED) or s.incomplete
    ]
    if state.is_legacy:
        messages.append("this database was never adopted: it has tables, but no migration of ours")
    pending = [s for s in state.statuses if s.state in plan.WAITING]
    if pending and not messages:
        ids = ", ".join(s.migration.id for s in pending if s.migration)
        return Finding("ledger", "warning", (f"not applied yet: {ids}",), "the ledger agrees with the files")
    return Finding("ledger", "error", tuple(messages), "the ledger agrees with the files")


def _pages(conn: Connection, *, deep: bool) -> Finding:
    pragma = "integrity_check" if deep else "quick_check"
    try:
        with interruptible() as interrupted, conn.observe(interrupted):
            rows = [str(r[0]) for r in conn.execute(f"PRAGMA {pragma}({_SHOWN})").rows]
    except ConnectError as e:
        rows = [e.message]
    return Finding(pragma, "error", tuple(r for r in rows if r != "ok"), "every page can be read and is in its place")


def _foreign_keys(conn: Connection) -> Finding:
    with interruptible() as interrupted, conn.observe(interrupted):
        rows = conn.execute(load("engine/foreign_key_violations")).rows
    return Finding(
        "foreign_keys",
        "warning",
        tuple(words.orphans(f"{count!s} rows", child, parent) for child, parent, count in rows),
        "every reference finds its row; migrations keep old orphans and never add new ones",
    )


def _schema(state: State, conn: Connection) -> list[Finding]:
    applied = [s.version for s in state.statuses if s.is_applied]
    if not applied:
        return []
    try:
        goal = replay_schema(state.project, max(applied))
    except MemsqlError as e:
        return [Finding("schema", "error", (f"the migrations do not run on an empty database: {e.message}",))]
    comparison = compare(definitions(goal), definitions(read(conn)))
    return [
        Finding(
            "schema",
            "error",
            (
                *(f"missing: {element}" for element in comparison.missing),
                *(f"different: {d.element}" for d in comparison.different),
            ),
            "everything the applied migrations make is there, as they make it",
        ),
        Finding(
            "schema_extra",
            "warning",
            tuple(f"not made by any migration: {element}" for element in comparison.extra),
            "nothing is there that no migration made",
        ),
    ]


def _full_text(settings: Settings, conn: Connection, progress: Progress) -> list[Finding]:
    if not conn.execute(load("engine/has_fts")).rows:
        return []
    from memsql.db.clone import clone
    from memsql.fts import all_problems, check, discover, rows_for

    findings = []
    tables = discover(conn)
    why = "the full-text index agrees with its content"
    try:
        # SQLite takes the write lock for this check, and writers must not wait for a verification.
        with clone(settings.target, settings.busy_timeout, progress, choice=rows_for()) as copy:
            for table in tables:
                result = check(copy.connection, table)
                findings.append(Finding(f"fts {table.name}", "error", () if result.ok else (result.message,), why))
    except ConnectError as e:
        if settings.target.path is not None:
            raise
        # A server may have indexes that the SQLite of this machine cannot read.
        findings = [Finding("fts", "error", (f"cannot be checked: {e.message}",), why)]
    wrong = [f.message for table_findings in all_problems(conn, tables) for f in table_findings]
    findings.append(Finding("fts_triggers", "warning", tuple(wrong), "the triggers keep the full-text indexes right"))
    return findings
