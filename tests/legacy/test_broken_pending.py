"""A pending migration that does not run: what a legacy database needs comes before it, and nothing says that it ran."""

from __future__ import annotations

from pathlib import Path

import eras
import pytest
from cli import Project, clean_environment, run
from places import ROOT

BROKEN = {
    "twice": "CREATE TABLE good (x);\nCREATE TABLE good (x);\n",
    "no statement of a migration": "BEGIN;\nCREATE TABLE good (x);\nCOMMIT;\n",
}


@pytest.fixture(params=list(BROKEN))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The reference project with a draft of 0005, and a database of era 1.2."""
    root = tmp_path / "project"
    project = Project(root)
    for name in ("migrations", "sql"):
        for path in (ROOT / name).rglob("*.sql"):
            copy = root / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    project.add("0005_bad", BROKEN[request.param])
    eras.build(project.db, "1.2", "tiny")
    return project


def test_the_legacy_track_does_not_need_it(project: Project) -> None:
    project.run("legacy.status").expect(0, "era: 1.2", "note: 0005_bad does not run on a scratch database")
    assert project.run("legacy.status", "--json").expect(0).json()["unknown"]["id"] == "0005_bad"
    for words in (("legacy.phase1", "--dry-run"), ("legacy.phase1",), ("verify",), ("legacy.phase2",)):
        done = project.run(*words).expect(0)
        assert "0005_bad failed" not in done.out + done.err
    project.run("legacy.adopt").expect(0, "adopted: 0001_baseline counts as applied", "0005_bad")


def test_up_fails_where_it_stands_and_says_so(project: Project) -> None:
    done = project.run("migrate.up")
    assert done.code in (2, 5), done
    assert "0005_bad" in done.err
    if "schema_migrations" in str(project.everything()[0]):
        assert "the adoption before it stays: 0001_baseline counts as applied" in done.err
        assert project.states()[1] == "applied"
    else:
        assert "nothing was changed" in done.err


def test_a_database_that_may_have_run_it_is_not_adopted(tmp_path: Path) -> None:
    """0002 cannot be tried, so nobody knows whether a database with everything of 0001 ran it."""
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.add("0002_bad", "INSERT INTO of_the_application VALUES (1);\n")
    project.script("CREATE TABLE a (x);")
    before = project.everything()
    for task in ("legacy.adopt", "migrate.up"):
        project.run(task).expect(6, "whether 0002_bad ran here cannot be told", "legacy.adopt --version 1")
    project.run("legacy.status").expect(1, "whether 0002_bad ran too cannot be told")
    assert project.everything() == before
    project.run("legacy.adopt", "--version", "2").expect(2, "0002_bad does not run on an empty database")
    project.run("legacy.adopt", "--version", "1").expect(0, "0001_a counts as applied")
    project.run("legacy.status").expect(0, "the ledger knows this database")
    project.run("migrate.up").expect(5, "0002_bad failed", "this migration was rolled back")
    assert project.states() == {1: "applied", 2: "failed"}


@pytest.mark.parametrize(
    "words", [("schema.diff",), ("schema.dump", "--write"), ("migrate.baseline", "--version", "2")], ids=" ".join
)
def test_a_replay_that_fails_is_told_as_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    project = Project(tmp_path)
    project.add("0001_a", "CREATE TABLE a (x);\n")
    project.add("0002_bad", "CREATE TABLE a (x);\n")
    project.script("CREATE TABLE a (x);")
    done = run(*words, cwd=project.root, env=clean_environment()).expect(
        2, "the migrations do not run on an empty database: 0002_bad failed in statement 1", "migrations/0002_bad.sql:1"
    )
    assert "state: they were tried on a scratch database; nothing was changed in any other" in done.err
    assert "rolled back" not in done.err
