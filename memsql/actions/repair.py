"""Making the ledger agree with the files again: where that is certain, where a replay proves it, or where a person says
so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from memsql import ledger
from memsql.actions.edits import Choice, acceptance
from memsql.config import Settings
from memsql.db import Connection, connection, transaction
from memsql.engine.pending import complete
from memsql.engine.state import State, read_state
from memsql.errors import LockedError
from memsql.ledger import corrections
from memsql.project import plan
from memsql.project.files import Migration
from memsql.project.load import load_project
from memsql.project.plan import Status
from memsql.words import count

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the ledger to correct, and the sentence that says how. ``migration`` is what it becomes, None where it
    is to be forgotten."""

    status: Status
    migration: Migration | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair changed, a sentence each, and the migrations that it left although they differ from what was
    applied."""

    changes: tuple[str, ...]
    left: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class _Repair:
    """All that a repair changes. ``unhashed`` are migrations that an older memsql applied, whose hashes are added to
    the history."""

    state: State
    changes: tuple[Change, ...]
    unhashed: tuple[Status, ...]

    @property
    def result(self) -> Repaired:
        """What is changed, and what is left."""
        changed = {change.status for change in self.changes}
        differ = (s for s in self.state.statuses if s.state in (plan.EDITED, plan.MISSING))
        return Repaired(self.sentences, tuple(s for s in differ if s not in changed))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is changed, a sentence each."""
        lines = [_completion(s) for s in self.state.incomplete]
        lines += [change.sentence for change in self.changes]
        if self.unhashed:
            names = ", ".join(s.id for s in self.unhashed[:_SHOWN])
            more = f" and {len(self.unhashed) - _SHOWN} more" if len(self.unhashed) > _SHOWN else ""
            lines.append(f"add the hashes of {count(len(self.unhashed), 'migration')} to the history: {names}{more}")
        return tuple(lines)


def repair_ledger(
    settings: Settings, choice: Choice, *, dry_run: bool = False, gate: Callable[[str], None] = lambda _: None
) -> Repaired:
    """Correct what is certain, and what ``choice`` accepts; return what was changed, or would be.

    Certain are texts that differ by line endings, comments or white space, edited rollbacks, rows that yoyo left
    incomplete, numbers that changed, and hashes that an older memsql did not write. ``gate`` hears what will be changed
    before anything is; what it raises stops the repair. Raises UsageError where the ledger does not know the version
    that is named, or where a person has to say more; Refused where a replay shows a difference.
    """
    project = load_project(settings)
    with connection(settings.target, "ro", settings.busy_timeout) as conn:
        state = read_state(project, conn)
        repair = _repair(state, ledger.read_hashes(conn, state.ledger), choice)
    if dry_run or not repair.sentences:
        return repair.result
    gate("change the ledger: " + "; ".join(repair.sentences))
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        complete(conn, read_state(project, conn))
        if repair.changes or repair.unhashed:
            with transaction(conn, lambda: _is_written(conn, repair)):
                _write(conn, repair)
    return repair.result


def _repair(state: State, history: dict[tuple[int, str], ledger.Hashes], choice: Choice) -> _Repair:
    changes = [change for status in state.statuses if (change := _certain(status, state)) is not None]
    known = {change.status for change in changes}
    changes += [
        Change(accepted.status, accepted.migration, accepted.sentence)
        for accepted in acceptance(replace(state, history=history), choice, known)
    ]
    unhashed = tuple(
        s
        for s in state.statuses
        if s.state == plan.APPLIED
        and s.migration
        and not (s.incomplete or s.edit)
        and (row := state.ledger.rows.get(s.version)) is not None
        and row.checksum == s.migration.checksum
        and (s.version, row.checksum) not in history
    )
    return _Repair(state, tuple(changes), unhashed)


def _completion(status: Status) -> str:
    if status.folded:
        return f"let {status.id} stand for {', '.join(status.folded)} in the ledger: they were folded into it"
    if status.former is not None:
        return f"renumber {status.former} in the ledger: its file is {status.id} now"
    return f"complete the ledger for {status.id}: {status.state} by yoyo"


def _certain(status: Status, state: State) -> Change | None:
    """What to change about ``status`` without asking anybody."""
    row, migration = state.ledger.rows.get(status.version), status.migration
    if migration is None or row is None or status.folded:
        return None
    if status.edit is not None:
        return Change(status, migration, f"re-stamp {migration.id}: {status.note}")
    # Under another name it was applied as another migration, whatever the text; only a person can know.
    same_name = migration.id in (state.ledger.yoyo or ())
    if status.state == plan.EDITED and same_name and _only_line_endings(migration, row.checksum):
        sentence = f"re-stamp the checksum of {migration.id}: the texts differ by line endings alone"
        return Change(status, migration, sentence)
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


def _write(conn: Connection, repair: _Repair) -> None:
    """Write the changes into the ledger, in the open transaction."""
    now = ledger.read(conn)
    ledger.create_tables(conn, now)
    for change in repair.changes:
        status, migration = change.status, change.migration
        former = [i for i in now.yoyo or {} if ledger.version_of(i) == status.version]
        if migration is None:
            for migration_id in former:
                entry = ledger.Entry(status.version, status.name, migration_id, None, None, datetime.now(UTC), 0)
                corrections.forget(conn, entry, change.sentence)
            continue
        row = now.rows.get(status.version)
        if row is None:
            raise LockedError("another process changed the ledger meanwhile", hint="run the command again")
        for migration_id in former:
            if migration_id != migration.id:
                corrections.unmark(conn, migration_id)
        if migration.version != status.version:
            corrections.forget_row(conn, status.version)
        corrections.restamp(conn, _entry(migration, row), row.applied_by, change.sentence)
    for status in repair.unhashed:
        assert status.migration is not None
        corrections.add_hashes(conn, _entry(status.migration, now.rows[status.version]))


def _is_written(conn: Connection, repair: _Repair) -> bool:
    """Whether the ledger says what _write() writes."""
    now = ledger.read(conn)
    hashes = ledger.read_hashes(conn, now)
    for change in repair.changes:
        migration, row = change.migration, now.rows.get(change.status.version)
        if migration is None:
            if any(ledger.version_of(i) == change.status.version for i in now.yoyo or {}):
                return False
            continue
        row = now.rows.get(migration.version)
        if row is None or row.checksum != migration.checksum or (row.version, row.checksum) not in hashes:
            return False
    return all(s.migration and (s.version, s.migration.checksum) in hashes for s in repair.unhashed)


def _entry(migration: Migration, row: ledger.Row) -> ledger.Entry:
    """The entry that gives ``row`` the name, number and text of ``migration``, and keeps its dates."""
    applied_at = datetime.fromisoformat(row.applied_at)
    return ledger.Entry(
        version=migration.version,
        name=migration.name,
        id=migration.id,
        description=row.description,
        checksum=migration.checksum,
        started=applied_at if applied_at.tzinfo else applied_at.replace(tzinfo=UTC),
        duration_ms=row.duration_ms or 0,
        hashes=migration.hashes,
    )
