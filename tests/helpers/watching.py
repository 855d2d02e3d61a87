"""A progress that calls a test back."""

from __future__ import annotations

from collections.abc import Callable


class Watching:
    """Calls ``started`` with the label of each piece of work that begins, and ``ticked`` with how much of it is
    done."""

    def __init__(
        self,
        started: Callable[[str], object] = lambda _: None,
        ticked: Callable[[float | None], object] = lambda _: None,
    ) -> None:
        self._started = started
        self._ticked = ticked

    def start(self, label: str) -> None:
        self._started(label)

    def tick(self, fraction: float | None = None) -> None:
        self._ticked(fraction)
