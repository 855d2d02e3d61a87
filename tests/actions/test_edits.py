"""Files that are no longer what was applied: harmless edits, real ones, other numbers, and migrate.repair."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import servers
from cli import Project
from either import Place

from memsql.db import connect

TEAM = "-- team\nCREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT);\n"
BETTER = "-- The teams of a league\n\nCREATE TABLE team (\n  id INTEGER PRIMARY KEY,  -- given by us\n  name TEXT\n);\n"
NOTE = "-- note\nCREATE TABLE note (id INTEGER PRIMARY KEY);\n"
CENTS = "-- cents\nUPDATE account SET amount = amount * 100 WHERE id > 0;\n"


@pytest.fixture
def place(place: Place) -> Place:
    place.project.add("0001_team", TEAM, "DROP TABLE team;\n")
    return place


def git(place: Place, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=place.project.root, check=True, capture_output=True)


def commit(place: Place) -> None:
    if not (place.project.root / ".git").exists():
        git(place, "init", "-q")
    git(place, "add", "migrations")
    git(place, "commit", "-qm", "as it was applied")


def accounts(place: Place) -> None:
    """One account, and a migration that multiplies: it must never run twice."""
    place.project.add("0002_account", "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);\n")
    place.project.add("0003_one", "INSERT INTO account VALUES (1, 5);\n")
    place.project.add("0004_cents", CENTS)
    place.run("migrate.up").expect(0)


def amount(place: Place) -> object:
    return place.rows("SELECT amount FROM account")[0][0]


def forget_hashes(place: Place) -> None:
    """Leave the history as memsql 0.1 wrote it."""
    for column in ("up_hash", "rollback_hash"):
        place.script(f"ALTER TABLE memsql_history DROP COLUMN {column};")


# -- edits that change nothing -----------------------------------------------------------------------


def test_a_better_comment_is_a_notice(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.project.add("0001_team", BETTER, "DROP TABLE team;\n")
    notice = "0001_team: only comments or white space changed after it was applied"
    place.run("migrate.up").expect(0, f"note: {notice}", "nothing to do")
    place.project.add("0002_note", NOTE, "DROP TABLE note;\n")
    assert place.run("migrate.up", "--json").expect(0).json()["notices"] == [notice]
    assert place.applied() == ["0001_team", "0002_note"]
    place.run("migrate.status", "--check").expect(0, "only comments")
    place.run("verify").expect(0, "only comments")
    place.run("migrate.down", "--steps", "2").expect(0, "rolled back 0001_team")


def test_an_edited_rollback_is_a_notice_and_is_what_runs(place: Place) -> None:
    place.project.add("0001_team", TEAM, "DROP TABLE teams;\n")
    place.run("migrate.up").expect(0)
    place.project.add("0001_team", BETTER, "DROP TABLE team;\n")
    place.project.add("0002_note", NOTE, "DROP TABLE note;\n")
    place.run("migrate.up").expect(0, "0001_team: its rollback changed", "applied 0002_note")
    place.run("migrate.status").expect(0, "its rollback changed after it was applied")
    place.run("migrate.repair", "--dry-run").expect(0, "would re-stamp 0001_team: its rollback changed")
    place.run("migrate.repair").expect(0, "re-stamp 0001_team")
    assert "its rollback" not in place.run("migrate.status").out
    place.project.down_file("0001_team").unlink()
    place.run("migrate.status").expect(0, "its rollback was removed")
    place.project.add("0001_team", TEAM, "DROP TABLE team;\n")
    place.run("migrate.down", "--steps", "2").expect(0)
    assert "team" not in place.tables()


@pytest.mark.parametrize(
    "edited",
    [
        TEAM.replace("name TEXT", "name TEXT DEFAULT ' '"),
        TEAM.replace("-- team", "-- allow: MS01 no reason"),
        TEAM.replace("-- team", "-- foreign_keys: off"),
        TEAM + "SELECT 1;\n",
    ],
    ids=["statement", "allow", "foreign keys", "one more"],
)
def test_another_statement_or_directive_is_an_edit(place: Place, edited: str) -> None:
    place.run("migrate.up").expect(0)
    place.project.add("0001_team", edited, "DROP TABLE team;\n")
    place.project.add("0002_note", NOTE)
    place.run("migrate.up").expect(2, "0001_team was applied, and then changed", "--from REV", '--accept "reason"')
    repair = place.run("migrate.repair").expect(0, "nothing to repair", "left as it is: 0001_team: the file changed")
    repair.expect(0, "next: if it still does the same, prove that with: memsql migrate.repair --version 1 --from REV")
    assert place.run("migrate.repair", "--json").expect(0).json()["left"] == ["0001_team"]
    assert "note" not in place.tables()


def test_of_a_large_file_every_byte_counts(tmp_path: Path) -> None:
    project = Project(tmp_path)
    large = "CREATE TABLE t (x TEXT);\n" + f"INSERT INTO t VALUES ('{'x' * 1000}');\n" * 300
    project.add("0001_large", large, "DELETE FROM t;\nDROP TABLE t;\n")
    project.up()
    project.add("0001_large", large, "DELETE FROM t WHERE 1;\nDROP TABLE t;\n")
    project.up().expect(0, "its rollback changed")
    project.add("0001_large", "-- large\n" + large, "DELETE FROM t;\nDROP TABLE t;\n")
    project.run("migrate.up").expect(2, "then changed")


# -- databases of an older memsql --------------------------------------------------------------------


def test_a_history_without_hashes_stays_as_it_is_until_something_is_written(place: Place) -> None:
    place.run("migrate.up").expect(0)
    forget_hashes(place)
    place.script("CREATE VIEW broken AS SELECT * FROM nowhere;")
    place.project.add("0001_team", BETTER, "DROP TABLE team;\n")
    schema = place.rows("SELECT * FROM sqlite_schema")
    for words in (["migrate.status"], ["verify"], ["migrate.up"], ["migrate.up", "--dry-run"], ["migrate.repair"]):
        place.run(*words)
        assert place.rows("SELECT * FROM sqlite_schema") == schema
    assert place.states() == {"0001_team": "edited"}
    place.project.add("0001_team", TEAM, "DROP TABLE team;\n")
    place.project.add("0002_note", NOTE, "DROP TABLE note;\n")
    place.run("migrate.up").expect(0, "applied 0002_note")
    hashes = place.rows("SELECT migration_id, up_hash IS NOT NULL FROM memsql_history ORDER BY id")
    assert hashes == [("0001_team", 0), ("0002_note", 1)]
    place.project.add("0001_team", BETTER, "DROP TABLE team;\n")
    place.run("migrate.up").expect(2, "0001_team was applied, and then changed")


def test_a_repair_adds_the_hashes(place: Place) -> None:
    place.project.add("0002_note", NOTE)
    place.run("migrate.up").expect(0)
    forget_hashes(place)
    place.run("migrate.repair").expect(0, "add the hashes of 2 migrations to the history: 0001_team, 0002_note")
    place.run("migrate.repair").expect(0, "nothing to repair")
    place.project.add("0001_team", BETTER, "DROP TABLE team;\n")
    place.run("migrate.up").expect(0, "note: 0001_team")


@pytest.mark.parametrize("operation", ["down", "failure", "baseline", "verify"])
def test_whatever_writes_first_copes_with_an_old_history(place: Place, operation: str) -> None:
    place.run("migrate.up").expect(0)
    forget_hashes(place)
    if operation == "down":
        place.run("migrate.down").expect(0)
        place.run("migrate.up").expect(0)
    elif operation == "failure":
        place.project.add("0002_note", "CREATE TABLE team (x);\n")
        place.run("migrate.up").expect(5)
        assert place.states()["0002_note"] == "failed"
    elif operation == "baseline":
        place.script("DELETE FROM _yoyo_migration; DELETE FROM schema_migrations;")
        place.run("migrate.baseline", "--version", "1").expect(0)
    else:
        place.run("verify", "--record").expect(0)
        assert place.run("migrate.up").code == 0


# -- other numbers -----------------------------------------------------------------------------------


def test_a_renumbered_migration_does_not_run_again(place: Place) -> None:
    accounts(place)
    when = place.rows("SELECT applied_at, applied_by, checksum FROM schema_migrations WHERE version = 4")
    place.project.rename("0004_cents", "0007_cents")
    place.run("migrate.status", "--check").expect(1, "applied as 0004_cents", "migrate.up")
    assert place.states()["0007_cents"] == "applied"
    place.run("migrate.up", "--dry-run").expect(0)
    assert "0004_cents" in place.applied()
    place.run("migrate.up").expect(0, "0004_cents was renumbered: the ledger has it as 0007_cents now")
    assert amount(place) == 500
    assert place.applied() == ["0001_team", "0002_account", "0003_one", "0007_cents"]
    assert place.rows("SELECT applied_at, applied_by, checksum FROM schema_migrations WHERE version = 7") == when
    assert place.rows("SELECT version FROM schema_migrations ORDER BY 1") == [(1,), (2,), (3,), (7,)]
    place.run("migrate.up").expect(0, "nothing to do")
    place.run("migrate.status", "--check").expect(0)
    place.run("verify").expect(0)
    assert amount(place) == 500


def test_a_chain_of_renumbered_migrations(place: Place) -> None:
    accounts(place)
    for number in (4, 3, 2):
        name = {4: "cents", 3: "one", 2: "account"}[number]
        place.project.rename(f"{number:04d}_{name}", f"{number + 1:04d}_{name}")
    place.project.add("0002_new", NOTE)
    report = place.run("migrate.up", "--out-of-order", "--json").expect(0).json()
    assert report["renumbered"] == [
        {"from": "0002_account", "to": "0003_account"},
        {"from": "0003_one", "to": "0004_one"},
        {"from": "0004_cents", "to": "0005_cents"},
    ]
    assert place.applied() == ["0001_team", "0002_new", "0003_account", "0004_one", "0005_cents"]
    assert amount(place) == 500
    place.run("migrate.down", "--to", "2").expect(0, "rolled back 0003_account")


def test_a_renumbered_migration_with_a_better_comment(place: Place) -> None:
    accounts(place)
    place.project.remove("0004_cents")
    place.project.add("0006_cents", CENTS.replace("-- cents", "-- 0006: in cents"), "SELECT 2;\n")
    place.run("migrate.up").expect(0, "0006_cents now")
    assert amount(place) == 500
    place.run("migrate.up").expect(0, "0006_cents: its rollback changed")
    place.run("migrate.repair").expect(0)
    place.run("migrate.status", "--check").expect(0)


def test_both_branches_had_the_number(place: Place) -> None:
    place.project.add("0002_ours", "ALTER TABLE team ADD COLUMN ours INTEGER;\n")
    place.run("migrate.up").expect(0)
    place.project.rename("0002_ours", "0003_ours")
    place.project.add("0002_theirs", "ALTER TABLE team ADD COLUMN theirs INTEGER;\n")
    assert place.states() == {"0001_team": "applied", "0002_theirs": "out_of_order", "0003_ours": "applied"}
    place.run("migrate.up").expect(2, "0002_theirs", "--out-of-order")
    place.run("migrate.repair", "--version", "2", "--accept", "sure").expect(0, "renumber 0002_ours")
    assert place.states()["0002_theirs"] == "out_of_order"
    place.run("migrate.up", "--out-of-order").expect(0, "applied 0002_theirs")
    assert {row[0] for row in place.rows("SELECT name FROM pragma_table_info('team')")} >= {"ours", "theirs"}


def test_another_migration_with_the_number_is_never_stamped(place: Place) -> None:
    accounts(place)
    place.project.remove("0004_cents")
    place.project.add("0004_theirs", NOTE)
    place.run("migrate.up").expect(2, "0004_cents was applied, and its file is gone", "0004_theirs has its number")
    place.run("migrate.repair").expect(0, "nothing to repair")
    place.run("migrate.repair", "--version", "4").expect(2, "0004_theirs may be", "--from REV", '--accept "reason"')
    place.run("migrate.repair", "--version", "4", "--accept", "given up").expect(0, "forget 0004_cents", "given up")
    assert place.states()["0004_theirs"] == "pending"
    place.run("migrate.up").expect(0, "applied 0004_theirs")
    assert amount(place) == 500


def test_two_candidates_are_none(place: Place) -> None:
    accounts(place)
    place.project.rename("0004_cents", "0005_cents")
    place.project.add("0006_cents", CENTS)
    place.run("migrate.up").expect(2, "0004_cents was applied, and its file is gone", "was it renumbered?")
    place.run("migrate.repair", "--version", "4").expect(2, "0005_cents may be what became of it")
    assert amount(place) == 500


def test_another_name_is_no_new_number(place: Place) -> None:
    accounts(place)
    place.project.rename("0004_cents", "0005_pence")
    place.run("migrate.up").expect(2, "its content is now in 0005_pence; was it renumbered?")


def test_files_without_a_statement_are_all_alike(tmp_path: Path) -> None:
    from memsql.ledger import Ledger, Row
    from memsql.project import plan
    from memsql.project.files import Migration, SqlFile

    file = SqlFile("0003_taken.sql", "0003_taken.sql", b"-- taken\n")
    new = Migration(3, "taken", "0003_taken", file, None)
    row = Row(2, "taken", None, "2026-01-02T03:04:05", None, 1, new.checksum, "applied")
    ledger = Ledger(frozenset({"schema_migrations"}), {2: row}, {"0002_taken": "2026-01-02T03:04:05"})
    assert [(s.version, s.state) for s in plan.statuses([new], ledger)] == [(3, "pending"), (2, "missing")]


# -- accepting an edit -------------------------------------------------------------------------------


def test_an_edit_is_not_accepted_by_its_number_alone(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.project.add("0001_team", TEAM.replace("TEXT", "TEXT DEFAULT 'x'"), "DROP TABLE team;\n")
    refused = place.run("migrate.repair", "--version", "1")
    refused.expect(2, "content differs", "--version 1 --from REV", '--version 1 --accept "reason"')
    place.run("migrate.repair", "--version", "1", "--accept", " ").expect(2, "a reason of one line")
    place.run("migrate.repair", "--version", "1", "--accept", "x", "--from", "y").expect(2, "do not go together")
    assert place.states() == {"0001_team": "edited"}
    place.run("migrate.repair", "--version", "1", "--accept", "no row lacks a name").expect(0, "no row lacks a name")
    assert place.states() == {"0001_team": "applied"}
    (message,) = place.rows("SELECT message FROM memsql_history WHERE operation = 'repair'")[0]
    assert "no row lacks a name" in str(message)
    place.project.add("0001_team", BETTER.replace("TEXT", "TEXT DEFAULT 'x'"), "DROP TABLE team;\n")
    place.run("migrate.up").expect(0, "only comments")


def test_a_reason_without_a_number_is_about_one_migration(place: Place) -> None:
    place.project.add("0002_note", NOTE)
    place.run("migrate.up").expect(0)
    place.project.add("0001_team", TEAM + "SELECT 1;\n")
    place.run("migrate.repair", "--accept", "it only reads", "--dry-run").expect(0, "would re-stamp 0001_team")
    place.project.add("0002_note", NOTE + "SELECT 1;\n")
    place.run("migrate.repair", "--accept", "they only read").expect(2, "2 migrations differ", "--version N")


def test_a_replay_of_the_old_text_accepts_what_does_the_same(place: Place) -> None:
    accounts(place)
    commit(place)
    other = "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);\nSELECT 1;\n"
    place.project.add("0002_account", other)
    place.project.add("0004_cents", "UPDATE account SET amount = 100 * amount WHERE id > 0;\n")
    place.run("migrate.up").expect(2, "2 applied migrations")
    place.run("migrate.repair", "--from", "HEAD~9").expect(2, "git knows no commit")
    done = place.run("migrate.repair", "--from", "HEAD").expect(
        0, "re-stamp 0002_account: on a replay its text at HEAD"
    )
    done.expect(0, "re-stamp 0004_cents")
    place.run("migrate.status", "--check").expect(0)
    assert amount(place) == 500


def test_a_replay_sees_another_effect_on_rows(place: Place) -> None:
    accounts(place)
    commit(place)
    place.project.add("0004_cents", CENTS.replace("* 100", "* 1000"))
    refused = place.run("migrate.repair", "--version", "4", "--from", "HEAD")
    refused.expect(6, "0004_cents does something else", "account has", "not the same ones", '--accept "reason"')
    assert place.states()["0004_cents"] == "edited"


@pytest.mark.parametrize(
    ("edited", "part"),
    [
        (TEAM.replace("TEXT", "TEXT DEFAULT 'x'"), "name changed"),
        (TEAM + "CREATE INDEX team_name ON team (name);\n", "index"),
        (TEAM + "INSERT INTO team VALUES (1, 'a');\n", "team has 1 rows instead of 0"),
        (TEAM + "PRAGMA user_version = 5;\n", "PRAGMA user_version is 5 instead of 0"),
        (TEAM + "SELECT * FROM nowhere;\n", "the new text does not run"),
    ],
    ids=["schema", "index", "rows", "user_version", "broken"],
)
def test_a_replay_sees_every_other_effect(place: Place, edited: str, part: str) -> None:
    place.run("migrate.up").expect(0)
    commit(place)
    place.project.add("0001_team", edited, "DROP TABLE team;\n")
    place.run("migrate.repair", "--from", "HEAD").expect(6, part)


def test_the_commit_must_have_the_text_that_was_applied(place: Place) -> None:
    place.run("migrate.up").expect(0)
    place.run("migrate.repair", "--from", "HEAD").expect(0, "nothing to repair")
    place.project.add("0001_team", TEAM + "SELECT 1;\n")
    place.run("migrate.repair", "--from", "HEAD").expect(2, "git")
    commit(place)
    place.run("migrate.repair", "--from", "HEAD").expect(6, "0001_team at HEAD is not what was applied", "git log")
    place.project.rename("0001_team", "0001_league")
    git(place, "rm", "-q", "--cached", "migrations/0001_team.sql", "migrations/0001_team.rollback.sql")
    commit(place)
    place.run("migrate.repair", "--from", "HEAD").expect(6, "there is no 0001_team at HEAD")


def test_a_replay_lets_a_renumbered_and_edited_migration_keep_its_row(place: Place) -> None:
    accounts(place)
    commit(place)
    place.project.remove("0004_cents")
    place.project.add("0006_cents", "UPDATE account SET amount = 100 * amount WHERE 0 < id;\n")
    place.run("migrate.up").expect(2, "0004_cents was applied, and its file is gone")
    place.run("migrate.repair", "--version", "4").expect(2, "0006_cents may be what became of it")
    place.run("migrate.repair", "--version", "4", "--from", "HEAD").expect(0, "re-stamp 0004_cents as 0006_cents")
    place.run("migrate.status", "--check").expect(0)
    assert place.rows("SELECT version FROM schema_migrations ORDER BY 1") == [(1,), (2,), (3,), (6,)]
    assert amount(place) == 500


def test_a_history_of_another_process_is_noticed(place: Place) -> None:
    """The columns may come from another process between planning and the write."""
    place.run("migrate.up").expect(0)
    forget_hashes(place)
    with closing(connect(servers.target(place.url), "rw")) as conn:
        from memsql import ledger

        before = ledger.read(conn)
        assert before.history_lacks == ("up_hash", "rollback_hash")
        conn.begin()
        ledger.create_tables(conn, before)
        conn.commit()
        assert ledger.read(conn) == before.with_tables()
