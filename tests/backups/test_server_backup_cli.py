"""Backups of servers as a person makes them: the command line, from backup to restore, and what can go wrong."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import backups
import eras
import extent
import pytest
import servers
from cli import Project
from places import ROOT
from servers import Guarded

from memsql.backups.digest import TableDigest, digests
from memsql.db import connect
from memsql.server import Running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "a project"
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "setup.cfg").write_text("[memsql]\n")
    return Project.at(root)


def hashes(url: str) -> list[TableDigest]:
    with closing(connect(servers.target(url))) as conn:
        return digests(conn)


def on_server(url: str, *statements: str) -> None:
    with closing(connect(servers.target(url), "rw")) as conn:
        conn.batch([(sql, ()) for sql in statements])


# How each era goes to a server and back is tried in test_server_backup.py.
@pytest.mark.parametrize("era", extent.some(eras.ERAS, 4, first=2))
def test_back_up_damage_restore(project: Project, empty_server: Running, era: str) -> None:
    url = empty_server.url
    servers.load(eras.build(project.db, era, "small" if era == "1.2" else "empty", seed=3), url)
    project.run("migrate.up", "--database", url).expect(0)
    before = hashes(url)
    project.run("backup", "--database", url).expect(0, "proven in")
    on_server(url, "PRAGMA foreign_keys = on", "DELETE FROM users", "DROP TABLE interactions", "CREATE TABLE stray (a)")
    assert hashes(url) != before
    project.run("backup.restore", "--database", url).expect(6, "is not empty", "--replace")
    done = project.run("backup.restore", "--replace", "--json", "--database", url).expect(0).json()
    assert hashes(url) == before
    assert Path(project.root / done["kept"]).is_file()
    project.run("verify", "--database", url).expect(0, "proven")


@pytest.mark.parametrize("words", [("--format", "sql"), ("--format", "sql", "--compress")])
def test_a_backup_as_text_goes_back_to_a_server_and_to_a_file(
    project: Project, empty_server: Running, words: tuple[str, ...]
) -> None:
    url = empty_server.url
    servers.load(eras.build(project.root / "era.db", "1.3", seed=4), url)
    before = hashes(url)
    project.run("backup", *words, "--database", url).expect(0, "proven in")
    name = backups.one(project).name
    project.run("backup.restore", name, "--to", "copy.db", "--database", url).expect(0)
    assert backups.hashes(project.root / "copy.db") == before
    on_server(url, "DROP TABLE api_usage_tracking")
    project.run("backup.restore", name, "--replace", "--database", url).expect(0)
    assert hashes(url) == before
    # The newest is now what that restore replaced, and nobody wants it without naming it.
    project.run("backup.restore", "--replace", "--database", url).expect(0, name)
    assert hashes(url) == before
    project.run("backup.list", "--database", url).expect(0, f"a restore kept it, when it put {name} in its place")


def test_from_a_file_to_a_server_and_back(project: Project, empty_server: Running) -> None:
    project.up()
    project.run("backup").expect(0)
    name = backups.one(project).name
    project.run("backup.restore", name, "--database", empty_server.url).expect(0)
    assert hashes(empty_server.url) == backups.hashes(project.db)
    project.run("migrate.status", "--check", "--database", empty_server.url).expect(0)


def test_a_wrong_token_makes_no_backup_and_no_restore(project: Project, guarded: Guarded) -> None:
    project.up()
    project.run("backup").expect(0)
    name = backups.one(project).name
    for words in (["backup"], ["backup.restore", name, "--replace"]):
        done = project.run(*words, "--database", guarded.server.url, env={"TURSO_AUTH_TOKEN": "no.such-token"}).expect(
            3, "token"
        )
        assert "no.such-token" not in done.out + done.err
    assert backups.one(project).name == name
    assert not backups.hidden(project.root / "backups")


def test_the_drill_of_a_server_s_backup_needs_no_server(project: Project, empty_server: Running) -> None:
    project.run("migrate.up", "--database", empty_server.url).expect(0)
    project.run("backup", "--database", empty_server.url).expect(0)
    project.run("backup.drill", "--database", "http://127.0.0.1:9").expect(2, "there is no proven backup")
    done = project.run("backup.drill", "--json", "--database", empty_server.url).expect(0).json()
    assert {step["name"]: step["outcome"] for step in done["steps"]} == dict.fromkeys(
        ("restore", "verify", "smoke", "back and forth"), "ok"
    )
