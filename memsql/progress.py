"""How long work tells a person how far it is.

Everything that may take longer than a second takes a ``progress: Progress``; the tasks pass a bar on the terminal,
everybody else SILENT.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Somebody who wants to know how the work goes on."""

    def start(self, label: str) -> None:
        """A new piece of work begins; ``label`` names it, as in "applying 0003_add_notes"."""

    def tick(self, fraction: float | None = None) -> None:
        """The work goes on. ``fraction``, from 0 to 1, is how much of it is done; None where that is not known. Cheap
        enough to be called for every row."""


class Silent:
    """A progress that shows nothing."""

    def start(self, label: str) -> None:
        """Show nothing."""

    def tick(self, fraction: float | None = None) -> None:
        """Show nothing."""


SILENT = Silent()
