"""What state each migration is in, and which ones to apply or roll back. Pure: files and ledger go in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from memsql.errors import FileError, Location, UsageError
from memsql.ledger import Ledger, Row, version_of
from memsql.project.files import Migration

APPLIED, PENDING, ROLLED_BACK, FAILED = "applied", "pending", "rolled_back", "failed"
EDITED, MISSING, OUT_OF_ORDER = "edited", "missing", "out_of_order"
WAITING = frozenset({PENDING, ROLLED_BACK, FAILED, OUT_OF_ORDER})

Sorter = Callable[[Sequence[Migration]], list[Migration]]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one migration: a line of ``migrate.status``.

    ``migration`` is None where the file is gone. ``applied_at`` is UTC ISO-8601, ``duration_ms`` milliseconds.
    ``note``: what a person should know about this state. ``incomplete``: yoyo applied it or rolled it back by
    itself, so that a row of ours is missing or outdated.
    """

    version: int
    name: str
    state: str
    migration: Migration | None
    applied_at: str | None = None
    applied_by: str | None = None
    duration_ms: int | None = None
    note: str | None = None
    incomplete: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether the database has it, edited or missing files included."""
        return self.state in (APPLIED, EDITED, MISSING)


def order(migrations: Sequence[Migration], sort: Sorter) -> list[Migration]:
    """``migrations`` in the order to apply: by version, dependencies first.

    ``sort`` (yoyo's topological sort) is called only where a dependency points forward. Raises
    FileError for a dependency that does not exist, and what ``sort`` raises for a cycle.
    """
    seen: set[str] = set()
    ids = {m.id for m in migrations}
    forward = False
    for migration in migrations:
        for needed in migration.depends:
            if needed not in ids:
                raise FileError(
                    f"{migration.id} depends on {needed}, and there is no such migration",
                    where=Location(migration.up.path, _line_of(migration, needed)),
                    state="nothing was changed",
                    hint="correct the name after `-- depends:`; it is a file name without .sql",
                )
            forward = forward or needed not in seen
        seen.add(migration.id)
    return sort(migrations) if forward else list(migrations)


def statuses(ordered: Sequence[Migration], ledger: Ledger) -> list[Status]:
    """The state of every migration: files in the order to apply, then what only the ledger knows.

    ``ordered`` is what order() returned. The ledger of another tool counts as none.
    """
    yoyo = ledger.yoyo or {}
    rows = {} if ledger.is_foreign else ledger.rows
    result = []
    last_applied = max((i for i, m in enumerate(ordered) if m.id in yoyo), default=-1)
    former_ids: set[str] = set()
    for position, migration in enumerate(ordered):
        row = rows.get(migration.version)
        former_id = _former_id(migration, row, yoyo)
        if former_id is not None:
            former_ids.add(former_id)
            result.append(_from_row(migration, row, EDITED, f"applied under the name {former_id}"))
        else:
            result.append(_status(migration, row, ledger, later_applied=position < last_applied))
    present = {m.id for m in ordered} | former_ids
    missing = [name for name in yoyo if name not in present]
    return [*result, *_missing(missing, result, ledger)]


def _former_id(migration: Migration, row: Row | None, yoyo: Mapping[str, str]) -> str | None:
    """The id under which yoyo has the version of ``migration``, where that is another id."""
    if row is None or row.status != APPLIED or migration.id in yoyo:
        return None
    return next((i for i in yoyo if version_of(i) == migration.version), None)


def _status(migration: Migration, row: Row | None, ledger: Ledger, *, later_applied: bool) -> Status:
    """``row``: of the version of ``migration``. ``later_applied``: a migration behind it is applied."""
    yoyo = ledger.yoyo or {}
    if migration.id in yoyo:
        if row is None or row.status != APPLIED:
            return Status(
                migration.version,
                migration.name,
                APPLIED,
                migration,
                applied_at=yoyo[migration.id],
                applied_by=ledger.yoyo_by.get(migration.id),
                note="applied by yoyo; the ledger lacks it",
                incomplete=True,
            )
        if row.checksum is not None and row.checksum != migration.checksum:
            return _from_row(migration, row, EDITED, "the file changed after it was applied")
        return _from_row(migration, row, APPLIED)
    if row is not None and row.status in (ROLLED_BACK, FAILED):
        return _from_row(migration, row, row.status)
    if row is not None and row.status == APPLIED:
        return replace(_from_row(migration, row, ROLLED_BACK, "rolled back by yoyo"), incomplete=True)
    if later_applied:
        note = "a later migration is applied already"
        return Status(migration.version, migration.name, OUT_OF_ORDER, migration, note=note)
    return Status(migration.version, migration.name, PENDING, migration)


def _from_row(migration: Migration, row: Row | None, state: str, note: str | None = None) -> Status:
    assert row is not None
    return Status(
        migration.version,
        migration.name,
        state,
        migration,
        applied_at=row.applied_at,
        applied_by=row.applied_by,
        duration_ms=row.duration_ms,
        note=note,
    )


def _missing(ids: Sequence[str], statuses: Sequence[Status], ledger: Ledger) -> list[Status]:
    """The states of migrations that are applied and have no file; ``statuses`` are those of the files."""
    rows = {} if ledger.is_foreign else ledger.rows
    # To hash the waiting files is worth its time only where something is missing.
    waiting = {s.migration.checksum: s.migration.id for s in statuses if ids and s.migration and s.state in WAITING}
    result = []
    for migration_id in ids:
        version = version_of(migration_id)
        row = rows.get(version) if version is not None else None
        twin = waiting.get(row.checksum) if row is not None and row.checksum else None
        result.append(
            Status(
                version if version is not None else -1,
                migration_id.partition("_")[2] or migration_id,
                MISSING,
                None,
                applied_at=row.applied_at if row else (ledger.yoyo or {})[migration_id],
                applied_by=row.applied_by if row else None,
                duration_ms=row.duration_ms if row else None,
                note=f"its content is now in {twin}; was it renumbered?" if twin else "applied, but its file is gone",
            )
        )
    return result


def to_apply(statuses: Sequence[Status], *, to: int | None = None, out_of_order: bool = False) -> list[Migration]:
    """The migrations that ``migrate.up`` runs, in order, up to and including version ``to``.

    Raises FileError where an applied file was edited or is missing, or where one would be applied
    out of order without ``out_of_order``; UsageError where ``to`` is no version.
    """
    refuse_changed(statuses)
    if to is not None and to not in {s.version for s in statuses}:
        raise UsageError(f"there is no migration {to}", hint="see: invoke migrate.status")
    late = [s for s in statuses if s.state == OUT_OF_ORDER and (to is None or s.version <= to)]
    if late and not out_of_order:
        raise FileError(
            f"{_ids(late)} would be applied out of order: later migrations are applied already",
            where=Location(late[0].migration.up.path) if late[0].migration else None,
            state="nothing was changed",
            hint="renumber it after the last one, or apply it where it stands with --out-of-order",
        )
    return [s.migration for s in statuses if s.migration and s.state in WAITING and (to is None or s.version <= to)]


def to_roll_back(statuses: Sequence[Status], *, steps: int | None = None, to: int | None = None) -> list[Migration]:
    """The migrations that ``migrate.down`` undoes, latest first: ``steps`` of them, or all above version ``to``.

    The version 0 stands for all of them. Raises like to_apply().
    """
    refuse_changed(statuses)
    applied = [s.migration for s in statuses if s.state == APPLIED and s.migration]
    applied.reverse()
    if to is not None:
        if to != 0 and to not in {s.version for s in statuses}:
            raise UsageError(f"there is no migration {to}", hint="0 means before the first; see: invoke migrate.status")
        # 0 is before the first one, even where that has the version 0.
        return [m for m in applied if m.version > to or to == 0]
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps}: give a number of migrations, 1 or more")
    return applied[: steps or 1]


def refuse_changed(statuses: Sequence[Status]) -> None:
    """Raise FileError where what was applied is no longer what the files say."""
    changed = [s for s in statuses if s.state in (EDITED, MISSING)]
    if not changed:
        return
    first = changed[0]
    raise FileError(
        f"{len(changed)} applied migrations no longer match the files: {_ids(changed)}"
        if len(changed) > 1
        else f"{_ids(changed)} was applied, and {'its file is gone' if first.state == MISSING else 'then changed'}",
        where=Location(first.migration.up.path) if first.migration else None,
        details=tuple(f"{_ids([s])}: {s.state} ({s.note})" for s in changed),
        state="nothing was changed",
        hint="bring the file back (git checkout) and put the change into a new migration; "
        "if the change is harmless, accept it with: invoke migrate.repair --version " + str(first.version),
    )


def _ids(statuses: Sequence[Status]) -> str:
    return ", ".join(s.migration.id if s.migration else f"{s.version:04d}_{s.name}" for s in statuses)


def _line_of(migration: Migration, needed: str) -> int | None:
    for number, line in enumerate(migration.up.head().split("\n"), 1):
        if line.lstrip().startswith("--") and "depends" in line and needed in line:
            return number
    return None
