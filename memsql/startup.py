"""Ctrl-C while a program starts. It imports next to nothing, because it is to be there before everything else.

While Python imports, an exception may be swallowed, or come out as another one, at any place. So until a task begins
Ctrl-C ends the process at once; in a task see memsql.interrupts.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from types import FrameType

_EXIT_CODE = 5
# Of memsql.report.outcome, which may be half imported.
_JSON_VERSION = 1
_UNTOUCHED = "nothing was changed"


def before_tasks(program: str) -> None:
    """Open what is closed of the three standard streams, and until a task begins let Ctrl-C end this process with a
    line that names ``program``. For the start of a program alone. Where somebody else decides what Ctrl-C does, that
    stays."""
    _open_standard_streams()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return

    def end(number: int, frame: FrameType | None) -> None:
        message = f"Ctrl-C stopped {program} before it began"
        if "--json" in sys.argv:
            os.write(1, _as_json(message))
        else:
            os.write(2, f"error: {message}\n  state: {_UNTOUCHED}\n".encode())
        os._exit(_EXIT_CODE)

    signal.signal(signal.SIGINT, end)
    # The results are out, so there is nothing to stop any more.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def _open_standard_streams() -> None:
    """Let a stream that is closed lead nowhere. The next file that is opened would have its number otherwise, and what
    is printed would be written into that: a database, for example."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def tasks_begin() -> None:
    """Let Ctrl-C be a KeyboardInterrupt again, for the tasks of other people too."""
    if getattr(signal.getsignal(signal.SIGINT), "__module__", "") == __name__:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _as_json(message: str) -> bytes:
    """The object that a task prints in place of its result. The modules that make it may be half imported."""
    import json

    fields: dict[str, object] = dict.fromkeys(("file", "line", "statement", "hint"))
    error: dict[str, object] = {"kind": "Interrupted", "message": message, "details": [], "state": _UNTOUCHED}
    failure = {"error": fields | error | {"exit_code": _EXIT_CODE}}
    report = {"memsql_json": _JSON_VERSION, "ok": False, "command": None, **failure}
    return f"{json.dumps(report)}\n".encode()
