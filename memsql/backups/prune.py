"""Which backups may go, and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from memsql.backups.catalogue import ENDINGS, Backup
from memsql.backups.manifest import SUFFIX, manifest_path
from memsql.backups.workplace import writing
from memsql.config import Settings
from memsql.storage import work_folders
from memsql.storage.leftovers import remove_file
from memsql.storage.syncing import sync_names

NOT_OURS = "nothing is known of it, so it is left alone"


@dataclass(frozen=True, slots=True)
class Retention:
    """Which backups of a database to keep: the ``keep`` newest, and those that are not older than ``keep_days``. None
    keeps nothing."""

    keep: int | None
    keep_days: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A backup and the reason why it stays; None means that it goes."""

    backup: Backup
    reason: str | None


def decide(backups: Sequence[Backup], retention: Retention, now: datetime) -> list[Decision]:
    """Decide for each of ``backups``, which has the newest first, whether it stays.

    Of each database stay the newest proven backups, as many unproven ones, and as many copies that restores made for
    safety, whatever ``retention`` keeps by its age, and always the newest proven backup of both kinds. A file whose
    manifest cannot be read stays: it may belong to somebody else.
    """
    numbers: dict[tuple[str, bool, bool], int] = {}
    decisions = []
    for backup in backups:
        if backup.manifest is None:
            decisions.append(Decision(backup, _unknown(backup)))
            continue
        group = (backup.manifest.source.identity, backup.proven, backup.replaced_by is None)
        number = numbers[group] = numbers.get(group, 0) + 1
        decisions.append(Decision(backup, _reason(backup, number, retention, now)))
    return decisions


def remove(settings: Settings, decisions: Sequence[Decision]) -> None:
    """Remove the backups that go, and what dead runs left behind. Raises ConnectError where the folder cannot be
    written."""
    if not settings.backups.is_dir():
        return
    with writing(settings.show(settings.backups)):
        for decision in decisions:
            if decision.reason is None:
                # The file goes first: a manifest without a file is no backup to anybody.
                decision.backup.path.unlink(missing_ok=True)
                manifest_path(decision.backup.path).unlink(missing_ok=True)
        _remove_leftovers(settings)
        # Else a loss of power brings them back, although it was said that they are removed.
        sync_names(settings.backups)


def _unknown(backup: Backup) -> str:
    """Why a backup stays of which no manifest tells: a disk that could not be read is no reason to call it unknown."""
    problem = backup.problem or ""
    return f"{problem}, so it is left alone" if " cannot be read: " in problem else NOT_OURS


def _reason(backup: Backup, number: int, retention: Retention, now: datetime) -> str | None:
    """Why the backup stays that is the ``number``-th newest of its kind."""
    keep, keep_days = retention.keep, retention.keep_days
    if backup.proven and number == 1:
        return "the newest proven one" if backup.replaced_by is None else "the newest one that a restore kept"
    if keep is not None and number <= keep:
        return f"one of the newest {keep}"
    if keep_days is not None and now - backup.created <= timedelta(days=keep_days):
        return f"not older than {keep_days:g} days"
    return None


def _remove_leftovers(settings: Settings) -> None:
    """Remove manifests whose file never came, or is gone.

    They are listed before it is known that no other run is at work. So a manifest that is still alone afterwards
    belongs to a run that died between naming the manifest and naming the file.
    """
    alone = [path for path in settings.backups.glob("*" + SUFFIX) if _is_alone(path)]
    if work_folders.sweep(settings.backups):
        return
    for path in alone:
        if _is_alone(path):
            remove_file(path)


def _is_alone(manifest: Path) -> bool:
    """Whether ``manifest`` is named like one of a backup, and that backup does not exist."""
    name = manifest.name.removesuffix(SUFFIX)
    return name.endswith(ENDINGS) and not manifest.with_name(name).exists()
