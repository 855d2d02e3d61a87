"""Bringing the ledger back in line with the files, where that is certain or asked for by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger as books
from memsql.config import Settings
from memsql.db import Connection, connect
from memsql.engine.pending import complete
from memsql.engine.state import State, read_state
from memsql.errors import UsageError
from memsql.project import load as projects
from memsql.project import plan
from memsql.project.files import Migration
from memsql.project.plan import Status


@dataclass(frozen=True, slots=True)
class Change:
    """One row to re-stamp: the migration as it is now (None: forget it) and the sentence that says so."""

    status: Status
    sentence: str


def repair_ledger(
    settings: Settings, version: int | None, *, dry_run: bool = False, ready: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Re-stamp what is certain, and ``version`` if given; return what was (or would be) changed.

    ``ready`` is told what will be changed before anything is, and may raise to stop it.

    Certain are checksums that differ by line endings or a byte-order mark alone, and rows that yoyo left
    incomplete. Raises UsageError where ``version`` is not known to the ledger.
    """
    project = projects.load(settings)
    conn = connect(settings.target, "ro", settings.busy_timeout)
    try:
        state = read_state(project, conn)
    finally:
        conn.close()
    incomplete = [s for s in state.statuses if s.incomplete]
    changes = _changes(state, version)
    sentences = tuple(
        f"complete the ledger for {s.migration.id}: {s.state} by yoyo" for s in incomplete if s.migration
    ) + tuple(c.sentence for c in changes)
    if dry_run or not sentences:
        return sentences
    ready("change the ledger: " + "; ".join(sentences))
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        complete(conn, read_state(project, conn))
        _write(conn, changes)
    finally:
        conn.close()
    return sentences


def _changes(state: State, version: int | None) -> list[Change]:
    found = []
    for status in state.statuses:
        row = state.ledger.rows.get(status.version)
        # Under another name it was applied as something else, whatever the text; only a person can know.
        same_name = status.migration is not None and status.migration.id in (state.ledger.yoyo or ())
        if (
            status.migration
            and row
            and same_name
            and status.state == plan.EDITED
            and _only_line_endings(status.migration, row.checksum)
        ):
            found.append(
                Change(
                    status, f"re-stamp the checksum of {status.migration.id}: the texts differ by line endings alone"
                )
            )
        elif version == status.version and status.state == plan.EDITED and status.migration and row:
            old = (row.checksum or "none")[:12]
            found.append(
                Change(
                    status,
                    f"re-stamp {status.migration.id}: {status.note}; checksum {old} becomes "
                    f"{status.migration.checksum[:12]}",
                )
            )
        elif version == status.version and status.state == plan.MISSING:
            found.append(
                Change(
                    status,
                    f"forget {status.version:04d}_{status.name}: its file is gone; the database keeps what it did",
                )
            )
    if version is not None and version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {version}", hint="see: invoke migrate.status")
    return found


def _only_line_endings(migration: Migration, checksum: str | None) -> bool:
    """Whether ``checksum`` is that of the same text under other line endings or with a byte-order mark,
    as a tool that hashes raw bytes would have written it."""
    import hashlib

    up, down = migration.up.data, migration.down.data if migration.down else None
    for mark in (b"", b"\xef\xbb\xbf"):
        for ending in (b"\n", b"\r\n", b"\r"):
            digest = hashlib.sha256(mark + up.replace(b"\n", ending))
            if checksum == digest.hexdigest():
                return True
            if down is not None:
                digest.update(b"\0" + mark + down.replace(b"\n", ending))
                if checksum == digest.hexdigest():
                    return True
    return False


def _write(conn: Connection, changes: list[Change]) -> None:
    if not changes:
        return
    conn.begin()
    try:
        ledger = books.read(conn)
        for change in changes:
            status, migration = change.status, change.status.migration
            row = ledger.rows.get(status.version)
            now = datetime.now(UTC)
            others = [i for i in ledger.yoyo or {} if books.version_of(i) == status.version]
            if migration is None:
                for gone in others:
                    books.forget(
                        conn, books.Entry(status.version, status.name, gone, None, None, now, 0), change.sentence
                    )
                continue
            assert row is not None
            when = datetime.fromisoformat(row.applied_at)
            stamped = books.Entry(
                migration.version,
                migration.name,
                migration.id,
                row.description,
                migration.checksum,
                when if when.tzinfo else when.replace(tzinfo=UTC),
                row.duration_ms or 0,
            )
            for former in others:
                if former != migration.id:
                    books.unmark(conn, former)
            books.restamp(conn, stamped, row.applied_by, change.sentence)
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
