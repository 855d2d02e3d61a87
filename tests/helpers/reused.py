"""Lets one process run many commands: what a command leaves behind in its process is taken back before the next.

To fork a process that has imported everything, and to touch its memory for the first time, costs three times as much
processor time as a command. What can be taken back is in _Belongings.are_taken_back(). After a command that left
anything else behind, such as a thread, an open file or an imported module, and after COMMANDS of them, the process ends
as that of a single command would.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import copy
import functools
import gc
import io
import logging
import os
import resource
import signal
import socket
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

COMMANDS = 200
CODE_BYTES = 8
# Those whose globals a command may set.
_PACKAGES = ("memsql", "invoke", "yoyo", "termcolor", "tqdm", "dotenv")
_MODULES = ("sys", "os", "signal", "tempfile", "sqlite3", "logging", "warnings", "gettext", "locale")
# Globals that nobody sets while a program runs.
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM)
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


def serve(connection: socket.socket, receive: Callable[[socket.socket], Callable[[], int] | None]) -> NoReturn:
    """Run the commands that ``receive`` reads from ``connection``, and answer each with its exit code.

    Ends this process at the end of ``connection``, or with the exit code of the last command that it can run.
    """
    # What modules registered is for the one end of a process.
    atexit._clear()
    belongings: _Belongings | None = None
    number = 0
    while command := receive(connection):
        # The streams of the first command are there now, as those of the next will be.
        belongings = belongings or _Belongings()
        with _own_streams():
            code = contextvars.copy_context().run(command) & 0xFF
        number += 1
        if number == COMMANDS or not belongings.are_taken_back():
            os._exit(code)
        connection.sendall(code.to_bytes(CODE_BYTES))
    os._exit(0)


@contextlib.contextmanager
def _own_streams() -> Iterator[None]:
    """Give the block streams of its own on the first three file descriptors, and let go of these at its end."""
    before = sys.stdin, sys.stdout, sys.stderr
    streams = [_stream(number, like) for number, like in enumerate(before)]
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        for stream in streams:
            # A command may have closed them.
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.close(nothing)


def _stream(number: int, like: TextIO) -> io.TextIOWrapper:
    file = io.FileIO(number, "wb" if number else "rb", closefd=False)
    buffer = io.BufferedWriter(file) if number else io.BufferedReader(file)
    return io.TextIOWrapper(buffer, encoding=like.encoding, errors=like.errors, line_buffering=number == 2)


class _Belongings:
    """What this process has before a command runs."""

    def __init__(self) -> None:
        modules = [vars(module) for name, module in sorted(sys.modules.items()) if _is_watched(name)]
        self._globals = [(now, dict(now)) for now in modules]
        self._values = [
            (now, name, value)
            for now, before in self._globals
            for name, value in before.items()
            if not isinstance(value, _CODE) and not name.startswith("__")
        ]
        self._containers = [
            (value, copy.copy(value))
            for _, _, value in self._values
            if isinstance(value, dict | list | set) and value is not sys.modules
        ]
        self._caches = list(_caches(modules))
        self._signals = {number: signal.getsignal(number) for number in _SIGNALS}
        self._rest = _rest()

    def are_taken_back(self) -> bool:
        """Take back what a command left behind, and return whether this process has again what it had."""
        for now, name, value in self._values:
            if now.get(name) is not value:
                now[name] = value
        for now, before in self._globals:
            if len(now) != len(before):
                for name in now.keys() - before.keys():
                    del now[name]
                now.update(before)
        for number, handler in self._signals.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        for cache in self._caches:
            cache.cache_clear()
        # Python shows the same warning of the same line once.
        warnings._filters_mutated()  # type: ignore[attr-defined]
        if any(value != before for value, before in self._containers):
            return False
        if self._rest == _rest():
            return True
        # What holds a file open may be part of a cycle.
        gc.collect()
        return self._rest == _rest()


def _is_watched(module: str) -> bool:
    return module in _MODULES or module.partition(".")[0] in _PACKAGES


def _caches(modules: list[dict[str, Any]]) -> Iterator[Any]:
    for module in modules:
        for value in module.values():
            for one in (value, *(vars(value).values() if isinstance(value, type) else ())):
                if isinstance(one, functools._lru_cache_wrapper):
                    yield one


def _rest() -> tuple[object, ...]:
    """What cannot be taken back."""
    mask = os.umask(0)
    os.umask(mask)
    return (
        mask,
        threading.active_count(),
        # It is not once the end of the interpreter has begun.
        threading.main_thread().is_alive(),
        sorted(os.listdir("/proc/self/fd")),
        len(sys.modules),
        list(logging.root.handlers),
        logging.root.level,
        list(warnings.filters),
        sys.getrecursionlimit(),
        sys.get_int_max_str_digits(),
        [resource.getrlimit(limit) for limit in _LIMITS],
        signal.getitimer(signal.ITIMER_REAL),
    )
