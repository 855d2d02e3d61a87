"""An event loop in a thread of its own, so that the rest of memsql can be synchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_TICK_SECONDS = 0.1
# Less than it takes to connect to another machine, and more than to one's own.
_MOMENT_SECONDS = 0.02


class Stopped(Exception):
    """The caller gave up waiting for the answer."""


class Loop:
    """Runs coroutines one at a time for a thread that waits for them.

    It has a thread of its own, in place of ``run_until_complete``, for two reasons: a signal interrupts the waiting
    thread and never the loop in the middle of its own work, and WebSocket pings are answered while the caller computes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="memsql-network", daemon=True)
        self._thread.start()

    def run(
        self,
        work: Coroutine[Any, Any, T],
        tick: Callable[[], bool] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> T:
        """Wait for ``work``; return its result or raise its exception.

        An exception in the waiting thread, such as KeyboardInterrupt, cancels ``work``. ``tick`` is called about ten
        times a second meanwhile; when it returns True, ``work`` is cancelled and Stopped raised. ``meanwhile`` is
        called once where the waiting takes longer than a moment.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            if meanwhile is not None and not concurrent.futures.wait((future,), _MOMENT_SECONDS).done:
                meanwhile()
            while tick is not None and not concurrent.futures.wait((future,), _TICK_SECONDS).done:
                if tick():
                    raise Stopped
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def close(self) -> None:
        """Stop the loop and cancel what still runs in it."""
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
