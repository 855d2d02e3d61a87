"""The gate before a protected database: a proven backup that is young enough, and a yes.

What stands here decides and words; asking at a terminal is the task's business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from memsql.backups.catalogue import Backup, newest_proven
from memsql.config import Settings
from memsql.errors import Refused
from memsql.words import age

_UNTOUCHED = "nothing was changed"


def require_backup(settings: Settings, now: datetime | None = None) -> None:
    """Raise Refused where the database of ``settings`` has no proven backup younger than ``backup_max_age``."""
    problem = lacking(settings, newest_proven(settings), now or datetime.now(UTC))
    if problem is not None:
        raise problem


def lacking(settings: Settings, newest: Backup | None, now: datetime) -> Refused | None:
    """The refusal that the ``newest`` proven backup leads to, or None where it will do."""
    folder = settings.show(settings.backups)
    hint = "make one: invoke backup; it may be one line: invoke backup migrate --yes verify"
    if newest is None:
        return Refused(
            f"{_name(settings)} is protected, and there is no proven backup of {settings.target} in {folder}",
            state=_UNTOUCHED,
            hint=hint,
        )
    old = (now - newest.created).total_seconds()
    if old * 1000 <= settings.backup_max_age:
        return None
    return Refused(
        f"{_name(settings)} is protected, and the newest proven backup of {settings.target}, {newest.path.name}, is "
        f"{age(old)} old; backup_max_age is {age(settings.backup_max_age / 1000)}",
        state=_UNTOUCHED,
        hint=hint,
    )


def question(settings: Settings, what: str) -> str:
    """What to ask before it is done."""
    return f"{_name(settings)} is protected.\n  database: {settings.target}\n  memsql will {what}\nGo on? Type yes: "


def confirm(settings: Settings, what: str, *, yes: bool, ask: Callable[[str], str | None]) -> None:
    """Go on where ``yes`` was said already or is the answer of ``ask``, which returns None where nobody can be asked.

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
