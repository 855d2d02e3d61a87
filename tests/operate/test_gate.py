"""A protected environment: nothing is changed without a proven backup that is young enough, and a yes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import eras
import pytest
import reference_project
import servers
from cli import Done, Project
from proven import save_backup
from terminal import CTRL_C, CTRL_D, QUESTION, answer

from memsql.backups.catalogue import read_backup
from memsql.config import load
from memsql.operate.gate import backup_refusal
from memsql.server import Running

PRODUCTION = "[memsql]\n[memsql:production]\ndatabase = prod.db\nprotected = yes\nbackup_max_age = 1h\n"
ENV = ("--env", "production")


def make(root: Path, database: str = "prod.db") -> Project:
    """A project whose production has 0001 applied; 0002 waits."""
    project = Project(root, database=database)
    project.add("0001_a", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n", "DELETE FROM a;\nDROP TABLE a;\n")
    project.configure(f"[memsql]\ndatabase = {database}\n")
    project.up()
    project.add("0002_b", "CREATE TABLE b (x);\n", "DROP TABLE b;\n")
    project.configure(PRODUCTION)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


def backup(project: Project, **kwargs: object) -> Path:
    return save_backup(project.root / "backups", project.db, **kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [
        ("migrate.up",),
        ("migrate",),
        ("migrate.down",),
        ("migrate.to", "2"),
        ("migrate.to", "0"),
        ("migrate.up", "--yes"),
        ("migrate.down", "--yes"),
        ("migrate.up", "--yes", "--json"),
    ],
    ids=" ".join,
)
def test_without_a_proven_backup_nothing_is_changed(project: Project, words: tuple[str, ...]) -> None:
    before = project.everything()
    done = project.run(*words, *ENV).expect(
        6,
        "the environment production is protected, and there is no proven backup of prod.db in backups",
        "nothing was changed",
        "memsql backup",
    )
    assert project.everything() == before
    assert not done.out or "--json" in words


def test_backups_that_do_not_count(project: Project) -> None:
    other = project.root / "other.db"
    save_backup(project.root / "backups", other, name="other.db")
    backup(project, proven=False, name="unproven.db")
    cut = backup(project, name="cut.db")
    cut.write_bytes(b"shorter")
    edited = backup(project, name="edited.db")
    manifest = edited.with_name("edited.db.json")
    manifest.write_text(manifest.read_text().replace('"rows": ', '"rows":  ').replace("0.1", "0.2"))
    backup(project, name="bare.db").with_name("bare.db.json").unlink()
    before = project.everything()
    project.run("migrate.up", "--yes", *ENV).expect(6, "there is no proven backup of prod.db")
    assert project.everything() == before


def test_a_backup_that_is_too_old_says_how_old(project: Project) -> None:
    backup(project, age=timedelta(hours=30), name="old.db")
    before = project.everything()
    project.run("migrate.up", "--yes", *ENV).expect(
        6, "the newest proven backup of prod.db, old.db, is 30 hours old; backup_max_age is 60 minutes", "memsql backup"
    )
    assert project.everything() == before
    backup(project, age=timedelta(minutes=30))
    project.up("--yes", *ENV)


def test_the_age_is_exact(project: Project) -> None:
    settings = load(project=str(project.root), env="production", environ={})
    newest = read_backup(backup(project), "x")
    created = newest.created
    hour = timedelta(hours=1)
    assert backup_refusal(settings, newest, created + hour) is None
    assert backup_refusal(settings, newest, created + hour + timedelta(seconds=1)) is not None
    assert backup_refusal(settings, None, datetime.now(UTC)) is not None


def test_without_a_terminal_it_refuses_and_names_the_option(project: Project) -> None:
    backup(project)
    before = project.everything()
    project.run("migrate.up", *ENV).expect(
        6, "there is no terminal to ask at", "apply 1 migration: 0002_b", "prod.db", "nothing was changed", "add --yes"
    )
    assert project.everything() == before
    project.run("migrate.up", "--yes", *ENV).expect(0, "applied 0002_b")
    project.run("migrate.down", "--yes", *ENV).expect(0, "rolled back 0002_b")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("yes", 0),
        (" yes ", 0),
        ("y", 6),
        ("no", 6),
        ("", 6),
        ("YES", 6),
        (CTRL_C, 6),
        (CTRL_D, 6),
    ],
)
def test_the_question_at_a_terminal(project: Project, typed: str | bytes, code: int) -> None:
    backup(project)
    before = project.everything()
    done = answer(project.root, typed, "migrate.up", *ENV).expect(
        code, "the environment production is protected", "database: prod.db", "apply 1 migration: 0002_b", QUESTION
    )
    assert QUESTION not in done.out
    assert (project.everything() == before) == (code == 6)
    if code:
        assert "\nerror: the answer was not yes" in done.err.replace("\r", "").replace("\x1b[31m", "")


def test_what_is_asked_before_a_rollback(project: Project) -> None:
    backup(project)
    project.up("--yes", *ENV)
    answer(project.root, "no", "migrate.to", "0", *ENV).expect(6, "roll back 2 migrations: 0002_b, 0001_a")
    answer(project.root, "yes", "migrate.down", *ENV).expect(0, "rolled back 0002_b")


def test_nothing_to_do_is_not_asked_about(project: Project) -> None:
    backup(project)
    project.up("--yes", *ENV)
    for path in (project.root / "backups").iterdir():
        path.unlink()
    project.run("migrate.up", *ENV).expect(0, "nothing to do")
    project.run("migrate.to", "2", *ENV).expect(0, "nothing to do")
    project.run("migrate.repair", *ENV).expect(0, "nothing to repair")
    project.run("fts.rebuild", *ENV).expect(0, "there is no FTS5 table")
    project.run("fts.optimize", *ENV).expect(0, "there is no FTS5 table")
    done = answer(project.root, "no", "migrate.up", *ENV).expect(0, "nothing to do")
    assert QUESTION not in done.err


def test_looking_is_not_asked_about(project: Project) -> None:
    before = project.files()
    project.run("migrate.up", "--dry-run", *ENV).expect(0, "would apply 0002_b")
    project.run("migrate.down", "--dry-run", *ENV).expect(0, "would roll back 0001_a")
    project.run("migrate.status", *ENV).expect(0)
    project.run("verify", *ENV).expect(0)
    project.run("monitor.health", *ENV).expect(1, "there is no proven backup")
    project.run("monitor.metrics", *ENV).expect(0)
    assert project.files() == before


def test_what_is_not_protected_is_not_asked_about(project: Project) -> None:
    project.configure(PRODUCTION + "[memsql:staging]\ndatabase = staging.db\n")
    project.up("--env", "staging")
    project.run("migrate.down", "--env", "staging").expect(0)


def test_an_online_rebuild_is_given_up_only_where_there_is_one(project: Project) -> None:
    project.script("CREATE VIRTUAL TABLE f USING fts5(x, content='a', content_rowid='rowid');")
    project.run("fts.rebuild", "--abort", *ENV).expect(0, "no rebuild was on its way")
    project.run("legacy.rollback", "--phase", "7", *ENV).expect(2, "there is no legacy upgrade 7")


def test_a_wrong_file_comes_before_the_question(project: Project) -> None:
    backup(project)
    project.add("0003_bad", "BEGIN;\nSELECT 1;\nCOMMIT;\n")
    project.run("migrate.up", *ENV).expect(2, "0003_bad.sql")


def test_an_empty_database_has_nothing_to_back_up_but_is_asked_about(tmp_path: Path) -> None:
    project = Project(tmp_path, database="prod.db")
    project.add("0001_a", "CREATE TABLE a (x);\n", "DROP TABLE a;\n")
    project.configure(PRODUCTION)
    project.run("migrate.up", *ENV).expect(6, "there is no terminal")
    assert not project.db.exists()
    project.run("migrate.up", "--yes", *ENV).expect(0, "applied 0001_a")


def test_repair_is_asked_about(project: Project) -> None:
    project.add(
        "0001_a", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n-- edited\n", "DELETE FROM a;\nDROP TABLE a;\n"
    )
    words = ("migrate.repair", "--version", "1")
    project.run(*words, "--dry-run", *ENV).expect(0, "would re-stamp")
    project.run(*words, "--yes", *ENV).expect(6, "there is no proven backup")
    backup(project)
    project.run(*words, *ENV).expect(6, "change the ledger: re-stamp 0001_a", "add --yes")
    project.run(*words, "--yes", *ENV).expect(0, "re-stamp 0001_a")


@pytest.mark.parametrize(
    "words",
    [
        ("fts.rebuild",),
        ("fts.rebuild", "--online"),
        ("fts.rebuild", "--table", "F"),
        ("fts.optimize",),
    ],
    ids=" ".join,
)
def test_full_text_tasks_are_asked_about(project: Project, words: tuple[str, ...]) -> None:
    project.script("CREATE VIRTUAL TABLE f USING fts5(x, content='a', content_rowid='rowid');")
    before = project.everything()
    project.run(*words, "--yes", *ENV).expect(6, "there is no proven backup")
    backup(project)
    project.run(*words, *ENV).expect(6, "add --yes")
    assert project.everything() == before
    project.run(*words, "--yes", *ENV).expect(0, "f: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("legacy.adopt",), "adopt it, a legacy database"),
        (("legacy.phase1",), "run legacy upgrade 1"),
        (("migrate.up",), "adopt it, a legacy database, and apply what waits then"),
    ],
    ids=["adopt", "phase1", "up"],
)
def test_legacy_tasks_are_asked_about(tmp_path: Path, words: tuple[str, ...], what: str) -> None:
    project = Project.at(tmp_path, "prod.db")
    eras.build(project.db, "1.2", "empty")
    reference_project.copy_to(tmp_path)
    project.configure(PRODUCTION)
    before = project.everything()
    project.run(*words, "--dry-run", *ENV).expect(0)
    project.run(*words, "--yes", *ENV).expect(6, "there is no proven backup")
    backup(project)
    project.run(*words, *ENV).expect(6, what, "add --yes")
    assert project.everything() == before
    project.run(*words, "--yes", *ENV).expect(0)
    if words == ("legacy.phase1",):
        project.run("legacy.rollback", "--phase", "1", *ENV).expect(6, "undo legacy upgrade phase1", "add --yes")
        project.run("legacy.rollback", "--phase", "1", "--yes", *ENV).expect(0, "rolled back legacy upgrade")
    else:
        project.run("legacy.adopt", *ENV).expect(0, "nothing to do")
        project.run("legacy.phase1", *ENV).expect(0, "nothing to do")


def test_every_task_that_changes_has_the_option(project: Project) -> None:
    for name in (
        "migrate.up",
        "migrate.down",
        "migrate.to",
        "migrate.repair",
        "legacy.adopt",
        "legacy.phase1",
        "legacy.phase2",
        "legacy.align",
        "legacy.rollback",
        "fts.rebuild",
        "fts.optimize",
    ):
        assert "--yes" in project.run("--help", name).expect(0).out, name
    for name in ("verify", "migrate.status", "monitor.health"):
        assert "--yes" not in project.run("--help", name).expect(0).out, name


def test_a_protected_server(tmp_path: Path, empty_server: Running) -> None:
    project = make(tmp_path, "local.db")
    servers.load(project.db, empty_server.url)
    project.configure(f"[memsql]\n[memsql:production]\ndatabase = {empty_server.url}\nprotected = yes\n")
    run: Callable[..., Done] = project.run
    run("migrate.up", "--yes", *ENV).expect(6, f"there is no proven backup of {empty_server.url}")
    save_backup(tmp_path / "backups", project.db, name="file.db")
    run("migrate.up", "--yes", *ENV).expect(6, "there is no proven backup of http://127.0.0.1")
    save_backup(tmp_path / "backups", empty_server.url)
    run("migrate.up", *ENV).expect(6, "add --yes")
    answer(tmp_path, "no", "migrate.up", *ENV).expect(6)
    answer(tmp_path, "yes", "migrate.up", *ENV).expect(0, "applied 0002_b")
    run("migrate.up", *ENV).expect(0, "nothing to do")
    with closing(sqlite3.connect(servers.save(empty_server.url, tmp_path / "saved.db"))) as saved:
        assert saved.execute("SELECT count(*) FROM a").fetchone() == (1,)
