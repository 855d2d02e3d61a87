"""Everything that can be proven about a database, as a list of findings. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memsql import hints, words
from memsql.config import Settings
from memsql.db import Connection, Value, Visit, connection
from memsql.db.queries import load
from memsql.db.unknown import unknown_part
from memsql.engine.replay import replay_schema
from memsql.engine.signals import interruptible
from memsql.engine.state import State, read_state
from memsql.engine.structure.broken import all_broken
from memsql.errors import ConnectError, MemsqlError, StatementError, UsageError
from memsql.progress import Progress
from memsql.project import plan
from memsql.project.checks import Check, run_checks
from memsql.project.load import Project, load_project
from memsql.schema import read
from memsql.schema.compare import compare, definitions, respelled
from memsql.sqltext import quote

if TYPE_CHECKING:
    from memsql.legacy.promises import Reached

_SHOWN = 50
_IN_A_LINE = 10
_WHY_SCHEMA = "everything the applied migrations make is there, as they make it"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about the database. ``messages`` has a sentence for each problem; none means
    proven. ``unproven``: the sentences say what could not be looked at, and nothing is known to be wrong.
    ``waits_for``: the upgrade or migration that promises it, where that did not run yet; its severity is info.
    ``ms``: how many milliseconds a check of sql/checks took, where that is known."""

    name: str
    severity: str
    messages: tuple[str, ...]
    why: str = ""
    unproven: bool = False
    waits_for: str | None = None
    ms: float | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.messages


def verify(settings: Settings, *, deep: bool, progress: Progress, visit: Visit | None = None) -> list[Finding]:
    """Check pages, foreign keys, views, triggers, full-text indexes, ledger, sums, schema, the project's checks, the
    plans of its queries and the models in its source code.

    ``deep`` runs SQLite's full integrity_check instead of quick_check. ``visit`` opens the database, where that is not
    the one of ``settings`` opened anew; it is closed. Raises ConnectError where the database cannot be
    read at all.
    """
    project = load_project(settings)
    visit = visit or Visit(settings.target, settings.busy_timeout)
    with closing(visit), visit.open("ro") as conn:
        state = read_state(project, conn)
        legacy = _reached(conn, state)
        findings = [
            Finding("migration_files", "error", project.sum_problems, "memsql.sum must match the files"),
            _ledger(state, legacy),
        ]
        progress.start("checking pages")
        findings += _pages(conn, deep=deep)
        progress.start("checking foreign keys")
        findings += _foreign_keys(conn)
        progress.start("compiling views and triggers")
        findings += _structure(conn)
        progress.start("comparing the schema")
        findings += [*_schema(state, conn), *_scripts(state)]
        progress.start("checking full-text indexes")
        findings += _full_text(project, conn, progress, on_legacy_track=legacy is not None)
        applied = {s.version for s in state.statuses if s.is_applied}
        due = [c for c in project.checks if c.version is None or c.version in applied]
        findings += _checks(conn, due, legacy, progress)
        progress.start("planning the queries")
        findings += _contracts(state, conn)
        progress.start("comparing the models")
        return findings + _models(state, conn)


def verify_only(settings: Settings, word: str, progress: Progress) -> list[Finding]:
    """Run the checks in sql/checks whose file is called ``word``, or ``word`` and more behind an underscore, and
    nothing else.

    Raises UsageError where there is none, ConnectError where the database cannot be read at all.
    """
    project = load_project(settings)
    chosen = [c for c in project.checks if _stem(c) == word or _stem(c).startswith(f"{word}_")]
    if not chosen:
        groups = ", ".join(dict.fromkeys(_stem(c).partition("_")[0] for c in project.checks)) or "none"
        raise UsageError(
            f"--only {word}: no file in {settings.show(settings.sql / 'checks')} is called {word}.sql or {word}_….sql",
            hint=f"they begin with: {groups}",
        )
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        applied = {s.version for s in state.statuses if s.is_applied}
        due = [c for c in chosen if c.version is None or c.version in applied]
        waiting = [c for c in chosen if c not in due]
        return [
            *_checks(conn, due, _reached(conn, state), progress),
            *(_later(c.name, f"migration {c.version:04d}", (), c.why) for c in waiting),
        ]


def _stem(check: Check) -> str:
    return check.path.rpartition("/")[2].removesuffix(".sql")


