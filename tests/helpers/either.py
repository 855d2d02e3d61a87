"""The same on a file and on a server: apply the migrations of a folder, and read what a database holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import servers

from memsql import config
from memsql.actions import up as migrate
from memsql.db import connect
from memsql.engine.state import RunOptions
from memsql.errors import MemsqlError


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
