"""Every command of docs/runbook.md, run in the order of the page with the exit code that stands beside it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import extent
import pytest
import servers
import shell
from cli import Done, Project
from eras import build
from places import ROOT

from memsql.db import connect
from memsql.server import Running

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"    \$ (?P<words>.+?)(?:   # exit code (?P<code>\d+))?")
SETTINGS = re.compile(r"^    (\[memsql:.*|\w+ = .*)?$", re.MULTILINE)
EXAMPLE_URL = "libsql://mydb-myorg.turso.io"


@dataclass
class Office:
    """Where the page is followed: a copy of this project, its staging file and its production server."""

    root: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    def type(self, words: str) -> Done:
        """One line of the page, as a shell runs it; ``export`` lasts."""
        if words.startswith("export "):
            name, _, value = words.removeprefix("export ").partition("=")
            self.environment[name] = value
            words = "true"
        return shell.run(words, cwd=self.root, environment=self.environment)

    def write(self, name: str, up: str, down: str = "SELECT 1;\n") -> None:
        (self.root / "migrations" / f"{name}.sql").write_text(f"-- {name}\n{up}\n")
        (self.root / "migrations" / f"{name}.rollback.sql").write_text(f"-- the way back\n{down}\n")

    def on_server(self, *statements: str) -> None:
        with closing(connect(servers.target(self.url), "rw")) as conn:
            conn.batch([(sql, ()) for sql in statements])


def _new_listing(office: Office) -> None:
    office.write("0005_widen_the_listing", "CREATE INDEX idx_wide ON entities (user_id, name);", "DROP INDEX idx_wide;")


def _bad_migration(office: Office) -> None:
    office.write("0006_bad", "CREATE TABLE good (a);\nCREATE TABLE users (a);", "DROP TABLE good;")
    assert office.type("invoke migrate.sum").code == 0


def _mended(office: Office) -> None:
    office.write("0006_bad", "CREATE TABLE good (a);", "DROP TABLE good;")


def _edited(office: Office) -> None:
    path = office.root / "migrations" / "0004_index_active_memories.sql"
    path.write_text(path.read_text() + "SELECT 1;\n")


def _index_out_of_step(office: Office) -> None:
    office.on_server("INSERT INTO memories_fts (memories_fts) VALUES ('delete-all')")


def _damaged(office: Office) -> None:
    shutil.copy(office.root / "staging.db", office.root / "damaged.db")
    with closing(sqlite3.connect(office.root / "damaged.db")) as conn:
        size = conn.execute("PRAGMA page_size").fetchone()[0]
        root = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'idx_users_email'").fetchone()[0]
    with (office.root / "damaged.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


BEFORE: dict[tuple[str, str], Callable[[Office], None]] = {
    ("Fix forward", "invoke migrate.sum"): _new_listing,
    ("A migration failed", "invoke migrate.up --yes"): _bad_migration,
    ("A migration failed", "invoke migrate.sum"): _mended,
    ("A file was edited after it was applied", "invoke verify"): _edited,
    ("A full-text search fails or misses rows", "invoke fts.check"): _index_out_of_step,
    ("The database file is damaged", "invoke verify --database damaged.db"): _damaged,
}


def furnished(root: Path, url: str) -> Office:
    """An office in ``root`` without databases, with the settings of the page; production is the server at ``url``."""
    for folder in ("migrations", "sql"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.copy(ROOT / "tasks.py", root)
    settings = "\n".join(match[1] or "" for match in SETTINGS.finditer(PAGE)).replace(EXAMPLE_URL, url)
    assert "protected = yes" in settings
    (root / "setup.cfg").write_text(f"[memsql]\n{settings}\n")
    (root / "tell-team").write_text("#!/bin/sh\ncat >> heard\n")
    (root / "tell-team").chmod(0o755)
    return Office(root, url)


@pytest.fixture
def office(tmp_path: Path, empty_server: Running) -> Office:
    office = furnished(tmp_path / "office", empty_server.url)
    for era in office.root.glob("sql/legacy/*.sql"):
        # From the other eras migrate.test is tried in tests/author.
        if era.stem not in ("1.2", "1.3"):
            era.unlink()
    build(office.root / "staging.db", "1.3", "tiny", seed=5)
    Project.at(office.root, "staging.db").up("--to", "3", "--env", "staging")
    servers.load(office.root / "staging.db", office.url)
    return office


@pytest.mark.timeout(900)
def test_every_command_does_what_the_page_says(office: Office) -> None:
    heading, seen = "", 0
    pending = dict(BEFORE)
    for line in PAGE.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        command = COMMAND.fullmatch(line)
        if command is None:
            continue
        if prepare := pending.pop((heading, command["words"]), None):
            prepare(office)
        done = office.type(command["words"])
        assert done.code == int(command["code"] or 0), f"{heading}: {line}\n{done.out}{done.err}"
        assert "Traceback" not in done.err
        seen += 1
    assert seen > 40
    assert not pending, "the page no longer has these commands"
    heard = (office.root / "heard").read_text()
    assert heard.count('"event": "begin"') == heard.count('"event": "end"') > 3


BOX = re.compile(r"^(\d+)\. \*\*(.+?)\*\*((?:.|\n   )*)", re.MULTILINE)


def boxes() -> list[tuple[int, str, list[str]]]:
    """Number, title and memsql's commands of each of the sixteen boxes."""
    section = PAGE.partition("\n## The sixteen boxes\n")[2].partition("\n## ")[0]
    return [
        (int(number), title, re.findall(r"`(invoke [^`]+)`", title + rest))
        for number, title, rest in BOX.findall(section)
    ]


def test_the_sixteen_boxes_are_in_the_order_of_the_guide() -> None:
    words = (
        "Back up, team, Stop the application, Preview, before, Phase 1, Verify phase 1, Phase 2, Verify phase 2, "
        "after, Start the application, Smoke, logs, metrics, documentation, team"
    )
    assert [number for number, _, _ in boxes()] == list(range(1, 17))
    for (_, title, _), word in zip(boxes(), words.split(", "), strict=True):
        assert word in title


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", extent.some(["file", "server"], 2))
def test_every_box_can_be_ticked_on_an_old_database(tmp_path: Path, empty_server: Running, place: str) -> None:
    office = furnished(tmp_path / "office", empty_server.url)
    build(office.root / "production.db", "1.2", "tiny", seed=3)
    if place == "server":
        servers.load(office.root / "production.db", office.url)
    else:
        text = (office.root / "setup.cfg").read_text().replace(f"database = {office.url}", "database = production.db")
        (office.root / "setup.cfg").write_text(text)
    office.environment["MEMSQL_ENV"] = "production"
    for number, title, commands in boxes():
        for command in commands:
            done = office.type(command)
            assert done.code == 0, f"{number}. {title}: {command}\n{done.out}{done.err}"
            assert "Traceback" not in done.err
    heard = re.findall(r'"command": "(.+?)"', (office.root / "heard").read_text())
    assert heard == [name for name in ("legacy.phase1", "legacy.phase2", "migrate.up") for _ in range(2)]
