"""Which backups may go, and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memsql.backups.catalogue import ENDINGS, Backup, backups
from memsql.backups.manifest import SUFFIX, manifest_path
from memsql.backups.workplace import sweep, writing
from memsql.config import Settings

NOT_OURS = "nothing is known of it, so it is left alone"


@dataclass(frozen=True, slots=True)
class Choice:
    """A backup and why it stays; ``reason`` None: it goes."""

    backup: Backup
    reason: str | None


def decide(found: Sequence[Backup], keep: int | None, keep_days: float | None, now: datetime) -> list[Choice]:
    """For each backup whether it stays, newest first as given.

    Of each database stay the ``keep`` newest proven ones and as many others, whatever is not older than ``keep_days``, and
    always the newest proven one. A file whose manifest cannot be read stays: it may be somebody else's.
    """
    seen: dict[tuple[str, bool], int] = {}
    choices = []
    for backup in found:
        if backup.manifest is None:
            choices.append(Choice(backup, NOT_OURS))
            continue
        group = (backup.manifest.source.identity, backup.proven)
        number = seen[group] = seen.get(group, 0) + 1
        choices.append(Choice(backup, _reason(backup, number, keep, keep_days, now)))
    return choices


def prune(
    settings: Settings, *, keep: int | None, keep_days: float | None, every_source: bool, dry_run: bool
) -> list[Choice]:
    """Remove what ``decide`` lets go, and what dead runs left behind. The file goes before its manifest: one without the
    other is no backup to anybody. Raises ConnectError where the folder cannot be written."""
    found = backups(settings, every_source=every_source)
    choices = decide(found, keep, keep_days, datetime.now(UTC))
    if dry_run or not settings.backups.is_dir():
        return choices
    with writing(settings.show(settings.backups)):
        for choice in choices:
            if choice.reason is None:
                choice.backup.path.unlink(missing_ok=True)
                manifest_path(choice.backup.path).unlink(missing_ok=True)
        _remove_leftovers(settings)
    return choices


def _reason(backup: Backup, number: int, keep: int | None, keep_days: float | None, now: datetime) -> str | None:
    if backup.proven and number == 1:
        return "the newest proven one"
    if keep is not None and number <= keep:
        return f"one of the newest {keep}"
    if keep_days is not None and now - backup.created <= timedelta(days=keep_days):
        return f"not older than {keep_days:g} days"
    return None


def _remove_leftovers(settings: Settings) -> None:
    """Manifests whose file never came, or is gone. Looked for before it is seen that nobody is at work: who has
    written his manifest and is not at work any more has given the file its name, or died."""
    alone = [
        path
        for path in settings.backups.glob("*" + SUFFIX)
        if path.name.removesuffix(SUFFIX).endswith(ENDINGS)
        and not path.with_name(path.name.removesuffix(SUFFIX)).exists()
    ]
    if sweep(settings.backups):
        return
    for path in alone:
        if not path.with_name(path.name.removesuffix(SUFFIX)).exists():
            path.unlink(missing_ok=True)
