"""yoyo's own command, through memsql's connections."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import cli
import pytest
import servers
from cli import Done, Project

from memsql import ledger
from memsql.db import Connection, connect
from memsql.project import files

ALL = ("0001_log", "0002_one", "0003_two")


@dataclass
class Place:
    """A project and the database that yoyo is pointed at; ``url`` is what both tools take."""

    project: Project
    url: str
    env: dict[str, str] = field(default_factory=dict)

    def command(self, command: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "yoyo", *self.words(command, *words)]

    def words(self, command: str, *words: str) -> list[str]:
        options = ["--batch", "--no-config-file", *words, "--database", self.url]
        return [command, *options, str(self.project.migrations)]

    def yoyo(self, command: str, *words: str, code: int = 0) -> Done:
        """Run yoyo to its end; it ends with ``code`` and never with a traceback."""
        return cli.run(*self.words(command, *words), cwd=self.project.root, env=self.env, program="yoyo").expect(code)

    def listed(self) -> dict[str, str]:
        rows = (line.split() for line in self.yoyo("list").out.splitlines())
        return {row[1]: row[0] for row in rows if len(row) >= 2 and row[0] in ("A", "U")}

    def states(self) -> dict[int, str]:
        return self.project.states("--database", self.url)

    def open(self) -> Connection:
        return connect(servers.target(self.url), "rwc")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.open()) as conn:
            return list(conn.execute(sql).rows)

    def tables(self) -> set[str]:
        return {name for (name,) in self.query("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def run(self, *statements: str) -> None:
        with closing(self.open()) as conn:
            for sql in statements:
                conn.execute(sql)


LIBSQL = pytest.param("libsql", marks=pytest.mark.server)


def ours(place: Place, *ids: str) -> None:
    """Apply as memsql does: the statements and the ledger in one transaction."""
    with closing(place.open()) as conn:
        conn.begin()
        ledger.create_tables(conn, ledger.read(conn))
        for migration in files.read_folder(place.project.migrations, "migrations"):
            if migration.id in ids:
                conn.script(migration.up.text())
                ledger.mark_applied(
                    conn,
                    ledger.Entry(
                        migration.version, migration.name, migration.id, None, migration.checksum, datetime.now(UTC), 1
                    ),
                )
        conn.commit()
