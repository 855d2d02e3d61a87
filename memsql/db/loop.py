"""An event loop in a thread of its own, so that the rest of memsql need not be asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_TICK_SECONDS = 0.1


class Stopped(Exception):
    """The caller wants no answer any more."""


class Loop:
    """Runs coroutines one at a time on behalf of a thread that waits for them.

    A thread and not ``run_until_complete``: a signal then interrupts the waiting thread and never the loop
    in the middle of its own work, and WebSocket pings are answered while the caller computes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="memsql-network", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], tick: Callable[[], bool] | None = None) -> T:
        """Wait for ``work`` and return or raise what it does. An exception that arrives in the waiting
        thread, such as KeyboardInterrupt, cancels it. ``tick`` is called now and then meanwhile; when it
        returns True, ``work`` is cancelled and Stopped raised."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
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
        """Stop the loop; what still runs in it is cancelled."""
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
