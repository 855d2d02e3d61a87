"""Migrations that fail under yoyo's command: what is kept, what is undone, what is said."""

from __future__ import annotations

import subprocess

import pytest
from cli import TIMEOUT, clean_environment
from yoyo_command import ALL, Place

pytestmark = pytest.mark.slow


def test_a_failure_leaves_neither_change_nor_mark(place: Place) -> None:
    place.project.add(
        "0004_bad",
        "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nCREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);\n",
    )
    failed = place.yoyo("apply", code=1)
    failed.expect(1, "error: apply of 0004_bad failed: no such table: nowhere", "nothing of 0004_bad was kept")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]
    assert "half" not in place.tables()
    assert place.listed() == {**dict.fromkeys(ALL, "A"), "0004_bad": "U"}
    assert place.query("SELECT count(*) FROM yoyo_lock") == [(0,)]


def test_a_commit_in_a_migration_is_refused(place: Place) -> None:
    place.project.add("0004_bad", "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nCOMMIT;\n")
    place.yoyo("apply", code=1).expect(1, "COMMIT inside a transaction")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,)]


def test_force_ignores_what_failed_and_keeps_the_rest(place: Place) -> None:
    place.project.add(
        "0004_bad",
        "-- depends: 0003_two\nINSERT INTO log VALUES (4);\nINSERT INTO nowhere VALUES (1);\n"
        "INSERT INTO log VALUES (5);\n",
    )
    place.run("CREATE TABLE before (a)")
    done = subprocess.run(
        place.command("apply", "--force"),
        cwd=place.project.root,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    # yoyo itself logs what it ignores, with a traceback.
    assert done.returncode == 0
    assert "Ignored error" in done.stderr
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,), (4,), (5,)]
    assert place.listed()["0004_bad"] == "A"


@pytest.mark.parametrize(
    ("off", "on"),
    [("-- foreign_keys: off\n", ""), ("PRAGMA foreign_keys = OFF;\n", "PRAGMA foreign_keys = ON;\n")],
    ids=["directive", "pair"],
)
def test_a_rebuild_keeps_the_rows_that_refer_to_it(place: Place, off: str, on: str) -> None:
    place.project.add(
        "0004_parent",
        "-- depends: 0003_two\nCREATE TABLE parent (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE child (parent_id INTEGER REFERENCES parent ON DELETE CASCADE);\n"
        "INSERT INTO parent VALUES (1);\nINSERT INTO child VALUES (1);\n",
    )
    place.project.add(
        "0005_rebuild",
        f"-- depends: 0004_parent\n{off}"
        "CREATE TABLE new (id INTEGER PRIMARY KEY, a);\nINSERT INTO new (id) SELECT id FROM parent;\n"
        f"DROP TABLE parent;\nALTER TABLE new RENAME TO parent;\n{on}",
    )
    place.yoyo("apply")
    assert place.query("SELECT parent_id FROM child") == [(1,)]
    place.project.add("0006_orphans", "-- depends: 0005_rebuild\n-- foreign_keys: off\nDELETE FROM parent;\n")
    place.yoyo("apply", code=1).expect(
        1, "0006_orphans failed: 1 rows of child refer to rows of parent that do not exist"
    )
    assert place.query("SELECT id FROM parent") == [(1,)]
    place.project.remove("0006_orphans")
    place.project.add("0006_broken", "-- depends: 0005_rebuild\nINSERT INTO child VALUES (7);\n")
    place.yoyo("apply", code=1).expect(1, "FOREIGN KEY constraint failed", "nothing of 0006_broken was kept")


def test_a_rollback_that_is_missing_is_refused(place: Place) -> None:
    place.yoyo("apply")
    place.project.down_file("0003_two").unlink()
    place.yoyo("rollback", "--revision", "0003_two", code=1).expect(
        1, "0003_two.rollback.sql is missing", "yoyo unmark"
    )
    assert place.listed() == dict.fromkeys(ALL, "A")


def test_without_a_transaction_what_ran_is_told(place: Place) -> None:
    place.project.add(
        "0004_loose",
        "-- depends: 0003_two\n-- transactional: false\nINSERT INTO log VALUES (4);\nINSERT INTO nowhere VALUES (1);\n",
        None,
    )
    place.yoyo("apply", code=1).expect(1, "what ran of 0004_loose before that stays")
    assert place.query("SELECT n FROM log ORDER BY n") == [(1,), (2,), (4,)]
    place.project.up_file("0004_loose").write_text(
        "-- depends: 0003_two\n-- transactional: false\nINSERT INTO log VALUES (5);\n"
    )
    place.yoyo("apply")
    assert place.listed()["0004_loose"] == "A"


def test_a_file_that_cannot_be_used_is_told(place: Place) -> None:
    place.project.add("0004_odd", "-- depends: 0003_two\n-- foreign_kees: off\nSELECT 1;\n")
    place.yoyo("apply", code=1).expect(1, 'unknown directive "foreign_kees"', "0004_odd.sql:2")
    assert place.listed()["0004_odd"] == "U"
