"""What backup.* says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from memsql import hints
from memsql.backups.catalogue import Backup
from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Manifest
from memsql.backups.prune import NOT_OURS, Decision
from memsql.backups.restored import Restored
from memsql.backups.verify import Verification
from memsql.config import Settings
from memsql.report.text import limited, table
from memsql.visible import page
from memsql.words import count, short_age, size

_SHOWN = 10


def create_text(settings: Settings, backup: Backup) -> str:
    """Where the new backup lies, what it holds, what was proven, and the faults that the database has."""
    manifest = backup.manifest
    assert manifest is not None
    content = f"{count(manifest.rows, 'row')} in {count(len(manifest.tables), 'table')}"
    lines = [
        f"{manifest.source.name}: {settings.show(backup.path)}",
        f"  {content}, {size(manifest.bytes)}, {_version(manifest)}",
    ]
    proven = ", ".join(proof.name for proof in manifest.proofs if proof.ok)
    if manifest.proven:
        lines.append(f"  proven in {manifest.seconds:.1f} s: {proven}")
        if manifest.findings:
            lines += ["  faults of the database, kept in its backup:", *limited(manifest.findings, _SHOWN, 4)]
    else:
        lines += ["  NOT proven: it holds what could be salvaged", *limited(manifest.findings, _SHOWN, 4)]
    lines += [f"  left out: {o.type} {o.name} ({o.reason})" for o in manifest.omitted]
    return page(lines)


def create_data(settings: Settings, backup: Backup) -> dict[str, object]:
    """The same as fields of the JSON output."""
    manifest = backup.manifest
    assert manifest is not None
    return {
        "backup": settings.show(backup.path),
        "proven": manifest.proven,
        "salvaged": manifest.salvaged,
        "version": manifest.version,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "seconds": manifest.seconds,
        "tables": _tables_data(manifest.tables),
        "proofs": [{"name": p.name, "ok": p.ok, "messages": list(p.messages)} for p in manifest.proofs],
        "findings": list(manifest.findings),
        "omitted": [f"{o.type} {o.name}: {o.reason}" for o in manifest.omitted],
    }


def list_text(
    settings: Settings, backups: Sequence[Backup], newer: Collection[Path], *, now: datetime, every_source: bool
) -> str:
    """A line for each backup, in the order of ``backups``; below them why one is not proven or not restorable.

    ``newer`` are the paths of backups with migrations that the project does not have. With ``every_source`` the backups
    are those of all databases, so that each line names its database.
    """
    if not backups:
        what = "no backup" if every_source else f"no backup of {settings.target}"
        return f"{what} in {settings.show(settings.backups)}\nnext: {hints.command('backup')}" + (
            "" if every_source else f"; or see: {hints.command('backup.list --all')}"
        )
    rows = []
    for backup in backups:
        manifest = backup.manifest
        rows.append(
            (
                short_age(backup.age(now)),
                "" if manifest is None or manifest.version is None else manifest.version,
                "" if manifest is None else f"{manifest.rows:,}",
                size(_bytes(backup)),
                "proven" if backup.proven else "no",
                *((manifest.source.name if manifest else "",) if every_source else ()),
                settings.show(backup.path),
            )
        )
    headers = ("age", "version", "rows", "size", "proven", *(("of",) if every_source else ()), "backup")
    lines = [*table(headers, rows, frozenset({0, 1, 2, 3})), ""]
    lines += [f"not proven: {settings.show(b.path)}: {b.problem}" for b in backups if b.problem]
    lines += [f"for safety: {settings.show(b.path)}: {b.kept}" for b in backups if b.kept]
    lines += [
        f"warning: {settings.show(b.path)} has migrations that are not among the files here"
        for b in backups
        if b.path in newer
    ]
    proven = sum(b.proven for b in backups)
    return page([*lines, f"{count(len(backups), 'backup')}, {proven} proven"])


def list_data(
    settings: Settings, backups: Sequence[Backup], newer: Collection[Path], *, now: datetime
) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "backups": [
            {
                "backup": settings.show(b.path),
                "created_at": b.created.isoformat(),
                "age_seconds": round(b.age(now)),
                "bytes": _bytes(b),
                "proven": b.proven,
                "problem": b.problem,
                "newer": b.path in newer,
                **_manifest_data(b.manifest),
            }
            for b in backups
        ]
    }


def verify_text(settings: Settings, results: Sequence[Verification]) -> str:
    """A line for each backup, with its problems below it, and how many are not proven."""
    lines = []
    for result in results:
        lines.append(f"{'ok' if result.ok else 'error':<8} {settings.show(result.backup.path)}")
        lines += limited(result.problems, _SHOWN, 11)
        if result.ok and result.findings:
            lines += ["         faults of the database that was copied:", *limited(result.findings, _SHOWN, 11)]
    bad = sum(not result.ok for result in results)
    verdict = f"{bad} not proven" if bad else "all proven"
    return page([*lines, "", f"{count(len(results), 'backup')}, {verdict}"])


def verify_data(settings: Settings, results: Sequence[Verification]) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "backups": [
            {
                "backup": settings.show(result.backup.path),
                "ok": result.ok,
                "problems": list(result.problems),
                "findings": list(result.findings),
            }
            for result in results
        ]
    }


def prune_text(settings: Settings, decisions: Sequence[Decision], dry_run: bool) -> str:
    """A line for each backup: whether it is removed, or why it stays; then the number of both."""
    verb = "would go" if dry_run else "removed"
    lines = [
        f"{verb if d.reason is None else 'kept':<8} {settings.show(d.backup.path)}"
        + (f"  ({d.reason})" if d.reason else "")
        for d in decisions
    ]
    removed = [d for d in decisions if d.reason is None]
    freed = sum(d.backup.manifest.bytes for d in removed if d.backup.manifest)
    kept = len(decisions) - len(removed)
    return page([*lines, f"{count(len(removed), 'backup')} {verb} ({size(freed)}), {kept} kept"])


def prune_data(settings: Settings, decisions: Sequence[Decision], dry_run: bool) -> dict[str, object]:
    """The same as fields of the JSON output."""
    return {
        "dry_run": dry_run,
        "removed": [settings.show(d.backup.path) for d in decisions if d.reason is None],
        "kept": [
            {"backup": settings.show(d.backup.path), "reason": d.reason} for d in decisions if d.reason is not None
        ],
        "unknown": [settings.show(d.backup.path) for d in decisions if d.reason == NOT_OURS],
    }


def restore_text(settings: Settings, restored: Restored) -> str:
    """Which backup was restored onto which database, and where the old one lies."""
    manifest = restored.backup.manifest
    assert manifest is not None
    content = f"{count(restored.rows, 'row')} in {count(len(restored.tables), 'table')}"
    foreign = restored.backup.is_foreign
    proof = "not proven: nobody knows what it held when it was saved" if foreign else "every table proven by its hash"
    lines = [
        f"restored {restored.target} from {settings.show(restored.backup.path)} of {manifest.created_at}",
        f"  {content}, {_version(manifest)}; {proof}",
    ]
    if restored.kept:
        lines.append(f"  what it replaced: {settings.show(restored.kept)}")
    lines += [f"  warning: {warning}" for warning in restored.warnings]
    if restored.omitted:
        lines += ["  what could not be taken:", *limited(tuple(map(str, restored.omitted)), _SHOWN, 4)]
    if manifest.findings:
        # Of what somebody else saved some is unknown, which is no fault.
        title = "what to know of it" if foreign else "faults of the database that was copied"
        lines += [f"  {title}:", *limited(manifest.findings, _SHOWN, 4)]
    return page(lines)


def restore_data(settings: Settings, restored: Restored) -> dict[str, object]:
    """The same as fields of the JSON output."""
    manifest = restored.backup.manifest
    assert manifest is not None
    return {
        "backup": settings.show(restored.backup.path),
        "database": restored.target,
        "version": manifest.version,
        "kept": settings.show(restored.kept) if restored.kept else None,
        "warnings": list(restored.warnings),
        "tables": _tables_data(restored.tables),
        "findings": list(manifest.findings),
        "omitted": [f"{o.type} {o.name}: {o.reason}" for o in restored.omitted],
        "unproven": not manifest.proven,
    }


def _tables_data(tables: Sequence[TableDigest]) -> list[dict[str, object]]:
    return [{"name": t.name, "rows": t.rows, "sha256": t.sha256} for t in tables]


def _manifest_data(manifest: Manifest | None) -> dict[str, object]:
    if manifest is None:
        return dict.fromkeys(
            ("version", "rows", "source", "content", "compression", "salvaged", "findings", "replaced_by")
        )
    return {
        "version": manifest.version,
        "rows": manifest.rows,
        "source": manifest.source.name,
        "content": manifest.content,
        "compression": manifest.compression,
        "salvaged": manifest.salvaged,
        "findings": list(manifest.findings),
        "replaced_by": manifest.replaced_by,
    }


def _version(manifest: Manifest) -> str:
    return "no ledger" if manifest.version is None else f"at migration {manifest.version}"


def _bytes(backup: Backup) -> int:
    if backup.manifest is not None:
        return backup.manifest.bytes
    try:
        return backup.path.stat().st_size
    except OSError:
        return 0
