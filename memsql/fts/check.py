"""Whether an FTS5 index agrees with its content, and commands that change the index: rebuild and optimise."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from memsql import hints
from memsql.db import Connection, Params, Value, rolled_back, transaction
from memsql.db.queries import load
from memsql.errors import (
    CheckFailed,
    CommitUnknown,
    ConnectError,
    DiskFull,
    LockedError,
    MemsqlError,
    Refused,
    StatementError,
)
from memsql.fts import proof
from memsql.fts.diagnose import Content, Problem, diagnose
from memsql.fts.discover import FtsTable, named
from memsql.fts.filling import fillings, guarded, rebuild_filling, rebuild_statements
from memsql.sqltext import quote
from memsql.storage import space

_LOCK_HINT = (
    "a server takes the write lock away after 5 seconds when somebody else wants it: run it again while nobody writes"
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether the index holds what it should, as far as that can be proven (``ok``); where it does not, ``message``
    says what is wrong. ``note`` says against which rows a partial index was proven, ``unproven`` what could not be."""

    table: FtsTable
    ok: bool
    message: str = ""
    note: str = ""
    unproven: str = ""


def check(conn: Connection, table: FtsTable) -> CheckResult:
    """Compare the index with its content, or with the rows that its triggers let in, in a transaction of its own.

    FTS5's integrity check is an INSERT to SQLite: it takes the write lock and needs a connection that may write, though
    it changes nothing. Where writers must not wait, use a clone.
    """
    with rolled_back(conn):
        result = proof.prove(conn, table)
    filling = result.filling
    note = f"partial: {filling.shown}" if filling is not None and filling.is_guarded else ""
    return CheckResult(table, not result.problem, result.problem, note, result.unproven)


def check_in_transaction(conn: Connection, names: Sequence[str]) -> list[str]:
    """Run the same check for several indexes inside the open transaction; return a sentence for each that is broken."""
    return [result.problem for result in prove_in_transaction(conn, names) if result.problem]


def prove_in_transaction(conn: Connection, names: Sequence[str]) -> list[proof.Proof]:
    """The same, with what could not be proven: a proof for each index."""
    return [proof.prove(conn, table) for table in named(conn, names)] if names else []


def rebuild_in_transaction(conn: Connection, names: Sequence[str]) -> None:
    """Build the indexes anew, inside the open transaction: from all rows of their content, or from those that their
    triggers let in."""
    if names:
        for table in named(conn, names):
            conn.batch([(text, ()) for text in rebuild_statements(table, temporary=not conn.target.is_server)])


def rebuild(conn: Connection, table: FtsTable) -> None:
    """Rebuild one index and check it before the COMMIT, in one transaction; one request to a server.

    Raises Refused for a contentless table, for the text that it indexed is not stored anywhere, and for a partial index
    of which nobody can tell what rows belong into it.
    """
    refuse_contentless(table)
    reason = doubt_about(conn, table)
    if reason:
        raise Refused(reason, state="nothing was changed", hint=f"see: {hints.command('fts.status')}")
    if conn.target.is_server:
        _rebuild_on_server(conn, table)
        return
    refuse_without_room(conn, table)
    with _one_transaction(conn):
        rebuild_in_transaction(conn, [table.name])
        problems = check_in_transaction(conn, [table.name])
        if problems:
            raise CheckFailed(f"{problems[0]} even after the rebuild")


def refuse_without_room(conn: Connection, table: FtsTable) -> None:
    """Raise DiskFull where the disk of the database, a file, has no room for another index as large as ``table`` is: a
    rebuild fills the journal with the old one, or the log with the new one."""
    if conn.target.path is None:
        return
    try:
        size = conn.execute(f"SELECT total(length(block)) FROM {quote(f'{table.name}_data')}").one()
    except MemsqlError:
        # A damaged index is what a rebuild is for.
        return
    folder = Path(os.path.realpath(conn.target.path)).parent
    size = int(float(str(size)))
    try:
        space.refuse_without(size, folder, f"a rebuild of {table.name}", "make room there, and run it again")
    except DiskFull as e:
        e.state = "nothing was changed"
        raise


