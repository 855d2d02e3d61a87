"""Runs the migrations of the base and those of the branch, each on an empty database, and tries what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from memsql import deadline, hints
from memsql.advise.queries import QueryPlan, query_plans
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import MemsqlError
from memsql.lint import Finding
from memsql.project import repeatables
from memsql.project.checks import read_checks
from memsql.project.files import Migration
from memsql.project.load import REPEATABLE, in_order, repeatables_of
from memsql.project.versions import version_of
from memsql.review.branch import Branch
from memsql.review.case import reason, without_checks
from memsql.review.changes import MigrationChange, migrations
from memsql.review.findings import ABOUT, finding_of
from memsql.review.model import Migrated
from memsql.review.proof import MigrationProof, prove
from memsql.schema import Schema, read
from memsql.scratch.database import project_of, run_here, try_run
from memsql.sqltext import fold, statements
from memsql.sqltext.libsql import only_libsql

ROWS = 200
"""Made-up rows in each table that a migration concerns; fewer where many migrations changed."""
_ALL_ROWS = 2000
_FEWEST = 20
_WITH_ROWS = 50


@dataclass(frozen=True, slots=True)
class ReviewRun:
    """What a run of all migrations gave: the schema, the plans of the queries, and problems and notes on the way.

    ``migrations`` are those that changed. ``complete`` says that every migration ran. ``sample`` is a sentence on the
    made-up rows; empty where no migration was tried.
    """

    schema: Schema
    plans: tuple[QueryPlan, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    migrations: tuple[Migrated, ...] = ()
    complete: bool = True
    sample: str = ""


@dataclass(slots=True)
class _Database:
    """An empty database on which migrations run one after the other: ``done`` ran, ``left_out`` did not. ``settings``
    are those of their trials; here they run without checks."""

    conn: SQLiteConnection
    settings: Settings
    done: list[Migration] = field(default_factory=list)
    left_out: list[Migration] = field(default_factory=list)

    def apply(self, migration: Migration, part: str) -> str | None:
        """Run ``migration``, which may lose data, as the ``part`` of the work. Returns why it does not run, None where
        it ran; one that does not run is left out."""
        try:
            with deadline.part(part):
                error = self.run(migration)
        except deadline.Stopped as e:
            return self.stopped(migration, e)
        return None if error is None else f"it does not run on a database that has those before it: {reason(error)}"

    def run(self, migration: Migration) -> MemsqlError | None:
        """Run it. Returns why it does not run; then it is left out."""
        project = project_of(without_checks(self.settings), (*self.done, migration))
        error = try_run(self.conn, project, "up", allow=True)
        (self.done if error is None else self.left_out).append(migration)
        return error

    def stopped(self, migration: Migration, stop: deadline.Stopped) -> str:
        """Leave out ``migration``, which was stopped, and return why."""
        self.conn.rollback()
        self.left_out.append(migration)
        return stop.reason


def run_base(settings: Settings, branch: Branch) -> ReviewRun:
    """Run the migrations as they were where the branch left the base."""
    ordered, _ = _ordered(migrations(branch.old_files, {}))
    with closing(memory()) as conn:
        database = _Database(conn, settings)
        for migration in ordered:
            database.apply(migration, f"{migration.id} of {branch.base.name}")
        script_problems = _run_scripts(
            database, lambda: repeatables.in_order([*map(repeatables.read_script, branch.old_scripts)]), "MR15"
        )
        plans, findings = _plans(conn, settings, f"queries of {branch.base.name}")
        findings += script_problems
        remark = f"it does not run in {branch.base.name}; what differs because of that was not looked at"
        findings += [finding_of("MR15", migration.up.path, remark) for migration in database.left_out]
        return ReviewRun(read(conn), plans, tuple(findings))


def run_branch(
    settings: Settings,
    branch: Branch,
    changes: Sequence[MigrationChange],
    versions: dict[str, int],
) -> ReviewRun:
    """Run the migrations of the working tree; prove those in ``changes``.

    ``versions`` gives some migrations another version than their names say, by name: see free_versions().
    """
    changed = {change.name: change for change in changes}
    attempts = sum(1 for change in changes if change.kind != "removed")
    rows = max(_FEWEST, min(ROWS, _ALL_ROWS // max(attempts, 1)))
    folder = settings.show(settings.migrations)
    results = {change.name: _not_tried(change, branch.files_of(change.name, folder)) for change in changes}
    present = migrations(branch.new_files, versions)
    ordered, findings = _ordered(present)
    for_trials, problems = _with_checks(settings)
    findings += problems
    count = 0
    with closing(memory()) as conn:
        database = _Database(conn, for_trials)
        for migration in ordered:
            if migration.id not in changed:
                why = database.apply(migration, migration.id)
                if why is not None:
                    findings.append(_left_out(migration, why))
                continue
            count += 1
            left_out = tuple(database.left_out)
            proof = _proof(database, migration, rows=rows if count <= _WITH_ROWS else 0)
            findings += _explained(proof.findings, left_out)
            results[migration.id] = _migrated(results[migration.id], migration, proof)
        findings += _run_scripts(database, lambda: repeatables_of(settings), "MR01")
        plans, problems = _plans(conn, settings, "queries")
        schema = read(conn)
    names = {migration.id for migration in present}
    missing = [c.name for c in changes if c.kind != "removed" and c.name not in names]
    return ReviewRun(
        schema,
        plans,
        (*findings, *problems),
        (f"not tried, because another file has the version: {', '.join(missing)}",) if missing else (),
        tuple(sorted(results.values(), key=lambda m: (m.version, m.name))),
        not database.left_out and not missing,
        _sample(rows, count) if attempts else "",
    )


def _run_scripts(
    database: _Database, scripts: Callable[[], tuple[repeatables.Repeatable, ...]], code: str
) -> list[Finding]:
    """Run the repeatable ``scripts`` behind the migrations, proven as these. A finding ``code`` where they do not
    run."""
    try:
        chosen = scripts()
        if chosen:
            with deadline.part(REPEATABLE):
                project = project_of(without_checks(database.settings), tuple(database.done))
                run_here(database.conn, replace(project, repeatables=chosen), "up")
    except deadline.Stopped as e:
        database.conn.rollback()
        return [finding_of("MR15", REPEATABLE, f"the repeatable scripts were not tried: {e.reason}")]
    except MemsqlError as e:
        return [_error_in_file(code, e, database.settings.show(database.settings.sql / REPEATABLE))]
    return []


def _proof(database: _Database, migration: Migration, *, rows: int) -> MigrationProof:
    """Try ``migration`` on the database, and then run it there, if it runs at all."""
    try:
        with deadline.part(migration.id):
            proof = prove(database.settings, database.conn, database.done, migration, rows=rows)
            if proof.applies:
                database.run(migration)
            else:
                database.left_out.append(migration)
            return proof
    except deadline.Stopped as e:
        finding = finding_of(
            "MR01",
            migration.up.path,
            f"{database.stopped(migration, e)}, on made-up rows; what it does was not proven",
            fix=f"read it with care, and rehearse it on a copy of your data: {hints.command('migrate.up --dry-run')}",
        )
        return MigrationProof((finding,), "not tried", applies=False)


def _sample(rows: int, count: int) -> str:
    """The sentence on made-up rows, for ``count`` migrations that were tried with ``rows`` in each table."""
    without = f"; migrations behind the first {_WITH_ROWS} without rows" if count > _WITH_ROWS else ""
    return f"tried on up to {rows} made-up rows in each table concerned{without}"


def _not_tried(change: MigrationChange, files: tuple[str, ...]) -> Migrated:
    return Migrated(change.name, version_of(change.name) or 0, change.kind, files, was=change.was)


def _migrated(empty: Migrated, migration: Migration, proof: MigrationProof) -> Migrated:
    """``empty`` with the results of ``proof``."""
    try:
        description = migration.header.description
    except MemsqlError:
        description = ""
    tables = {fold(t): t for statement in proof.statements for t in statement.tables}
    return replace(
        empty,
        description=description,
        statements=proof.statements,
        left_out=proof.left_out,
        way_back=proof.way_back,
        rows=proof.rows,
        tables=tuple(sorted(tables.values())),
    )


def _for_libsql(migration: Migration) -> bool:
    """Whether ``migration`` has a statement that only libSQL knows."""
    text = migration.up.data.decode("utf-8", "replace")
    return any(only_libsql(statement.text) for statement in statements(text))


def _left_out(migration: Migration, why: str) -> Finding:
    """A finding about a migration of the base that does not run."""
    if _for_libsql(migration):
        return finding_of("MR15", migration.up.path, "it was not tried, because only libSQL knows what it says")
    return finding_of("MR01", migration.up.path, why)


def _explained(findings: Sequence[Finding], left_out: Sequence[Migration]) -> Sequence[Finding]:
    """``findings``; those about a migration that does not run also name the migrations that were left out before it.
    Where these may run on a server, so may this one."""
    if not left_out or all(f.rule != "MR01" for f in findings):
        return findings
    verb = "do" if len(left_out) > 1 else "does"
    remark = f" (it was tried without {', '.join(migration.id for migration in left_out[:5])}, which {verb} not run)"
    code, severity = ("MR15", "info") if all(map(_for_libsql, left_out)) else ("MR01", "error")
    name = ABOUT[code].name
    return [
        replace(f, rule=code, name=name, severity=severity, message=f.message + remark) if f.rule == "MR01" else f
        for f in findings
    ]


def _with_checks(settings: Settings) -> tuple[Settings, list[Finding]]:
    """The settings for the trials. Where a file is no check, they are without checks, and there is a finding."""
    try:
        read_checks(settings.sql / "checks", f"{settings.show(settings.sql)}/checks")
    except MemsqlError as e:
        problem = _error_in_file("MR01", e, settings.show(settings.sql))
        return without_checks(settings), [replace(problem, message=f"no check was tried: {problem.message}")]
    return settings, []


def _ordered(migrations: Sequence[Migration]) -> tuple[Sequence[Migration], list[Finding]]:
    """The migrations in the order to apply; as they are, with a finding, where their dependencies permit no order."""
    try:
        return in_order(migrations), []
    except MemsqlError as e:
        return migrations, [_error_in_file("MR01", e, migrations[0].up.path)]


def _plans(conn: SQLiteConnection, settings: Settings, part: str) -> tuple[tuple[QueryPlan, ...], list[Finding]]:
    """The plans of the queries in sql/queries; none, with a finding, where a file cannot be read or asks for a value
    that takes too long."""
    shown = f"{settings.show(settings.sql)}/queries"
    try:
        with deadline.part(part):
            return tuple(query_plans(conn, settings)), []
    except deadline.Stopped as e:
        return (), [finding_of("MR12", shown, f"to ask for the plans of the queries was stopped: {e.reason}")]
    except MemsqlError as e:
        return (), [_error_in_file("MR12", e, shown)]


def _error_in_file(code: str, error: MemsqlError, path: str) -> Finding:
    """A finding at the place that ``error`` names, or else at ``path``."""
    where = error.where
    return finding_of(
        code,
        where.path if where else path,
        error.message,
        line=(where.line if where else None) or 1,
        fix=error.hint or "",
    )
