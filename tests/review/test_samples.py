"""What a review says of changes that only some rows break, that every row breaks, or that no made-up row reaches."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from memsql import config
from memsql.db.sqlite import memory
from memsql.project.files import read_folder
from memsql.review.model import verdict_of
from memsql.review.proof import MigrationProof, prove
from memsql.scratch.database import project_of, try_run

TEAM_COLUMNS = "id INTEGER PRIMARY KEY, name TEXT NOT NULL, points INTEGER"
TEAM = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL, points INTEGER);"
USERS = "CREATE TABLE u (id INTEGER PRIMARY KEY, r TEXT NOT NULL REFERENCES r (n)); CREATE INDEX ur ON u (r);"
QUIET = ("MR01", "MR02", "MR03", "MR15", "MR17")
GUARD = "CREATE TRIGGER guard BEFORE DELETE ON team BEGIN SELECT RAISE(ABORT, 'no'); END;"
KIDS = "\n".join(
    f"CREATE TABLE a_kid_{n} (id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES team (id));"
    for n in range(45)
)


def rebuilt(name: str, columns: str, kept: str, *, select: str = "", options: str = "") -> str:
    return (
        f"CREATE TABLE {name}_new ({columns}) {options};\n"
        f"INSERT INTO {name}_new ({kept}) SELECT {select or kept} FROM {name};\n"
        f"DROP TABLE {name};\nALTER TABLE {name}_new RENAME TO {name};"
    )


def tried(folder: Path, base: str, up: str, down: str = "SELECT 1;") -> MigrationProof:
    """The trial of a change behind one migration with ``base``."""
    migrations = folder / "migrations"
    migrations.mkdir()
    (folder / "setup.cfg").write_text("[memsql]\n")
    (migrations / "0001_base.sql").write_text(f"-- Base\n{base}\n")
    (migrations / "0002_change.sql").write_text(f"-- Change\n{up}\n")
    (migrations / "0002_change.rollback.sql").write_text(f"-- Undo\n{down}\n")
    settings = config.load(project=str(folder), environ={})
    first, second = read_folder(migrations, "migrations")
    with closing(memory()) as conn:
        assert try_run(conn, project_of(settings, [first]), "up") is None
        return prove(settings, conn, [first], second, rows=60)


def said(proof: MigrationProof, rule: str, severity: str) -> list[str]:
    return [f"{f.message}\n{f.fix}" for f in proof.findings if (f.rule, f.severity) == (rule, severity)]


@pytest.mark.parametrize(
    ("base", "up", "rule", "severity", "words"),
    [
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN size INTEGER DEFAULT 0 CHECK (size > 0);",
            "MR01",
            "error",
            "CHECK (size > 0)",
        ),
        (TEAM, "ALTER TABLE team ADD COLUMN size INTEGER DEFAULT 1 CHECK (size > 0);", "", "", ""),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN goal INTEGER DEFAULT 5 CHECK (goal > points);",
            "MR03",
            "warning",
            'SELECT count(*) FROM "team" WHERE NOT ((5) > points);',
        ),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN twice INTEGER AS (points * 2) NOT NULL;",
            "MR03",
            "warning",
            'SELECT count(*) FROM "team" WHERE (points * 2) IS NULL;',
        ),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN slug TEXT NOT NULL DEFAULT '';\nCREATE UNIQUE INDEX slugs ON team (slug);",
            "MR01",
            "error",
            "two rows",
        ),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN kind TEXT NOT NULL DEFAULT '';\nCREATE UNIQUE INDEX k ON team (kind, name);",
            "MR03",
            "warning",
            "WHERE name IS NOT NULL",
        ),
        (
            "CREATE TABLE member (id INTEGER PRIMARY KEY, nick TEXT UNIQUE);",
            rebuilt("member", "id INTEGER PRIMARY KEY, nick TEXT COLLATE NOCASE UNIQUE", "id, nick"),
            "MR03",
            "warning",
            '"nick" COLLATE NOCASE',
        ),
        (
            "CREATE TABLE tag (name TEXT PRIMARY KEY, n INTEGER);",
            rebuilt("tag", "name TEXT PRIMARY KEY, n INTEGER", "name, n", options="WITHOUT ROWID"),
            "MR03",
            "warning",
            'SELECT count(*) FROM "tag" WHERE "name" IS NULL;',
        ),
        (
            "CREATE TABLE seat (line INTEGER, place INTEGER, PRIMARY KEY (line, place));",
            rebuilt("seat", "line INTEGER NOT NULL, place INTEGER, PRIMARY KEY (line, place)", "line, place"),
            "MR03",
            "warning",
            'SELECT count(*) FROM "seat" WHERE "line" IS NULL;',
        ),
        (
            "CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT);",
            rebuilt("room", "id INTEGER NOT NULL PRIMARY KEY, name TEXT", "id, name"),
            "",
            "",
            "",
        ),
        (
            "CREATE TABLE town (id INTEGER PRIMARY KEY, zip TEXT NOT NULL);",
            rebuilt("town", "id INTEGER PRIMARY KEY, zip INTEGER NOT NULL", "id, zip"),
            "MR16",
            "warning",
            "town.zip was TEXT and is INTEGER",
        ),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY);\n"
            "CREATE TABLE c (id INTEGER PRIMARY KEY, x INTEGER REFERENCES a (id));",
            rebuilt("c", "id INTEGER PRIMARY KEY, x INTEGER REFERENCES b (id)", "id, x"),
            "MR03",
            "warning",
            "rows whose x is not in b of c",
        ),
        (
            TEAM + KIDS,
            "-- foreign_keys: off\n"
            + rebuilt("team", "id INTEGER PRIMARY KEY, name TEXT", "id, name", select="id, name"),
            "MR02",
            "error",
            "points",
        ),
        (
            "CREATE TABLE licence (id INTEGER PRIMARY KEY, num INTEGER NOT NULL CHECK (num * 7919 % 1000003 = 42));",
            "ALTER TABLE licence ADD COLUMN memo TEXT;",
            "MR15",
            "info",
            "licence",
        ),
        (
            TEAM,
            "UPDATE team SET points = 0 WHERE name = 'gold team' AND points BETWEEN 700 AND 701;",
            "MR04",
            "error",
            "other rows",
        ),
        (
            TEAM,
            "UPDATE team SET points = 0 WHERE length(name) * 7919 % 1000003 = 424242;",
            "MR15",
            "info",
            "team: no made-up row is reached by this UPDATE",
        ),
        (
            f"{TEAM} CREATE VIEW v AS SELECT id, name FROM team;\n"
            "CREATE TRIGGER v_add INSTEAD OF INSERT ON v BEGIN INSERT INTO team (name) VALUES (new.name); END;",
            "DROP VIEW v;\nCREATE VIEW v AS SELECT id, name, points FROM team;",
            "MR01",
            "error",
            "v_add",
        ),
        (
            f"{TEAM} CREATE INDEX points ON team (points);",
            "DROP INDEX points;\nCREATE INDEX points ON team (name);",
            "MR17",
            "info",
            "index points is on (name) and was on (points)",
        ),
        (
            "CREATE TABLE s (k TEXT PRIMARY KEY NOT NULL, v TEXT);",
            "UPDATE s SET k = 'colour' WHERE k = 'color';",
            "MR03",
            "warning",
            """SELECT count(*) FROM "s" WHERE "k" = 'colour';""",
        ),
        (
            "CREATE TABLE s (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, k TEXT NOT NULL, UNIQUE (tenant, k));",
            "UPDATE s SET k = replace(k, '/old/', '/new/') WHERE k LIKE '/old/%';",
            "MR03",
            "warning",
            """JOIN (SELECT "tenant" AS "tenant", replace(k, '/old/', '/new/') AS "k", rowid AS own FROM "s\"""",
        ),
        (
            "CREATE TABLE s (k TEXT PRIMARY KEY NOT NULL, v TEXT);",
            rebuilt("s", "k TEXT PRIMARY KEY NOT NULL, v TEXT", "k, v", select="'ui.' || k, v").replace(
                "FROM s;", "FROM s WHERE k = 'theme' UNION ALL SELECT k, v FROM s WHERE k <> 'theme';"
            ),
            "MR03",
            "warning",
            "has a row already with k = 'ui.theme'",
        ),
        (
            "CREATE TABLE s (id INTEGER PRIMARY KEY, k TEXT NOT NULL); CREATE UNIQUE INDEX sk ON s (lower(k));",
            "INSERT INTO s (k) VALUES ('theme'), ('font');",
            "MR03",
            "warning",
            "(lower(k) = lower('font')) OR (lower(k) = lower('theme'))",
        ),
        (
            "CREATE TABLE s (id INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE); CREATE TABLE old (k TEXT);",
            "INSERT INTO s (k) SELECT DISTINCT 'x-' || k FROM old WHERE k IS NOT NULL AND k NOT LIKE x'ff';",
            "MR03",
            "warning",
            'WITH written ("k") AS (SELECT DISTINCT',
        ),
        (
            "CREATE TABLE s (id INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE);",
            "INSERT INTO s (k) SELECT 'theme' WHERE NOT EXISTS (SELECT 1 FROM s WHERE k = 'theme');\n"
            "INSERT OR IGNORE INTO s (k) VALUES ('font');\n"
            "INSERT INTO s (k) VALUES ('size') ON CONFLICT DO NOTHING;",
            "",
            "",
            "",
        ),
        (
            f"CREATE TABLE r (n TEXT PRIMARY KEY NOT NULL); {USERS}",
            "DELETE FROM r WHERE n = 'guest';",
            "MR03",
            "warning",
            """FROM "u" WHERE ("r") IN (SELECT "n" FROM r WHERE n = 'guest');""",
        ),
        (
            f"CREATE TABLE r (n TEXT PRIMARY KEY NOT NULL); {USERS}",
            "UPDATE r SET n = 'visitor' WHERE n = 'guest';",
            "MR03",
            "warning",
            "whose r refers to a row of r that it removes",
        ),
        (
            "CREATE TABLE c (id INTEGER PRIMARY KEY, up INTEGER REFERENCES c (id), root INTEGER);",
            "UPDATE c SET root = (WITH RECURSIVE a (id, up) AS (SELECT c.id, c.up UNION ALL SELECT p.id, p.up FROM"
            " c AS p JOIN a ON p.id = a.up) SELECT id FROM a WHERE up IS NULL) WHERE up IS NOT NULL;",
            "MR03",
            "warning",
            "it does not end where a row of c has its own id as up",
        ),
        (
            "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);",
            "INSERT INTO roles (id, name) VALUES (1, 'admin');",
            "MR03",
            "warning",
            'FROM "roles" WHERE "id" = 1;',
        ),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, n TEXT);",
            "INSERT INTO a (id, n) SELECT id, n FROM b;",
            "MR03",
            "warning",
            'JOIN written ON t."id" = written."id"',
        ),
        (
            "CREATE TABLE r (id INTEGER PRIMARY KEY, n TEXT NOT NULL);\n"
            "CREATE TABLE u (id INTEGER PRIMARY KEY, r_id INTEGER REFERENCES r (id)); CREATE INDEX ur ON u (r_id);",
            "DELETE FROM r WHERE n = 'guest';",
            "MR03",
            "warning",
            """FROM "u" WHERE ("r_id") IN (SELECT "id" FROM r WHERE n = 'guest');""",
        ),
        (f"{TEAM} CREATE UNIQUE INDEX names ON team (name);", "UPDATE team SET name = '';", "MR01", "error", "UNIQUE"),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points").replace(
                "FROM team;", "FROM team ORDER BY id LIMIT 1000;"
            ),
            "MR15",
            "info",
            "team: no made-up row is left out by LIMIT 1000",
        ),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points").replace(
                "FROM team;", "FROM team AS t WHERE t.name <> '' AND (t.id % 1000) <> 999;"
            ),
            "MR15",
            "info",
            'SELECT count(*) FROM "team" AS "t" WHERE ((t.id % 1000) <> 999) IS NOT TRUE;',
        ),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points").replace(
                "FROM team;", "FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM team) WHERE n <= 5000;"
            ),
            "MR15",
            "info",
            "team: no made-up row is left out by WHERE n <= 5000",
        ),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN title TEXT;\nUPDATE team SET title = name WHERE name <> char(39);\n"
            "ALTER TABLE team DROP COLUMN name;",
            "MR15",
            "info",
            "WHERE (name <> char(39)) IS NOT TRUE",
        ),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points").replace("FROM team;", "FROM team WHERE 1;"),
            "",
            "",
            "",
        ),
        (
            TEAM,
            rebuilt("team", f"{TEAM_COLUMNS}, CHECK (length(name) < 100000)", "id, name, points"),
            "MR03",
            "warning",
            "NOT (length(name) < 100000)",
        ),
        (
            TEAM,
            "ALTER TABLE team ADD COLUMN club_id INTEGER REFERENCES clubs (id);",
            "MR01",
            "warning",
            "club_id of team refers to clubs, which is no table",
        ),
        (
            "CREATE TABLE doc (id INTEGER PRIMARY KEY, data TEXT);",
            "ALTER TABLE doc ADD COLUMN city TEXT AS (data ->> '$.city') VIRTUAL;",
            "MR03",
            "warning",
            'FROM "doc" WHERE NOT json_valid("data");',
        ),
        (
            f'{TEAM} CREATE VIEW v AS SELECT id FROM team WHERE name = "active";',
            "ALTER TABLE team ADD COLUMN active TEXT;",
            "MR17",
            "warning",
            "view v takes the new column for what it named before: active of team",
        ),
        (
            f"{TEAM} CREATE TABLE b (id INTEGER PRIMARY KEY, m TEXT);\n"
            "CREATE VIEW v AS SELECT id, (SELECT count(*) FROM b WHERE m = points) AS c FROM team;",
            "ALTER TABLE b ADD COLUMN points TEXT;",
            "MR17",
            "warning",
            "points of b",
        ),
        (
            f"{TEAM} CREATE TABLE b (id INTEGER PRIMARY KEY, m TEXT);\n"
            "CREATE VIEW v AS SELECT * FROM team NATURAL JOIN b;",
            "ALTER TABLE b ADD COLUMN points TEXT;",
            "MR17",
            "warning",
            "view v joins by it now (NATURAL JOIN): points of b",
        ),
        (
            f"{TEAM} CREATE VIEW v AS SELECT id, name AS size FROM team ORDER BY size;",
            "ALTER TABLE team ADD COLUMN size INTEGER;",
            "",
            "",
            "",
        ),
        (f"{TEAM} {GUARD}", "DROP TRIGGER guard;", "MR17", "warning", "trigger guard of team is gone"),
        (
            f"{TEAM} {GUARD}",
            f"DROP TRIGGER guard;\n{GUARD.replace('BEGIN', 'WHEN 0 BEGIN')}",
            "MR17",
            "warning",
            "trigger guard never fires",
        ),
        (
            f"{TEAM} CREATE TABLE log (n TEXT);\n"
            "CREATE TRIGGER l AFTER DELETE ON team BEGIN INSERT INTO log VALUES (old.name); END;",
            "DROP TRIGGER l;\nALTER TABLE log RENAME TO logs;",
            "",
            "",
            "",
        ),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, k TEXT); CREATE TABLE log (k TEXT PRIMARY KEY NOT NULL);\n"
            "CREATE TRIGGER g AFTER UPDATE ON a BEGIN INSERT INTO log (k) VALUES (new.k); END;",
            "UPDATE a SET k = 'z' WHERE id = 5;",
            "MR03",
            "warning",
            "log has a row already with k = 'z', which is what a trigger of a writes",
        ),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points")
            .replace("INSERT", "WITH keep AS (SELECT * FROM team WHERE id % 1000 <> 999) INSERT")
            .replace("FROM team;", "FROM keep;"),
            "MR15",
            "info",
            "team: no made-up row is left out by WHERE id % 1000 <> 999",
        ),
        (
            TEAM,
            rebuilt("team", TEAM_COLUMNS, "id, name, points").replace(
                "FROM team;", "FROM team EXCEPT SELECT id, name, points FROM team WHERE name = char(39);"
            ),
            "MR15",
            "info",
            "team: no made-up row is left out by EXCEPT SELECT",
        ),
        (
            "CREATE TABLE r (id INTEGER PRIMARY KEY, n TEXT NOT NULL UNIQUE);\n"
            "CREATE TABLE p (id INTEGER PRIMARY KEY, n TEXT NOT NULL UNIQUE);\n"
            "CREATE TABLE rp (r_id INTEGER NOT NULL REFERENCES r (id), p_id INTEGER NOT NULL REFERENCES p (id),\n"
            "PRIMARY KEY (r_id, p_id)) WITHOUT ROWID;\n"
            "INSERT INTO r (id, n) VALUES (1, 'admin'); INSERT INTO p (id, n) VALUES (1, 'read');",
            "INSERT INTO p (id, n) VALUES (2, 'write');\nINSERT INTO rp (r_id, p_id) VALUES (1, 2);",
            "MR03",
            "warning",
            'FROM "p" WHERE "id" = 2;',
        ),
    ],
)
def test_what_is_said(tmp_path: Path, base: str, up: str, rule: str, severity: str, words: str) -> None:
    proof = tried(tmp_path, base, up)
    if not rule:
        assert [f.message for f in proof.findings if f.rule in QUIET] == []
        return
    assert any(words in text for text in said(proof, rule, severity)), proof.findings
    assert verdict_of(proof.findings) != "safe"
    assert rule == "MR01" or said(proof, "MR01", "error") == []
