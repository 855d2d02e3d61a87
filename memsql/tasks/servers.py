"""Tasks on servers where the libraries for servers are missing: refused before the first task of a chain runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from memsql import config
from memsql.db import client
from memsql.errors import MemsqlError

if TYPE_CHECKING:
    from invoke import Call


def refuse_without_client(calls: Sequence[Call]) -> None:
    """Raise UsageError where one of ``calls``, of tasks on databases, needs a library that is not installed."""
    if client.is_installed():
        return
    for call in calls:
        for target in _targets(call):
            if target.is_server:
                client.refuse_missing(str(target))


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
