"""The manifest of a backup: as anybody may have written it, and sealed as if memsql had."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path

from memsql.backups import manifest as manifests
from memsql.backups.digest import TableDigest
from memsql.backups.manifest import Manifest, Proof, Source, read_manifest, to_text
from memsql.db.copying import Omitted
from memsql.errors import FileError
from tests.fuzz.target import Grammar, Repeated, Target, is_about, scratch_folder

_SHOWN = "backups/a.db.json"
EXAMPLE = Manifest(
    "a.db",
    "2026-01-02T03:04:05Z",
    "memsql 1",
    Source("memory.db", "/memory.db", "sqlite", "3.40.1", "wal"),
    "sqlite",
    None,
    8192,
    "a" * 64,
    8192,
    "a" * 64,
    2,
    ("0001_a", "0002_b"),
    "b" * 64,
    (TableDigest("t", 3, "c" * 64),),
    (Omitted("vector index", "v", "CREATE INDEX v", "the reason"),),
    (Proof("integrity", True, ("a message",)),),
    ("a finding",),
    proven=True,
    salvaged=False,
    seconds=0.5,
    replaced_by="b.db",
)
_FIELDS = json.loads(to_text(EXAMPLE))


def _with_values(changed: Container[str]) -> str:
    """The example with the rule ``value`` in the places of the fields ``changed``, and without a seal."""
    texts = {key: "<value>" if key in changed else json.dumps(value) for key, value in _FIELDS.items()}
    texts |= {"format": "1"}
    return "{" + ", ".join(f'"{key}": {text}' for key, text in texts.items() if key != "seal") + "}"


_GRAMMAR: Grammar = {
    "start": ["<whole>", "<value>", "<field>,<whole>"],
    "whole": [
        to_text(EXAMPLE),
        _with_values(_FIELDS),
        *[_with_values([changed]) for changed in _FIELDS],
    ],
    "value": [
        "null", "true", "0", "-1", "1.5", '""', "[]", "{}", '"<text>"', "[<value>]", '{"<key>": <value>}',
        "[<value>, <value>]", "<number>", "<part>",
    ],
    "number": [
        "1e999", "NaN", "-Infinity", "1" * 5000, "9223372036854775808", "1e400", "-0.0", "1E5", "01", "0.1e-400",
    ],
    "text": [
        "", "a", "\\ud800", "é", "\\u0000", "../../etc/passwd", "a/b", "2026-01-02T03:04:05Z", "sqlite", "zstd",
        "\x1b",
    ],
    "key": [
        "name", "rows", "sha256", "type", "sql", "reason", "ok", "messages", "engine", "format", "seal",
        "replaced_by",
    ],
    "part": [
        json.dumps(_FIELDS["source"]), json.dumps(_FIELDS["tables"]), json.dumps(_FIELDS["omitted"]),
        json.dumps(_FIELDS["proofs"]),
    ],
    "field": ['"format": 1', '"format": 2', '"seal": ""', '"file": <value>'],
}  # fmt: skip


def run(data: bytes) -> None:
    """Read ``data`` as a manifest, and again with the seal that would be the right one."""
    with scratch_folder() as folder:
        path = folder / "a.db.json"
        path.write_bytes(data)
        manifest = _read_one(path)
        assert manifest is None or to_text(manifest).encode("utf-8", "surrogatepass") == data
        for text in _sealed(data):
            path.write_bytes(text)
            _read_one(path)


def _read_one(path: Path) -> Manifest | None:
    try:
        manifest = read_manifest(path, _SHOWN)
    except FileError as e:
        is_about(e, _SHOWN)
        return None
    _has_its_types(manifest)
    return manifest


def _has_its_types(manifest: Manifest) -> None:
    texts = [
        manifest.file, manifest.created_at, manifest.tool, manifest.sha256, manifest.plain_sha256,
        manifest.schema_sha256, *manifest.applied, *manifest.findings, manifest.content, manifest.source.name,
        manifest.source.identity, manifest.source.engine, manifest.source.engine_version,
        manifest.source.journal_mode, *[text for table in manifest.tables for text in (table.name, table.sha256)],
        *[text for omitted in manifest.omitted for text in (omitted.type, omitted.name, omitted.sql, omitted.reason)],
        *[text for proof in manifest.proofs for text in (proof.name, *proof.messages)],
    ]  # fmt: skip
    assert all(isinstance(text, str) for text in texts), texts
    numbers = [manifest.bytes, manifest.plain_bytes, *[table.rows for table in manifest.tables]]
    assert all(type(number) is int for number in numbers), numbers
    assert manifest.version is None or type(manifest.version) is int
    assert all(
        isinstance(value, bool) for value in (manifest.proven, manifest.salvaged, *[p.ok for p in manifest.proofs])
    )
    assert isinstance(manifest.seconds, int | float)
    assert manifest.compression is None or isinstance(manifest.compression, str)
    assert manifest.replaced_by is None or isinstance(manifest.replaced_by, str)
    assert manifest.rows >= 0


def _sealed(data: bytes) -> list[bytes]:
    """``data`` with a right seal, where it is an object."""
    try:
        fields = json.loads(data)
        if not isinstance(fields, dict):
            return []
        fields.pop("seal", None)
        fields = {**fields, "seal": manifests._seal(fields)}
        return [(json.dumps(fields, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "surrogatepass")]
    except (ValueError, RecursionError):
        return []


def _read(text: str) -> object:
    with scratch_folder() as folder:
        path = folder / "a.db.json"
        path.write_text(text, encoding="utf-8")
        try:
            return read_manifest(path, _SHOWN)
        except FileError as e:
            return e


TARGETS = [
    Target(
        "manifest",
        "raises FileError with the name of the file alone, reads nothing but what memsql writes, byte by byte, and"
        " gives every field its type",
        run,
        _GRAMMAR,
        work=_read,
        growing=[Repeated("["), Repeated('{"a":'), Repeated("1"), Repeated('"a",', "["), Repeated(" ")],
    )
]
