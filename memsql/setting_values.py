"""What the texts of settings mean: times, numbers, prices, command lines. Each function raises ConfigError."""

from __future__ import annotations

import configparser

from memsql import words
from memsql.errors import ConfigError

# For how long a check may run. On a server it may hold the lock for which other writers wait.
CHECK_MS, _CHECK_ON_SERVER_MS = 30_000, 3_000
# A libSQL server gives the lock away after this time when somebody else waits for it.
_LOCK_ON_SERVER_MS = 5_000

SERVER_COPY_ROWS = 100_000
"""Of how many rows of a table a migration makes a copy on a server, to compare it afterwards."""


def duration(name: str, text: str) -> int:
    """``text`` in milliseconds."""
    duration = words.parse_duration(text, "ms")
    if duration is None:
        raise ConfigError(f"{name} = {text}: not a time", hint="write 5000 (milliseconds), 5s, 10m, 24h or 7d")
    return duration


def check_timeout(text: str, *, on_server: bool) -> int:
    """For how long a check may run, in milliseconds; ``text`` is the setting, which may be empty."""
    if not text.strip():
        return _CHECK_ON_SERVER_MS if on_server else CHECK_MS
    duration = words.parse_duration(text, "s")
    if not duration:
        raise ConfigError(f"check_timeout = {text}: not a time", hint="write 30s or 2m")
    return duration


def lock_budget(text: str, *, on_server: bool) -> int | None:
    """For how long a migration may hold the write lock without a warning, in milliseconds; None for any
    time. ``text`` is the setting, which may be empty."""
    if not text.strip():
        return _LOCK_ON_SERVER_MS if on_server else None
    duration = words.parse_duration(text, "s")
    if duration is None:
        raise ConfigError(f"lock_budget = {text}: not a time", hint="write 5s or 500ms; 0 is without a limit")
    return duration or None


def rows(name: str, text: str) -> int:
    """``text``, which may be empty, as a number of rows."""
    digits = text.strip().replace("_", "").replace(",", "")
    if not digits:
        return SERVER_COPY_ROWS
    number = words.whole_number(digits)
    if number is None:
        raise ConfigError(f"{name} = {text}: not a number of rows", hint=f"write {SERVER_COPY_ROWS}")
    return number


def price(name: str, text: str) -> float | None:
    """``text``, which may be empty, as an amount of money."""
    if not text.strip():
        return None
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < 1e12:
        raise ConfigError(
            f"{name} = {text}: not a price", hint=f"write what a billion rows read cost, as in: {name} = 1.00"
        )
    return price


def command(name: str, text: str) -> tuple[str, ...]:
    """The words of the command line ``text``, as a shell would cut it; nothing else of a shell is done."""
    if not text.strip():
        return ()
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as e:
        # Without the text, which may hold a secret of the command's.
        raise ConfigError(
            f"{name} is no command line: {str(e).lower()}",
            hint=f"write a program and its words, as in: {name} = ./tell-team operations",
        ) from None


def boolean(name: str, text: str) -> bool:
    try:
        return configparser.ConfigParser.BOOLEAN_STATES[text.strip().lower()]
    except KeyError:
        raise ConfigError(f"{name} = {text}: not yes or no") from None


def folder_name(name: str, text: str) -> str:
    """``text``, which may be empty, as the name of a folder in another one."""
    if text.strip() in (".", "..") or set(text) & set("/\\\0"):
        raise ConfigError(f"{name} = {text}: not the name of one folder")
    return text.strip()


def timestamps(name: str, text: str) -> bool:
    """Whether new migrations are numbered by the clock, as ``text`` says, and not one after the other."""
    if text.strip() not in ("sequential", "timestamp"):
        raise ConfigError(f"{name} = {text}: not sequential or timestamp")
    return text.strip() == "timestamp"


def rehearsal_timeout(text: str) -> int | None:
    """For how long a dry run may run, in milliseconds; None for any time. ``text`` is the setting, which may be
    empty."""
    if not text.strip():
        return None
    limit = words.parse_duration(text, "s")
    if not limit:
        raise ConfigError(f"rehearsal_timeout = {text}: not a time", hint="write 60s or 5m")
    return limit
