"""What a task asks before it changes a protected database."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from memsql.tasks.harness import COMMON_HELP

if TYPE_CHECKING:
    from memsql.config import Settings

CHANGE_HELP = {
    **COMMON_HELP,
    "yes": "answer yes where a protected environment asks before it is changed; for scripts",
}
"""COMMON_HELP of a task that changes the database."""

WINDOW_HELP = {
    "maintenance-window": "minutes: rehearse on a clone with the data first, and do not begin what will not end in time",
}


def admit(
    settings: Settings,
    what: str,
    *,
    yes: bool,
    empty: bool = False,
    clear: Callable[[], None] = lambda: None,
    before_asking: Callable[[], str] = lambda: "",
) -> None:
    """Return when ``settings`` let the database be changed: not protected, or backed up and agreed to.

    ``what`` completes the sentence "memsql will"; ``empty`` says that the database holds nothing that a backup could keep.
    ``clear`` is called before the question, to take a progress bar away. ``before_asking`` runs between the look at the
    backups, which is quick, and the question, to which it may add. Call this before the database is opened for
    writing, and only where there is something to do. Raises Refused.
    """
    if not settings.protected:
        before_asking()
        return
    from memsql.operate.gate import confirm, require_backup

    if not empty:
        require_backup(settings)
    what += before_asking()
    clear()
    confirm(settings, what, yes=yes, ask=_ask)


def _ask(question: str) -> str | None:
    """The line that was typed, empty for Ctrl-C and Ctrl-D; None without a terminal to ask at."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
    except KeyboardInterrupt as stopped:
        print(file=sys.stderr)
        if stopped.args:  # a signal that somebody else sent is no answer
            raise
        return ""
    if not line.endswith("\n"):
        print(file=sys.stderr)
    return line
