"""The manifest of a backup: what it is a copy of, what it holds, and what was proven about it.

It lies beside the backup as ``NAME.json``. docs/formats.md specifies the fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
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
    """The database that was copied. ``name`` is what people call it, without secrets. ``identity`` is the same by
    whatever name it was opened. ``engine`` is sqlite or libsql."""

    name: str
    identity: str
    engine: str
    engine_version: str
    journal_mode: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was proven or not: ``messages`` holds a sentence for each problem."""

    name: str
    ok: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a backup. ``bytes`` and ``sha256`` are those of the file as it is, ``plain_…`` those before
    compression.

    ``version`` and ``applied`` are the newest migration and the ids of all applied ones, by the ledger in the copy.
    ``findings`` are faults of the source that its copy has too. ``proven`` is true only when every proof holds. Times
    are UTC ISO-8601; ``seconds`` is how long the backup took. ``replaced_by`` is the name of the backup that a
    restore put in the place of this content, where that restore made this copy for safety.
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
    _: KW_ONLY
    proven: bool
    salvaged: bool
    seconds: float
    replaced_by: str | None = None

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables)


def manifest_path(backup: Path) -> Path:
    """The path of the manifest of ``backup``."""
    return backup.with_name(backup.name + SUFFIX)


def to_text(manifest: Manifest) -> str:
    """The manifest as JSON with a seal, which is the SHA-256 of everything else in it."""
    fields = {"format": FORMAT, **asdict(manifest)}
    if manifest.replaced_by is None:
        # Manifests that were written before there was such a field keep their bytes.
        del fields["replaced_by"]
    return json.dumps({**fields, "seal": _seal(fields)}, ensure_ascii=False, indent=2) + "\n"


def read_manifest(path: Path, shown: str) -> Manifest:
    """Read the manifest ``path``, which errors call ``shown``.

    Raises FileError where it is missing or changed, or has an unknown format.
    """
    where = Location(shown)
    try:
        data = path.read_bytes()
        fields = json.loads(data)
        if not isinstance(fields, dict):
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
    if fields.get("format") != FORMAT:
        raise FileError(
            f"{shown} has format {fields.get('format')!r}, and this memsql reads {FORMAT}",
            where=where,
            hint="use the memsql that wrote it, or a newer one",
        )
    seal = fields.pop("seal", None)
    try:
        if seal != _seal(fields):
            raise ValueError
        manifest = _manifest(fields)
        # The seal covers the values. The bytes tell whether somebody changed something else, such as a blank.
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


def _manifest(fields: Mapping[str, Any]) -> Manifest:
    values = {name: value for name, value in fields.items() if name != "format"}
    values["source"] = Source(**values["source"])
    values["tables"] = tuple(TableDigest(**table) for table in values["tables"])
    values["omitted"] = tuple(Omitted(**object_) for object_ in values["omitted"])
    values["proofs"] = tuple(Proof(proof["name"], proof["ok"], tuple(proof["messages"])) for proof in values["proofs"])
    values["applied"], values["findings"] = tuple(values["applied"]), tuple(values["findings"])
    return Manifest(**values)
