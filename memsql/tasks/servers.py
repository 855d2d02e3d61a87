"""Tasks on servers: refused before the first task of a chain runs where the libraries for servers are missing, and
ended with a message where an answer fits no question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import config, hints
from memsql.db import client
from memsql.errors import ConnectError, MemsqlError

if TYPE_CHECKING:
    from invoke import Call

_SHORT = 200


def refuse_without_client(calls: Sequence[Call]) -> None:
    """Raise UsageError where one of ``calls``, of tasks on databases, needs a library that is not installed."""
    if client.is_installed():
        return
    for call in calls:
        for target in _targets(call):
            if target.is_server:
                client.refuse_missing(str(target))


def misfit(target: config.Target, error: Exception) -> ConnectError:
    """What to tell of ``error``, which nobody foresaw, in a task on the server ``target``.

    An answer that is good Hrana can still be that to another question, such as rows with other columns. Python stumbles
    over it in any place, as it does over a mistake in memsql, and only the traceback tells them apart.
    """
    import traceback

    package = Path(__file__).resolve().parents[1]
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(package)
    ]
    at = frames[-1]
    place = f"memsql/{Path(at.filename).relative_to(package).as_posix()}, line {at.lineno}"
    return ConnectError(
        f"{target}: an answer does not fit what was asked, or memsql has a mistake",
        details=(f"{type(error).__name__} in {place}: {str(error)[:_SHORT]}",),
        state="an open transaction is rolled back; what was committed before it stays",
        hint=f"see: {hints.command('migrate.status')}; for a report of a mistake, --verbose shows the traceback",
    )


def _targets(call: Call) -> Iterator[config.Target]:
    """The database of ``call``, and every one that another of its options names by a URL.

    What is wrong with them is said by the task itself.
    """
    values = call.kwargs
    with suppress(MemsqlError):
        settings = config.load(project=values.get("project"), env=values.get("env"), database=values.get("database"))
        yield settings.target
        for value in values.values():
            if isinstance(value, str) and config.is_url(value):
                with suppress(MemsqlError):
                    yield config.parse_target(value, settings.root, None)
