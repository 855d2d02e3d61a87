"""Backups as a folder shows them: a file of any content with a manifest that says what a test wants it to say."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memsql.backups.manifest import Manifest, Proof, Source, manifest_path, to_text
from memsql.config import parse_target


def save_backup(
    folder: Path,
    database: Path | str,
    *,
    age: timedelta = timedelta(0),
    proven: bool = True,
    plain_bytes: int = 4096,
    name: str | None = None,
) -> Path:
    """Write a backup of ``database`` (a path or a URL) that was made ``age`` ago into ``folder``; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    target = parse_target(str(database), Path("/"))
    created = datetime.now(UTC) - age
    path = folder / (name or f"saved-{created:%Y%m%dT%H%M%S.%f}.db")
    data = b"not read by what reads manifests"
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    manifest = Manifest(
        file=path.name,
        created_at=created.isoformat(),
        tool="memsql test",
        content="sqlite",
        compression=None,
        source=Source(target.display, target.identity, "sqlite" if target.path else "libsql", "3.45.0", "delete"),
        bytes=len(data),
        sha256=digest,
        plain_bytes=plain_bytes,
        plain_sha256=digest,
        version=1,
        applied=("0001_a",),
        schema_sha256=digest,
        tables=(),
        omitted=(),
        proofs=(Proof("quick_check", proven, () if proven else ("it is bad",)),),
        findings=(),
        proven=proven,
        salvaged=False,
        seconds=0.1,
    )
    manifest_path(path).write_text(to_text(manifest), encoding="utf-8")
    return path