def _reached(conn: Connection, state: State) -> Reached | None:
    if not state.is_legacy:
        return None
    from memsql.legacy.promises import reached

    return reached(conn, state, [c for c in state.project.checks if c.version is None])


def _checks(conn: Connection, due: Sequence[Check], legacy: Reached | None, progress: Progress) -> list[Finding]:
    """Run the checks that are ``due``. Of a database on the legacy track only what it has reached is judged."""
    findings = []
    # On a server all at once, to save requests; on a file one by one, to show progress.
    for batch in [list(due)] if conn.target.path is None else [[c] for c in due]:
        if not batch:
            continue
        progress.start(f"check {batch[0].name}" if len(batch) == 1 else f"{len(batch)} checks")
        with interruptible() as interrupted:
            results = run_checks(conn, batch, interrupted)
        for result in results:
            check, messages = result.check, result.messages[:_SHOWN]
            phase = legacy.later.get(check.path) if legacy and messages else None
            findings.append(
                Finding(check.name, check.severity, messages, check.why, ms=result.ms)
                if phase is None
                else _later(check.name, f"legacy upgrade {phase}", messages, check.why)
            )
    return findings


def _later(name: str, what: str, messages: Sequence[str], why: str) -> Finding:
    """The finding about a check that is not due before ``what``."""
    sentences = tuple(f"not before {what}: {message}" for message in messages) or (f"not before {what}",)
    return Finding(name, "info", sentences, why, waits_for=what)


def _contracts(state: State, conn: Connection) -> list[Finding]:
    """A finding for each query that expects something of its plan. What a pending migration provides is not due."""
    from memsql.actions.contracts import contracts

    why = "the plan is what the file of the query expects"
    findings = []
    for contract in contracts(state, conn):
        if contract.messages and contract.waits_for:
            findings.append(_later(contract.name, contract.waits_for, contract.messages, why))
        elif contract.unproven and not contract.messages:
            findings.append(_unproven(contract.name, why, contract.unproven))
        else:
            findings.append(Finding(contract.name, "error", contract.messages, why))
    return findings


def _models(state: State, conn: Connection) -> list[Finding]:
    """Whether the models that the setting ``models`` names fit the schema. What pending migrations provide is not
    due."""
    settings, why = state.project.settings, "the models in source code fit the schema"
    if not settings.models:
        return []
    from memsql.actions.models import fitness

    fit = fitness(state, read(conn))
    if fit.unproven:
        return [_unproven("models", why, fit.unproven)]
    if fit.errors and fit.waits_for:
        return [_later("models", fit.waits_for, fit.errors, why)]
    return [
        Finding("models", "error", fit.errors, why),
        Finding("models_known", "warning", fit.warnings, "nothing in the schema is unknown to the models"),
    ]


def failed(findings: Sequence[Finding]) -> bool:
    """Whether a finding of severity error has a problem."""
    return any(not f.ok and f.severity == "error" for f in findings)


def _ledger(state: State, legacy: Reached | None) -> Finding:
    messages = [
        f"{s.migration.id if s.migration else s.name}: {s.note or s.state}"
        for s in state.statuses
        if s.state in (plan.EDITED, plan.MISSING, plan.FAILED) or s.lacks or (s.incomplete and not s.folded)
    ]
    messages += [
        f"{name}: marked as applied twice; somebody else wrote _yoyo_migration, so compare its rows and remove one"
        for name in state.ledger.marked_twice
    ]
    pending = [s for s in state.statuses if s.state in plan.WAITING]
    notices = list(plan.notices(state.statuses))
    notices += [f"{s.id}: {s.note}" for s in state.statuses if s.folded and not s.lacks]
    if legacy is not None:
        waits = f"waits for {', '.join(legacy.pending)}" if legacy.pending else "needs no upgrade"
        notices.append(f"not adopted yet: it is {legacy.title} and {waits}; next: {hints.command('legacy.adopt')}")
    elif any(other.counts for other in state.others):
        names = " and ".join(other.says for other in state.others if other.counts)
        notices.append(f"not adopted yet: {names} says what is applied; see: {hints.command('migrate.status')}")
    elif state.is_legacy:
        messages.append(
            "this database was never adopted: it has tables, but no migration of ours; see: "
            f"{hints.command('legacy.status')}"
        )
    if pending:
        # A line for each is cut where there are many; one line would not be.
        waiting = [s.id for s in pending]
        lines = waiting if len(waiting) > _IN_A_LINE else [", ".join(waiting)]
        notices += [f"not applied yet: {line}" for line in lines]
    if notices and not messages:
        return Finding("ledger", "warning", tuple(notices), "the ledger agrees with the files")
    return Finding("ledger", "error", tuple(messages), "the ledger agrees with the files")


