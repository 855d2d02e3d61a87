"""Prove a copy: its pages, its references, its full-text indexes, and that its tables hold what they held in the
source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memsql import ledger, words
from memsql.backups.connections import file_connection
from memsql.backups.digest import TableDigest, differences, digests, shadow_selects
from memsql.backups.manifest import Proof
from memsql.db import rolled_back
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.errors import CheckFailed, ConnectError, Refused, StatementError
from memsql.fts import discover, prove_in_transaction
from memsql.progress import Progress
from memsql.schema import dump, read

_SHOWN = 50
# From SQLite 3.44 on, quick_check looks into full-text indexes too.
_ABOUT_INDEXES = ("malformed inverted index for FTS", "unable to validate the inverted index for FTS")


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What was proven about a copy, and what the copy holds.

    ``findings`` are faults that the copy has because the source has them. What they are about, references or full-text
    indexes, is not among the proofs then. ``version`` and ``applied`` are the newest migration and all applied ones.
    """

    proofs: tuple[Proof, ...]
    findings: tuple[str, ...]
    tables: tuple[TableDigest, ...] = ()
    version: int | None = None
    applied: tuple[str, ...] = ()
    schema_sha256: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything was proven."""
        return all(proof.ok for proof in self.proofs)

    @property
    def problems(self) -> list[str]:
        """A sentence for everything that was not proven."""
        return [f"{proof.name}: {message}" for proof in self.proofs if not proof.ok for message in proof.messages]


@dataclass(frozen=True, slots=True)
class _Expected:
    """The digests that the copy must have."""

    tables: Sequence[TableDigest]
    shadows: Sequence[TableDigest]


def prove(
    copy: Path, tables: Sequence[TableDigest], progress: Progress, *, shadows: Sequence[TableDigest] = ()
) -> ProofReport:
    """Prove that the SQLite file ``copy`` is sound and that its tables are ``tables``; it is not changed.

    With ``shadows`` it is also proven that these are the tables behind its full-text indexes. The check of the
    full-text indexes takes longest, so it runs beside the others, in a second thread. It takes the write lock of the
    copy: nobody else may use the file. Raises ConnectError where the copy cannot be opened.
    """
    with (
        file_connection(copy, "the copy", "ro", 0) as reader,
        file_connection(copy, "the copy", "rw", 0) as checker,
        ThreadPoolExecutor(2) as pool,
    ):
        progress.start("proving the copy")
        reading = pool.submit(_read, reader, _Expected(tables, shadows), progress)
        checking = pool.submit(_full_text, checker)
        both: list[Future[Any]] = [reading, checking]
        try:
            wait(both)
        except BaseException:
            _stop(both, [reader, checker])
            raise
        report, broken = reading.result(), checking.result()
    proofs = report.proofs if broken else (*report.proofs, Proof("full_text", True))
    return replace(report, proofs=proofs, findings=report.findings + broken)


def require(report: ProofReport, message: str, *, state: str, hint: str) -> None:
    """Raise CheckFailed with ``message`` and the problems where not everything was proven."""
    if not report.ok:
        raise CheckFailed(message, details=tuple(report.problems[:_SHOWN]), state=state, hint=hint)


def _read(conn: SQLiteConnection, expected: _Expected, progress: Progress) -> ProofReport:
    """Everything but the check of the full-text indexes."""
    lines = _pages(conn)
    about_indexes = tuple(line for line in lines if line.startswith(_ABOUT_INDEXES))
    damage = tuple(line for line in lines if line not in about_indexes)
    orphans = _foreign_keys(conn)
    tables: tuple[TableDigest, ...] = ()
    try:
        tables = tuple(digests(conn, progress))
        unlike = tuple(differences(expected.tables, tables))
        if expected.shadows:
            shadows = digests(conn, progress, choose=shadow_selects)
            unlike += tuple(differences(expected.shadows, shadows))
        version, applied = _ledger(conn)
        schema = hashlib.sha256(dump(read(conn)).encode("utf-8", "surrogatepass")).hexdigest()
    except ConnectError as e:
        unlike, version, applied, schema = (e.message,), None, (), ""
    proofs = [Proof("quick_check", not damage, damage), Proof("content", not unlike, unlike)]
    if not orphans:
        proofs.append(Proof("foreign_keys", True))
    return ProofReport(tuple(proofs), about_indexes + orphans, tables, version, applied, schema)


def _pages(conn: SQLiteConnection) -> list[str]:
    """What quick_check finds, a line each."""
    try:
        answers = conn.execute(f"PRAGMA quick_check({_SHOWN})").rows
    except ConnectError as e:
        return [e.message]
    return [line for row in answers for line in str(row[0]).split("\n") if line != "ok"]


def _foreign_keys(conn: SQLiteConnection) -> tuple[str, ...]:
    try:
        rows = conn.execute(load("engine/foreign_key_violations")).rows
    except (StatementError, ConnectError) as e:
        if isinstance(e, StatementError) and e.is_interrupt:
            raise
        return (f"foreign keys cannot be checked: {e.message}",)
    # The manifests of earlier backups hold this sentence: a finding that is worded otherwise would pass for a new one.
    return tuple(words.orphans(int(str(count)), child, parent) for child, parent, count in rows)


def _full_text(conn: SQLiteConnection) -> tuple[str, ...]:
    """A sentence for each full-text index that does not agree with its content, or of which nobody can tell."""
    try:
        names = [table.name for table in discover(conn)]
    except ConnectError as e:
        return (f"full-text indexes cannot be looked for: {e.message}",)
    if not names:
        return ()
    conn.execute("PRAGMA synchronous = off")
    with rolled_back(conn):
        return tuple(p.problem or p.unproven for p in prove_in_transaction(conn, names) if p.problem or p.unproven)


def _ledger(conn: SQLiteConnection) -> tuple[int | None, tuple[str, ...]]:
    """The newest migration and the ids of all applied ones."""
    try:
        applied = tuple(sorted(ledger.read(conn).yoyo or ()))
    except Refused:
        return None, ()
    return max((v for v in map(ledger.version_of, applied) if v is not None), default=None), applied


def _stop(futures: Sequence[Future[Any]], connections: Sequence[SQLiteConnection]) -> None:
    """End what runs in the threads. An interrupt ends only the statement that runs at that moment, so it takes
    several."""
    while wait(futures, 0.02).not_done:
        for conn in connections:
            conn.raw.interrupt()
