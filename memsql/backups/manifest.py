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
from memsql.backups.manifest_fields import WrongFieldError, moment, typed
from memsql.db.copying import Omitted
from memsql.errors import FileError, Location
from memsql.storage import regular

FORMAT = 1
SUFFIX = ".json"
_LARGEST = 256 << 20
"""In bytes: a database with a million tables has a smaller one."""
_HINT = "a backup is only as good as its manifest: use another one"

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

    Raises FileError where it is missing or changed, has an unknown format, or a field that no memsql writes.
    """
    where = Location(shown)
    try:
        data = _read(path)
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
    except (ValueError, RecursionError):
        raise FileError(f"{shown} is no manifest: it is damaged, or it was edited", where=where) from None
    format_ = fields.get("format")
    if format_ != FORMAT:
        raise FileError(
            f"{shown} has the format {format_ if isinstance(format_, int) else 'of another tool'}, and this memsql "
            f"reads {FORMAT}",
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
    except WrongFieldError as e:
        raise FileError(f"{shown} {e}, although its seal fits: no memsql wrote it", where=where, hint=_HINT) from None
    except (ValueError, RecursionError):
        raise FileError(f"{shown} was changed after it was written", where=where, hint=_HINT) from None


def _read(path: Path) -> bytes:
    """The bytes of ``path``. Raises OSError, also for a pipe, which would make who reads it wait, and ValueError where
    it is too large."""
    with regular.open_binary(path) as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError
    return data


def _seal(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(fields, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _manifest(fields: Mapping[str, Any]) -> Manifest:
    """Raises WrongFieldError."""
    manifest = typed(Manifest, {name: value for name, value in fields.items() if name != "format"})
    moment(manifest.created_at, "created_at")
    return manifest
