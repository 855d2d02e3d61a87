"""Listing backups, and which of them are pruned."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import backups
from cli import Project, files_below

from memsql.backups.catalogue import Backup, newest_of, read_backup
from memsql.backups.manifest import Manifest, read_manifest, to_text
from memsql.backups.prune import Retention, decide
from memsql.config import load
from memsql.operate.gate import backup_refusal


def test_list(project: Project) -> None:
    project.run("backup.list").expect(0, "no backup of memory.db in backups", "next: memsql backup")
    project.run("backup").expect(0)
    shutil.copy(project.db, project.root / "other.db")
    project.run("backup", "--database", "other.db").expect(0)
    stray = project.root / "backups" / "stray.db"
    stray.write_bytes(b"whose?")
    entries = project.run("backup.list", "--json").expect(0).json()["backups"]
    assert [(b["proven"], b["version"], b["source"]) for b in entries if b["source"]] == [(True, 1, "memory.db")]
    assert [b["problem"] for b in entries if not b["source"]] == [
        "backups/stray.db.json is missing: nothing is known of this backup"
    ]
    assert len(project.run("backup.list", "--all", "--json").expect(0).json()["backups"]) == 3
    project.run("backup.list", "--all").expect(0, "other.db", "not proven: backups/stray.db: ", "3 backups, 2 proven")
    path = next(p for p in backups.files(project) if p.name.startswith("memory"))
    with path.open("ab") as file:
        file.write(b"!")
    project.run("backup.list").expect(0, "bytes instead of", "2 backups, 0 proven")
    project.run("backup.restore").expect(2, "there is no proven backup")


def backup(
    name: str,
    days: float,
    now: datetime,
    template: Manifest,
    *,
    proven: bool = True,
    of: str = "a",
    replaced_by: str | None = None,
) -> Backup:
    manifest = replace(
        template,
        replaced_by=replaced_by,
        created_at=(now - timedelta(days=days)).isoformat(),
        proven=proven,
        source=replace(template.source, identity=of),
    )
    return Backup(Path(name), manifest, None if proven else "it was never proven")


def test_what_is_pruned(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    one = read_manifest(path.with_name(path.name + ".json"), "x")
    now = datetime(2026, 1, 31, tzinfo=UTC)
    catalogue = [
        backup("n0", 0, now, one, proven=False),
        backup("n1", 1, now, one),
        backup("n2", 2, now, one),
        backup("b1", 3, now, one, of="b"),
        backup("n3", 10, now, one),
        backup("n4", 20, now, one),
        backup("s1", 25, now, one, proven=False),
        backup("b2", 40, now, one, of="b"),
        Backup(Path("stray"), None, "missing"),
    ]

    def gone(keep: int | None, days: float | None) -> list[str]:
        return [c.backup.path.name for c in decide(catalogue, Retention(keep, days), now) if c.reason is None]

    assert gone(0, None) == ["n0", "n2", "n3", "n4", "s1", "b2"]
    assert gone(2, None) == ["n3", "n4"]
    assert gone(None, 10) == ["n4", "s1", "b2"]
    assert gone(3, 2) == ["n4"]
    assert gone(0, 100) == []
    assert gone(0, 0) == ["n2", "n3", "n4", "s1", "b2"]


def test_a_copy_that_a_restore_made_is_counted_by_itself_and_must_be_named(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    one = read_manifest(path.with_name(path.name + ".json"), "x")
    now = datetime(2026, 1, 31, tzinfo=UTC)
    listed = [
        backup("r1", 1, now, one, replaced_by="n1"),
        backup("r2", 2, now, one, replaced_by="n2"),
        backup("n1", 3, now, one),
        backup("n2", 4, now, one),
    ]
    newest = newest_of(listed)
    assert newest is not None
    assert newest.path.name == "n1"
    assert newest_of(listed[:2]) is None
    reasons = {d.backup.path.name: d.reason for d in decide(listed, Retention(1, None), now)}
    assert reasons == {
        "r1": "the newest one that a restore kept",
        "r2": None,
        "n1": "the newest proven one",
        "n2": None,
    }


def test_a_manifest_says_what_replaced_its_content_only_where_something_did(project: Project) -> None:
    """So that a manifest of an earlier version keeps its bytes, and its seal."""
    project.run("backup").expect(0)
    path = backups.one(project)
    manifest = read_manifest(path.with_name(path.name + ".json"), "x")
    assert "replaced_by" not in to_text(manifest)
    safety = path.with_name("safety.db.json")
    safety.write_text(to_text(replace(manifest, replaced_by="b.db")))
    assert read_manifest(safety, "x").replaced_by == "b.db"


def test_prune(project: Project) -> None:
    for _ in range(3):
        project.run("backup").expect(0)
    shutil.copy(project.db, project.root / "other.db")
    project.run("backup", "--database", "other.db").expect(0)
    folder = project.root / "backups"
    (folder / "mine.db").write_bytes(b"mine")
    (folder / "memory-20200101T000000Z.db.json").write_text("a manifest whose file never came")
    (folder / "notes.json").write_text("{}")
    before = files_below(folder)
    project.run("backup.prune", "--keep", "1", "--dry-run").expect(0, "2 backups would go", "left alone")
    assert files_below(folder) == before
    project.run("backup.prune", "--keep", "1").expect(0, "2 backups removed")
    left = {p.name for p in folder.iterdir()}
    assert len(left) == 6
    assert {"mine.db", "notes.json"} < left
    project.run("backup.prune", "--keep", "0", "--keep-days", "0").expect(
        0, "0 backups removed", "the newest proven one"
    )
    project.run("backup.verify").expect(0)


def test_read_backup_says_what_is_wrong(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    beside = path.with_name(path.name + ".json")
    text = beside.read_text()
    report = json.loads(text)
    for change in ({"proven": not report["proven"]}, {"format": 2}, {"bytes": report["bytes"] + 1}, {"extra": 1}):
        beside.write_text(json.dumps({**report, **change}, indent=2) + "\n")
        assert not read_backup(path, path.name).proven
        project.run("backup.restore", path.name).expect(1, "was not touched")
    for data in (text[:-1], text.replace("  ", "\t", 1), text + " ", "[]", ""):
        beside.write_text(data)
        assert read_backup(path, path.name).manifest is None
    beside.write_text(text)
    assert read_backup(path, path.name).proven


def test_a_backup_of_a_wrong_clock_protects_nothing(project: Project) -> None:
    project.run("backup").expect(0)
    path = backups.one(project)
    now = datetime.now(UTC)
    one = read_manifest(path.with_name(path.name + ".json"), "x")
    ahead = Backup(path, replace(one, created_at=(now + timedelta(days=900)).isoformat()), None)
    settings = load(project=str(project.root))
    assert ahead.is_too_old(settings, now)
    assert "in the future" in ahead.age_in_words(now)
    assert not Backup(path, replace(one, created_at=(now + timedelta(minutes=2)).isoformat()), None).is_too_old(
        settings, now
    )
    refusal = backup_refusal(settings, ahead, now)
    assert refusal is not None
    assert "dated in the future" in refusal.message
