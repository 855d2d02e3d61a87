"""What state each migration is in, and which ones to apply or roll back. Pure: files and ledger go in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal

from memsql import hints
from memsql.errors import FileError, Location, UsageError
from memsql.ledger import Hashes, Ledger, Row, version_of
from memsql.project.files import Migration
from memsql.project.folded import Folded, folded_in, halfway, is_other_text, known_to

APPLIED, PENDING, ROLLED_BACK, FAILED = "applied", "pending", "rolled_back", "failed"
EDITED, MISSING, OUT_OF_ORDER = "edited", "missing", "out_of_order"
WAITING = frozenset({PENDING, ROLLED_BACK, FAILED, OUT_OF_ORDER})

Edit = Literal["comments", "rollback"]
_EDITS: dict[Edit, str] = {
    "comments": "only comments or white space changed",
    "rollback": "its rollback changed",
}

Sorter = Callable[[Sequence[Migration]], list[Migration]]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one migration: a line of ``migrate.status``.

    ``migration`` is None where the file is gone. ``applied_at`` is UTC ISO-8601, ``duration_ms`` milliseconds.
    ``note``: what a person should know about this state. ``incomplete``: a row of the ledger has to be written or
    moved, because yoyo applied it or rolled it back by itself, or because it got another number since; ``former`` is
    the id under which the ledger has it then. ``edit``: what changed after it was applied, where that does not change
    what it does. ``renamed``: it was applied under another name with the same number, and does the same.
    ``folded``: the ids that the ledger has of the migrations that were folded into it. ``lacks``: those of them that
    the database lacks, where it has some of them; it can neither be applied then nor count as applied.
    """

    version: int
    name: str
    state: str
    migration: Migration | None
    applied_at: str | None = None
    applied_by: str | None = None
    duration_ms: int | None = None
    note: str | None = None
    _: KW_ONLY
    incomplete: bool = False
    former: str | None = None
    edit: Edit | None = None
    renamed: bool = False
    folded: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def is_applied(self) -> bool:
        """Whether the database has it, edited or missing files included."""
        return self.state in (APPLIED, EDITED, MISSING)

    @property
    def id(self) -> str:
        """The id of its file, or what is known of it where the file is gone."""
        return self.migration.id if self.migration else f"{self.version:04d}_{self.name}"


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


def statuses(
    ordered: Sequence[Migration], ledger: Ledger, history: Mapping[tuple[int, str], Hashes] | None = None
) -> list[Status]:
    """The state of every migration: files in the order to apply, then what only the ledger knows.

    ``ordered`` is what order() returned. ``history``: the hashes of what was applied, by version and checksum; they are
    needed where has_changed() of the result without them. The ledger of another tool counts as none.
    """
    applied = Applied(ordered, ledger, history or {})
    former = applied.renumbered()
    last = max((i for i, m in enumerate(ordered) if m.id in applied.yoyo or m.id in former), default=-1)
    result, explained = [], {*former.values()}
    for position, migration in enumerate(ordered):
        if migration.id in former:
            result.append(applied.moved(migration, former[migration.id]))
            continue
        name = applied.other_name(migration)
        if name is not None:
            explained.add(name)
            status = _from_row(migration, applied.row_of(name), EDITED, f"applied under the name {name}")
            result.append(replace(status, renamed=True))
        else:
            result.append(_status(migration, applied, later_applied=position < last))
    return [*result, *_missing([i for i in applied.lost if i not in explained], result, applied)]


def has_changed(statuses: Sequence[Status]) -> bool:
    """Whether something that is applied differs from the files, so that statuses() should know the history."""
    return any(s.state in (EDITED, MISSING) or s.folded for s in statuses)


def notices(statuses: Sequence[Status]) -> tuple[str, ...]:
    """What changed in files that are applied and still do the same, in sentences."""
    return tuple(f"{s.id}: {s.note}" for s in statuses if s.edit)


def edit_of(then: Hashes, now: Hashes) -> Edit | None:
    """What an edit changed, where the migration still does the same; ``then`` are the hashes before it."""
    if then.up != now.up:
        return None
    return "comments" if then.rollback == now.rollback else "rollback"


def edit_sentence(edit: Edit, rollback: object | None) -> str:
    """What the ``edit`` changed; ``rollback`` is what the migration has of it now."""
    return "its rollback was removed" if edit == "rollback" and rollback is None else _EDITS[edit]


