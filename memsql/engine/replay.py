"""What the migrations themselves produce on an empty database."""

from __future__ import annotations

from memsql.config import Settings
from memsql.db.sqlite import memory
from memsql.engine.pending import up_on
from memsql.engine.state import Watcher, Wish
from memsql.project import load as projects
from memsql.schema import Schema, read


def replay_schema(settings: Settings, to: int | None = None) -> Schema:
    """The schema after all migrations, or after version ``to``, run on an empty database in memory.

    Raises what applying them would raise.
    """
    conn = memory()
    try:
        up_on(conn, projects.load(settings), Wish(to=to), Watcher())
        return read(conn)
    finally:
        conn.close()


def replay_prefixes(settings: Settings) -> list[tuple[int, str, Schema]]:
    """The schema after each migration in turn: (version, id, schema), beginning with the first."""
    project = projects.load(settings)
    conn = memory()
    found = []
    try:
        for migration in project.ordered:
            up_on(conn, project, Wish(to=migration.version, out_of_order=True), Watcher())
            found.append((migration.version, migration.id, read(conn)))
    finally:
        conn.close()
    return found
