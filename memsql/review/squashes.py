"""Proves that a migration of the branch does what the migrations of the base do that were folded into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from memsql import deadline
from memsql.author import squash_rows
from memsql.config import Settings
from memsql.db.sqlite import memory
from memsql.errors import MemsqlError
from memsql.lint import Finding
from memsql.project.files import Migration
from memsql.project.load import in_order
from memsql.review.branch import Branch
from memsql.review.case import without_checks
from memsql.review.changes import migrations
from memsql.review.findings import finding_of
from memsql.schema import diff, read
from memsql.scratch.database import contents_of, project_of
from memsql.words import count

_SHOWN = 5


def with_squashes(settings: Settings, branch: Branch, folder: str, findings: Iterable[Finding]) -> list[Finding]:
    """The ``findings``, with a remark in place of those that say of folded files that they are gone or changed, where
    the file that stands for them does the same; with what it does otherwise, where it does not."""
    base = {m.id: m for m in migrations(branch.old_files, {})}
    kept = list(findings)
    for migration in migrations(branch.new_files, {}):
        folded = [base[name] for name in migration.stands_for if name in base]
        is_new = migration.id in base and base[migration.id].up.data != migration.up.data
        if not is_new or len(folded) < 2 or len(folded) < len(migration.stands_for):
            continue
        names = f"{count(len(folded), 'migration')} of {branch.base.name} ({folded[0].id} to {folded[-1].id})"
        problems = _differences(settings, folded, migration)
        if problems:
            message = f"it stands for {names}, and does not do the same: {'; '.join(problems[:_SHOWN])}"
            kept.append(finding_of("MR06", migration.up.path, message))
            continue
        kept = list(_without(kept, {f"{folder}/{m.id}{end}" for m in folded for end in (".sql", ".rollback.sql")}))
        message = f"it stands for {names}: it makes the same schema and rows, so databases that have them go on"
        kept.append(finding_of("MR06", migration.up.path, message, severity="info"))
    return kept


def _without(findings: Iterable[Finding], paths: set[str]) -> Iterator[Finding]:
    return (finding for finding in findings if finding.rule != "MR06" or finding.path not in paths)


def _differences(settings: Settings, folded: Sequence[Migration], migration: Migration) -> list[str]:
    """What ``folded`` and ``migration`` make otherwise on an empty database, at the same moment of another clock."""
    quiet = without_checks(settings)
    try:
        with deadline.part(migration.id), closing(memory()) as old, closing(memory()) as new:
            squash_rows.run(old, project_of(quiet, in_order(folded)), other_clock=True)
            squash_rows.run(new, project_of(quiet, (migration,)), other_clock=True)
            difference = diff(read(old), read(new))
            lines = [*difference.meaning_lines(), *difference.respelled]
            return [*lines, *squash_rows.differences(contents_of(old), contents_of(new))]
    except MemsqlError as e:
        return [e.message]
    except deadline.Stopped as e:
        return [e.reason]
