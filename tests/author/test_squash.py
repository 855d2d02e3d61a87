"""migrate.squash: what it writes and proves, what it refuses, and what databases from before it do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from cli import Project, run
from either import Place
from repositories import commit, git
from reviews import review

from memsql import config
from memsql.author import journal, squash, squash_files
from memsql.project.writing import replace_file
from memsql.server import Running

CHECK = "SELECT 'a team without a name' FROM team WHERE name = '';"


def fill(project: Project) -> Project:
    """Five migrations; the fourth ends what can be folded, because the fifth takes the time of the clock."""
    project.add(
        "0001_team", "-- teams\nCREATE TABLE team (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);\n"
    )
    project.add(
        "0002_seed",
        "-- seed\n-- depends: 0001_team\nINSERT INTO team (name) VALUES ('red'), ('it''s blue'), ('gone');\n"
        "DELETE FROM team WHERE id = 3;\n",
    )
    project.add(
        "0003_log",
        "-- log\n-- depends: 0002_seed\nCREATE TABLE log (team INTEGER REFERENCES team (id), t BLOB);\n"
        "CREATE TRIGGER logged AFTER INSERT ON team BEGIN INSERT INTO log VALUES (new.id, x'00ff'); END;\n"
        "INSERT INTO team (name) VALUES ('green');\n"
        "CREATE VIRTUAL TABLE team_fts USING fts5(name, content='team', content_rowid='id');\n"
        "CREATE VIRTUAL TABLE own USING fts5(a);\nINSERT INTO own VALUES ('kept words');\n"
        "INSERT INTO team_fts (team_fts) VALUES ('rebuild');\n",
    )
    project.add(
        "0004_motto",
        "-- motto\n-- depends: 0003_log\nALTER TABLE team ADD COLUMN motto TEXT;\n",
        "ALTER TABLE team DROP COLUMN motto;\n",
    )
    project.add(
        "0005_later",
        "-- later\n-- depends: 0004_motto\nCREATE TABLE later (id INTEGER PRIMARY KEY, t DEFAULT CURRENT_TIMESTAMP);\n"
        "INSERT INTO later DEFAULT VALUES;\n",
        "DELETE FROM later WHERE id > 0;\nDROP TABLE later;\n",
    )
    project.check("0002_seed", CHECK)
    project.run("migrate.sum").expect(0)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return fill(Project(tmp_path))


@pytest.mark.slow
def test_a_squash_makes_the_same_and_every_database_goes_on(project: Project) -> None:
    for version in (2, 4, 5):
        project.up("--to", str(version), "--database", f"v{version}.db")
    before = project.files()
    planned = project.run("migrate.squash", "--to", "4", "--dry-run", "--json").expect(0).json()
    assert project.files() == before
    report = project.run("migrate.squash", "--to", "4", "--json").expect(0).json()
    assert report == {**planned, "dry_run": False}
    assert report["folded"] == ["0001_team", "0002_seed", "0003_log", "0004_motto"]
    assert report["rows"] == {"log": 1, "own": 1, "team": 3}
    names = {path.name for path in project.migrations.iterdir()}
    assert names == {
        "memsql.sum",
        *(f"{n}{e}" for n in ("0004_motto", "0005_later") for e in (".sql", ".rollback.sql")),
    }
    assert {path.name for path in project.checks.iterdir()} == {"0004_seed.sql"}
    aside = project.root / "sql" / "squashed" / "0004_motto"
    for path in aside.iterdir():
        if path.name != "memsql.sum":
            assert path.read_bytes() == before[f"migrations/{path.name}"]
    project.run("migrate.sum", "--check").expect(0)
    assert "squashed" not in project.run("lint").out

    everything = []
    for name in ("v4.db", "v5.db", "new.db"):
        project.run("migrate.up", "--database", name).expect(0)
        project.run("verify", "--database", name).expect(0)
        status = project.run("migrate.status", "--check", "--json", "--database", name).expect(0).json()
        assert [(m["version"], m["state"]) for m in status["migrations"]] == [(4, "applied"), (5, "applied")]
        data = Project.at(project.root, name)
        assert data.applied() == ["0004_motto", "0005_later"]
        assert data.query("SELECT seq FROM sqlite_sequence WHERE name = 'team'") == [(4,)]
        assert data.query("SELECT rowid FROM team_fts WHERE team_fts MATCH 'blue'") == [(2,)]
        everything.append([data.query(f"SELECT rowid, * FROM {table} ORDER BY 1") for table in ("team", "log", "own")])
    assert everything[0] == everything[1] == everything[2]
    assert "4 migrations" in Project.at(project.root, "v4.db").one(
        "SELECT count(*) || ' migrations' FROM memsql_history WHERE operation = 'apply' AND version < 5"
    )

    # The files from before bring a database to where it can go on.
    done = project.run("migrate.up", "--database", "v2.db").expect(6, "lacks 0003_log, 0004_motto", "sql/squashed/0004")
    assert "nothing was changed" in done.err
    project.run("migrate.down", "--database", "v2.db").expect(6, "lacks 0003_log, 0004_motto")
    project.run("verify", "--database", "v2.db").expect(1, "of which only 0001_team, 0002_seed ran here")
    project.run("migrate.status", "--database", "v2.db").expect(0, "of which only 0001_team, 0002_seed ran here")
    project.configure("[memsql]\n[memsql:before]\nmigrations = sql/squashed/0004_motto\n")
    project.up("--env", "before", "--database", "v2.db")
    project.up("--database", "v2.db")
    project.run("verify", "--database", "v2.db").expect(0)


def test_a_ledger_from_before_counts_until_it_follows(project: Project) -> None:
    project.up()
    shutil.copy(project.db, project.root / "down.db")
    shutil.copy(project.db, project.root / "repair.db")
    project.run("migrate.squash", "--to", "4").expect(0)
    before = project.everything()
    project.run("migrate.status").expect(0, "applied as 0001_team and 3 more", "let the ledger follow")
    project.run("verify").expect(0, "applied as 0001_team and 3 more")
    project.run("migrate.up", "--dry-run").expect(0)
    assert project.everything() == before
    smoke = project.root / "sql" / "smoke"
    smoke.mkdir()
    (smoke / "01_team.sql").write_text(
        "-- name: a team\n-- needs: 0002\nSELECT 'no team' WHERE NOT EXISTS (SELECT 1 FROM team);\n"
    )
    project.run("smoke").expect(0)
    # yoyo has the mark of the last one under the same name.
    listing = ("list", "--batch", "--no-config-file", "--database", f"sqlite:///{project.db}", "migrations")
    run(*listing, cwd=project.root, program="yoyo").expect(0, "A         0004_motto")
    project.run("migrate.down", "--database", "down.db").expect(0, "rolled back 0005_later")
    project.run("migrate.repair", "--database", "repair.db").expect(0, "let 0004_motto stand for 0001_team")
    for name in ("down.db", "repair.db"):
        assert "0001_team" not in Project.at(project.root, name).applied()


@pytest.mark.slow
def test_a_second_squash_takes_databases_from_before_the_first(project: Project) -> None:
    project.up()
    shutil.copy(project.db, project.root / "followed.db")
    project.run("migrate.squash", "--to", "3").expect(0)
    project.up("--database", "followed.db")
    project.run("migrate.squash", "--to", "5").expect(6, "0005_later writes values", "later", "--keep-values")
    project.run("migrate.squash", "--to", "5", "--keep-values").expect(0)
    text = project.up_file("0005_later").read_text()
    assert re.search(
        r"-- stands_for: 0003_log 0004_motto 0005_later @\w{32}\n-- stands_for: 0001_team 0002_seed\n", text
    )
    for name in ("memory.db", "followed.db", "new.db"):
        project.up("--database", name)
        assert Project.at(project.root, name).applied() == ["0005_later"]
        project.run("verify", "--database", name).expect(0)


@pytest.mark.slow
def test_a_review_proves_a_squash_again(project: Project) -> None:
    git(project.root, "init", "-q", "-b", "main")
    commit(project)
    git(project.root, "checkout", "-q", "-b", "work")
    project.run("migrate.squash", "--to", "4").expect(0)
    (finding,) = [f for f in review(project, 1)["findings"] if f["rule"] == "MR06"]
    assert (finding["severity"], finding["path"]) == ("info", "migrations/0004_motto.sql")
    assert "stands for 4 migrations of main (0001_team to 0004_motto)" in finding["message"]
    text = project.up_file("0004_motto").read_text()
    project.up_file("0004_motto").write_text(text.replace("it''s blue", "it''s black"))
    project.run("migrate.sum").expect(0)
    findings = [f for f in review(project, 1)["findings"] if f["rule"] == "MR06"]
    assert {f["severity"] for f in findings} == {"error"}
    assert any("does not do the same: the rows of team differ" in f["message"] for f in findings)


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["--to", "1"], 2, ("0001_team alone is nothing to fold",)),
        (["--to", "9"], 2, ("there is no migration 9",)),
        (["--to", "x"], 2, ("--to x: not a number",)),
    ],
)
def test_nothing_to_fold(project: Project, words: list[str], code: int, parts: tuple[str, ...]) -> None:
    before = project.files()
    project.run("migrate.squash", *words).expect(code, *parts)
    assert project.files() == before


def test_what_counts_on_a_folded_migration_is_named(project: Project) -> None:
    def refused(*parts: str) -> None:
        project.run("migrate.sum").expect(0)
        before = project.files()
        project.run("migrate.squash", "--to", "4").expect(6, *parts)
        assert project.files() == before

    project.add("0006_odd", "-- odd\n-- depends: 0002_seed\nCREATE TABLE odd (x);\n")
    refused("0006_odd depends on 0002_seed", "migrations/0006_odd.sql")
    project.remove("0006_odd")
    project.check("0004_seed", CHECK)
    refused("would all be called sql/checks/0004_seed.sql")
    (project.checks / "0004_seed.sql").unlink()
    eras = project.root / "sql" / "legacy"
    eras.mkdir()
    (eras / "v1.sql").write_text("-- era: v1\n-- counts_as: 1 2\nCREATE TABLE team (id INTEGER PRIMARY KEY);\n")
    refused("the era v1 counts as 1, 2", "sql/legacy/v1.sql")
    shutil.rmtree(eras)
    project.add("0003_wal", "-- wal\n-- transactional: false\nPRAGMA journal_mode = WAL;\n")
    project.remove("0003_log")
    project.add("0004_motto", "-- motto\nALTER TABLE team ADD COLUMN motto TEXT;\n")
    refused("0003_wal sets PRAGMA journal_mode")
    project.add(
        "0003_wal", "-- rtree\nCREATE VIRTUAL TABLE r USING rtree(id, a, b);\nINSERT INTO r VALUES (1, 2, 3);\n"
    )
    refused("rows into the virtual table r")
    project.add("0003_wal", "-- bare\nCREATE VIRTUAL TABLE f USING fts5(a, content='');\nINSERT INTO f VALUES ('x');\n")
    refused("the full-text index f")


def test_a_stale_sum_and_a_folder_that_is_there_are_refused(project: Project) -> None:
    project.up_file("0001_team").write_text("CREATE TABLE team (id INTEGER PRIMARY KEY, name, more);\n")
    project.run("migrate.squash", "--to", "4").expect(2, "memsql.sum does not match")
    project.run("migrate.sum").expect(0)
    (project.root / "sql" / "squashed" / "0004_motto").mkdir(parents=True)
    project.run("migrate.squash", "--to", "4").expect(2, "sql/squashed/0004_motto is there already")


@pytest.mark.server
def test_a_server_follows(project: Project, empty_server: Running) -> None:
    place = Place(project, empty_server.url)
    place.run("migrate.up").expect(0)
    project.run("migrate.squash", "--to", "4").expect(0)
    place.run("migrate.up").expect(0, "the ledger has 0004_motto now")
    assert place.applied() == ["0004_motto", "0005_later"]
    place.run("verify").expect(0)


@pytest.mark.parametrize("edited", ["folded", "baseline", "comment"])
def test_an_edit_does_not_pass_through_a_squash(project: Project, edited: str) -> None:
    project.up()
    second, fourth = project.up_file("0002_seed"), project.up_file("0004_motto")
    if edited == "folded":
        second.write_text(second.read_text() + "INSERT INTO team (name) VALUES ('never ran');\n")
        project.run("migrate.sum").expect(0)
    project.run("migrate.squash", "--to", "4").expect(0)
    if edited == "baseline":
        fourth.write_text(fourth.read_text() + "INSERT INTO team (name) VALUES ('never ran');\n")
    if edited == "comment":
        fourth.write_text(fourth.read_text() + "-- nothing\n")
    project.run("migrate.sum").expect(0)
    if edited == "comment":
        project.run("verify").expect(0)
        project.up()
        return
    before = project.everything()
    project.run("migrate.up").expect(2, "0004_motto", "what ran here is not what was folded into it")
    assert project.run("verify").code == 1
    assert project.everything() == before


@pytest.mark.parametrize("moment", ["journal", "copying", "first", "removing", "sum", "checks"])
def test_a_squash_that_is_killed_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    project = Project(tmp_path)
    for number in (1, 2, 3):
        project.add(f"000{number}_m", f"-- m\nCREATE TABLE t{number} (x);\n", f"DROP TABLE t{number};\n")
    project.down_file("0002_m").unlink()
    project.check("0001_m", "SELECT 'no t1' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 't1');")
    project.run("migrate.sum").expect(0)
    settings = config.load(project=str(tmp_path), environ={})
    before = project.files()
    _killed(monkeypatch, moment)
    with pytest.raises(_KilledError):
        squash.write(settings, squash.squash(settings, 2))
    monkeypatch.undo()
    project.run("migrate.up").expect(2, "a squash of migrations was interrupted", "memsql migrate.squash --to")
    project.run("migrate.squash", "--to", "2", "--dry-run").expect(2, "a squash of migrations was interrupted")
    assert squash_files.put_back(settings)
    assert project.files() == before
    assert not squash_files.put_back(settings)
    project.run("migrate.squash", "--to", "2").expect(0)
    project.run("migrate.up").expect(0)


class _KilledError(BaseException):
    """The process is killed: nothing behind it runs."""


def _killed(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def kill(*_: object, **__: object) -> None:
        raise _KilledError

    monkeypatch.setattr(squash_files, "_undo", lambda *_: None)
    monkeypatch.setattr(journal, "remove_file", lambda *_: None)
    if moment == "journal":
        monkeypatch.setattr(squash_files, "_set_aside", kill)
    elif moment == "first":
        monkeypatch.setattr(squash_files, "replace_file", kill)
    elif moment in ("copying", "checks"):
        rename = Path.rename

        def stop(path: Path, target: Path) -> Path:
            if ("checks" in path.parts) == (moment == "checks"):
                raise _KilledError
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", stop)
    elif moment == "removing":
        monkeypatch.setattr(Path, "unlink", kill)
    else:

        def stop_at_sum(path: Path, text: str, shown: str) -> None:
            if path.name == "memsql.sum":
                raise _KilledError
            replace_file(path, text, shown)

        monkeypatch.setattr(squash_files, "replace_file", stop_at_sum)
