"""What the migrations themselves make of an empty database."""

from __future__ import annotations

from contextlib import closing

from memsql import deadline
from memsql.db.sqlite import memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import Location, MigrationFailed
from memsql.project.load import Project
from memsql.schema import Schema, read


def replay_schema(project: Project, to: int | None = None) -> Schema:
    """The schema after all migrations, or after version ``to``, run on an empty database in memory.

    Raises what applying them would raise.
    """
    with closing(memory()) as conn:
        run_on(conn, project, "up", RunOptions(to=to, old_permits=True, replayed=True))
        return read(conn)


def replay_prefixes(project: Project) -> list[tuple[int, str, Schema]]:
    """The schema after each migration in turn, as (version, id, schema), beginning with the first. Each migration is a
    part of the work (see memsql.deadline). Raises what applying them would raise."""
    prefixes = []
    with closing(memory()) as conn:
        for migration in project.ordered:
            options = RunOptions(to=migration.version, out_of_order=True, old_permits=True, replayed=True)
            try:
                with deadline.part(migration.id):
                    run_on(conn, project, "up", options)
                    prefixes.append((migration.version, migration.id, read(conn)))
            except deadline.Stopped as e:
                where = Location(migration.up.path)
                raise MigrationFailed(f"{migration.id} does not run: {e.reason}", where=where) from None
    return prefixes
