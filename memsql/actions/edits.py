"""Accepting files that are no longer what was applied: by name alone where the content is the same, else by a replay of
the old text, or because a person vouches for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memsql import hints
from memsql.engine.state import State
from memsql.errors import Refused, UsageError
from memsql.ledger import version_of
from memsql.project import plan
from memsql.project.files import Migration, read_folder
from memsql.project.plan import Applied, Status

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person accepts: the migration ``version``, None for all that differ; because the text at the commit
    ``revision`` does the same, or for a ``reason``."""

    version: int | None = None
    revision: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row of the ledger that is accepted as ``migration``, or forgotten where that is None."""

    status: Status
    migration: Migration | None
    sentence: str


def acceptance(state: State, choice: Choice, certain: Collection[Status]) -> list[Accepted]:
    """What ``choice`` accepts of ``state``, besides what is ``certain``.

    Raises UsageError where the version does not exist, or where the content differs and neither a revision nor a reason
    is there; Refused where the old text does something else than the new one.
    """
    if choice.version is not None and choice.version not in {s.version for s in state.statuses}:
        raise UsageError(f"there is no migration {choice.version}", hint=f"see: {hints.command('migrate.status')}")
    if choice == Choice():
        return []
    picked = [
        s
        for s in state.statuses
        if s.state in (plan.EDITED, plan.MISSING) and s not in certain and choice.version in (None, s.version)
    ]
    applied = _applied(state)
    if choice.revision is not None:
        # What nobody named and has no text any more is no business of a proof.
        picked = [s for s in picked if s.migration or choice.version is not None or _successor(applied, s)]
        return _proven(state, picked, choice.revision)
    if choice.version is None and len(picked) > 1:
        raise UsageError(
            f"{len(picked)} migrations differ from what was applied: {', '.join(s.id for s in picked)}",
            state="nothing was changed",
            hint="a reason is about one of them: name it with --version N",
        )
    return [_named(applied, status, choice.reason) for status in picked]


def _applied(state: State) -> Applied:
    return Applied(state.project.ordered, state.ledger, state.history)


def _named(applied: Applied, status: Status, reason: str | None) -> Accepted:
    """``status`` as a person accepts it. Raises UsageError where that takes a reason and there is none."""
    because = f": {reason}" if reason else ""
    migration = status.migration
    if migration is None:
        successor = _successor(applied, status)
        if successor is not None and reason is None:
            why = f"{successor.id} may be what became of it, and it would run again"
            raise _says_too_little(status, why, f"to forget {status.id} all the same, say why")
        return Accepted(status, None, f"forget {status.id}: its file is gone; the database keeps what it did{because}")
    row = applied.rows[status.version]
    if migration.id not in applied.yoyo:
        return Accepted(status, migration, f"re-stamp {migration.id}: {status.note}{because}")
    if reason is None:
        why = "its content differs from what was applied"
        raise _says_too_little(status, why, "if you know that it is harmless, say why")
    old = (row.checksum or "none")[:12]
    sentence = f"re-stamp {migration.id}: {status.note}; checksum {old} becomes {migration.checksum[:12]}{because}"
    return Accepted(status, migration, sentence)


def _says_too_little(status: Status, why: str, otherwise: str) -> UsageError:
    command = f"migrate.repair --version {status.version}"
    accept = hints.command(f'{command} --accept "reason"')
    return UsageError(
        f"{status.id} cannot be accepted by its number alone: {why}",
        details=(
            f"if it still does the same, prove it with the old text from git: {hints.command(f'{command} --from REV')}",
            f"{otherwise}, and the history keeps it: {accept}",
        ),
        state="nothing was changed",
        hint="or bring the old file back: git checkout",
    )


def _successor(applied: Applied, status: Status) -> Migration | None:
    """The file that may be what became of a migration whose file is gone: it has its number or its name, and is not
    applied."""
    known = applied.yoyo.keys() | applied.renumbered().keys()
    waiting = [m for m in applied.ordered if m.id not in known]
    return next((m for m in waiting if m.version == status.version or m.name == status.name), None)


def _proven(state: State, picked: Sequence[Status], revision: str) -> list[Accepted]:
    """``picked``, each of which does the same as its text at the commit ``revision``."""
    from memsql.actions.sources import folder_at

    if not picked:
        return []
    applied = _applied(state)
    settings = state.project.settings
    with folder_at(settings, revision) as folder:
        then = {m.id: m for m in read_folder(folder, f"{revision}:{settings.show(settings.migrations)}")}
    return [_replayed(state, status, _old_text(applied, status, then, revision), revision) for status in picked]


def _old_text(applied: Applied, status: Status, then: dict[str, Migration], revision: str) -> Migration:
    """The migration as it was applied, among those of ``revision``."""
    row = applied.rows.get(status.version)
    name = next((i for i in applied.yoyo if version_of(i) == status.version), status.id)
    old = then.get(name)
    if old is None or not applied.same(row, old):
        raise Refused(
            f"{name} at {revision} is not what was applied" if old is not None else f"there is no {name} at {revision}",
            details=(f"the ledger has the checksum {row.checksum}",) if row and row.checksum else (),
            state="nothing was changed",
            hint=f"name a commit that has the text of that time: git log -- '*{name}.sql'",
        )
    return old


def _replayed(state: State, status: Status, old: Migration, revision: str) -> Accepted:
    """``status`` accepted because a replay shows that nothing differs. Raises Refused where something does."""
    from memsql.actions.equivalence import unlike

    applied = _applied(state)
    new = status.migration or _successor(applied, status)
    if new is None:
        raise Refused(
            f"the file of {status.id} is gone, so there is nothing to compare with its text at {revision}",
            state="nothing was changed",
            hint=f"give it up: {hints.command(f'migrate.repair --version {status.version}')}",
        )
    ids = [m.id for m in applied.ordered]
    lines = unlike(state.project.settings, applied.ordered[: ids.index(new.id)], old, new)
    if lines:
        raise Refused(
            f"{new.id} does something else than its text at {revision}",
            details=lines[:_SHOWN],
            state="nothing was changed",
            hint="bring the old text back, and put the change into a new migration; if you know that it is harmless: "
            + hints.command(f'migrate.repair --version {status.version} --accept "reason"'),
        )
    what = f"re-stamp {new.id}" if new.id == old.id else f"re-stamp {old.id} as {new.id}"
    return Accepted(status, new, f"{what}: on a replay its text at {revision} does the same")
