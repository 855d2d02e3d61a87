"""Backups of files through the command line: one consistent state, proven, under a name of its own."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import backups
import pytest
from backups import ROWS, TABLES
from cli import Project
from places import ROOT


def test_a_backup_and_its_manifest(project: Project) -> None:
    project.script("PRAGMA user_version = 7; PRAGMA application_id = 99;")
    before = project.files()
    report = project.run("backup", "--json").expect(0).json()
    path = backups.one(project)
    assert re.fullmatch(r"memory-\d{8}T\d{6}Z\.db", path.name)
    assert project.root / report["backup"] == path
    assert {k: v for k, v in project.files().items() if not k.startswith("backups")} == before
    assert backups.hashes(path) == backups.hashes(project.db)
    manifest = backups.manifest(path)
    assert (
        manifest["version"],
        manifest["applied"],
        manifest["content"],
        manifest["proven"],
        manifest["salvaged"],
    ) == (
        1,
        ["0001_tables"],
        "sqlite",
        True,
        False,
    )
    assert manifest["source"] == {
        "name": "memory.db",
        "identity": str(project.db),
        "engine": "sqlite",
        "engine_version": sqlite3.sqlite_version,
        "journal_mode": "delete",
    }
    assert [p["name"] for p in manifest["proofs"]] == ["quick_check", "content", "foreign_keys", "full_text"]
    assert {t["name"]: t["rows"] for t in manifest["tables"]}["notes"] == 300
    assert not any(t["name"].startswith("search") for t in manifest["tables"])
    assert (path.stat().st_mode & 0o777, path.with_name(path.name + ".json").stat().st_mode & 0o777) == (0o600, 0o600)
    assert backups.hidden(path.parent) == []
    with closing(sqlite3.connect(path)) as conn:
        assert [
            conn.execute(f"PRAGMA {p}").fetchone()[0] for p in ("user_version", "application_id", "journal_mode")
        ] == [7, 99, "delete"]
    project.run("backup.list").expect(0, "proven", path.name, "1 backup, 1 proven")
    project.run("backup.verify", path.name).expect(0, "all proven")


def test_compressed(project: Project) -> None:
    project.run("backup", "--compress").expect(0, "compression")
    path = backups.one(project)
    manifest = backups.manifest(path)
    assert path.name.endswith(".db.zst")
    assert manifest["bytes"] == path.stat().st_size < manifest["plain_bytes"] // 5
    project.run("backup.verify").expect(0, "all proven")
    before = backups.hashes(project.db)
    project.run("backup.restore").expect(0)
    assert backups.hashes(project.db) == before


def test_without_zstd(project: Project) -> None:
    # Python 3.14 has it in the standard library.
    hide = project.root / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\nsys.modules['compression.zstd'] = sys.modules['backports.zstd'] = None\n"
    )
    project.run("backup", "--compress", env={"PYTHONPATH": f"{hide}:{ROOT}"}).expect(
        2, "there is no zstd on this machine", "pip install 'memsql-migrate[compress]'"
    )
    assert backups.files(project) == []


def test_an_empty_database(project: Project) -> None:
    project.db.write_bytes(b"")
    project.run("backup").expect(0, "0 rows in 0 tables", "no ledger")
    project.script("CREATE TABLE later (x)")
    project.run("backup.restore").expect(0)
    assert project.query("SELECT * FROM sqlite_schema") == []


@pytest.mark.parametrize(
    "pragmas",
    [
        "PRAGMA page_size = 512",
        "PRAGMA page_size = 65536",
        "PRAGMA encoding = 'UTF-16le'",
        "PRAGMA auto_vacuum = incremental",
    ],
)
def test_settings_of_the_file_come_along(tmp_path: Path, pragmas: str) -> None:
    project = Project(tmp_path)
    project.script(f"{pragmas}; {TABLES} {ROWS} DELETE FROM notes WHERE id % 3 = 0;")
    names = ("page_size", "encoding", "auto_vacuum", "page_count", "freelist_count")
    before = [project.one(f"PRAGMA {name}") for name in names]
    project.run("backup").expect(0)
    project.db.unlink()
    project.run("backup.restore").expect(0)
    assert [project.one(f"PRAGMA {name}") for name in names] == before


@pytest.mark.parametrize(
    "name", ['it\'s "my" data base.db', "mémoire ∆.sqlite3", "-x.db", "..db", "a%20b?c#d.db", "noending"]
)
def test_names(template: Project, tmp_path: Path, name: str) -> None:
    project = template.copy(tmp_path)
    project.configure(f'[memsql]\ndatabase = {name.replace("%", "%")}\nbackups = safe \' "places" é\n')
    project.db.rename(project.root / name)
    project.db = project.root / name
    before = backups.hashes(project.db)
    backup = project.run("backup", "--json").expect(0).json()["backup"]
    assert re.fullmatch(r"safe ' \"places\" é/[\w.-]+\.db", backup)
    project.db.write_bytes(b"gone")
    project.run("backup.restore", backup).expect(0)
    assert backups.hashes(project.db) == before
    assert any(p.name.startswith(f"{name}.replaced-") for p in project.root.iterdir())


def test_a_file_name_that_is_not_utf8(project: Project) -> None:
    name = os.fsdecode(b"b\xff.db")
    project.db.rename(project.root / name)
    project.run("backup", "--database", name).expect(0, "proven")
    project.run("backup.list", "--database", name).expect(0, "1 proven")
    (project.root / name).unlink()
    project.run("backup.restore", "--database", name).expect(0)
    assert (project.root / name).exists()


def test_faults_of_the_database_are_kept_and_said(project: Project) -> None:
    project.script(
        "INSERT INTO notes VALUES (9999, 12345, 'orphan'); DELETE FROM search WHERE rowid = 1;"
        "DROP TRIGGER notes_ai; UPDATE notes SET body = 'other' WHERE id = 5;"
    )
    project.run("backup").expect(
        0,
        "proven in",
        "faults of the database",
        "search does not agree with its content",
        "1 row of notes refers to users rows that do not exist",
    )
    manifest = backups.manifest(backups.one(project))
    assert manifest["proven"]
    assert [p["name"] for p in manifest["proofs"]] == ["quick_check", "content"]
    project.run("backup.verify").expect(0, "search does not agree")
    project.run("backup.restore").expect(0, "search does not agree")


def test_a_chain(project: Project) -> None:
    (project.root / "tasks.py").write_text("from memsql.tasks import ns\n")
    invoke = (sys.executable, "-m", "invoke")
    done = subprocess.run(
        [*invoke, "backup", "migrate", "backup.verify", "verify"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("TURSO_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("proven") >= 3
    done = subprocess.run(
        [*invoke, "backup.verify", backups.one(project).name, "verify"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
