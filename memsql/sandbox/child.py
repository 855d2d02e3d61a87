"""What happens in the process that runs somebody else's SQL: the limits, the work, and one answer."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from typing import Any

from memsql import deadline, extensions, interrupts
from memsql.errors import MemsqlError
from memsql.sandbox import limits, wire

BEGINS, ENDS, RESULT, ERROR, STOPPED, BUG = b"p", b"q", b"r", b"e", b"s", b"b"
"""What a message says, its first byte: that a part of the work begins or ends; the result, a MemsqlError, why
everything was stopped, and what went wrong in memsql itself."""
_running = False


def is_child() -> bool:
    """Whether this process is one that runs somebody else's SQL."""
    return _running


def main(answers: Connection, work: Callable[[], Any], stopped: Mapping[str, str], seconds: float) -> None:
    """Call ``work`` and send what comes of it to ``answers``. ``stopped`` and ``seconds``: see
    deadline.limit_process()."""
    global _running
    _running = True
    # They are programs of the branch itself.
    extensions.use(extensions.NONE)
    # The parent hears Ctrl-C too, and ends this process.
    interrupts.ignore_all()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reporter = _Reporter(answers)
    deadline.limit_process(seconds, stopped, reporter)
    with limits.in_force():
        message = _answer(work, reporter)
    answers.send_bytes(message)


class _Reporter:
    """Tells the parent which part begins and how each ends. ``failed`` is the part in which memsql made a mistake."""

    def __init__(self, answers: Connection) -> None:
        self.failed = ""
        self._answers = answers

    def begins(self, part: str) -> None:
        """Tell that a part begins."""
        self._answers.send_bytes(BEGINS + wire.encode(part))

    def ends(self, part: str, stopped: str) -> None:
        """Tell that it ends, and why it was stopped, if it was."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, MemsqlError | deadline.Stopped):
            self.failed = part
        self._answers.send_bytes(ENDS + wire.encode((part, stopped)))


def _answer(work: Callable[[], Any], reporter: _Reporter) -> bytes:
    try:
        return RESULT + wire.encode(work())
    except MemsqlError as e:
        return ERROR + wire.encode_error(e)
    except deadline.Stopped as e:
        return STOPPED + f"{e.part}: {e.reason}".encode("utf-8", "backslashreplace")
    except MemoryError:
        return STOPPED + deadline.TOO_LARGE.encode()
    except Exception:
        return BUG + wire.encode((reporter.failed, traceback.format_exc()))


def _end_with_parent() -> None:
    """End this process when its parent is gone, which can then end nobody."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
    os._exit(1)
