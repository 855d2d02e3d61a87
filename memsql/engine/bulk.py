"""Running a whole file in few calls, and many INSERTs without asking about each statement.

SQLite calls the authorizer for each statement that it prepares, which costs a tenth of the time of a plain INSERT. But what an
INSERT into an ordinary table without triggers can reach is the same for all of them, so one is enough.
"""

from __future__ import annotations

from memsql.db import Connection
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.engine.analysis import Analysis
from memsql.engine.session import Session
from memsql.engine.statements import texts
from memsql.errors import StatementError
from memsql.project.files import SqlFile
from memsql.sqltext import quote


def run_quickly(session: Session, file: SqlFile, analysis: Analysis) -> None:
    """Run ``file``, whose text was read into ``analysis``, in the open transaction.

    Raises StatementError without a place: a statement failed, or somebody asked to stop, or the text was cut where no
    statement ends (see cut_wrongly()).
    """
    conn = session.conn
    total = len(file.data) or 1
    observed: set[str] = set()
    for text, _, end in texts(file, likely=True):
        table = analysis.bulk.get(end)
        if table is None:
            observed.clear()
        elif table not in observed and _observe_insert(conn, table):
            observed.add(table)
        conn.script(text, watched=table not in observed)
        if session.interrupted():
            raise StatementError("interrupted", code="SQLITE_INTERRUPT")
        session.progress.tick(end / total)


def cut_wrongly(file: SqlFile) -> bool:
    """Whether run_quickly() cuts ``file`` where no statement ends. Takes as long as run_quickly() saves."""
    return file.likely_cuts != file.cuts


def _observe_insert(conn: Connection, table: str) -> bool:
    """Show the observer everything that an INSERT into ``table`` (quoted where needed) can reach: with ON CONFLICT it may
    set any column. False where one INSERT might reach more than another."""
    name = table.strip('"')
    if not conn.execute(load("engine/plain_table"), (name,)).rows:
        return False
    columns = [quote(str(row[0])) for row in conn.execute(load("engine/columns"), (name,)).rows]
    try:
        compile_only(conn, f"INSERT INTO {table} ({columns[0]}) VALUES (NULL)")
        compile_only(conn, f"UPDATE {table} SET {', '.join(f'{c} = {c}' for c in columns)}")
    except StatementError:
        return False
    return True
