"""Tells the command ``notify`` of setup.cfg when the running task begins to change the database, and how that ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memsql.tasks.output import write

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.errors import MemsqlError
    from memsql.operate.chain import Run


@dataclass(slots=True)
class _Notice:
    """The change that was announced and has not ended; ``window`` says how it fits into the maintenance window."""

    settings: Settings
    run: Run
    window: str | None


_command = ""
_open: _Notice | None = None


def start(command: str) -> None:
    """Note that the task ``command`` starts. Nothing is sent before it announces a change."""
    global _command, _open
    _command, _open = command, None


def begin(settings: Settings, what: str, window: str = "") -> None:
    """Send the report of a run that is about to change the database: ``what`` completes the sentence "memsql will".

    ``window``: how it fits into the maintenance window, "" where there is none.
    """
    global _open
    if not settings.notify or _open is not None:
        return
    from memsql.operate.chain import ChainStep, Run

    started = datetime.now(UTC)
    step = ChainStep(
        _command,
        status="running",
        environment=settings.env,
        database=settings.target.display,
        started=started,
        headline=f"memsql will {what}",
    )
    program = sys.argv[0].replace("\\", "/").rpartition("/")[2]
    notice = _Notice(settings, Run((program, *sys.argv[1:]), started, (step,)), window.strip() or None)
    _send(notice, "begin")
    _open = notice


def done(exit_code: int, headline: str, data: Mapping[str, object]) -> None:
    """Send the report of the run that was announced, which has ended. Nothing where none was."""
    _end(exit_code, headline, data, None)


def failed(error: MemsqlError) -> None:
    """Send the report of the run that was announced, which an error has ended. Nothing where none was."""
    if _open is not None:
        from memsql.report.text import error_json

        _end(error.exit_code, error.message, {}, error_json(error))


def _end(exit_code: int, headline: str, data: Mapping[str, object], error: Mapping[str, object] | None) -> None:
    global _open
    if _open is None:
        return
    notice, _open = _open, None
    now = datetime.now(UTC)
    step = replace(
        notice.run.steps[0],
        status="failed" if exit_code else "ok",
        seconds=round((now - notice.run.started).total_seconds(), 3),
        exit_code=exit_code,
        headline=headline,
        data=data,
        error=error,
    )
    notice.run = replace(notice.run, steps=(step,), finished=now, exit_code=exit_code)
    try:
        _send(notice, "end")
    except KeyboardInterrupt:
        # The run is over; its own exit code says how.
        _warn("it was interrupted")


def _send(notice: _Notice, event: str) -> None:
    from memsql.ledger.writing import who
    from memsql.operate import notify
    from memsql.operate.chain import to_text

    token = notice.settings.target.token
    more = {"event": event, "by": "@".join(who()), "window": notice.window}
    problem = notify.send(notice.settings, to_text(notice.run, {token} if token else (), more))
    if problem is not None:
        _warn(f"{problem}; the run goes on" if event == "begin" else problem)


def _warn(problem: str) -> None:
    write(sys.stderr, f"warning: notify: {problem}")
