"""``python -m memsql``, invoke, yoyo and sqlfluff as processes that need not wait for imports.

Each runs in a process forked from one that has imported everything: the real main() with its own arguments, its own
environment, folder and streams. At its end its threads are joined and its exit handlers run. What is not tried this way
is the start and the end of the interpreter; the tests of signals, of concurrency and of the project itself do that.

A process runs many commands of memsql, one after the other: see reused.py. The other programs have one each time.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import operator
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import measured
import reused

_FIELD = 8
# Read before main() begins, by the interpreter or by Invoke.
_AT_START = ("PYTHON", "LC_", "LANG", "INVOKE_")
# With these a process changes itself so that it can run nothing else: see _limit().
_FOR_ONE = {"TESTS_MEMORY_BYTES", "TESTS_ANSWER_SECONDS"}
# What __main__ of each program calls.
_MAIN = {
    "memsql": ("memsql.__main__", "main"),
    "yoyo": ("yoyo.scripts.main", "main"),
    "sqlfluff": ("sqlfluff.cli.commands", "cli"),
    "invoke": ("invoke.main", "program.run"),
}
_LATE = (
    "aiohttp",
    "libsql_client",
    "sqlfluff.cli.commands",
    "invoke.main",
    "yoyo.scripts.main",
    "termcolor",
    "tqdm",
    "dotenv",
    "uuid",
    "platform",
    "tempfile",
    "multiprocessing.popen_fork",
    "multiprocessing.popen_spawn_posix",
    "encodings.ascii",
    "encodings.idna",
    "encodings.unicode_escape",
)


def fits(environment: Mapping[str, str]) -> bool:
    """Whether a command with these variables besides the tests' own can be started so."""
    return not any(name.startswith(_AT_START) for name in environment)


@dataclass(frozen=True)
class Command:
    """``python -m program words`` in the folder ``cwd``; ``program`` is one of _MAIN.

    ``measured``: whether coverage looks at it, where it looks at anything.
    """

    program: str
    words: list[str]
    cwd: str
    environment: dict[str, str]
    measured: bool


class Starter:
    """Starts commands one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def run(self, command: Command, timeout: float) -> tuple[int, str, str] | None:
        """Exit code, stdout and stderr; None where another thread is at it. Raises TimeoutExpired."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._run(command, timeout)
        finally:
            self._lock.release()

    def _run(self, command: Command, timeout: float) -> tuple[int, str, str]:
        connection = self._socket or _begin()
        # Where anything stops this half way, what it waited for may still come: nobody may take it for something else.
        self._socket = None
        request = json.dumps(asdict(command), ensure_ascii=True).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
            socket.send_fds(connection, [len(request).to_bytes(_FIELD)], [nothing.fileno(), out.fileno(), err.fileno()])
            connection.sendall(request)
            pid = int.from_bytes(_receive(connection, _FIELD))
            connection.settimeout(timeout)
            try:
                code = int.from_bytes(_receive(connection, _FIELD), signed=True)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                connection.settimeout(None)
                _receive(connection, _FIELD)
                raise subprocess.TimeoutExpired([command.program, *command.words], timeout) from None
            finally:
                connection.settimeout(None)
            self._socket = connection
            return code, _text(out), _text(err)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    # As a stream of text would have it.
    return stream.read().decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _begin() -> socket.socket:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=measured.environment(dict(os.environ), outlives_the_test=True),
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _serve(connection: socket.socket, forks: measured.Forks) -> None:
    process = _Process(connection, forks)
    while True:
        try:
            head, fds, _, _ = socket.recv_fds(connection, _FIELD, 3)
        except OSError:
            return
        if not head:
            return
        command = Command(**json.loads(_receive(connection, int.from_bytes(head))))
        if command.program == "memsql" and command.environment.keys().isdisjoint(_FOR_ONE):
            code = process.run(command, fds)
        else:
            code = _fork(forks, command, fds, connection)
        connection.sendall(code.to_bytes(_FIELD, signed=True))


def _fork(forks: measured.Forks, command: Command, fds: list[int], connection: socket.socket) -> int:
    def work() -> int:
        connection.close()
        return run_in_child(command, fds)

    def begun(pid: int) -> None:
        for fd in fds:
            os.close(fd)
        connection.sendall(pid.to_bytes(_FIELD))

    return forks.run(work, measured=command.measured, begun=begun)


