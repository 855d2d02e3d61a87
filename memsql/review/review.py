"""The review of a change: puts together what git, lint, proof, plans and upkeep say."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from memsql import hints
from memsql.config import Settings
from memsql.errors import MemsqlError
from memsql.lint import Finding, lint_files
from memsql.lint.model import NO_CHECK
from memsql.progress import SILENT, Progress
from memsql.project.files import SUM_NAME
from memsql.project.versions import free_versions, stems
from memsql.review import upkeep
from memsql.review.branch import Branch, files_to_lint, read_branch
from memsql.review.changes import Files, MigrationChange, changes_of, migrations
from memsql.review.findings import ABOUT, finding_of, most_severe_first
from memsql.review.model import ALLOWED, Review
from memsql.review.models import model_findings
from memsql.review.plans import contract_findings, plan_changes, plan_findings
from memsql.review.run import ReviewRun, run_base, run_branch
from memsql.review.squashes import with_squashes
from memsql.review.weakened import SAID_BY, without_repeats
from memsql.sandbox import isolated
from memsql.schema import diff
from memsql.schema.diagram import mermaid
from memsql.schema.erd import erd

_DRAWN = 25


def review(settings: Settings, base: str | None = None, progress: Progress = SILENT) -> Review:
    """Look at everything that changed since the base: see find_base() for ``base``.

    Raises UsageError where there is no repository, no base, or no git; problems of the change are in the result.
    """
    progress.start("asking git")
    branch = read_branch(settings, base)
    changes = changes_of(branch.old_files, branch.new_files)
    names = _names_and_versions(settings, branch, changes)
    progress.start("looking at the files")
    return isolated(_examine, settings, branch, changes, names, progress=progress)


def _examine(
    settings: Settings,
    branch: Branch,
    changes: list[MigrationChange],
    names: tuple[dict[str, int], list[Finding], list[str]],
) -> Review:
    """Everything that needs no git and runs SQL of the branch."""
    folder = settings.show(settings.migrations)
    versions, findings, renames = names
    # That a migration has no check is a remark for its author, and nothing to decide about the change.
    linted = [f for f in lint_files(settings, files_to_lint(settings, branch, changes)) if f.rule != NO_CHECK]
    old = run_base(settings, branch)
    new = run_branch(settings, branch, changes, versions)
    plans = plan_changes(old.plans, new.plans)
    tried = without_repeats((*old.findings, *new.findings), linted)
    findings = [*with_squashes(settings, branch, folder, findings), *linted, *tried, *_legacy(branch, folder)]
    findings += [*_generated(settings, branch, new), *plan_findings(plans)]
    findings += contract_findings(old.plans, new.plans, {*branch.paths, *branch.queries})
    findings += model_findings(settings, old.schema, new.schema) if new.complete else []
    tables = sorted({table for migration in new.migrations for table in migration.tables})
    drawn = [name for name in tables if new.schema.table(name) is not None]
    return Review(
        branch.base.name,
        branch.repository.prefix,
        branch.paths,
        new.migrations,
        most_severe_first(set(_with_allowances(findings, branch.new_files, folder))),
        tuple(diff(old.schema, new.schema).lines()),
        tuple(plans),
        tuple(renames),
        (*([new.sample] if new.sample else []), *old.notes, *new.notes, *_notes(len(drawn))),
        mermaid(new.schema, drawn[:_DRAWN]) if drawn else "",
        tuple(tables),
        erd(new.schema, drawn[:_DRAWN]),
    )


def _names_and_versions(
    settings: Settings, branch: Branch, changes: Sequence[MigrationChange]
) -> tuple[dict[str, int], list[Finding], list[str]]:
    """Versions for the migrations that need another one, findings about names, and the command that renames files."""
    folder, base = settings.show(settings.migrations), branch.base
    new = [c.name for c in changes if c.kind in ("new", "renamed")]
    versions, conflicts = free_versions([n for n in new if not branch.has_merged(n)], stems(branch.tip_names))
    if settings.out_of_order:
        # Databases of now apply the late ones last, and in this order they are tried.
        conflicts = [conflict for conflict in conflicts if not conflict.late]
    commands = [hints.command(f"migrate.renumber --base {shlex.quote(base.name)}")] if conflicts else []
    findings = [
        *upkeep.applied_findings(changes, folder, base.name, base.start),
        *upkeep.name_findings(branch.new_files, folder),
        *upkeep.version_findings(conflicts, commands, folder, base.name),
    ]
    return versions, findings, commands


def _generated(settings: Settings, branch: Branch, new: ReviewRun) -> list[Finding]:
    """Findings about memsql.sum and sql/schema.sql. The snapshot is compared only where every migration ran."""
    folder, snapshot = settings.show(settings.migrations), settings.sql / "schema.sql"
    shown = settings.show(snapshot)
    findings = upkeep.sum_findings(
        settings.migrations,
        folder,
        sorted(migrations(branch.new_files, {}), key=lambda m: (m.version, m.id)),
        f"{folder}/{SUM_NAME}" in branch.base_paths,
    )
    if new.complete:
        findings += upkeep.snapshot_findings(snapshot, shown, new.schema, shown in branch.base_paths)
    return findings


def _legacy(branch: Branch, folder: str) -> list[Finding]:
    """A finding for each legacy upgrade that changed: it runs on databases that a review does not have."""
    return [
        finding_of("MR15", path, f"a legacy upgrade was looked at and not run: {hints.command('migrate.test')} runs it")
        for path in branch.paths
        if path.startswith(f"{folder}/legacy/") and path.endswith(".sql")
    ]


def _notes(tables: int) -> list[str]:
    """What the report leaves out: tables of the diagram."""
    notes = []
    if tables > _DRAWN:
        notes.append(f"the diagram shows {_DRAWN} of {tables} tables")
    return notes


def _with_allowances(findings: Iterable[Finding], files: Files, folder: str) -> Iterable[Finding]:
    """The findings; those of the review that the header of their file allows with a reason become infos."""
    allowed: dict[str, set[str]] = {}
    for finding in findings:
        name = finding.path.removeprefix(f"{folder}/")
        if finding.rule in ABOUT and name in files:
            if name not in allowed:
                allowed[name] = _allowed_rules(files, name, finding.path)
            if allowed[name].intersection((finding.rule, *SAID_BY.get(finding.rule, ()))):
                yield replace(finding, severity="info", message=f"{ALLOWED}{finding.message}")
                continue
        yield finding


def _allowed_rules(files: Files, name: str, path: str) -> set[str]:
    """The codes behind ``-- allow:`` in the header of a file; none where the header cannot be read."""
    from memsql.sqltext import parse_migration_header

    try:
        return {allowance.rule.upper() for allowance in parse_migration_header(files[name].head(), path).allows}
    except MemsqlError:
        return set()
