"""What a task does before it changes a database: where that is protected, look for a backup and ask a person; then tell
the command ``notify``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from memsql import visible
from memsql.tasks import notice

if TYPE_CHECKING:
    from memsql.config import Settings

CHANGE_HELP = {"yes": "answer yes where a protected environment asks before it is changed; for scripts"}
"""The help of the option that every task has which changes the database."""
LEDGER_HELP = {
    "take-over": "rename a table of another tool that is called schema_migrations, and say to what",
    "ledger": "of several tools that have a ledger in the database, the one that counts, as in --ledger goose",
}
"""The help of the options about the ledgers of other tools."""


def admit(
    settings: Settings,
    what: str,
    *,
    yes: bool,
    backup: Literal["required", "needless"] = "required",
    before_asking: Callable[[], str] = lambda: "",
) -> None:
    """Return where the database may be changed: not protected, or a young proven backup is there and a person agrees.

    ``what`` completes the sentence "memsql will". ``yes``: the person has agreed already. ``backup``: "needless" where
    the database holds nothing that a backup could keep. ``before_asking`` is called after the look at the backups,
    which is quick; what it returns is added to the question. Call this before the database is opened for writing, and
    only where there is something to do. Raises Refused. Where it returns, ``notify`` of setup.cfg was told.
    """
    if not settings.protected:
        notice.begin(settings, what, before_asking())
        return
    from memsql.operate.gate import confirm, require_backup

    if backup == "required":
        require_backup(settings)
    line = before_asking()
    confirm(settings, what + line, yes=yes, ask=_ask)
    notice.begin(settings, what, line)


def _ask(question: str) -> str | None:
    """Return the line that was typed, "" for Ctrl-C and Ctrl-D, None where there is no terminal."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        print(visible.text(question), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
    except KeyboardInterrupt as stopped:
        print(file=sys.stderr)
        if stopped.args:
            # SIGTERM is no answer.
            raise
        return ""
    if not line.endswith("\n"):
        print(file=sys.stderr)
    return line