def _unproven(name: str, why: str, messages: Sequence[str]) -> Finding:
    return Finding(name, "warning", tuple(f"not proven: {message}" for message in messages), why, unproven=True)


def _pages(conn: Connection, *, deep: bool) -> list[Finding]:
    pragma, why = "integrity_check" if deep else "quick_check", "every page can be read and is in its place"
    unknown: list[str] = []
    try:
        with interruptible() as interrupted, conn.observe(interrupted):
            rows = _answer_of(conn, pragma, unknown)
    except ConnectError as e:
        if conn.target.is_server:
            # It says nothing of the pages.
            raise
        rows = [e.message]
    findings = [Finding(pragma, "error", tuple(rows), why)]
    return [*findings, _unproven(f"{pragma}_unknown", why, unknown)] if unknown else findings


def _answer_of(conn: Connection, pragma: str, unknown: list[str]) -> list[str]:
    """What quick_check or integrity_check finds, a line each. It is asked for each table alone where one of them uses
    what SQLite does not know here; ``unknown`` gets a sentence for each of those."""
    try:
        rows = conn.execute(f"PRAGMA {pragma}({_SHOWN})").rows
    except StatementError as e:
        if unknown_part(e.message) is None:
            return [f"cannot be asked: {e.message}"]
        rows = []
        for (name,) in conn.execute(load("engine/tables")).rows:
            try:
                rows += conn.execute(f"PRAGMA {pragma}({quote(str(name))})").rows
            except StatementError as of_table:
                unknown.append(f"table {name!s} {_uses(of_table)}")
    return [line for row in rows for line in str(row[0]).split("\n") if line != "ok"][:_SHOWN]


def _uses(error: StatementError) -> str:
    part = unknown_part(error.message)
    return f"uses {part}, which is unknown here" if part is not None else f"cannot be read: {error.message}"


def _foreign_keys(conn: Connection) -> list[Finding]:
    why = "every reference finds its row; migrations keep old orphans and never add new ones"
    orphans: list[tuple[Value, ...]] = []
    mismatches: list[str] = []
    unknown: list[str] = []
    with interruptible() as interrupted, conn.observe(interrupted):
        try:
            orphans += conn.execute(load("engine/foreign_key_violations")).rows
        except StatementError:
            # One foreign key that cannot be checked fails the whole statement.
            for (child,) in conn.execute(load("engine/referring_tables")).rows:
                try:
                    rows = conn.execute(load("engine/foreign_key_violations_of"), (child,)).rows
                    orphans += [(child, *row) for row in rows]
                except StatementError as e:
                    if unknown_part(e.message) is None:
                        mismatches.append(e.message)
                    else:
                        unknown.append(f"table {child!s} {_uses(e)}")
    sentences = tuple(words.orphans(int(str(count)), child, parent) for child, parent, count in orphans)
    findings = [Finding("foreign_keys", "warning", sentences, why)]
    if mismatches:
        why_parents = (
            "every foreign key refers to a primary key or to columns with a unique index; SQLite refuses writes"
        )
        findings.append(Finding("foreign_key_parents", "error", tuple(mismatches), f"{why_parents} otherwise"))
    return [*findings, _unproven("foreign_keys_unknown", why, unknown)] if unknown else findings


def _structure(conn: Connection) -> list[Finding]:
    why = "every view can be read, and every trigger can run"
    broken, unknown = all_broken(conn)
    findings = [Finding("structure", "warning", tuple(broken), why)]
    return [*findings, _unproven("structure_unknown", why, unknown)] if unknown else findings


