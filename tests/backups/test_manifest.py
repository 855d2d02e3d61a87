"""A manifest whose seal fits and whose fields do not: an error that names the field, and no traceback."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backups
import pytest
from cli import Project

from memsql.backups.catalogue import read_backup
from memsql.backups.dump import load_sql
from memsql.backups.unpack import unpack
from memsql.backups.verify import verify
from memsql.errors import CheckFailed
from memsql.progress import SILENT

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    new = Project(tmp_path_factory.mktemp("manifest"))
    new.add("0001_team", "-- Teams\nCREATE TABLE team (id INTEGER PRIMARY KEY);\n")
    new.run("migrate.up", "backup").expect(0)
    return new


@pytest.fixture
def backup(project: Project, tmp_path: Path) -> Path:
    source = backups.one(project)
    for path in (source, source.with_name(source.name + ".json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / source.name


def seal(backup: Path, fields: dict[str, Any]) -> None:
    """Write ``fields`` as the manifest of ``backup``, with a seal that fits."""
    fields.pop("seal", None)
    text = json.dumps(fields, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    sealed = {**fields, "seal": hashlib.sha256(text.encode()).hexdigest()}
    backup.with_name(backup.name + ".json").write_text(json.dumps(sealed, ensure_ascii=False, indent=2) + "\n")


def put(*names: str | int, value: object) -> Change:
    def change(fields: Any) -> None:
        for name in names[:-1]:
            fields = fields[name]
        fields[names[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("created_at", value=5), "has no text in created_at"),
        (put("created_at", value="yesterday"), "has no time in created_at"),
        (put("created_at", value="2026-11-30T10:00:00"), "has no time in created_at"),
        (put("plain_bytes", value="many"), "has no whole number from 0 to 2^63-1 in plain_bytes"),
        (put("plain_bytes", value=-1), "in plain_bytes"),
        (put("plain_bytes", value=10**400), "in plain_bytes"),
        (put("plain_bytes", value=float("inf")), "in plain_bytes"),
        (put("bytes", value=True), "in bytes"),
        (put("seconds", value=float("nan")), "has no number from 0 in seconds"),
        (put("seconds", value=float("inf")), "in seconds"),
        (put("content", value=["sql"]), "has something else than sqlite or sql in content"),
        (put("content", value="csv"), "in content"),
        (put("compression", value=1), "has no text in compression"),
        (put("version", value=1.5), "in version"),
        (put("applied", value="0001_team"), "has no list in applied"),
        (put("applied", 0, value=None), "has no text in applied[0]"),
        (put("proven", value="yes"), "has no true or false in proven"),
        (put("source", value=None), "has no object in source"),
        (put("source", "identity", value={}), "has no text in source.identity"),
        (put("source", "more", value=1), "has the unknown field source.more"),
        (put("tables", 0, "rows", value="5"), "in tables[0].rows"),
        (put("tables", value={}), "has no list in tables"),
        (put("proofs", 0, "messages", value=[[]]), "has no text in proofs[0].messages[0]"),
        (lambda fields: fields.pop("schema_sha256"), "lacks the field schema_sha256"),
        (lambda fields: fields["source"].pop("name"), "lacks the field source.name"),
        (put("colour", value="red"), "has the unknown field colour"),
        (put("findings", value=json.loads("[" * 400 + "]" * 400)), "has no text in findings[0]"),
    ],
)
def test_a_sealed_manifest_with_a_wrong_field(backup: Path, change: Change, said: str) -> None:
    fields = backups.manifest(backup)
    change(fields)
    seal(backup, fields)
    found = read_backup(backup, backup.name)
    assert found.manifest is None
    assert found.problem is not None
    assert found.problem.startswith(f"{backup.name}.json {said}" if said.startswith(("has", "lacks")) else backup.name)
    assert said in found.problem
    assert found.problem.endswith("although its seal fits: no memsql wrote it")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000 + "]" * 100_000,
        '{"format": ' + '{"a": ' * 50_000 + "1" + "}" * 50_001,
        '{"format": 1' + "0" * 5000 + "}",
        '{"format": [[[1]]]}',
        '{"format": 1e999}',
        '{"format": 1, "seal": []}',
        "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
    ],
    ids=lambda text: text[:12].encode("unicode-escape").decode(),
)
def test_what_is_no_manifest(backup: Path, text: str) -> None:
    backup.with_name(backup.name + ".json").write_text(text, encoding="latin-1")
    assert read_backup(backup, backup.name).manifest is None


def test_a_pipe_in_its_place_makes_nobody_wait(backup: Path) -> None:
    manifest = backup.with_name(backup.name + ".json")
    manifest.unlink()
    os.mkfifo(manifest)
    assert "it is no regular file" in str(read_backup(backup, backup.name).problem)


def test_the_commands_say_it(project: Project, tmp_path: Path) -> None:
    own = project.copy(tmp_path)
    backup = backups.one(own)
    fields = backups.manifest(backup)
    fields["plain_bytes"] = "many"
    seal(backup, fields)
    for words, code in ((f"backup.restore {backup.name}", 1), ("backup.list", 0), ("backup.verify", 2)):
        own.run(*words.split()).expect(code, "has no whole number from 0 to 2^63-1 in plain_bytes")


@pytest.mark.parametrize("compressed", [True, False])
def test_nothing_is_unpacked_beyond_the_size_in_the_manifest(tmp_path: Path, *, compressed: bool) -> None:
    """A packed file of a few kilobytes may hold a gigabyte of zeros."""
    zstd = pytest.importorskip("backports.zstd")
    project = Project(tmp_path)
    project.add("0001_team", "-- Teams\nCREATE TABLE team (id INTEGER PRIMARY KEY);\n")
    project.run("migrate.up", "backup", *(["--compress"] if compressed else [])).expect(0)
    backup = backups.one(project)
    plain = bytes(256 << 20)
    data = zstd.compress(plain) if compressed else plain[: 1 << 22]
    backup.write_bytes(data)
    fields = backups.manifest(backup)
    fields |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "plain_bytes": 100_000}
    seal(backup, fields)
    into = tmp_path / "unpacked.db"
    said = "holds more than the 100,000 bytes that its manifest says"
    with pytest.raises(CheckFailed, match=said):
        unpack(read_backup(backup, backup.name), into, SILENT)
    assert not into.exists()
    assert [said in problem for problem in verify(read_backup(backup, backup.name), SILENT).problems] == [True]
    project.run("backup.restore", "--to", "new.db").expect(1, said, "was not touched")
    assert not (project.root / "new.db").exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ATTACH 'outside.db' AS o", "ATTACH is refused"),
        ("INSERT INTO t SELECT zeroblob(90000000)", "makes the database 16 times as large"),
    ],
)
def test_a_sealed_text_reaches_no_other_file_and_fills_no_disk(tmp_path: Path, statement: str, said: str) -> None:
    text = tmp_path / "a.sql"
    text.write_text(f"CREATE TABLE t (x);\n{statement};\n-- memsql: the end, 2 statements\n")
    with pytest.raises(CheckFailed, match=said):
        load_sql(text, tmp_path / "a.db", SILENT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.sql"]