class Applied:
    """What the ledger says was applied, beside the files. ``lost`` are the ids that no file has."""

    def __init__(self, ordered: Sequence[Migration], ledger: Ledger, history: Mapping[tuple[int, str], Hashes]) -> None:
        self.ledger = ledger
        self.yoyo: Mapping[str, str] = ledger.yoyo or {}
        self.rows: Mapping[int, Row] = {} if ledger.is_foreign else ledger.rows
        # What was folded into a migration that is there is no lost file.
        present = {m.id for m in ordered}.union(*map(known_to, ordered))
        self.lost = tuple(i for i in self.yoyo if i not in present)
        self.ordered = tuple(ordered)
        self._history = history
        # A row belongs to what is applied under its number, whatever file has that number now.
        self._taken = {version_of(i): i for i in self.lost}

    def row(self, migration: Migration) -> Row | None:
        """The row of ``migration``; None where its number is that of another migration."""
        return None if migration.version in self._taken else self.rows.get(migration.version)

    def row_of(self, migration_id: str) -> Row | None:
        """The row of ``migration_id``, which may have no file."""
        version = version_of(migration_id)
        return None if version is None else self.rows.get(version)

    def same(self, row: Row | None, migration: Migration) -> bool:
        """Whether ``migration`` does what was applied as ``row``. False where that is not known."""
        return row is not None and (row.checksum == migration.checksum or self.edit(row, migration) is not None)

    def edit(self, row: Row, migration: Migration) -> Edit | None:
        """What of ``migration`` changed since it was applied as ``row``, where it still does the same."""
        then = self._history.get((row.version, row.checksum or ""))
        return None if then is None else edit_of(then, migration.hashes)

    def then(self, migration_id: str) -> str | None:
        """The hash of what ``migration_id`` did when it was applied; None where the history does not know."""
        row = self.row_of(migration_id)
        then = None if row is None else self._history.get((row.version, row.checksum or ""))
        return None if then is None else then.up

    def other_name(self, migration: Migration) -> str | None:
        """The id under which ``migration`` was applied with the same number, where that is another id."""
        name = self._taken.get(migration.version)
        if name is None or migration.id in self.yoyo or not self.same(self.row_of(name), migration):
            return None
        return name

    def renumbered(self) -> dict[str, str]:
        """The former id of each file that got another number after it was applied.

        That is certain where exactly one lost id and exactly one new file have the same content and the same name
        behind the number; comments, `-- depends:` among them, may name files that moved too by their new ids. Files
        that do nothing are all alike, so nothing is certain about them.
        """
        alike = [(x, m) for x in self.lost for m in self.ordered if m.name == _name_of(x) and self._is_new(m)]
        if not alike:
            return {}
        from memsql.project.renaming import under_other_names

        names = {m.id: lost for lost, m in alike}
        pairs = [
            (lost, m.id)
            for lost, m in alike
            if m.has_statement
            and (self.same(self.row_of(lost), m) or self.same(self.row_of(lost), under_other_names(m, names)))
        ]
        before, after = Counter(lost for lost, _ in pairs), Counter(new for _, new in pairs)
        return {new: lost for lost, new in pairs if before[lost] == 1 and after[new] == 1}

    def moved(self, migration: Migration, former: str) -> Status:
        """The status of ``migration``, whose row in the ledger has the number of ``former``."""
        note = f"applied as {former}; the ledger is to follow its new number"
        status = _from_row(migration, self.row_of(former), APPLIED, note)
        return replace(status, incomplete=True, former=former)

    def _is_new(self, migration: Migration) -> bool:
        row = self.row(migration)
        return migration.id not in self.yoyo and (row is None or row.name != migration.name)


def _name_of(migration_id: str) -> str:
    return migration_id.partition("_")[2]


def _status(migration: Migration, applied: Applied, *, later_applied: bool) -> Status:
    """``later_applied``: a migration behind it is applied."""
    row, ledger = applied.rows.get(migration.version), applied.ledger
    folded = folded_in(migration, applied.yoyo, row.checksum if row else None)
    if folded is not None:
        return _of_folded(migration, folded, applied)
    row = applied.row(migration)
    if migration.id in applied.yoyo:
        # Whatever else has its number.
        row = applied.rows.get(migration.version)
        if row is None or row.status != APPLIED:
            return Status(
                migration.version,
                migration.name,
                APPLIED,
                migration,
                applied_at=applied.yoyo[migration.id],
                applied_by=ledger.yoyo_by.get(migration.id),
                note="applied by yoyo; the ledger lacks it",
                incomplete=True,
            )
        if row.checksum is not None and row.checksum != migration.checksum:
            edit = applied.edit(row, migration)
            if edit is None:
                return _from_row(migration, row, EDITED, "the file changed after it was applied")
            note = f"{edit_sentence(edit, migration.down)} after it was applied"
            return replace(_from_row(migration, row, APPLIED, note), edit=edit)
        return _from_row(migration, row, APPLIED)
    if row is not None and row.status in (ROLLED_BACK, FAILED):
        return _from_row(migration, row, row.status)
    if row is not None and row.status == APPLIED:
        return replace(_from_row(migration, row, ROLLED_BACK, "rolled back by yoyo"), incomplete=True)
    if later_applied:
        note = "a later migration is applied already"
        return Status(migration.version, migration.name, OUT_OF_ORDER, migration, note=note)
    return Status(migration.version, migration.name, PENDING, migration)