def _schema(state: State, conn: Connection) -> list[Finding]:
    applied = [s.version for s in state.statuses if s.is_applied]
    if not applied:
        return []
    try:
        # Scripts that wait have nothing to do with what migrations made; they are a finding of their own.
        goal = replay_schema(state.project, max(applied), scripts=not state.waiting_scripts)
    except MemsqlError as e:
        part = unknown_part(e.message)
        if part is None and (conn.target.path is not None or "syntax error" not in e.message):
            return [Finding("schema", "error", (e.message,))]
        reason = f"{part} is unknown" if part is not None else "it has no such syntax"
        message = f"the SQLite of this machine cannot run the migrations, because {reason}: {e.message}"
        return [_unproven("schema", _WHY_SCHEMA, [message])]
    actual = read(conn)
    comparison = compare(definitions(goal), definitions(actual))
    if state.waiting_scripts:
        from memsql.actions.scripts import without_theirs

        comparison = without_theirs(comparison, state.scripts)
    return [
        Finding(
            "schema",
            "error",
            (
                *(f"missing: {element}" for element in comparison.missing),
                *(f"different: {d.element}" for d in comparison.different),
            ),
            _WHY_SCHEMA,
        ),
        Finding(
            "schema_extra",
            "warning",
            (
                *(f"not made by any migration: {element}" for element in comparison.extra),
                # SQLite takes both for one name, an application that reads names does not.
                *respelled(goal, actual),
            ),
            "nothing is there that no migration made, and every name has the letters of the migrations",
        ),
    ]


def _scripts(state: State) -> list[Finding]:
    if not state.scripts:
        return []
    from memsql.actions.scripts import WHY, problems

    is_drift, messages = problems(state.scripts)
    return [Finding("repeatables", "error" if is_drift else "warning", messages, WHY)]


def _full_text(project: Project, conn: Connection, progress: Progress, *, on_legacy_track: bool) -> list[Finding]:
    """Check the full-text indexes. One that a pending migration repairs is a warning that names it. On the legacy track
    so is one whose triggers are wrong: no upgrade promises to repair what a release shipped."""
    if not conn.execute(load("engine/has_fts")).rows:
        return []
    from memsql.db.clone import clone
    from memsql.fts import all_problems, check, discover, rows_for

    settings = project.settings
    findings = []
    tables = discover(conn)
    wrong = {
        table.name: [finding.message for finding in problems]
        for table, problems in zip(tables, all_problems(conn, tables), strict=True)
    }
    why = "the full-text index agrees with its content"
    try:
        # SQLite takes the write lock for this check, and writers must not wait for a verification.
        with clone(settings.target, settings.busy_timeout, progress, choice=rows_for()) as copy:
            for table in tables:
                try:
                    result = check(copy.connection, table)
                except StatementError as e:
                    findings.append(_unproven(f"fts {table.name}", why, [f"it {_uses(e)}"]))
                    continue
                if result.unproven:
                    findings.append(_unproven(f"fts {table.name}", why, [result.unproven]))
                    continue
                severity = "warning" if on_legacy_track and wrong[table.name] else "error"
                findings.append(Finding(f"fts {table.name}", severity, () if result.ok else (result.message,), why))
            findings = _with_repairs(findings, copy.connection, project, progress)
    except ConnectError as e:
        if settings.target.path is not None:
            raise
        # A server may have indexes that the SQLite of this machine cannot read.
        findings = [_unproven("fts", why, [f"the indexes cannot be checked on this machine: {e.message}"])]
    messages = tuple(message for of_table in wrong.values() for message in of_table)
    findings.append(Finding("fts_triggers", "warning", messages, "the triggers keep the full-text indexes right"))
    return findings


def _with_repairs(findings: Sequence[Finding], copy: Connection, project: Project, progress: Progress) -> list[Finding]:
    """``findings`` about full-text indexes, where those that a pending migration repairs are warnings that name it."""
    names = {f.name.removeprefix("fts ") for f in findings if not (f.ok or f.unproven)}
    if not names:
        return list(findings)
    from memsql.actions.pending_repair import repaired_by

    repairs = {f"fts {name}": migration for name, migration in repaired_by(copy, project, names, progress).items()}
    return [
        replace(
            f,
            severity="warning",
            messages=(
                *f.messages,
                f"{repairs[f.name]}, which is not applied yet, repairs it: {hints.command('migrate.up')}",
            ),
        )
        if f.name in repairs
        else f
        for f in findings
    ]
