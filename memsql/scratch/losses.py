"""What a migration loses on a scratch database: the rows of which tables, and the values of which columns."""

from __future__ import annotations

from memsql.db.sqlite import SQLiteConnection
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.job import Direction
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, Table, read
from memsql.scratch.database import try_run
from memsql.sqltext import fold

Loss = tuple[str, str | None]
"""A table that loses rows, or a table and its column that loses values, by their names before the migration."""


def run_for_losses(conn: SQLiteConnection, project: Project, direction: Direction) -> tuple[Loss, ...]:
    """Apply the last migration of ``project``, or roll it back, on ``conn``, and return what is lost.

    Raises what stopped it, where it was not the loss.
    """
    migration = project.ordered[-1]
    before = read(conn)
    problem = try_run(conn, project, direction, allow=True)
    if problem is not None:
        raise problem
    return tuple(_gone(before, read(conn), _analysis(migration, direction)))


def _analysis(migration: Migration, direction: Direction) -> Analysis:
    file = migration.up if direction == "up" or migration.down is None else migration.down
    header = migration.header if file is migration.up else migration.down_header
    return analyse(file, transactional=header is None or header.transactional)


def _gone(before: Schema, after: Schema, analysis: Analysis) -> list[Loss]:
    """The tables and columns of ``before`` that ``after`` has not, under another name either."""
    losses: list[Loss] = []
    for table in before.tables.values():
        if table.kind == "view":
            continue
        now = _now(table.name, after, analysis)
        if now is None:
            losses.append((table.name, None))
            continue
        columns = {fold(column.name) for column in now.columns if not column.hidden}
        renamed = {old: new for _, old, new in analysis.columns}
        for column in table.columns:
            name = fold(column.name)
            if not column.hidden and name not in columns and renamed.get(name) not in columns:
                losses.append((table.name, column.name))
    return losses


def _now(name: str, after: Schema, analysis: Analysis) -> Table | None:
    """The table that was called ``name`` before the migration."""
    table = after.table(name)
    renamed = dict(analysis.renames).get(fold(name))
    return after.table(renamed) if table is None and renamed is not None else table
