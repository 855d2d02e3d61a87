"""The projects on which commands are tried. Small, for each is copied thousands of times."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from cli import Project

_FILLER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
_SETTINGS = "backups = backups\n"


def ordinary(root: Path) -> Project:
    """Four migrations: tables with rows, a rebuild, rows that fill pages, a full-text index with a trigger."""
    project = Project(root, _SETTINGS)
    project.add(
        "0001_base",
        f"""CREATE TABLE log (version INTEGER);
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, body BLOB);
INSERT INTO users {_FILLER} SELECT i, 'user ' || i FROM n;
INSERT INTO notes {_FILLER} SELECT i, i, zeroblob(700) FROM n;
INSERT INTO log VALUES (1);
""",
        "DROP TABLE notes;\nDROP TABLE users;\nDROP TABLE log;\n",
    )
    project.add(
        "0002_rebuild",
        """-- foreign_keys: off
CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT);
INSERT INTO users_new (id, email) SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
INSERT INTO log VALUES (2);
""",
        "DELETE FROM log WHERE version = 2;\n",
    )
    project.add(
        "0003_fill",
        f"INSERT INTO log VALUES (3);\nINSERT INTO notes {_FILLER} SELECT 1000 + i, i, zeroblob(900) FROM n;\n",
        "DELETE FROM notes WHERE id >= 1000;\nDELETE FROM log WHERE version = 3;\n",
    )
    project.add(
        "0004_search",
        """CREATE VIRTUAL TABLE found USING fts5(email, content='users', content_rowid='id');
CREATE TRIGGER users_ai AFTER INSERT ON users BEGIN INSERT INTO found(rowid, email) VALUES (new.id, new.email); END;
INSERT INTO found(found) VALUES ('rebuild');
INSERT INTO users (id, email) VALUES (100, 'hundred');
INSERT INTO log VALUES (4);
""",
        """DELETE FROM users WHERE id = 100;
DELETE FROM log WHERE version = 4;
DROP TRIGGER users_ai;
DROP TABLE found;
""",
    )
    return project


def seeded(root: Path) -> Project:
    """The one below, with two files of rows that an environment begins with."""
    project = indexed(root)
    folder = root / "sql" / "seeds" / "demo"
    folder.mkdir(parents=True)
    (folder / "users.sql").write_text(
        f"INSERT INTO users {_FILLER} SELECT 1000 + i, 'more ' || i FROM n WHERE true ON CONFLICT DO NOTHING;\n"
    )
    (folder / "words.sql").write_text("INSERT INTO notes VALUES (999, 1, 'seed') ON CONFLICT DO NOTHING;\n")
    return project


def indexed(root: Path) -> Project:
    """Three migrations without statements that migrate.down refuses or a squash cannot fold; queries and models."""
    project = Project(root, _SETTINGS)
    project.add(
        "0001_base",
        f"""CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), body TEXT);
INSERT INTO users {_FILLER} SELECT i, 'user ' || i FROM n;
INSERT INTO notes {_FILLER} SELECT i, i, 'words ' || i FROM n;
""",
        "-- allow: data-loss notes it is the first one\n-- allow: data-loss users it is the first one\n"
        "DROP TABLE notes;\nDROP TABLE users;\n",
    )
    project.add("0002_by_email", "CREATE INDEX users_email ON users (email);\n", "DROP INDEX users_email;\n")
    project.add(
        "0003_search",
        """CREATE VIRTUAL TABLE search USING fts5(body, content='notes', content_rowid='id');
CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.body); END;
CREATE TRIGGER notes_ad AFTER DELETE ON notes BEGIN
  INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER notes_au AFTER UPDATE ON notes BEGIN
  INSERT INTO search(search, rowid, body) VALUES ('delete', old.id, old.body);
  INSERT INTO search(rowid, body) VALUES (new.id, new.body);
