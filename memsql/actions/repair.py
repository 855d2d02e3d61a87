"""Making the ledger agree with the files again, where that is certain or a person names the migration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from memsql import ledger
from memsql.config import Settings
from memsql.db import Connection, connection, transaction
from memsql.engine.pending import complete
from memsql.engine.state import State, read_state
from memsql.errors import UsageError
from memsql.project import plan
from memsql.project.files import Migration
from memsql.project.load import load_project
from memsql.project.plan import Status


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the ledger to correct, and the sentence that says how."""

    status: Status
    sentence: str


def repair_ledger(
    settings: Settings, version: int | None, *, dry_run: bool = False, gate: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Correct what is certain, and ``version`` where it is not None; return what was changed, or would be, as
    sentences.

    Certain are checksums that differ only by line endings or a byte-order mark, and rows that yoyo left incomplete.
    ``gate`` hears what will be changed before anything is; what it raises stops the repair. Raises UsageError where the
    ledger does not know ``version``.
    """
    project = load_project(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
    changes = _changes(state, version)
    sentences = (
        *(f"complete the ledger for {s.migration.id}: {s.state} by yoyo" for s in state.incomplete if s.migration),
        *(c.sentence for c in changes),
    )
    if dry_run or not sentences:
        return sentences
    gate("change the ledger: " + "; ".join(sentences))
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        complete(conn, read_state(project, conn))
        if changes:
            with transaction(conn):
                _write(conn, changes)
    return sentences


def _changes(state: State, version: int | None) -> list[Change]:
    if version is not None and version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {version}", hint="see: invoke migrate.status")
    sentences = ((status, _sentence(status, state, chosen=status.version == version)) for status in state.statuses)
    return [Change(status, sentence) for status, sentence in sentences if sentence is not None]


def _sentence(status: Status, state: State, *, chosen: bool) -> str | None:
    """What to change about ``status``, None for nothing. ``chosen``: the person named its version."""
    row, migration = state.ledger.rows.get(status.version), status.migration
    if status.state == plan.EDITED and migration and row:
        # Under another name it was applied as another migration, whatever the text; only a person can know.
        same_name = migration.id in (state.ledger.yoyo or ())
        if same_name and _only_line_endings(migration, row.checksum):
            return f"re-stamp the checksum of {migration.id}: the texts differ by line endings alone"
        if chosen:
            old = (row.checksum or "none")[:12]
            return f"re-stamp {migration.id}: {status.note}; checksum {old} becomes {migration.checksum[:12]}"
    if status.state == plan.MISSING and chosen:
        return f"forget {status.version:04d}_{status.name}: its file is gone; the database keeps what it did"
    return None


def _only_line_endings(migration: Migration, checksum: str | None) -> bool:
    """Whether ``checksum`` is that of the same text with other line endings or a byte-order mark, as a tool writes
    it that hashes the bytes of the file."""
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
    """Write ``changes`` into the ledger, in the open transaction."""
    now = ledger.read(conn)
    for change in changes:
        status, migration = change.status, change.status.migration
        ids = [i for i in now.yoyo or {} if ledger.version_of(i) == status.version]
        if migration is None:
            for migration_id in ids:
                entry = ledger.Entry(status.version, status.name, migration_id, None, None, datetime.now(UTC), 0)
                ledger.forget(conn, entry, change.sentence)
            continue
        row = now.rows[status.version]
        applied_at = datetime.fromisoformat(row.applied_at)
        entry = ledger.Entry(
            version=migration.version,
            name=migration.name,
            id=migration.id,
            description=row.description,
            checksum=migration.checksum,
            started=applied_at if applied_at.tzinfo else applied_at.replace(tzinfo=UTC),
            duration_ms=row.duration_ms or 0,
        )
        for former in ids:
            if former != migration.id:
                ledger.unmark(conn, former)
        ledger.restamp(conn, entry, row.applied_by, change.sentence)
