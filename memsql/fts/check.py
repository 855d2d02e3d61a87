"""Does an FTS5 index agree with its content? And making it agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.errors import CommitUnknown, ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts.diagnose import Content, Finding, diagnose
from memsql.fts.discover import FtsTable
from memsql.sqltext import quote

_LOCK_HINT = (
    "a server takes the write lock away after 5 seconds when somebody else wants it: run it again while nobody writes"
)
_ONLINE_HINT = ", or use invoke fts.rebuild --online, which holds the lock for a moment at a time"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``ok`` and, where it is not, what SQLite said and what follows from it."""

    table: FtsTable
    ok: bool
    message: str = ""


def check(conn: Connection, table: FtsTable) -> CheckResult:
    """Run the integrity check at rank 1, which compares the index with its content, and undo it.

    The command is an INSERT in SQLite's eyes: it takes the write lock and needs a connection that may
    write, though it changes nothing. Use a clone where writers must not wait.
    """
    conn.begin()
    try:
        problems = check_in_transaction(conn, [table.name])
    finally:
        conn.rollback()
    return CheckResult(table, not problems, problems[0] if problems else "")


def check_in_transaction(conn: Connection, names: Sequence[str]) -> list[str]:
    """The same for several tables inside the open transaction; a sentence for each that is broken.

    The plain form without rank 1 says ok of an external-content index that is out of step.
    """
    problems = []
    for name in names:
        try:
            conn.execute(command(name, "integrity-check"))
        except (StatementError, ConnectError) as e:
            if isinstance(e, StatementError) and not (e.code or "").startswith("SQLITE_CORRUPT"):
                problems.append(f"{name} cannot be checked: {e.message}")
            else:
                problems.append(f"{name} does not agree with its content; searches may fail or miss rows")
    return problems


def rebuild_in_transaction(conn: Connection, names: Sequence[str]) -> None:
    """Build the indexes anew from their content, inside the open transaction."""
    for name in names:
        conn.execute(command(name, "rebuild"))


def rebuild(conn: Connection, table: FtsTable) -> None:
    """Rebuild one index in one transaction and prove it before the commit; one request to a server.

    Raises Refused for a contentless table: what it indexed is nowhere to be read.
    """
    refuse_contentless(table)
    if conn.body_limit is not None:
        _on_server(conn, table, "rebuild", "integrity-check")
        return
    _in_transaction(conn, table, lambda: rebuild_in_transaction(conn, [table.name]))


def optimise(conn: Connection, table: FtsTable) -> None:
    """Merge the index into one segment, in one transaction; one request to a server."""
    if conn.body_limit is not None:
        _on_server(conn, table, "optimize")
        return
    _in_transaction(conn, table, lambda: conn.execute(command(table.name, "optimize")), prove=False)


def command(name: str, what: str) -> str:
    """The statement that gives the index ``name`` the command ``what`` (https://sqlite.org/fts5.html, section 6)."""
    quoted = quote(name)
    if what == "integrity-check":
        return f"INSERT INTO {quoted} ({quoted}, rank) VALUES ('{what}', 1)"
    return f"INSERT INTO {quoted} ({quoted}) VALUES ('{what}')"


def refuse_contentless(table: FtsTable) -> None:
    """Raise Refused for a table that has nothing to be rebuilt from."""
    if table.kind == "contentless":
        raise Refused(
            f"{table.name} is contentless: the text it indexed is not in the database, so it cannot be rebuilt",
            state="nothing was changed",
            hint="fill it again from where the text came from",
        )


def content_of(conn: Connection, table: FtsTable) -> Content:
    """What the database knows of the table that ``table`` indexes."""
    return _contents(conn, [table])[0]


def findings(conn: Connection, table: FtsTable) -> list[Finding]:
    """Trigger and content mistakes of ``table``. Reads only."""
    return all_findings(conn, [table])[0]


def all_findings(conn: Connection, tables: Sequence[FtsTable]) -> list[list[Finding]]:
    """Trigger and content mistakes of each of ``tables``, in one request. Reads only."""
    return [diagnose(table, content) for table, content in zip(tables, _contents(conn, tables), strict=True)]


def _contents(conn: Connection, tables: Sequence[FtsTable]) -> list[Content]:
    asked = [
        (load(f"fts/{query}"), (table.content,))
        for table in tables
        if table.content is not None
        for query in ("content_kind", "content_columns")
    ]
    answers = iter(conn.batch(asked) if asked else ())
    return [
        Content(None, (), None) if table.content is None else _content(next(answers).rows, next(answers).rows)
        for table in tables
    ]


def _content(kind: Sequence[tuple[Value, ...]], columns: Sequence[tuple[Value, ...]]) -> Content:
    if not kind:
        return Content(None, (), None)
    keys = [(str(name), str(type_ or "")) for name, type_, pk in columns if pk]
    integer = keys[0][0] if len(keys) == 1 and keys[0][1].upper() == "INTEGER" else None
    return Content(str(kind[0][0]), tuple(str(r[0]) for r in columns), integer)


def _in_transaction(conn: Connection, table: FtsTable, act: Callable[[], object], *, prove: bool = True) -> None:
    conn.begin()
    try:
        act()
        problems = check_in_transaction(conn, [table.name]) if prove else []
        if problems:
            raise StatementError(f"{problems[0]} even after the rebuild")
        conn.commit()
    except MemsqlError as e:
        conn.rollback()
        e.state = e.state or "rolled back; nothing was changed"
        raise
    except BaseException:
        conn.rollback()
        raise


def _on_server(conn: Connection, table: FtsTable, *commands: str) -> None:
    """The commands in one transaction and one request, which stops at the first that fails: COMMIT is the last."""
    texts = ["BEGIN IMMEDIATE", *(command(table.name, what) for what in commands), "COMMIT"]
    try:
        conn.batch([(text, ()) for text in texts])
    except CommitUnknown as e:
        e.hint = "look: invoke fts.check; if it is broken still, run this again"
        raise
    except LockedError as e:
        conn.rollback()
        e.state = f"rolled back; {table.name} is as it was"
        e.hint = _LOCK_HINT + (_ONLINE_HINT if commands[0] == "rebuild" else "")
        raise
    except (StatementError, ConnectError) as e:
        conn.rollback()
        e.state = "rolled back; nothing was changed"
        if isinstance(e, StatementError) and e.index == len(commands) > 1:
            raise StatementError(
                f"{table.name} does not agree with its content even after the rebuild",
                code=e.code,
                state=e.state,
                hint="see: invoke fts.status",
            ) from e
        raise
    except BaseException:
        conn.rollback()
        raise
