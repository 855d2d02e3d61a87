"""What holds for every test: where its files are, what its markers say, and the fixtures that start libSQL servers."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import eras
import measured
import pytest
import servers
from cli import Project
from either import Place
from permissions import obey_permissions
from servers import Guarded

from memsql.server import Keys, Running

# A shell lets its background processes, and so what they start, ignore Ctrl-C; the tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 4 << 30


def _is_roomy(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize >= _ENOUGH_BYTES and not state.f_flag & os.ST_NOEXEC


# No test pulls the plug, and waiting for the disk to keep what it wrote would be a third of the time.
if "TMPDIR" not in os.environ and _is_roomy(_MEMORY):
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Collect without what makes it slow. Coverage sees the imports in the process that imports everything: see
    started.py. Of the objects that arise hardly any is part of a cycle, and nearly all stay to the end."""
    measured.begin(measured.Look.NOTHING)
    gc.disable()


def pytest_collection_finish() -> None:
    """From now on the garbage collector leaves alone what was collected."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark with ``server`` every test that uses ``sqld``, or a fixture that does; the longest tests come first.

    One of them at the end would keep one processor busy, and leave nothing for the others.
    """
    for item in items:
        if "sqld" in getattr(item, "fixturenames", ()):
            item.add_marker("server")
    items.sort(key=lambda item: not (item.get_closest_marker("kill") or item.get_closest_marker("slow")))
    measured.chosen = measured.share(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    servers.marked = item.get_closest_marker("server") is not None
    measured.begin(measured.chosen[item.nodeid])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    measured.pause()


def pytest_sessionfinish() -> None:
    """Coverage wants to end what it sees running."""
    measured.begin(measured.Look.ALL_PROCESSES)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests ask is on this machine, whatever proxy the environment names."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def eras_are_kept(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """One folder of drawn databases for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    eras.kept = (base.parent if hasattr(request.config, "workerinput") else base) / "eras"
    eras.kept.mkdir(exist_ok=True)


@pytest.fixture(scope="session")
def sqld() -> Path:
    """The server's program. Every fixture that always starts a server asks for it, which marks its tests."""
    return servers.binary()


@pytest.fixture(scope="session")
def shared_server(sqld: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server without tokens for tests that leave nothing behind."""
    with servers.fresh(tmp_path_factory.mktemp("sqld")) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(sqld: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    keys = Keys.new()
    with servers.fresh(tmp_path_factory.mktemp("sqld-guarded"), keys=keys, namespaces=True) as server:
        servers.create_namespace(server, "127")
        servers.create_namespace(server, "other")
        yield Guarded(server, keys)


@pytest.fixture
def empty_server(sqld: Path, tmp_path: Path) -> Iterator[Running]:
    """A server of the test's own with an empty database."""
    with servers.fresh(tmp_path / "sqld") as server:
        yield server


@pytest.fixture(params=["file", pytest.param("http", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty project, whose database is a file and then on a server."""
    project = Project(tmp_path / "project")
    if request.param == "file":
        yield Place(project, str(project.db))
        return
    with servers.fresh(tmp_path / "server") as server:
        yield Place(project, server.url)


@pytest.fixture(scope="session")
def bound() -> Callable[[], None]:
    try:
        subprocess.run(["true"], preexec_fn=obey_permissions, check=True)
    except subprocess.SubprocessError:
        pytest.skip("running as root without the right to give rights up: file permissions mean nothing here")
    return obey_permissions