def optimise(conn: Connection, table: FtsTable) -> None:
    """Merge the index into one segment, in one transaction; one request to a server."""
    if conn.target.is_server:
        _on_server(conn, table, [command(table.name, "optimize")])
        return
    with _one_transaction(conn):
        conn.execute(command(table.name, "optimize"))


def command(name: str, word: str) -> str:
    """The statement that runs FTS5's command ``word`` on the index ``name`` (https://sqlite.org/fts5.html, section
    6)."""
    quoted = quote(name)
    return f"INSERT INTO {quoted} ({quoted}) VALUES ('{word}')"


def refuse_contentless(table: FtsTable) -> None:
    """Raise Refused for a table that has nothing to be rebuilt from."""
    if table.kind == "contentless":
        raise Refused(
            f"{table.name} is contentless: the text it indexed is not in the database, so it cannot be rebuilt",
            state="nothing was changed",
            hint="fill it again from where the text came from",
        )


def doubt_about(conn: Connection, table: FtsTable) -> str:
    """Why ``table`` cannot be built anew: its triggers on insert and on delete mean different rows. Empty where it
    can."""
    if len(fillings(table)) == 1 or guarded(table) is None:
        return ""
    differing = next((problem for problem in problems_of(conn, table) if problem.code == "FTS10"), None)
    return f"{table.name} cannot be rebuilt, for its triggers disagree: {differing.message}" if differing else ""


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
    reads: list[tuple[str, Params]] = []
    for table in tables:
        if table.content is not None:
            reads += [(load(f"fts/{query}"), (table.content,)) for query in ("content_kind", "content_columns")]
        if table.source is not None:
            reads.append((load("fts/content_kind"), (table.source,)))
    answers = iter(conn.batch(reads) if reads else ())
    contents = []
    for table in tables:
        content = Content(None, (), None)
        if table.content is not None:
            content = _content(next(answers).rows, next(answers).rows)
        source = next(answers).rows if table.source is not None else []
        contents.append(replace(content, sql=str(source[0][1]) if source else ""))
    return contents


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


def _rebuild_on_server(conn: Connection, table: FtsTable) -> None:
    """Rebuild in one request: the last of the statements before COMMIT that may fail is the proof."""
    filling = rebuild_filling(table)
    rebuilding = rebuild_statements(table, temporary=False)
    proving = proof.statements_of(table, filling, temporary=False)
    try:
        _on_server(conn, table, [*rebuilding, *proving], hint=_online_hint())
    except StatementError as e:
        if e.index is not None and e.index > len(rebuilding):
            raise CheckFailed(
                f"{proof.sentence(table, filling, e)} even after the rebuild",
                state=e.state,
                hint=f"see: {hints.command('fts.status')}",
            ) from e
        raise


def _on_server(conn: Connection, table: FtsTable, statements: Sequence[str], hint: str = "") -> None:
    """Run the statements in one transaction and one request. The request ends at the first failure, and COMMIT is its
    last statement. ``hint``: what to do besides where somebody else took the lock."""
    texts = ["BEGIN IMMEDIATE", *statements, "COMMIT"]
    try:
        conn.batch([(text, ()) for text in texts])
    except CommitUnknown as e:
        e.hint = f"look: {hints.command('fts.check')}; if it is broken still, run this again"
        raise
    except LockedError as e:
        conn.rollback()
        e.state = f"rolled back; {table.name} is as it was"
        e.hint = _LOCK_HINT + hint
        raise
    except (StatementError, ConnectError) as e:
        conn.rollback()
        e.state = "rolled back; nothing was changed"
        raise
    except BaseException:
        conn.rollback()
        raise


def _online_hint() -> str:
    """What to do where a rebuild holds the lock for too long."""
    return f", or use {hints.command('fts.rebuild --online')}, which holds the lock for a moment at a time"
