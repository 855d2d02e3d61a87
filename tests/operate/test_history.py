"""The history file: lines that are added, whatever stands there already."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cli import Project
from proven import save_backup

from memsql.config import Settings, load
from memsql.errors import FileError
from memsql.operate import history

TOKEN = "eyJ-the-token"


def settings_of(root: Path, database: str = "memory.db") -> Settings:
    (root / "setup.cfg").write_text("[memsql]\n", encoding="utf-8")
    return load(project=str(root), database=database, environ={"TURSO_AUTH_TOKEN": TOKEN})


def test_figures_are_kept_and_the_database_is_not_written(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\nCREATE INDEX a_x ON a (x);\n", "DROP TABLE a;\n")
    project.up()
    folder = project.root / "sql" / "queries"
    folder.mkdir(parents=True)
    (folder / "held.sql").write_text("-- name: held\n-- plan: uses a_x\nSELECT x FROM a WHERE x = 1;\n")
    (folder / "broken.sql").write_text("-- name: broken\n-- plan: no scan\nSELECT * FROM a;\n")
    save_backup(project.root / "backups", project.db)
    before = project.db.read_bytes()
    done = project.run("monitor.metrics", "--record", "--rounds", "2").expect(0)
    figures = done.json()
    assert "recorded in backups/runs/history.jsonl" in done.err
    assert project.db.read_bytes() == before
    assert figures["contracts"] == {"held": 1, "broken": 1, "unproven": 0}
    assert figures["version"] == 1
    assert all(query["rows_read"] is not None for query in figures["queries"])
    project.run("monitor.metrics", "--record", "--rounds", "1").expect(0)
    lines = [json.loads(line) for line in (project.root / "backups/runs/history.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["metrics", "metrics"]
    assert {name: value for name, value in lines[0].items() if name in figures} == {
        name: value for name, value in figures.items() if name not in ("memsql_json", "ok", "command")
    }
    project.run("backup.drill", "--record").expect(1, "recorded in backups/runs/history.jsonl")
    records = history.read(load(project=str(project.root), environ={}))
    assert [(r.kind, r.fields.get("ok")) for r in records.records] == [
        ("metrics", None),
        ("metrics", None),
        ("drill", False),
    ]
    project.run("monitor.metrics", "--history", "x.jsonl").expect(2, "--record")
    project.run("monitor.metrics", "--record", "--history", "no/such/x.jsonl").expect(2, "no/such/x.jsonl")


def test_lines_of_somebody_else_are_passed_over(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    history.append(settings, "metrics", {"bytes": 1})
    path = tmp_path / "backups" / "runs" / "history.jsonl"
    strange = [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 2, "kind": "metrics", "time": "2026-01-01T00:00:00Z", "database": "memory.db"}',
        b'{"format": 1, "kind": "metrics", "time": "yesterday", "database": "memory.db"}',
        b'{"format": 1, "kind": "metrics", "time": "2026-01-01T00:00:00", "database": "memory.db"}',
        b'{"format": 1, "kind": "metrics", "time": "2026-01-01T00:00:00Z", "database": 7}',
        b'{"format": 1, "kind": "metrics", "time": "2026-01-01T00:00:00Z", "database": "other.db"}',
        b'{"format": 1, "kind": "metrics", "time": "2026-01-01T00:00:00Z", "database": "\\ud800"}',
        b'{"format": 1, "kind": "metr',
    ]
    path.write_bytes(path.read_bytes() + b"\n".join(strange))
    history.append(settings, "metrics", {"bytes": 2})
    seen = history.read(settings)
    assert [record.fields["bytes"] for record in seen.records] == [1, 2]
    assert seen.unreadable == len(strange) - 3
    assert not seen.earlier


def test_of_a_long_file_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path)
    for number in range(50):
        history.append(settings, "metrics", {"bytes": number})
    monkeypatch.setattr(history, "_LONGEST", 1_000)
    seen = history.read(settings)
    assert seen.earlier
    assert seen.unreadable == 0
    assert 1 < len(seen.records) < 50
    assert seen.records[-1].fields["bytes"] == 49


def test_writers_at_the_same_time_keep_their_lines_apart(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: history.append(settings, "metrics", {"bytes": n, "fill": "x" * 20_000}), range(64)))
    seen = history.read(settings)
    assert seen.unreadable == 0
    assert sorted(int(str(r.fields["bytes"])) for r in seen.records) == list(range(64))


def test_no_secret_is_kept(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"libsql://example.turso.io?authToken={TOKEN}")
    history.append(settings, "metrics", {"name": f"a {TOKEN}", "database": f"x?authToken={TOKEN}", "odd": "\udc80"})
    text = (tmp_path / "backups" / "runs" / "history.jsonl").read_text(encoding="utf-8")
    assert TOKEN not in text
    assert json.loads(text)["database"] == "libsql://example.turso.io"
    assert len(history.read(settings).records) == 1


def test_a_file_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert history.read(settings) == history.History()
    with pytest.raises(FileError, match=r"other.jsonl does not exist"):
        history.read(settings, "other.jsonl")
    os.makedirs(tmp_path / "backups" / "runs" / "history.jsonl")
    with pytest.raises(FileError, match="cannot be written"):
        history.append(settings, "metrics", {})
    with pytest.raises(FileError, match="cannot be read"):
        history.read(settings)


def test_a_time_at_the_end_of_all_times() -> None:
    from memsql.operate import dashboard

    assert dashboard._time("0001-01-01T00:00:00+14:00") is None
    assert dashboard._time("9999-12-31T23:59:59-14:00") is None
