"""What a migration loses on a scratch database: the rows of which tables, and the values of which columns."""

from __future__ import annotations

from memsql.db.sqlite import SQLiteConnection
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.job import Direction
from memsql.fts.discover import parse
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, Table, read
from memsql.scratch.database import run_here
from memsql.sqltext import fold
from memsql.sqltext.internal import module_of

Loss = tuple[str, str | None]
"""A table that loses rows, or a table and its column that loses values, by their names before the migration."""


def run_for_losses(conn: SQLiteConnection, project: Project, direction: Direction) -> tuple[Loss, ...]:
    """Apply the last migration of ``project``, or roll it back, on ``conn``, and return what is lost: what its rows
    showed, and the tables and columns that are gone, which may have rows elsewhere.

    Raises what stopped it.
    """
    before = read(conn)
    report = run_here(conn, project, direction, allow=True)
    losses = [(loss.table, loss.column) for done in report.done for loss in done.account.losses]
    losses += _gone(before, read(conn), _analysis(project.ordered[-1], direction))
    unique = {(fold(table), fold(column or "")): (table, column) for table, column in reversed(losses)}
    return tuple(reversed(unique.values()))


def _analysis(migration: Migration, direction: Direction) -> Analysis:
    file = migration.up if direction == "up" or migration.down is None else migration.down
    header = migration.header if file is migration.up else migration.down_header
    return analyse(file, header)


def _gone(before: Schema, after: Schema, analysis: Analysis) -> list[Loss]:
    """The tables and columns of ``before`` that ``after`` has not, under another name either."""
    losses: list[Loss] = []
    for table in before.tables.values():
        if table.kind == "view" or (table.kind == "virtual" and not _keeps_rows(table)):
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


def _keeps_rows(table: Table) -> bool:
    """Whether ``table``, a virtual one, may have rows that are nowhere else."""
    module = module_of(table.sql)
    return module != "fts5vocab" and (module != "fts5" or parse(table.name, table.sql).kind != "external")
