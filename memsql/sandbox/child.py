"""What happens in the process that runs somebody else's SQL: the limits, the work, and one answer."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from typing import Any

from memsql import deadline
from memsql.errors import MemsqlError
from memsql.sandbox import limits, wire

PART, RESULT, ERROR, STOPPED, BUG = b"p", b"r", b"e", b"s", b"b"
"""What a message says, its first byte: the name of the part of the work that begins (empty at its end), the result, a
MemsqlError, why the part was stopped, and what went wrong in memsql itself."""
_running = False


def is_child() -> bool:
    """Whether this process is one that runs somebody else's SQL."""
    return _running


def main(answers: Connection, work: Callable[[], Any], stopped: Mapping[str, str], seconds: float) -> None:
    """Call ``work`` and send what comes of it to ``answers``. ``stopped`` and ``seconds``: see
    deadline.limit_process()."""
    global _running
    _running = True
    # The parent hears Ctrl-C too, and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def announce(name: str) -> None:
        answers.send_bytes(PART + name.encode("utf-8", "surrogatepass"))

    deadline.limit_process(seconds, stopped, announce)
    with limits.in_force():
        message = _answer(work)
    answers.send_bytes(message)


def _answer(work: Callable[[], Any]) -> bytes:
    try:
        return RESULT + wire.encode(work())
    except MemsqlError as e:
        return ERROR + wire.encode_error(e)
    except deadline.Stopped as e:
        return STOPPED + f"{e.part}: {e.reason}".encode("utf-8", "backslashreplace")
    except MemoryError:
        return STOPPED + deadline.TOO_LARGE.encode()
    except Exception:
        return BUG + traceback.format_exc().encode("utf-8", "backslashreplace")


def _end_with_parent() -> None:
    """End this process when its parent is gone, which can then end nobody."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
    os._exit(1)