def _of_folded(migration: Migration, folded: Folded, applied: Applied) -> Status:
    """The status of a migration that others were folded into, where the ledger is older than that."""
    row = applied.rows.get(migration.version)
    if folded.lacks or row is None:
        when = None if folded.lacks else applied.yoyo[migration.id]
        state = PENDING if folded.lacks else APPLIED
        by = None if folded.lacks else applied.ledger.yoyo_by.get(migration.id)
        status = Status(migration.version, migration.name, state, migration, when, by, note=folded.note)
    elif not {*migration.header.stood_for} & {*folded.ids} and is_other_text(
        migration, [applied.then(name) for name in migration.stands_for]
    ):
        return _from_row(migration, row, EDITED, "what ran here is not what was folded into it, or it was edited since")
    else:
        status = _from_row(migration, row, APPLIED, folded.note)
    return replace(status, incomplete=not folded.lacks, folded=folded.ids, lacks=folded.lacks)


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


def _missing(ids: Sequence[str], statuses: Sequence[Status], applied: Applied) -> list[Status]:
    """The states of migrations that are applied and have no file; ``statuses`` are those of the files."""
    # To hash the waiting files is worth its time only where something is missing.
    waiting = [s.migration for s in statuses if ids and s.migration and s.state in WAITING]
    result = []
    for migration_id in ids:
        version, row = version_of(migration_id), applied.row_of(migration_id)
        twin = next((m.id for m in waiting if applied.same(row, m) and m.has_statement), None)
        result.append(
            Status(
                version if version is not None else -1,
                _name_of(migration_id) or migration_id,
                MISSING,
                None,
                applied_at=row.applied_at if row else applied.yoyo[migration_id],
                applied_by=row.applied_by if row else None,
                duration_ms=row.duration_ms if row else None,
                note=_whereabouts(version, twin, waiting),
            )
        )
    return result


def _whereabouts(version: int | None, twin: str | None, waiting: Sequence[Migration]) -> str:
    """What to say of an applied migration that has no file. ``twin``: the id of a file with the same content."""
    if twin is not None:
        return f"its content is now in {twin}; was it renumbered?"
    successor = next((m.id for m in waiting if m.version == version), None)
    if successor is not None:
        return f"applied, but its file is gone, and {successor} has its number"
    return "applied, but its file is gone"


def to_apply(statuses: Sequence[Status], *, to: int | None = None, out_of_order: bool = False) -> list[Migration]:
    """The migrations that ``migrate.up`` runs, in order, up to and including version ``to``.

    Raises FileError where an applied file was edited or is missing, or where one would be applied
    out of order without ``out_of_order``; UsageError where ``to`` is no version.
    """
    refuse_changed(statuses)
    if to is not None and to not in {s.version for s in statuses}:
        raise UsageError(
            f"there is no migration {to}", state="nothing was changed", hint=f"see: {hints.command('migrate.status')}"
        )
    late = [s for s in statuses if s.state == OUT_OF_ORDER and (to is None or s.version <= to)]
    if late and not out_of_order:
        raise FileError(
            f"{_ids(late)} would be applied out of order: later migrations are applied already",
            where=Location(late[0].migration.up.path) if late[0].migration else None,
            state="nothing was changed",
            hint=f"let it come after the last one: {hints.command(f'migrate.renumber {late[0].id}')}; "
            f"or apply it where it stands: {hints.command('migrate.up --out-of-order')}",
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
            raise UsageError(
                f"there is no migration {to}",
                state="nothing was changed",
                hint=f"0 means before the first; see: {hints.command('migrate.status')}",
            )
        # 0 is before the first one, even where that has the version 0.
        return [m for m in applied if m.version > to or to == 0]
    if steps is not None and steps < 1:
        raise UsageError(f"--steps {steps}: give a number of migrations, 1 or more")
    return applied[: steps or 1]


def refuse_changed(statuses: Sequence[Status]) -> None:
    """Raise FileError where what was applied is no longer what the files say."""
    unfinished = next((s for s in statuses if s.lacks), None)
    if unfinished is not None:
        assert unfinished.migration is not None
        raise halfway(unfinished.migration, unfinished.folded, unfinished.lacks)
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
        hint="bring the file back (git checkout) and put the change into a new migration; " + way_on(first),
    )


def way_on(changed: Status) -> str:
    """How to go on with the file as it is now."""
    command = f"migrate.repair --version {changed.version}"
    if changed.state == MISSING:
        return f"if it is to stay gone, give it up with: {hints.command(command)}"
    if changed.renamed:
        return f"if it was only renamed, let the ledger follow with: {hints.command(command)}"
    prove, accept = hints.command(f"{command} --from REV"), hints.command(f'{command} --accept "reason"')
    return (
        f"if it still does the same, prove that with: {prove} (the commit that has the old text); "
        f"if you know it is harmless: {accept}"
    )


def _ids(statuses: Sequence[Status]) -> str:
    return ", ".join(s.id for s in statuses)


def _line_of(migration: Migration, needed: str) -> int | None:
    for number, line in enumerate(migration.up.head().split("\n"), 1):
        if line.lstrip().startswith("--") and "depends" in line and needed in line:
            return number
    return None
