"""The same on a file and on a server: commands, the migrations of a folder, and what a database holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import servers
from cli import Done, Project

from memsql import config
from memsql.actions import up as migrate
from memsql.db import Script, connect
from memsql.engine.state import RunOptions
from memsql.errors import MemsqlError


class Place:
    """A project with a database that is a file, or on a server."""

    def __init__(self, project: Project, url: str) -> None:
        self.project, self.url = project, url

    def script(self, text: str) -> None:
        """Run ``text``, as the application would."""
        with closing(connect(servers.target(self.url), "rwc")) as conn:
            conn.batch([Script(text)])

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(connect(servers.target(self.url), "ro")) as conn:
            return [tuple(row) for row in conn.execute(sql).rows]

    def run(self, *words: str) -> Done:
        return self.project.run(*words, "--database", self.url)

    def applied(self) -> list[object]:
        """Ids that yoyo's table holds, in order."""
        return [row[0] for row in self.rows('SELECT migration_id FROM "_yoyo_migration" ORDER BY 1')]

    def tables(self) -> set[object]:
        return {row[0] for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def states(self) -> dict[str, str]:
        """What ``migrate.status`` says: id to state."""
        report = self.run("migrate.status", "--json").expect(0).json()
        return {f"{m['version']:04d}_{m['name']}": m["state"] for m in report["migrations"]}


def apply(folder: Path, database: str) -> int:
    try:
        migrate.up(config.load(project=str(folder), database=database, environ={}), RunOptions())
    except MemsqlError as e:
        return e.exit_code
    return 0


def content(database: str) -> list[object]:
    """Schema and rows, the ledger's ids among them; its dates and times left out."""
    if "://" in database:
        with closing(connect(servers.target(database), "ro")) as conn:
            return _read(lambda sql: [tuple(row) for row in conn.execute(sql).rows])
    with closing(sqlite3.connect(database)) as db:
        return _read(lambda sql: db.execute(sql).fetchall())


def _read(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[object]:
    schema = ask(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY type, name"
    )
    everything: list[object] = list(schema)
    for kind, name, _, sql in schema:
        if kind == "table" and name not in (
            "schema_migrations",
            "memsql_history",
            "_yoyo_log",
            "_yoyo_migration",
            "_yoyo_version",
        ):
            if "VIRTUAL" in sql or name.startswith("child_fts_"):
                continue
            everything.append((name, ask(f'SELECT * FROM "{name}" ORDER BY 1')))
    everything.append(ask("SELECT version, status FROM schema_migrations ORDER BY version"))
    everything.append(ask("SELECT migration_id, operation, status FROM memsql_history ORDER BY id"))
    return everything
