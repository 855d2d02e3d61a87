"""Decisions: files and ledger in, states and steps out. No I/O, so every case is a unit test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsql.errors import FileError, Location, UsageError
from memsql.ledger import Ledger, Row, version_of
from memsql.project.files import Migration

APPLIED, PENDING, ROLLED_BACK, FAILED = "applied", "pending", "rolled_back", "failed"
EDITED, MISSING, OUT_OF_ORDER = "edited", "missing", "out_of_order"
WAITING = frozenset({PENDING, ROLLED_BACK, FAILED, OUT_OF_ORDER})

Sorter = Callable[[Sequence[Migration]], list[Migration]]


@dataclass(frozen=True, slots=True)
class Status:
    """One line of ``migrate.status``. ``migration`` is None where the file is gone; ``note`` says
    what a person should know about this state. ``applied_at`` is UTC ISO-8601."""

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
    known = {m.id for m in migrations}
    forward = False
    for migration in migrations:
        for needed in migration.depends:
            if needed not in known:
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

    ``ordered`` is what order() returned. A ledger of another tool counts as none.
    """
    yoyo = ledger.yoyo or {}
    rows = {} if ledger.is_foreign else ledger.rows
    result = []
    last_applied = max((i for i, m in enumerate(ordered) if m.id in yoyo), default=-1)
    explained: set[str] = set()
    for position, migration in enumerate(ordered):
        row = rows.get(migration.version)
        renamed_from = None
        if row is not None and row.status == APPLIED and migration.id not in yoyo:
            renamed_from = next((i for i in yoyo if version_of(i) == migration.version), None)
        if renamed_from is not None:
            explained.add(renamed_from)
        result.append(_status(migration, position, row, ledger, renamed_from, position < last_applied))
    known = {m.id for m in ordered} | explained
    missing = [name for name in yoyo if name not in known]
    # Checksums of what waits are worth their time only where something is missing.
    waiting = {s.migration.checksum: s.migration.id for s in result if missing and s.migration and s.state in WAITING}
    for gone in missing:
        version = version_of(gone)
        row = rows.get(version) if version is not None else None
        twin = waiting.get(row.checksum) if row is not None and row.checksum else None
        result.append(
            Status(
                version if version is not None else -1,
                gone.partition("_")[2] or gone,
                MISSING,
                None,
                row.applied_at if row else yoyo[gone],
                row.applied_by if row else None,
                row.duration_ms if row else None,
                f"its content is now in {twin}; was it renumbered?" if twin else "applied, but its file is gone",
            )
        )
    return result


def _status(
    migration: Migration, position: int, mine: Row | None, ledger: Ledger, renamed_from: str | None, later_applied: bool
) -> Status:
    yoyo = ledger.yoyo or {}
    version, name = migration.version, migration.name
    if renamed_from is not None and mine is not None:
        return Status(
            version,
            name,
            EDITED,
            migration,
            mine.applied_at,
            mine.applied_by,
            mine.duration_ms,
            f"applied under the name {renamed_from}",
        )
    if migration.id in yoyo:
        if mine is None or mine.status != APPLIED:
            return Status(
                version,
                name,
                APPLIED,
                migration,
                yoyo[migration.id],
                ledger.yoyo_by.get(migration.id),
                None,
                "applied by yoyo; the ledger lacks it",
                incomplete=True,
            )
        state, note = APPLIED, None
        if mine.checksum is not None and mine.checksum != migration.checksum:
            state, note = EDITED, "the file changed after it was applied"
        return Status(version, name, state, migration, mine.applied_at, mine.applied_by, mine.duration_ms, note)
    if mine is not None and mine.status in (ROLLED_BACK, FAILED):
        return Status(version, name, mine.status, migration, mine.applied_at, mine.applied_by, mine.duration_ms)
    if mine is not None and mine.status == APPLIED:
        return Status(
            version,
            name,
            ROLLED_BACK,
            migration,
            mine.applied_at,
            mine.applied_by,
            mine.duration_ms,
            "rolled back by yoyo",
            incomplete=True,
        )
    if later_applied:
        return Status(version, name, OUT_OF_ORDER, migration, note="a later migration is applied already")
    return Status(version, name, PENDING, migration)


def to_apply(found: Sequence[Status], *, to: int | None = None, out_of_order: bool = False) -> list[Migration]:
    """The migrations that ``migrate.up`` runs, in order, up to and including version ``to``.

    Raises FileError where an applied file was edited or is missing, or where one would be applied
    out of order without ``out_of_order``; UsageError where ``to`` is no version.
    """
    refuse_changed(found)
    if to is not None and to not in {s.version for s in found}:
        raise UsageError(f"there is no migration {to}", hint="see: invoke migrate.status")
    late = [s for s in found if s.state == OUT_OF_ORDER and (to is None or s.version <= to)]
    if late and not out_of_order:
        raise FileError(
            f"{_ids(late)} would be applied out of order: later migrations are applied already",
            where=Location(late[0].migration.up.path) if late[0].migration else None,
            state="nothing was changed",
            hint="renumber it after the last one, or apply it where it stands with --out-of-order",
        )
    return [s.migration for s in found if s.migration and s.state in WAITING and (to is None or s.version <= to)]


def to_roll_back(found: Sequence[Status], *, steps: int | None = None, to: int | None = None) -> list[Migration]:
    """The migrations that ``migrate.down`` undoes, latest first: ``steps`` of them, or all above
    version ``to``. Raises like to_apply()."""
    refuse_changed(found)
    applied = [s.migration for s in found if s.state == APPLIED and s.migration]
    applied.reverse()
    if to is not None:
        if to != 0 and to not in {s.version for s in found}:
            raise UsageError(f"there is no migration {to}", hint="0 means before the first; see: invoke migrate.status")
        return [m for m in applied if m.version > to]
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps}: give a number of migrations, 1 or more")
    return applied[: steps or 1]


def refuse_changed(found: Sequence[Status]) -> None:
    """Raise FileError where what was applied is no longer what the files say."""
    changed = [s for s in found if s.state in (EDITED, MISSING)]
    if not changed:
        return
    first = changed[0]
    raise FileError(
        f"{len(changed)} applied migration{'s' if len(changed) > 1 else ''} no longer match the files: {_ids(changed)}"
        if len(changed) > 1
        else f"{_ids(changed)} was applied, and {'its file is gone' if first.state == MISSING else 'then changed'}",
        where=Location(first.migration.up.path) if first.migration else None,
        details=tuple(f"{_ids([s])}: {s.state} ({s.note})" for s in changed),
        state="nothing was changed",
        hint="bring the file back (git checkout) and put the change into a new migration; "
        "if the change is harmless, accept it with: invoke migrate.repair --version " + (str(first.version)),
    )


def _ids(found: Sequence[Status]) -> str:
    return ", ".join(s.migration.id if s.migration else f"{s.version:04d}_{s.name}" for s in found)


def _line_of(migration: Migration, needed: str) -> int | None:
    for number, line in enumerate(migration.up.head().split("\n"), 1):
        if line.lstrip().startswith("--") and "depends" in line and needed in line:
            return number
    return None
