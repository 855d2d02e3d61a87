"""The names of the library as coroutines, for programs with an event loop.

The work runs in another thread, for a server too, so that the loop goes on. Where the task that waits is cancelled, the
work stops, what it did not commit is undone, and then the cancellation goes on. Parameters, results and errors are
those of the functions of the same name in ``memsql``.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from memsql.engine.signals import Stop
from memsql.library import calls, current, lazily, looking, migrating
from memsql.library.source import Project, StrPath

__all__ = ["backup", "ensure_current", "migrate", "plan", "require_current", "status", "verify"]

P = ParamSpec("P")
T = TypeVar("T")


def _coroutine(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        stop = Stop()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, lambda: calls.run_stopped_by(lambda _: function(*args, **kwargs), stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.name = calls.STOPPED
            # The database is whole when this ends; who cancels once more does not wait.
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            raise

    return call


migrate = _coroutine(migrating.migrate)
status = _coroutine(looking.status)
plan = _coroutine(looking.plan)
verify = _coroutine(looking.verify)
backup = _coroutine(looking.backup)
ensure_current = _coroutine(lazily.ensure_current)


async def require_current(
    conn: Any,
    *,
    project: Project | StrPath | None = None,
    foreign_keys: bool = False,
    allow_newer: bool = False,
) -> None:
    """memsql.require_current(). ``conn`` is a connection without coroutines, such as one of sqlite3; it is asked in
    this thread, because it belongs to it, and answers within microseconds."""
    await asyncio.get_running_loop().run_in_executor(None, current.load_expected, project)
    current.require_current(conn, project=project, foreign_keys=foreign_keys, allow_newer=allow_newer)
