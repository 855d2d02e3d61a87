"""The review of a change: git, lint, proof and upkeep, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from memsql import git
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.errors import MemsqlError, UsageError
from memsql.lint import Finding, lint_files
from memsql.project import load as projects
from memsql.project.files import SUM_NAME, Migration, SqlFile
from memsql.project.queries import QueryPlan, query_plans
from memsql.review import upkeep
from memsql.review.base import Base, changed_paths, find_base, untracked_paths
from memsql.review.changes import Change, Files, changes, free_versions, migrations, sql_file, stems, version_of
from memsql.review.model import Migrated, Review
from memsql.review.plans import plan_changes, plan_findings
from memsql.review.proof import Proof, prove
from memsql.review.rules import ABOUT, found, in_order
from memsql.schema import Schema, diff, mermaid, read
from memsql.scratch.database import project_of, try_run
from memsql.sqltext import fold

ROWS = 200
"""Made-up rows in each table that a migration concerns; fewer where many migrations changed."""
_ALL_ROWS = 2000
_FEWEST = 20
_WITH_ROWS = 50
_DRAWN = 25


@dataclass(frozen=True, slots=True)
class _Change:
    """Everything that git knows about a change. Names of files are those in the folder of migrations."""

    repository: git.Repository
    base: Base
    paths: tuple[str, ...]
    was: Files
    now: Files
    tip: tuple[str, ...]
    untracked: tuple[str, ...]
    base_paths: frozenset[str]


def review(settings: Settings, base: str | None = None, note: Callable[[str], None] = lambda _: None) -> Review:
    """Look at everything that changed since the base: see find_base() for ``base``.

    Raises UsageError where there is no repository, no base, or no git; what is wrong with the change is in the result.
    """
    note("asking git")
    change = _ask_git(settings, base)
    folder = settings.show(settings.migrations)
    found_changes = changes(change.was, change.now)
    come = [c.name for c in found_changes if c.kind in ("new", "renamed")]
    moved, wanted = free_versions([n for n in come if not _is_in_tip(change, n)], stems(change.tip))
    problems = upkeep.applied_findings(found_changes, folder, change.base.name, change.base.start)
    problems += upkeep.name_findings(change.now, folder)
    checks = _new_checks(settings, change)
    more, renames = upkeep.version_findings(
        wanted,
        moved,
        change.now,
        checks,
        change.untracked,
        folder=folder,
        checks_folder=f"{settings.show(settings.sql)}/checks",
        base=change.base.name,
    )
    problems += more
    note("looking at the files")
    problems += lint_files(settings, _to_lint(settings, change, found_changes))
    ran = _run(settings, change, found_changes, moved, note)
    problems += ran.findings
    note("comparing schemas and plans")
    problems += upkeep.sum_findings(
        settings.migrations,
        folder,
        sorted(migrations(change.now, {}), key=lambda m: (m.version, m.id)),
        f"{folder}/{SUM_NAME}" in change.base_paths,
    )
    problems += (
        upkeep.snapshot_findings(
            settings.sql / "schema.sql",
            settings.show(settings.sql / "schema.sql"),
            ran.after,
            settings.show(settings.sql / "schema.sql") in change.base_paths,
        )
        if ran.complete
        else []
    )
    plans = plan_changes(ran.plans_before, ran.plans_after)
    problems += plan_findings(plans)
    tables = sorted({t for m in ran.migrations for t in m.tables})
    drawn = [t for t in tables if (there := ran.after.table(t)) is not None and there.kind != "view"]
    notes = list(ran.notes)
    if any(p.startswith(f"{folder}/legacy/") for p in change.paths):
        notes.append(f"what changed in {folder}/legacy was looked at and not run")
    if len(drawn) > _DRAWN:
        notes.append(f"the diagram shows {_DRAWN} of {len(drawn)} tables")
    return Review(
        change.base.name,
        change.repository.prefix,
        change.paths,
        ran.migrations,
        in_order(set(_allowed(problems, change.now, folder))),
        tuple(diff(ran.before, ran.after).lines()),
        tuple(plans),
        tuple(renames),
        tuple(notes),
        mermaid(ran.after, drawn[:_DRAWN]) if drawn else "",
        tuple(tables),
    )


def _ask_git(settings: Settings, name: str | None) -> _Change:
    repository = git.find_repository(
        settings.root, "a review compares with a base branch; run it in a clone, or use: memsql lint"
    )
    base = find_base(repository, name)
    prefix = repository.prefix
    folders = [settings.show(settings.migrations), settings.show(settings.sql)]
    if any(Path(f).is_absolute() or ".." in Path(f).parts for f in folders):
        raise UsageError(
            "migrations and sql lie outside of the project, where git cannot be asked about them",
            state="nothing was changed",
        )
    places = [f"{prefix}{f}" for f in folders]
    listed = {
        p.removeprefix(prefix): blob
        for place in places
        for p, blob in git.files_in(repository, base.start, place).items()
    }
    tip = {p.removeprefix(prefix): blob for p, blob in git.files_in(repository, base.tip, places[0]).items()}
    candidates = [p.removeprefix(prefix) for p in changed_paths(repository, base, places)]
    untracked = [p.removeprefix(prefix) for p in untracked_paths(repository, places)]
    held = git.contents(repository, (listed[p] for p in candidates if p in listed))
    paths = [p for p in candidates if _differs(settings.root / p, held.get(listed.get(p, "")))]
    direct = [p for p in listed if p.rpartition("/")[0] == folders[0] and p.endswith(".sql")]
    now = _folder(settings, folders[0])
    was = {
        Path(p).name: sql_file(p, held[listed[p]]) if p in candidates else now[Path(p).name]
        for p in direct
        if p in candidates or Path(p).name in now
    }
    return _Change(
        repository,
        base,
        tuple(p for p in paths if p.endswith((".sql", SUM_NAME))),
        was,
        now,
        tuple(sorted(Path(p).name for p in tip if p.rpartition("/")[0] == folders[0])),
        tuple(untracked),
        frozenset(listed),
    )


def _folder(settings: Settings, shown: str) -> dict[str, SqlFile]:
    folder = settings.migrations
    names = sorted(p.name for p in folder.glob("*.sql") if p.is_file()) if folder.is_dir() else []
    found = {}
    for name in names:
        try:
            found[name] = sql_file(f"{shown}/{name}", (folder / name).read_bytes())
        except OSError as e:
            raise UsageError(f"{shown}/{name} cannot be read: {e.strerror}", state="nothing was changed") from None
    return found


@dataclass(frozen=True, slots=True)
class _Ran:
    """What came of running the base and the change. ``complete``: every migration ran."""

    before: Schema
    after: Schema
    migrations: tuple[Migrated, ...]
    findings: tuple[Finding, ...]
    plans_before: tuple[QueryPlan, ...]
    plans_after: tuple[QueryPlan, ...]
    notes: tuple[str, ...]
    complete: bool


def _run(
    settings: Settings,
    change: _Change,
    found_changes: Sequence[Change],
    moved: Mapping[str, int],
    note: Callable[[str], None],
) -> _Ran:
    queries, shown = settings.sql / "queries", f"{settings.show(settings.sql)}/queries"
    problems: list[Finding] = []
    notes: list[str] = []
    with closing(memory()) as conn:
        ran: list[Migration] = []
        for migration in _ordered(migrations(change.was, {}), problems=None):
            if try_run(conn, project_of(settings, (*ran, migration)), "up", allow=True) is None:
                ran.append(migration)
            else:
                notes.append(
                    f"{migration.id} of {change.base.name} does not run; what differs because of that is not told"
                )
        before, plans_before = read(conn), _plans(conn, queries, shown, problems)
    changed = {c.name: c for c in found_changes}
    tried = sum(1 for c in found_changes if c.kind != "removed")
    rows = max(_FEWEST, min(ROWS, _ALL_ROWS // max(tried, 1)))
    results: dict[str, Migrated] = {
        c.name: Migrated(
            c.name, version_of(c.name) or 0, c.kind, _files(settings, change, c), way_back="not tried", was=c.was
        )
        for c in found_changes
    }
    left_out: list[str] = []
    done: list[Migration] = []
    count = 0
    with closing(memory()) as conn:
        for migration in _ordered(migrations(change.now, moved), problems):
            one = changed.get(migration.id)
            if one is not None:
                note(f"trying {migration.id}")
                count += 1
                proof = prove(settings, conn, done, migration, rows if count <= _WITH_ROWS else 0)
                problems += _explained(proof.findings, left_out)
                results[one.name] = _migrated(results[one.name], migration, proof)
                runs = proof.applies
            else:
                runs = True
            if runs and try_run(conn, project_of(settings, (*done, migration)), "up", allow=True) is None:
                done.append(migration)
            else:
                left_out.append(migration.id)
                if one is None:
                    problems.append(
                        found("MR01", migration.up.path, "it does not run on a database that has those before it")
                    )
        after, plans_after = read(conn), _plans(conn, queries, shown, problems)
    present = {m.id for m in migrations(change.now, moved)}
    missing = [c.name for c in found_changes if c.kind != "removed" and c.name not in present]
    if missing:
        notes.append(f"not tried, because another file has the version: {', '.join(missing)}")
    if tried:
        notes.insert(
            0,
            f"tried on up to {rows} made-up rows in each table concerned"
            + (f"; migrations behind the first {_WITH_ROWS} without rows" if count > _WITH_ROWS else ""),
        )
    order = sorted(results.values(), key=lambda m: (m.version, m.name))
    return _Ran(
        before,
        after,
        tuple(order),
        tuple(problems),
        plans_before,
        plans_after,
        tuple(notes),
        not left_out and not missing,
    )


def _migrated(empty: Migrated, migration: Migration, proof: Proof) -> Migrated:
    try:
        description = migration.header.description
    except MemsqlError:
        description = ""
    tables = {fold(t): t for row in proof.statements for t in row.tables}
    return replace(
        empty,
        description=description,
        statements=proof.statements,
        left_out=proof.left_out,
        way_back=proof.way_back,
        rows=proof.rows,
        tables=tuple(sorted(tables.values())),
    )


def _explained(findings: Iterable[Finding], left_out: Sequence[str]) -> list[Finding]:
    """Findings, with a word on what was left out before."""
    if not left_out:
        return list(findings)
    told = f" (it was tried without {', '.join(left_out[:5])}, which {'do' if len(left_out) > 1 else 'does'} not run)"
    return [replace(f, message=f.message + told) if f.rule == "MR01" else f for f in findings]


def _ordered(some: Sequence[Migration], problems: list[Finding] | None) -> Sequence[Migration]:
    try:
        return projects.in_order(some)
    except MemsqlError as e:
        if problems is not None:
            path = e.where.path if e.where else some[0].up.path
            problems.append(
                found("MR01", path, e.message, line=(e.where.line if e.where else None) or 1, fix=e.hint or "")
            )
        return some


def _plans(conn: SQLiteConnection, folder: Path, shown: str, problems: list[Finding]) -> tuple[QueryPlan, ...]:
    try:
        return tuple(query_plans(conn, folder, shown))
    except MemsqlError as e:
        path = e.where.path if e.where else shown
        problems.append(found("MR12", path, e.message, line=(e.where.line if e.where else None) or 1, fix=e.hint or ""))
        return ()


def _files(settings: Settings, change: _Change, one: Change) -> tuple[str, ...]:
    folder = settings.show(settings.migrations)
    return tuple(
        f"{folder}/{one.name}{end}"
        for end in (".sql", ".rollback.sql")
        if f"{one.name}{end}" in change.now or f"{one.name}{end}" in change.was
    )


def _to_lint(settings: Settings, change: _Change, found_changes: Sequence[Change]) -> list[Path]:
    """Changed files that are there, and both files of every changed pair."""
    names = {f"{c.name}{end}" for c in found_changes for end in (".sql", ".rollback.sql")} & change.now.keys()
    paths = {settings.migrations / name for name in names}
    paths |= {settings.root / p for p in change.paths if p.endswith(".sql") and (settings.root / p).is_file()}
    # The snapshot is generated, and what is wrong with it is told by comparison.
    return sorted(paths - {settings.sql / "schema.sql"})


def _new_checks(settings: Settings, change: _Change) -> list[str]:
    folder = f"{settings.show(settings.sql)}/checks"
    return [
        Path(p).name
        for p in change.paths
        if p.rpartition("/")[0] == folder
        and p not in change.base_paths
        and version_of(Path(p).name) is not None
        and (settings.root / p).is_file()
    ]


def _is_in_tip(change: _Change, name: str) -> bool:
    """Whether the tip of the base has this very file: it was merged in the meantime."""
    path = f"{change.now[f'{name}.sql'].path}"
    if f"{name}.sql" not in change.tip:
        return False
    listed = git.files_in(change.repository, change.base.tip, f"{change.repository.prefix}{path}")
    return any(
        sql_file(path, data).data == change.now[f"{name}.sql"].data
        for data in git.contents(change.repository, listed.values()).values()
    )


def _differs(path: Path, held: bytes | None) -> bool:
    try:
        now = path.read_bytes()
    except OSError:
        return held is not None
    return held is None or sql_file("", held).data != sql_file("", now).data


def _allowed(findings: Iterable[Finding], files: Files, folder: str) -> Iterable[Finding]:
    """The findings, without those of the review that the header of their file allows with a reason."""
    from memsql.sqltext import parse_migration_header

    allowed: dict[str, set[str]] = {}
    for finding in findings:
        name = finding.path.removeprefix(f"{folder}/")
        if finding.rule in ABOUT and name in files:
            if name not in allowed:
                try:
                    allowed[name] = {
                        a.rule.upper() for a in parse_migration_header(files[name].head(), finding.path).allows
                    }
                except MemsqlError:
                    allowed[name] = set()
            if finding.rule in allowed[name]:
                yield replace(finding, severity="info", message=f"allowed: {finding.message}")
                continue
        yield finding
