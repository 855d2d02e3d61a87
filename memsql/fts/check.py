"""Whether an FTS5 index agrees with its content, and commands that change the index: rebuild and optimise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from memsql.db import Connection, Params, Value, rolled_back, transaction
from memsql.db.queries import load
from memsql.errors import CommitUnknown, ConnectError, LockedError, MemsqlError, Refused, StatementError
from memsql.fts.diagnose import Content, Problem, diagnose
from memsql.fts.discover import FtsTable
from memsql.sqltext import quote

_LOCK_HINT = (
    "a server takes the write lock away after 5 seconds when somebody else wants it: run it again while nobody writes"
)
_ONLINE_HINT = ", or use invoke fts.rebuild --online, which holds the lock for a moment at a time"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether the index agrees with its content (``ok``); where it does not, ``message`` says what is wrong."""

    table: FtsTable
    ok: bool
    message: str = ""


def check(conn: Connection, table: FtsTable) -> CheckResult:
    """Run FTS5's integrity check at rank 1, which compares the index with its content, in a transaction of its own.

    The command is an INSERT to SQLite: it takes the write lock and needs a connection that may write, though it
    changes nothing. Where writers must not wait, use a clone.
    """
    with rolled_back(conn):
        problems = check_in_transaction(conn, [table.name])
    return CheckResult(table, not problems, problems[0] if problems else "")


def check_in_transaction(conn: Connection, names: Sequence[str]) -> list[str]:
    """Run the same check for several indexes inside the open transaction; return a sentence for each that is broken.

    Without rank 1 the check says ok of an external-content index that differs from its content
    (https://sqlite.org/fts5.html, section 6.4).
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
    """Rebuild one index and check it before the COMMIT, in one transaction; one request to a server.

    Raises Refused for a contentless table: the text that it indexed is not stored anywhere.
    """
    refuse_contentless(table)
    if conn.target.is_server:
        _on_server(conn, table, ("rebuild", "integrity-check"))
        return
    with _one_transaction(conn):
        rebuild_in_transaction(conn, [table.name])
        problems = check_in_transaction(conn, [table.name])
        if problems:
            raise StatementError(f"{problems[0]} even after the rebuild")


def optimise(conn: Connection, table: FtsTable) -> None:
    """Merge the index into one segment, in one transaction; one request to a server."""
    if conn.target.is_server:
        _on_server(conn, table, ("optimize",))
        return
    with _one_transaction(conn):
        conn.execute(command(table.name, "optimize"))


def command(name: str, word: str) -> str:
    """The statement that runs FTS5's command ``word`` on the index ``name`` (https://sqlite.org/fts5.html, section
    6)."""
    quoted = quote(name)
    if word == "integrity-check":
        return f"INSERT INTO {quoted} ({quoted}, rank) VALUES ('{word}', 1)"
    return f"INSERT INTO {quoted} ({quoted}) VALUES ('{word}')"


def refuse_contentless(table: FtsTable) -> None:
    """Raise Refused for a table that has nothing to be rebuilt from."""
    if table.kind == "contentless":
        raise Refused(
            f"{table.name} is contentless: the text it indexed is not in the database, so it cannot be rebuilt",
            state="nothing was changed",
            hint="fill it again from where the text came from",
        )


def content_of(conn: Connection, table: FtsTable) -> Content:
    """The table or view that ``table`` indexes, as the schema has it now."""
    return _contents(conn, [table])[0]


def problems_of(conn: Connection, table: FtsTable) -> list[Problem]:
    """What is wrong with the triggers and the content of ``table``. Reads only."""
    return all_problems(conn, [table])[0]


def all_problems(conn: Connection, tables: Sequence[FtsTable]) -> list[list[Problem]]:
    """The problems of each of ``tables``, in one request. Reads only."""
    return [diagnose(table, content) for table, content in zip(tables, _contents(conn, tables), strict=True)]


def _contents(conn: Connection, tables: Sequence[FtsTable]) -> list[Content]:
    reads: list[tuple[str, Params]] = [
        (load(f"fts/{query}"), (table.content,))
        for table in tables
        if table.content is not None
        for query in ("content_kind", "content_columns")
    ]
    answers = iter(conn.batch(reads) if reads else ())
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


@contextmanager
def _one_transaction(conn: Connection) -> Iterator[None]:
    """transaction(), whose errors say that it was rolled back."""
    try:
        with transaction(conn):
            yield
    except MemsqlError as e:
        e.state = e.state or "rolled back; nothing was changed"
        raise


def _on_server(conn: Connection, table: FtsTable, words: Sequence[str]) -> None:
    """Run the commands ``words`` in one transaction and one request. The request ends at the first failure, and COMMIT
    is its last statement."""
    texts = ["BEGIN IMMEDIATE", *(command(table.name, word) for word in words), "COMMIT"]
    try:
        conn.batch([(text, ()) for text in texts])
    except CommitUnknown as e:
        e.hint = "look: invoke fts.check; if it is broken still, run this again"
        raise
    except LockedError as e:
        conn.rollback()
        e.state = f"rolled back; {table.name} is as it was"
        e.hint = _LOCK_HINT + (_ONLINE_HINT if words[0] == "rebuild" else "")
        raise
    except (StatementError, ConnectError) as e:
        conn.rollback()
        e.state = "rolled back; nothing was changed"
        if isinstance(e, StatementError) and e.index == len(words) > 1:
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
