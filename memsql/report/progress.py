"""Progress of long work as a bar on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from memsql import interrupts, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0
"""Seconds before the bar is shown."""
_EVERY = 0.1
"""Seconds between two updates of the bar."""


class Bar:
    """A memsql.progress.Progress that shows nothing for the first second, so that quick work stays quiet.

    Use it as a context manager. ``tick`` is cheap enough to be called a million times.
    """

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._label = ""
        self._fraction: float | None = None
        self._next = time.monotonic() + _PATIENCE
        self._calls = 0
        self._shown: Progress | None = None
        self._task: TaskID | None = None

    def start(self, label: str) -> None:
        """A new piece of work begins. Raises KeyboardInterrupt where one was lost in the piece before."""
        interrupts.refuse_lost()
        self._label, self._fraction = visible.line(label), None
        if self._shown is None:
            self._next = time.monotonic() + _PATIENCE

    def tick(self, fraction: float | None = None) -> None:
        """The work goes on; ``fraction``, from 0 to 1, is how much of it is done, where that is known."""
        if not self._on:
            return
        if fraction is not None:
            self._fraction = fraction
        else:
            self._calls += 1
            if self._calls & 255:
                return
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._show()

    def _show(self) -> None:
        if self._shown is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._shown = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
                auto_refresh=False,
            )
            self._task = self._shown.add_task(self._label, total=None)
            self._shown.start()
        assert self._task is not None
        self._shown.update(
            self._task,
            description=self._label,
            total=None if self._fraction is None else 1.0,
            completed=self._fraction or 0.0,
        )
        self._shown.refresh()

    def clear(self) -> None:
        """Remove the bar from the screen, before something else is printed."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
