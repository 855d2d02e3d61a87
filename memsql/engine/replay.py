"""What the migrations themselves make of an empty database."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from memsql import deadline
from memsql.db.sqlite import memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import FileError, MemsqlError, UsageError
from memsql.project.load import Project
from memsql.schema import Schema, read


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The schema after each migration in turn, as (version, id, schema), beginning with the first.

    ``unknown``: the id of the first migration that does not run on an empty database, None where all do; the schemas
    are those before it, and ``problem`` says in a sentence what is wrong with it.
    """

    schemas: tuple[tuple[int, str, Schema], ...]
    unknown: str | None = None
    problem: str = ""


def replay_schema(project: Project, to: int | None = None, *, scripts: bool = True) -> Schema:
    """The schema after all migrations, or after version ``to``, run on an empty database in memory, and after the
    repeatable ``scripts`` behind them.

    Raises FileError where they do not run there, UsageError where there is no such version.
    """
    with closing(memory()) as conn:
        try:
            migrations = tuple(m for m in project.ordered if to is None or m.version <= to)
            run_on(conn, replace(project, repeatables=()), "up", RunOptions(to=to, old_permits=True, replayed=True))
            if scripts and project.repeatables:
                run_on(conn, replace(project, ordered=migrations), "up", RunOptions())
        except UsageError:
            raise
        except MemsqlError as e:
            raise FileError(
                f"the migrations do not run on an empty database: {e.message}",
                where=e.where,
                statement=e.statement,
                details=e.details,
                state="they were tried on a scratch database; nothing was changed in any other",
                hint="correct the file, or move it away until it is done",
            ) from e
        return read(conn)


def replay_prefixes(project: Project) -> Prefixes:
    """The schema after each migration, run on an empty database in memory. Each migration is a part of the work (see
    memsql.deadline)."""
    schemas: list[tuple[int, str, Schema]] = []
    with closing(memory()) as conn:
        for migration in project.ordered:
            options = RunOptions(to=migration.version, out_of_order=True, old_permits=True, replayed=True)
            try:
                with deadline.part(migration.id):
                    run_on(conn, project, "up", options)
                    schemas.append((migration.version, migration.id, read(conn)))
            except deadline.Stopped as e:
                return Prefixes(tuple(schemas), migration.id, e.reason)
            except MemsqlError as e:
                return Prefixes(tuple(schemas), migration.id, _sentence(e))
    return Prefixes(tuple(schemas))


def _sentence(error: MemsqlError) -> str:
    """``error`` with its place: "0005_x failed in statement 2: table t already exists (migrations/0005_x.sql:3)"."""
    return f"{error.message} ({error.where})" if error.where else error.message
