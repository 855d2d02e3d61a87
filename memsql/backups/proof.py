"""The proof of a copy: pages, references, full-text indexes, and tables that hold what they held in the source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memsql import ledger, words
from memsql.backups.digest import TableDigest, differences, digests, shadow_readings
from memsql.backups.manifest import Proof
from memsql.config import Target
from memsql.db import connect
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, ConnectError, Refused, StatementError
from memsql.fts import check_in_transaction, discover
from memsql.progress import Progress
from memsql.schema import dump, read

_SHOWN = 50
# SQLite 3.44 and later look into full-text indexes for quick_check too.
_ABOUT_INDEXES = ("malformed inverted index for FTS", "unable to validate the inverted index for FTS")


@dataclass(frozen=True, slots=True)
class Observed:
    """What was proven about a copy, and what it holds. ``findings`` are faults that are no fault of the copy: it has
    them because the source has. What they are about, references or full-text indexes, is then not among the proofs."""

    proofs: tuple[Proof, ...]
    findings: tuple[str, ...]
    tables: tuple[TableDigest, ...] = ()
    version: int | None = None
    applied: tuple[str, ...] = ()
    schema_sha256: str = ""

    @property
    def ok(self) -> bool:
        return all(proof.ok for proof in self.proofs)

    @property
    def problems(self) -> list[str]:
        """A sentence for everything that was not proven."""
        return [f"{proof.name}: {message}" for proof in self.proofs if not proof.ok for message in proof.messages]


def prove(
    copy: Path,
    wanted: Sequence[TableDigest],
    progress: Progress,
    *,
    shadows: Sequence[TableDigest] = (),
) -> Observed:
    """Prove that the SQLite file ``copy`` is sound, that its tables are those in ``wanted`` and, where they are given, that the
    tables behind its full-text indexes are those in ``shadows``. Not a byte of it changes.

    The check of the full-text indexes takes longest, and runs beside the others. It takes the write lock of the
    copy, so nobody else may use the file. Raises what keeps the copy from being opened.
    """
    target = Target(path=copy, display="the copy")
    with _connection(target, "ro") as reader, _connection(target, "rw") as checker, ThreadPoolExecutor(2) as pool:
        progress.start("proving the copy")
        reading = pool.submit(_read, reader, wanted, shadows, progress)
        checking = pool.submit(_full_text, checker)
        both: list[Future[Any]] = [reading, checking]
        try:
            wait(both)
        except BaseException:
            _stop(both, [reader, checker])
            raise
        found, broken = reading.result(), checking.result()
    proofs = (*found.proofs, *(() if broken else (Proof("full_text", True),)))
    return replace(found, proofs=proofs, findings=found.findings + broken)


def require(observed: Observed, message: str, *, state: str, hint: str) -> None:
    """Raise CheckFailed with ``message`` and the problems where not everything was proven."""
    if not observed.ok:
        raise CheckFailed(message, details=tuple(observed.problems[:_SHOWN]), state=state, hint=hint)


def _read(
    conn: SQLiteConnection,
    wanted: Sequence[TableDigest],
    shadows: Sequence[TableDigest],
    progress: Progress,
) -> Observed:
    pages = _pages(conn)
    about_indexes = tuple(line for line in pages if line.startswith(_ABOUT_INDEXES))
    sound = tuple(line for line in pages if line not in about_indexes)
    orphans = _foreign_keys(conn)
    tables: tuple[TableDigest, ...] = ()
    try:
        tables = tuple(digests(conn, progress))
        unlike = tuple(differences(wanted, tables))
        if shadows:
            unlike += tuple(differences(shadows, digests(conn, progress, choose=shadow_readings)))
        version, applied = _ledger(conn)
        schema = hashlib.sha256(dump(read(conn)).encode("utf-8", "surrogatepass")).hexdigest()
    except ConnectError as e:
        unlike, version, applied, schema = (e.message,), None, (), ""
    proofs = [Proof("quick_check", not sound, sound), Proof("content", not unlike, unlike)]
    if not orphans:
        proofs.append(Proof("foreign_keys", True))
    return Observed(tuple(proofs), about_indexes + orphans, tables, version, applied, schema)


def _pages(conn: SQLiteConnection) -> list[str]:
    try:
        rows = [str(row[0]) for row in conn.execute(f"PRAGMA quick_check({_SHOWN})").rows]
    except ConnectError as e:
        return [e.message]
    return [row for row in rows if row != "ok"]


def _foreign_keys(conn: SQLiteConnection) -> tuple[str, ...]:
    try:
        rows = conn.execute(load("engine/foreign_key_violations")).rows
    except (StatementError, ConnectError) as e:
        if isinstance(e, StatementError) and e.code == "SQLITE_INTERRUPT":
            raise
        return (f"foreign keys cannot be checked: {e.message}",)
    # The manifests of earlier backups hold this sentence: a finding that is worded otherwise would pass for a new one.
    return tuple(words.orphans(f"{count!s} rows", child, parent) for child, parent, count in rows)


def _full_text(conn: SQLiteConnection) -> tuple[str, ...]:
    try:
        names = [table.name for table in discover(conn)]
    except ConnectError as e:
        return (f"full-text indexes cannot be looked for: {e.message}",)
    if not names:
        return ()
    conn.execute("PRAGMA synchronous = off")
    conn.begin()
    try:
        return tuple(check_in_transaction(conn, names))
    finally:
        conn.rollback()


def _ledger(conn: SQLiteConnection) -> tuple[int | None, tuple[str, ...]]:
    try:
        applied = tuple(sorted(ledger.read(conn).yoyo or ()))
    except Refused:
        return None, ()
    return max((v for v in map(ledger.version_of, applied) if v is not None), default=None), applied


@contextmanager
def _connection(target: Target, mode: str) -> Iterator[SQLiteConnection]:
    conn = connect(target, "ro" if mode == "ro" else "rw", 0)
    assert isinstance(conn, SQLiteConnection)
    try:
        yield conn
    finally:
        conn.close()


def _stop(futures: Sequence[Future[Any]], connections: Sequence[SQLiteConnection]) -> None:
    """End what runs in the threads: an interrupt ends the statement of that moment, so more than one is needed."""
    while wait(futures, 0.02).not_done:
        for conn in connections:
            conn.raw.interrupt()