END;
INSERT INTO search(search) VALUES ('rebuild');
""",
        "DROP TRIGGER notes_ai;\nDROP TRIGGER notes_ad;\nDROP TRIGGER notes_au;\nDROP TABLE search;\n",
    )
    queries = root / "sql" / "queries"
    queries.mkdir(parents=True)
    (queries / "notes_of_user.sql").write_text(
        "-- name: notes of a user\n-- param: user_id = 3\nSELECT id, body FROM notes WHERE user_id = :user_id;\n"
    )
    project.check(
        "0002_by_email", "SELECT 'no index' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'users_email');"
    )
    smoke = root / "sql" / "smoke"
    smoke.mkdir(parents=True)
    (smoke / "01_write.sql").write_text(
        "-- name: write a note\nINSERT INTO notes (id, user_id, body) VALUES (9000, 1, 'new');\n"
        "SELECT 'not there' WHERE NOT EXISTS (SELECT 1 FROM notes WHERE id = 9000);\n"
    )
    return project


def stepwise(root: Path) -> Project:
    """A migration without a transaction behind an ordinary one."""
    project = Project(root, _SETTINGS)
    project.add("0001_base", f"CREATE TABLE t (x);\nINSERT INTO t {_FILLER} SELECT i FROM n;\n", "DROP TABLE t;\n")
    project.add("0002_steps", "-- transactional: false\nANALYZE t;\nVACUUM;\nREINDEX;\n", None)
    return project


def legacy(root: Path) -> Project:
    """A database of an old release, with two upgrades that it needs before the migrations."""
    project = Project(root, _SETTINGS)
    project.add(
        "0001_base",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT);\n"
        "CREATE INDEX users_email ON users (email);\n",
        "DROP TABLE users;\n",
    )
    project.add("0002_notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\n", "DROP TABLE notes;\n")
    upgrades = root / "migrations" / "legacy"
    upgrades.mkdir()
    (upgrades / "L1_name.sql").write_text("ALTER TABLE users ADD COLUMN name TEXT;\n")
    (upgrades / "L1_name.rollback.sql").write_text("ALTER TABLE users DROP COLUMN name;\n")
    (upgrades / "L2_index.sql").write_text("CREATE INDEX users_email ON users (email);\n")
    (upgrades / "L2_index.rollback.sql").write_text("DROP INDEX users_email;\n")
    eras = root / "sql" / "legacy"
    eras.mkdir(parents=True)
    table = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
    (eras / "1.sql").write_text(f"-- Release 1\n-- phases: name index\n-- counts_as: 1\n{table}")
    project.script(f"{table}INSERT INTO users (id, email) {_FILLER} SELECT i, 'user ' || i FROM n;")
    return project


def foreign(root: Path) -> Project:
    """An empty project beside the migrations and the database of dbmate."""
    project = Project(root, _SETTINGS)
    folder = root / "db" / "migrations"
    folder.mkdir(parents=True)
    for number, table in (("20240101000000", "users"), ("20240102000000", "notes")):
        (folder / f"{number}_{table}.sql").write_text(
            f"-- migrate:up\nCREATE TABLE {table} (id INTEGER PRIMARY KEY, x TEXT);\n\n"
            f"-- migrate:down\nDROP TABLE {table};\n"
        )
    project.script(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, x TEXT);"
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, x TEXT);"
        "INSERT INTO users VALUES (1, 'one');"
        "CREATE TABLE schema_migrations (version varchar(128) primary key);"
        "INSERT INTO schema_migrations VALUES ('20240101000000'), ('20240102000000');"
    )
    return project


def bare(root: Path) -> Project:
    """A folder without settings, and a database with two tables that is none of memsql's yet."""
    project = Project(root)
    (root / "setup.cfg").unlink()
    project.migrations.rmdir()
    project.script("CREATE TABLE users (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO users VALUES (1, 'one');")
    return project


def orphaned(root: Path) -> Project:
    """A database with rows that refer to no row."""
    project = Project(root, _SETTINGS)
    project.add(
        "0001_base",
        "CREATE TABLE users (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), body TEXT);\n",
        "DROP TABLE notes;\nDROP TABLE users;\n",
    )
    return project


def repository(root: Path) -> Project:
    """The project ``indexed`` in a git repository, with a migration that is not committed yet."""
    project = indexed(root)
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-qm", "base"),
        ("checkout", "-q", "-b", "work"),
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    project.add("0004_more", "ALTER TABLE users ADD COLUMN name TEXT;\n", "ALTER TABLE users DROP COLUMN name;\n")
    return project


def untidy(root: Path) -> Project:
    """A migration that lint has something to repair in, and one with a permit that names no table."""
    project = Project(root, _SETTINGS)
    project.add("0001_base", "-- Make t\ncreate table t (x INTEGER);\n", "-- Drop t\nDROP TABLE t;\n")
    project.check("0001_base", "SELECT 'no t' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 't');")
    return project


def permissive(root: Path) -> Project:
    """A migration with a permit that names no table, as older versions took it."""
    project = Project(root, _SETTINGS)
    project.add("0001_base", "CREATE TABLE t (x INTEGER);\nINSERT INTO t VALUES (1);\n")
    project.add("0002_drop", "-- allow: data-loss nobody needs it\nDROP TABLE t;\n")
    return project


def golang(root: Path) -> Project:
    """A database with the ledger of golang-migrate, at the second of three migrations."""
    project = Project(root, _SETTINGS)
    for n in (1, 2, 3):
        project.add(f"{n:04d}_row", f"CREATE TABLE t{n} (x);\nINSERT INTO t{n} VALUES ({n});\n", f"DROP TABLE t{n};\n")
    project.script(
        "CREATE TABLE schema_migrations (version uint64,dirty bool); INSERT INTO schema_migrations VALUES (2, 0);"
        "CREATE TABLE t1 (x); INSERT INTO t1 VALUES (1); CREATE TABLE t2 (x); INSERT INTO t2 VALUES (2);"
    )
    return project


BY_NAME: dict[str, Callable[[Path], Project]] = {
    template.__name__: template
    for template in (
        ordinary,
        indexed,
        seeded,
        stepwise,
        legacy,
        foreign,
        bare,
        orphaned,
        repository,
        untidy,
        permissive,
        golang,
    )
}
