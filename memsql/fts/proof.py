"""Whether an index holds the words of its rows, and no others: of all rows of its content, or of those that its
triggers let in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from memsql.db import Connection
from memsql.db.unknown import unknown_part
from memsql.errors import ConnectError, MemsqlError, StatementError
from memsql.fts.discover import FtsTable
from memsql.fts.filling import SAVEPOINT, Filling, fillings, proof_statements
from memsql.sqltext import quote


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of the proof of one index: a sentence for the ``problem``, empty where there is none, and one for
    what could not be proven (``unproven``). ``filling``: the rows that were compared with it, None for all rows."""

    problem: str = ""
    unproven: str = ""
    filling: Filling | None = None


def check_command(name: str) -> str:
    """The statement that compares the index with all rows of its content.

    Without rank 1 it would say ok of an external-content index that differs from its content
    (https://sqlite.org/fts5.html, section 6.4).
    """
    quoted = quote(name)
    return f"INSERT INTO {quoted} ({quoted}, rank) VALUES ('integrity-check', 1)"


def prove(conn: Connection, table: FtsTable) -> Proof:
    """Prove ``table`` inside the open transaction, which is left as it was.

    Where its triggers choose rows, the index is right if it holds what one of them chooses. Raises StatementError or
    ConnectError where the engine ended the transaction, such as on a full disk.
    """
    ways = fillings(table)
    proofs = []
    for way in ways:
        proof = _prove_way(conn, table, way)
        if not proof.problem:
            return proof
        proofs.append(proof)
    unsettled = next((way for way in ways if way is not None and not way.is_settled), None)
    if unsettled is None:
        return next((proof for proof in proofs if proof.filling is not None), proofs[0])
    inner = _run(conn, [f"INSERT INTO {quote(table.name)} ({quote(table.name)}) VALUES ('integrity-check')"])
    if inner is not None:
        return Proof(f"{table.name} is damaged: {inner.message}", filling=unsettled)
    return Proof(
        unproven=f"{table.name} differs from the rows for which now {unsettled.condition}; that need not be a mistake, "
        "because this depends on more than the row",
        filling=unsettled,
    )


def is_provable_at_once(table: FtsTable) -> bool:
    """Whether one list of statements proves ``table``, whatever its rows are."""
    ways = fillings(table)
    return len(ways) == 1 and (ways[0] is None or ways[0].is_settled)


def statements_of(table: FtsTable, way: Filling | None, *, temporary: bool) -> list[str]:
    """The statements of a proof: one fails where the index is not right, and nothing is left where none fails."""
    return [check_command(table.name)] if way is None else proof_statements(way, temporary=temporary)


def sentence(table: FtsTable, way: Filling | None, error: StatementError | ConnectError) -> str:
    """The sentence for an index whose proof raised ``error``."""
    code = (error.code or "") if isinstance(error, StatementError) else "SQLITE_CORRUPT"
    if way is not None and code.startswith("SQLITE_CONSTRAINT"):
        return f"{table.name}: its triggers put a row in twice ({error.message})"
    if not code.startswith("SQLITE_CORRUPT"):
        return f"{table.name} cannot be checked: {error.message}"
    if way is None:
        return f"{table.name} does not agree with its content; searches may fail or miss rows"
    return (
        f"{table.name} does not agree with the rows that its triggers put in ({way.shown}); "
        "searches may fail, miss rows or find rows too many"
    )


def _prove_way(conn: Connection, table: FtsTable, way: Filling | None) -> Proof:
    error = _run(conn, statements_of(table, way, temporary=not conn.target.is_server))
    if error is None:
        return Proof(filling=way)
    part = unknown_part(error.message)
    if part is not None:
        return Proof(unproven=f"{table.name} uses {part}, which is unknown here", filling=way)
    return Proof(sentence(table, way, error), filling=way)


def _run(conn: Connection, statements: Sequence[str]) -> StatementError | ConnectError | None:
    """Run the statements; return the error of the one that failed, after undoing those before it."""
    was_open = conn.in_transaction
    try:
        conn.batch([(statement, ()) for statement in statements])
    except (StatementError, ConnectError) as e:
        if was_open and not conn.in_transaction:
            raise
        if len(statements) > 1:
            # The first statement, which opens the savepoint, may be the one that failed.
            with suppress(MemsqlError):
                conn.batch([(f"ROLLBACK TO {SAVEPOINT}", ()), (f"RELEASE {SAVEPOINT}", ())])
        return e
    return None
