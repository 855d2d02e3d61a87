"""BEGIN, COMMIT and their like in a migration: found wherever they stand, and refused before anything runs."""

from __future__ import annotations

import pytest
from bad_files import TAGS, statements
from cli import Project


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "END TRANSACTION",
        "ROLLBACK",
        "SAVEPOINT s",
        "RELEASE s",
        "ROLLBACK TO s",
        "ATTACH 'other.db' AS other",
        "DETACH other",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "PRAGMA foreign_keys = off",
        "PRAGMA foreign_keys = on;\nPRAGMA foreign_keys = off",
        'pragma main."foreign_keys"(0)',
        "/* hidden */ CoMMiT",
        "-- hidden;\nCOMMIT",
    ],
)
@pytest.mark.parametrize("side", ["up", "down"])
def test_what_would_break_the_transaction_is_refused(project: Project, statement: str, side: str) -> None:
    text = f"CREATE TABLE tags (name TEXT);\nINSERT INTO users VALUES (8, 'x');\n\n{statement};\nSELECT 1;\n"
    if side == "up":
        project.add("0030_tags", text, "DROP TABLE tags;\n")
    else:
        project.add("0030_tags", TAGS, text)
    before = project.files()
    line = 5 if "\n" in statement else 4
    if side == "up":
        project.run("migrate.up").expect(2, f"migrations/0030_tags.sql:{line}", "nothing was changed")
    else:
        # Nobody asked for the rollback yet; lint names it meanwhile.
        project.run("lint", "--path", "migrations/0030_tags.rollback.sql").expect(1, f":{line}:")
        project.up()
        before = project.files()
        project.run("migrate.down").expect(2, f"migrations/0030_tags.rollback.sql:{line}", "nothing was changed")
    assert project.files() == before


def test_the_header_of_a_rollback_is_read_with_its_migration(project: Project) -> None:
    project.add("0030_tags", TAGS, "-- foreign_key: off\nDROP TABLE tags;\n")
    before = project.files()
    project.run("migrate.up").expect(2, "migrations/0030_tags.rollback.sql:1", 'Did you mean "foreign_keys"?')
    assert project.files() == before


def test_transaction_control_is_found_at_the_end_of_a_large_file(project: Project) -> None:
    text, line = statements(43, 43, "COMMIT;", "é" * 75_000)
    project.add("0030_tags", text)
    before = project.files()
    project.run("migrate.up").expect(2, "runs COMMIT", f"migrations/0030_tags.sql:{line}")
    assert project.files() == before


def test_the_same_words_elsewhere_are_none_of_our_business(project: Project) -> None:
    project.add(
        "0030_tags",
        """-- Words
CREATE TABLE "commit" ("begin" TEXT, [end] TEXT, vacuumed TEXT);
INSERT INTO "commit" VALUES ('; COMMIT; ', 'x;
ROLLBACK;', CASE WHEN 1 THEN 'a' ELSE 'b' END);
/* ; COMMIT; */
-- ; COMMIT;
CREATE TRIGGER watch AFTER INSERT ON "commit" BEGIN
    UPDATE "commit" SET vacuumed = CASE WHEN new.[end] IS NULL THEN 'a' ELSE 'b' END;
    SELECT 1;
END;
PRAGMA foreign_key_list("commit")
""",
    )
    project.up()
    assert project.query('SELECT * FROM "commit"') == [("; COMMIT; ", "x;\nROLLBACK;", "a")]