class _Process:
    """A forked process that runs many commands; ``tests`` is where they come from."""

    def __init__(self, tests: socket.socket, forks: measured.Forks) -> None:
        self._tests = tests
        self._forks = forks
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115
        self._forked: tuple[int, socket.socket] | None = None

    def run(self, command: Command, fds: list[int]) -> int:
        """The exit code of ``command``, the negative number of the signal that ended its process."""
        pid, connection = self._forked = self._forked or self._fork()
        request = json.dumps(asdict(command), ensure_ascii=True).encode()
        socket.send_fds(connection, [len(request).to_bytes(_FIELD)], fds)
        connection.sendall(request)
        for fd in fds:
            os.close(fd)
        self._tests.sendall(pid.to_bytes(_FIELD))
        answer = connection.recv(reused.CODE_BYTES)
        if command.measured:
            lines = self._lines.fileno()
            self._forks.add_all(io.BytesIO(os.pread(lines, os.fstat(lines).st_size, 0)))
            os.ftruncate(lines, 0)
            # All processes that were forked have one position in it.
            os.lseek(lines, 0, os.SEEK_SET)
        if answer:
            return int.from_bytes(answer)
        connection.close()
        self._forked = None
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._tests.close()
            self._forks.prepare_reused(self._lines.fileno())
            reused.serve(theirs, self._next)
        theirs.close()
        return pid, ours

    def _next(self, connection: socket.socket) -> Callable[[], int] | None:
        """The next command that ``connection`` sends, None at its end."""
        head, fds, _, _ = socket.recv_fds(connection, _FIELD, 3)
        if not head:
            return None
        command = Command(**json.loads(_receive(connection, int.from_bytes(head))))
        _use(fds)
        if command.measured:
            return lambda: self._forks.run_reused(lambda: _run(command), self._lines.fileno())
        return lambda: _run(command)


def import_everything() -> None:
    import pkgutil

    import memsql
    from memsql.tasks.start import import_invoke

    import_invoke()
    for module in pkgutil.walk_packages(memsql.__path__, "memsql."):
        # sqlfluff wants to find its plugins itself.
        if not module.name.startswith(("memsql.lint.plugin", "memsql.lint.shims")):
            importlib.import_module(module.name)
    for name in _LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _limit(environment: Mapping[str, str]) -> None:
    """Let this process have so many bytes of memory, and wait for an answer of a server for so many seconds, where the
    environment says so."""
    if limit := environment.get("TESTS_MEMORY_BYTES"):
        resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    if seconds := environment.get("TESTS_ANSWER_SECONDS"):
        from memsql.db import http
        from memsql.db.transport import Timeouts

        http._BODY_SECONDS = 2 * float(seconds)
        Timeouts.__init__.__defaults__ = (5.0, float(seconds), 0.05)


def run_in_child(command: Command, fds: list[int]) -> int:
    """Run ``command`` in this process, which was forked for it, with ``fds`` as its streams; return its exit code."""
    _use(fds)
    return _run(command)


def _use(fds: list[int]) -> None:
    """Let the first file descriptors be these."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)


def _run(command: Command) -> int:
    os.chdir(command.cwd)
    os.environ.clear()
    os.environ.update(command.environment)
    _limit(command.environment)
    module, name = _MAIN[command.program]
    main = operator.attrgetter(name)(importlib.import_module(module))
    package = importlib.import_module(command.program)
    # People type "invoke", which is a file beside the interpreter and reads tasks.py in the folder.
    path = Path(sys.executable).with_name("invoke") if module == "invoke.main" else f"{package.__path__[0]}/__main__.py"
    sys.argv = [str(path), *command.words]
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as e:
        code = e.code if e.code is not None else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    if not isinstance(code, int):
        print(code, file=sys.stderr)
    # What an interpreter does at its end, but for taking apart what was imported: that takes longer than most commands.
    if threading.active_count() > 1:
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    # The folder of this file is that of the tests, whose modules no command may find.
    sys.path.pop(0)
    with measured.forks(import_everything) as forks:
        _serve(socket.socket(fileno=int(sys.argv[1])), forks)
