"""A whole file in few calls, and large runs of INSERTs without a question a statement.

SQLite asks the observer about each statement it prepares, which costs a tenth of the time of a plain INSERT. But what an
INSERT into an ordinary table without triggers can reach is the same for all of them, so it is asked once.
"""

from __future__ import annotations

from collections.abc import Callable

from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.engine.analysis import Analysis
from memsql.engine.statements import texts
from memsql.errors import StatementError
from memsql.project.files import SqlFile
from memsql.sqltext import quote


def run_quickly(
    conn: Connection, file: SqlFile, analysis: Analysis, at: Callable[[float], None], stopped: Callable[[], bool]
) -> None:
    """Run all of ``file`` in the open transaction; ``at`` is told the fraction done after each chunk.

    Raises StatementError without a place: a statement failed, or ``stopped`` was true between two chunks, or the text was
    cut where no statement ends: cut_wrongly().
    """
    total = len(file.data) or 1
    known: set[str] = set()
    for text, _, end in texts(file, likely=True):
        table = analysis.bulk.get(end)
        if table is None:
            known.clear()
        elif table not in known and _ask(conn, table):
            known.add(table)
        conn.script(text, watched=table not in known)
        if stopped():
            raise StatementError("interrupted", code="SQLITE_INTERRUPT")
        at(end / total)


def cut_wrongly(file: SqlFile) -> bool:
    """Whether run_quickly() cuts ``file`` where no statement ends. Takes as long as it saved."""
    return file.likely_cuts != file.cuts


def _ask(conn: Connection, table: str) -> bool:
    """Let the observer see the most that an INSERT into ``table`` can reach: with ON CONFLICT it may set any column.
    False where a single INSERT might reach more."""
    if not conn.execute(load("engine/plain_table"), (table.strip('"'),)).rows:
        return False
    columns = [quote(str(row[0])) for row in conn.execute(load("engine/columns"), (table.strip('"'),)).rows]
    try:
        compile_only(conn, f"INSERT INTO {table} ({columns[0]}) VALUES (NULL)")
        compile_only(conn, f"UPDATE {table} SET {', '.join(f'{c} = {c}' for c in columns)}")
    except StatementError:
        return False
    return True
