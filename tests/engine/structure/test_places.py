"""The proof of the structure on a file and on a server, through the command line."""

from __future__ import annotations

import pytest
from either import Place

ITEM = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, spare TEXT);\n"
    "CREATE TABLE item_log (id INTEGER, name TEXT, spare TEXT);\n"
    "CREATE INDEX item_spare ON item (spare);\n"
    "CREATE VIEW named AS SELECT id, name FROM item;\n"
    "CREATE TRIGGER named_delete INSTEAD OF DELETE ON named BEGIN DELETE FROM item WHERE id = old.id; END;\n"
    "CREATE TRIGGER item_keep AFTER UPDATE ON item BEGIN INSERT INTO item_log SELECT * FROM item WHERE id = 1; END;\n"
)
DOWN = "DROP TABLE item_log;\n"
WIDER = "ALTER TABLE item ADD COLUMN price INTEGER;\n"


@pytest.fixture
def item(place: Place) -> Place:
    place.project.add("0001_base", ITEM)
    place.run("migrate.up").expect(0)
    place.script("INSERT INTO item VALUES (1, 'a', 'b');")
    return place


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (WIDER, "trigger item_keep on item cannot run: "),
        ("CREATE VIEW dear AS SELECT prise FROM item;\n", "view dear cannot be read: no such column: prise"),
        ("DROP TABLE item_log;\n", "trigger item_keep on item cannot run: no such table: main.item_log"),
        (
            "DROP VIEW named;\nCREATE VIEW named AS SELECT id FROM item;\n",
            "trigger named_delete on named is gone: the view was made anew without it",
        ),
        (
            "DROP TRIGGER item_keep;\nDROP VIEW named;\nCREATE TABLE new (id INTEGER PRIMARY KEY, name, spare);\n"
            "INSERT INTO new SELECT id, name, spare FROM item;\nDROP TABLE item;\nALTER TABLE new RENAME TO item;\n",
            "index item_spare on item is gone: the rebuild did not create it again",
        ),
    ],
)
def test_refused_and_undone(item: Place, text: str, sentence: str) -> None:
    before = item.rows("SELECT type, name, sql FROM sqlite_schema WHERE name LIKE '%item%' OR name LIKE 'named%'")
    item.project.add("0002_change", text)
    item.run("migrate.up", "--dry-run").expect(5, sentence)
    item.run("migrate.up").expect(5, sentence, "next: ")
    assert (
        item.rows("SELECT type, name, sql FROM sqlite_schema WHERE name LIKE '%item%' OR name LIKE 'named%'") == before
    )
    assert item.applied() == ["0001_base"]


def test_a_permit_lets_it_through_and_verify_says_it_until_it_compiles(item: Place) -> None:
    item.project.add("0002_change", "-- allow: broken item_keep it is made anew below\n" + WIDER, DOWN)
    sentence = "trigger item_keep on item cannot run: table item_log has 3 columns but 4 values were supplied"
    item.run("migrate.up").expect(0, f"  broken, as allowed: {sentence}")
    item.run("verify").expect(0, sentence)
    item.project.add("0003_mend", "ALTER TABLE item_log ADD COLUMN price INTEGER;\n", DOWN)
    assert item.run("migrate.up", "--json").expect(0).json()["done"][0]["broken"] == []
    assert "item_keep" not in item.run("verify").expect(0).out


def test_weaker_constraints_are_said(item: Place) -> None:
    item.project.add(
        "0002_change",
        "DROP TRIGGER item_keep;\nDROP TRIGGER named_delete;\nDROP VIEW named;\n"
        "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, spare TEXT);\n"
        "INSERT INTO new SELECT id, name, spare FROM item;\nDROP TABLE item;\nALTER TABLE new RENAME TO item;\n"
        "CREATE INDEX item_spare ON item (spare);\n",
    )
    item.run("migrate.up", "--dry-run").expect(0, "  weaker: UNIQUE (name) of item is gone")
    done = item.run("migrate.up", "--json").expect(0).json()["done"][0]
    assert (done["weaker"], done["broken"]) == (["UNIQUE (name) of item is gone"], [])


def test_a_migration_that_was_applied_before_is_not_judged_again(place: Place) -> None:
    """A replay only reads what old migrations make."""
    place.project.add("0001_base", "CREATE TABLE item (id INTEGER);\n")
    place.project.add("0002_view", "-- allow: broken named later\nCREATE VIEW named AS SELECT name FROM item;\n")
    place.run("migrate.up").expect(0)
    text = place.project.up_file("0002_view").read_text().partition("\n")[2]
    place.project.add("0002_view", text)
    place.project.add("0003_name", "ALTER TABLE item ADD COLUMN name TEXT;\n")
    place.run("migrate.repair", "--version", "2", "--accept", "the header").expect(0)
    place.run("migrate.up").expect(0)
    place.run("verify").expect(0)
    place.run("schema.dump").expect(0, "CREATE VIEW named")


def test_a_rename_fails_while_a_view_is_broken(place: Place) -> None:
    place.project.add("0001_base", "CREATE TABLE item (id INTEGER);\n")
    place.run("migrate.up").expect(0)
    place.script("CREATE VIEW lost AS SELECT name FROM item;")
    place.project.add("0002_rename", "ALTER TABLE item RENAME TO thing;\n")
    place.run("migrate.up").expect(5, "error in view lost", "drop it before, and create it again after")
