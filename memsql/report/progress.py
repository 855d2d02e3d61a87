"""Progress of long work as a bar on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from memsql import interrupts, visible

if TYPE_CHECKING:
    from tqdm import tqdm

_PATIENCE = 1.0
"""Seconds before the bar is shown."""
_EVERY = 0.1
"""Seconds between two updates of the bar."""
_WITH_BAR = "{desc} {bar:40} {percentage:3.0f} % {elapsed}"
_WITHOUT_BAR = "{desc} {elapsed}"


class Bar:
    """A memsql.progress.Progress that shows nothing for the first second, so that quick work stays quiet.

    Use it as a context manager. ``tick`` is cheap enough to be called a million times.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        """``quiet``: show nothing at all."""
        self._on = not quiet and sys.stderr.isatty()
        self._label = ""
        self._fraction: float | None = None
        self._next = time.monotonic() + _PATIENCE
        self._calls = 0
        self._shown: tqdm[NoReturn] | None = None

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
            from tqdm import tqdm

            # Without a monitor: its thread would refresh the bar between two lines of output.
            tqdm.monitor_interval = 0
            self._shown = tqdm(
                desc=self._label,
                file=sys.stderr,
                total=1.0,
                leave=False,
                dynamic_ncols=True,
                bar_format=_WITHOUT_BAR,
            )
        self._shown.bar_format = _WITHOUT_BAR if self._fraction is None else _WITH_BAR
        self._shown.n = self._fraction or 0.0
        self._shown.set_description_str(self._label)

    def clear(self) -> None:
        """Remove the bar from the screen, before something else is printed."""
        if self._shown is not None:
            self._shown.close()
            self._shown = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
