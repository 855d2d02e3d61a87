"""The manifest of a backup: what it is a copy of, what it holds, and what was proven about it.

It lies beside the backup as ``NAME.json``. docs/formats.md specifies the fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from memsql.backups.digest import TableDigest
from memsql.db.copying import Omitted
from memsql.errors import FileError, Location

FORMAT = 1
SUFFIX = ".json"

Content = Literal["sqlite", "sql"]


@dataclass(frozen=True, slots=True)
class Source:
    """The database that was copied. ``name`` as a person knows it, without secrets; ``identity`` the same however
    it was named; ``engine`` is sqlite or libsql."""

    name: str
    identity: str
    engine: str
    engine_version: str
    journal_mode: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was proven, or not: ``messages`` hold a sentence a problem."""

    name: str
    ok: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it. ``sha256`` and ``bytes`` are of the file as it lies there, ``plain_…`` of what was compressed.

    ``version`` and ``applied`` are the newest migration and the ids of all of them by the ledger of the copy.
    ``findings`` are faults that the source had already, and the copy has too: a backup keeps them. ``proven`` is true
    only when every proof holds. Times are UTC ISO-8601, ``seconds`` how long it took.
    """

    file: str
    created_at: str
    tool: str
    source: Source
    content: Content
    compression: str | None
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str
    version: int | None
    applied: tuple[str, ...]
    schema_sha256: str
    tables: tuple[TableDigest, ...]
    omitted: tuple[Omitted, ...]
    proofs: tuple[Proof, ...]
    findings: tuple[str, ...]
    proven: bool
    salvaged: bool
    seconds: float

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def manifest_path(backup: Path) -> Path:
    """Where the manifest of ``backup`` lies."""
    return backup.with_name(backup.name + SUFFIX)


def to_text(manifest: Manifest) -> str:
    """The manifest as JSON, with a seal: the SHA-256 of the rest, which a changed byte breaks."""
    fields = {"format": FORMAT, **asdict(manifest)}
    return json.dumps({**fields, "seal": _seal(fields)}, ensure_ascii=False, indent=2) + "\n"


def read_manifest(path: Path, shown: str) -> Manifest:
    """Read the file ``path``. Raises FileError where it is missing, changed, or of a format that is not known."""
    where = Location(shown)
    try:
        data = path.read_bytes()
        found = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError
    except FileNotFoundError:
        raise FileError(
            f"{shown} is missing: nothing is known of this backup",
            where=where,
            hint="a backup that was interrupted, or a file of another tool",
        ) from None
    except OSError as e:
        raise FileError(f"{shown} cannot be read: {e.strerror}", where=where) from None
    except ValueError:
        raise FileError(f"{shown} is no manifest: it is damaged, or it was edited", where=where) from None
    if found.get("format") != FORMAT:
        raise FileError(
            f"{shown} has format {found.get('format')!r}, and this memsql reads {FORMAT}",
            where=where,
            hint="use the memsql that wrote it, or a newer one",
        )
    seal = found.pop("seal", None)
    try:
        if seal != _seal(found):
            raise ValueError
        manifest = _manifest(found)
        # The seal covers what is said; a changed blank says the same, but somebody changed it.
        if data != to_text(manifest).encode("utf-8", "surrogatepass"):
            raise ValueError
        return manifest
    except (ValueError, TypeError, KeyError):
        raise FileError(
            f"{shown} was changed after it was written",
            where=where,
            hint="a backup is only as good as its manifest: use another one",
        ) from None


def _seal(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(fields, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _manifest(found: dict[str, Any]) -> Manifest:
    fields = dict(found)
    del fields["format"]
    fields["source"] = Source(**fields["source"])
    fields["tables"] = tuple(TableDigest(**t) for t in fields["tables"])
    fields["omitted"] = tuple(Omitted(**o) for o in fields["omitted"])
    fields["proofs"] = tuple(Proof(p["name"], p["ok"], tuple(p["messages"])) for p in fields["proofs"])
    fields["applied"], fields["findings"] = tuple(fields["applied"]), tuple(fields["findings"])
    return Manifest(**fields)
