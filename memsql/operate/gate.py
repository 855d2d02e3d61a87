"""The gate before a change to a protected database: a young proven backup, and the answer yes.

This module decides and words the question; the task asks it at the terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from memsql import hints, words
from memsql.backups.catalogue import Backup, newest_proven
from memsql.config import Settings
from memsql.errors import Refused

_UNTOUCHED = "nothing was changed"


def require_backup(settings: Settings, now: datetime | None = None) -> None:
    """Raise Refused where the database of ``settings`` has no proven backup younger than ``backup_max_age``."""
    refusal = backup_refusal(settings, newest_proven(settings), now or datetime.now(UTC))
    if refusal is not None:
        raise refusal


def backup_refusal(settings: Settings, newest: Backup | None, now: datetime) -> Refused | None:
    """The refusal where the ``newest`` proven backup is too old or there is none, or None where it is young enough."""
    folder = settings.show(settings.backups)
    hint = (
        f"make one: {hints.command('backup')}; it may be one line: {hints.chain('backup', 'migrate --yes', 'verify')}"
    )
    if newest is None:
        return Refused(
            f"{_name(settings)} is protected, and there is no proven backup of {settings.target} in {folder}",
            state=_UNTOUCHED,
            hint=hint,
        )
    if not newest.is_too_old(settings, now):
        return None
    return Refused(
        f"{_name(settings)} is protected, and the newest proven backup of {settings.target}, {newest.path.name}, "
        f"{newest.age_in_words(now)}; backup_max_age is {words.age(settings.backup_max_age / 1000)}",
        state=_UNTOUCHED,
        hint=hint,
    )


def question(settings: Settings, what: str) -> str:
    """The question before the change; ``what`` completes the sentence "memsql will"."""
    return f"{_name(settings)} is protected.\n  database: {settings.target}\n  memsql will {what}\nGo on? Type yes: "


def confirm(settings: Settings, what: str, *, yes: bool, ask: Callable[[str], str | None]) -> None:
    """Return where ``yes`` is set or ``ask`` answers "yes". ``ask`` takes the question and returns None without a
    terminal.

    Raises Refused for every other answer.
    """
    if yes:
        return
    answer = ask(question(settings, what))
    if answer is None:
        raise Refused(
            f"{_name(settings)} is protected, and there is no terminal to ask at",
            state=_UNTOUCHED,
            details=(f"database: {settings.target}", f"it would {what}"),
            hint="if that is meant, add --yes",
        )
    if answer.strip() != "yes":
        raise Refused("the answer was not yes", state=_UNTOUCHED, hint="run it again, and type yes")


def _name(settings: Settings) -> str:
    return f"the environment {settings.env}" if settings.env else "this database"
