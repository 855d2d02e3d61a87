"""What backup.* says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from memsql.backups.catalogue import Backup
from memsql.backups.manifest import Manifest
from memsql.backups.prove import Verified
from memsql.backups.prune import NOT_OURS, Choice
from memsql.backups.restore import Restored
from memsql.config import Settings
from memsql.report.text import count, size, table

_SHOWN = 20


def create_text(settings: Settings, made: Backup) -> str:
    """Where it lies, what it holds, what was proven, and the faults that the source has."""
    manifest = made.manifest
    assert manifest is not None
    lines = [
        f"{manifest.source.name}: {settings.show(made.path)}",
        f"  {count(manifest.rows, 'row')} in {count(len(manifest.tables), 'table')}, {size(manifest.bytes)}, {_version(manifest)}",
    ]
    done = ", ".join(proof.name for proof in manifest.proofs if proof.ok)
    if manifest.proven:
        lines.append(f"  proven in {manifest.seconds:.1f} s: {done}")
        if manifest.findings:
            lines += ["  faults of the database, kept in its backup:", *_some(manifest.findings)]
    else:
        lines += ["  NOT proven: it holds what could be salvaged", *_some(manifest.findings)]
    lines += [f"  left out: {o.type} {o.name} ({o.reason})" for o in manifest.omitted]
    return "\n".join(lines)


def create_data(settings: Settings, made: Backup) -> dict[str, object]:
    """The same as fields."""
    manifest = made.manifest
    assert manifest is not None
    return {
        "backup": settings.show(made.path),
        "proven": manifest.proven,
        "salvaged": manifest.salvaged,
        "version": manifest.version,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "seconds": manifest.seconds,
        "tables": [{"name": t.name, "rows": t.rows, "sha256": t.sha256} for t in manifest.tables],
        "proofs": [{"name": p.name, "ok": p.ok, "messages": list(p.messages)} for p in manifest.proofs],
        "findings": list(manifest.findings),
        "omitted": [f"{o.type} {o.name}: {o.reason}" for o in manifest.omitted],
    }


def list_text(settings: Settings, found: Sequence[Backup], newer: Collection[Path], now: datetime, every: bool) -> str:
    """A line a backup, the newest first; why it is not proven, or cannot be restored with these files, below them."""
    if not found:
        what = "no backup" if every else f"no backup of {settings.target}"
        return f"{what} in {settings.show(settings.backups)}\nnext: invoke backup" + (
            "" if every else "; or see: invoke backup.list --all"
        )
    rows = []
    for b in found:
        m = b.manifest
        rows.append(
            (
                _age((now - b.created).total_seconds()),
                "" if m is None or m.version is None else m.version,
                "" if m is None else f"{m.rows:,}",
                size(_bytes(b)),
                "proven" if b.proven else "no",
                *((m.source.name if m else "",) if every else ()),
                settings.show(b.path),
            )
        )
    headers = ("age", "version", "rows", "size", "proven", *(("of",) if every else ()), "backup")
    lines = [table(headers, rows, frozenset({0, 1, 2, 3})), ""]
    lines += [f"not proven: {settings.show(b.path)}: {b.problem}" for b in found if b.problem]
    lines += [
        f"warning: {settings.show(b.path)} has migrations that are not among the files here"
        for b in found
        if b.path in newer
    ]
    proven = sum(b.proven for b in found)
    return "\n".join([*lines, f"{count(len(found), 'backup')}, {proven} proven"])


def list_data(settings: Settings, found: Sequence[Backup], newer: Collection[Path], now: datetime) -> dict[str, object]:
    """The same as fields."""
    return {
        "backups": [
            {
                "backup": settings.show(b.path),
                "created_at": b.created.isoformat(),
                "age_seconds": round((now - b.created).total_seconds()),
                "bytes": _bytes(b),
                "proven": b.proven,
                "problem": b.problem,
                "newer": b.path in newer,
                **_of_manifest(b.manifest),
            }
            for b in found
        ]
    }


def verify_text(settings: Settings, results: Sequence[Verified]) -> str:
    """A line a backup, what is wrong below it."""
    lines = []
    for r in results:
        lines.append(f"{'ok' if r.ok else 'error':<8} {settings.show(r.backup.path)}")
        lines += _some(r.problems, 11)
        if r.ok and r.findings:
            lines += ["         faults of the database that was copied:", *_some(r.findings, 11)]
    bad = sum(not r.ok for r in results)
    return "\n".join(
        [*lines, "", f"{count(len(results), 'backup')}, " + (f"{bad} not proven" if bad else "all proven")]
    )


def verify_data(settings: Settings, results: Sequence[Verified]) -> dict[str, object]:
    """The same as fields."""
    return {
        "backups": [
            {
                "backup": settings.show(r.backup.path),
                "ok": r.ok,
                "problems": list(r.problems),
                "findings": list(r.findings),
            }
            for r in results
        ]
    }


def prune_text(settings: Settings, choices: Sequence[Choice], dry_run: bool) -> str:
    """What goes, what stays and why."""
    goes = "would go" if dry_run else "removed"
    lines = [
        f"{goes if c.reason is None else 'kept':<8} {settings.show(c.backup.path)}"
        + (f"  ({c.reason})" if c.reason else "")
        for c in choices
    ]
    gone = [c for c in choices if c.reason is None]
    freed = sum(c.backup.manifest.bytes for c in gone if c.backup.manifest)
    return "\n".join([*lines, f"{count(len(gone), 'backup')} {goes} ({size(freed)}), {len(choices) - len(gone)} kept"])


def prune_data(settings: Settings, choices: Sequence[Choice], dry_run: bool) -> dict[str, object]:
    """The same as fields."""
    return {
        "dry_run": dry_run,
        "removed": [settings.show(c.backup.path) for c in choices if c.reason is None],
        "kept": [{"backup": settings.show(c.backup.path), "reason": c.reason} for c in choices if c.reason is not None],
        "unknown": [settings.show(c.backup.path) for c in choices if c.reason == NOT_OURS],
    }


def restore_text(settings: Settings, done: Restored) -> str:
    """What was restored onto what, and where the old one lies."""
    manifest = done.backup.manifest
    assert manifest is not None
    lines = [
        f"restored {done.target} from {settings.show(done.backup.path)} of {manifest.created_at}",
        f"  {count(done.rows, 'row')} in {count(len(done.tables), 'table')}, {_version(manifest)}; every table proven by its hash",
    ]
    if done.kept:
        lines.append(f"  what it replaced: {settings.show(done.kept)}")
    lines += [f"  warning: {warning}" for warning in done.warnings]
    if manifest.findings:
        lines += ["  faults of the database that was copied:", *_some(manifest.findings)]
    return "\n".join(lines)


def restore_data(settings: Settings, done: Restored) -> dict[str, object]:
    """The same as fields."""
    manifest = done.backup.manifest
    assert manifest is not None
    return {
        "backup": settings.show(done.backup.path),
        "database": done.target,
        "version": manifest.version,
        "kept": settings.show(done.kept) if done.kept else None,
        "warnings": list(done.warnings),
        "tables": [{"name": t.name, "rows": t.rows, "sha256": t.sha256} for t in done.tables],
        "findings": list(manifest.findings),
    }


def _of_manifest(manifest: Manifest | None) -> dict[str, object]:
    if manifest is None:
        return dict.fromkeys(("version", "rows", "source", "content", "compression", "salvaged", "findings"))
    return {
        "version": manifest.version,
        "rows": manifest.rows,
        "source": manifest.source.name,
        "content": manifest.content,
        "compression": manifest.compression,
        "salvaged": manifest.salvaged,
        "findings": list(manifest.findings),
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


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def _some(messages: Sequence[str], indent: int = 4) -> list[str]:
    lines = [" " * indent + message for message in messages[:_SHOWN]]
    return lines + ([" " * indent + f"and {len(messages) - _SHOWN} more"] if len(messages) > _SHOWN else [])
