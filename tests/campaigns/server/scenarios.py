"""The commands that are tried, and the state of the server before each: made once, and copied for every point."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cli
import started

from memsql import server
from memsql.server import Running
from tests.campaigns.server import project, truth
from tests.campaigns.server.truth import Truth

# In a command line: the name of the one backup that there is.
BACKUP = "{backup}"
TOKEN = "secret-of-the-campaign"
# For the next byte of an answer; the command waits for 600 by default.
_ANSWER_SECONDS = 1.5
_COMMAND_SECONDS = 60.0
_COMMAND_BYTES = 3 << 30


@dataclass(frozen=True)
class Scenario:
    """``words`` is the command line without the database, ``start`` the state before it, ``end`` how many migrations
    are applied behind it (None: as many as before), ``code`` how it ends where nothing fails. ``again``: what is run
    afterwards in its place."""

    words: tuple[str, ...]
    start: str
    end: int | None = None
    code: int = 0
    again: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        return self.end is not None


SCENARIOS = {
    "up": Scenario(("migrate.up",), "0", 5),
    "up-some": Scenario(("migrate.up",), "3", 5),
    "up-whole": Scenario(("migrate.up", "--to", "3", "--all-or-nothing"), "0", 3),
    "up-failing": Scenario(("migrate.up",), "failing-0", 3, 5),
    "down": Scenario(("migrate.to", "2"), "5", 2),
    "adopt": Scenario(("migrate.up",), "legacy", 5),
    "legacy.adopt": Scenario(("legacy.adopt",), "legacy", 4, again=("migrate.up",)),
    "restore": Scenario(("backup.restore", "--file", BACKUP), "backed-up-0", 5, again=("migrate.up",)),
    "baseline": Scenario(("migrate.baseline", "--version", "4"), "legacy", 4, again=("migrate.up",)),
    "status": Scenario(("migrate.status",), "3"),
    "no-op": Scenario(("migrate.up",), "5"),
    "rehearsal": Scenario(("migrate.up", "--dry-run", "--on-server"), "4"),
    "rehearsal-with-data": Scenario(("migrate.up", "--dry-run", "--with-data"), "3"),
    "verify": Scenario(("verify",), "5"),
    "backup": Scenario(("backup.create",), "5"),
    "fts": Scenario(("fts.check",), "5"),
    "history": Scenario(("migrate.history",), "5"),
    "schema": Scenario(("schema.stats",), "5"),
}


@dataclass(frozen=True)
class Ran:
    """What a command left, and how many seconds it took. ``done`` None: it did not end."""

    done: cli.Done | None
    seconds: float


class Bench:
    """The prepared states below ``folder``, and a way to run commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._starter = started.Starter()
        self._program = server.find() or server.install()

    def run(self, root: Path, url: str, *words: str, hasty: bool = False) -> Ran:
        """Run memsql in the project ``root``; ``hasty``: wait for an answer for a second or two only."""
        import subprocess
        import time

        environment = {**cli.clean_environment(), "TURSO_AUTH_TOKEN": TOKEN, "TURSO_URL": url}
        words = tuple(_newest(root) if word == BACKUP else word for word in words)
        environment["TESTS_MEMORY_BYTES"] = str(_COMMAND_BYTES)
        if hasty:
            environment["TESTS_ANSWER_SECONDS"] = str(_ANSWER_SECONDS)
        command = started.Command("memsql", list(words), str(root), environment, False)
        begun = time.monotonic()
        try:
            ended = self._starter.run(command, _COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            return Ran(None, time.monotonic() - begun)
        assert ended is not None
        return Ran(cli.Done(words, *ended), time.monotonic() - begun)

    @contextmanager
    def served(self, data: Path, port: int = 0) -> Iterator[Running]:
        """A server on the folder ``data``; it is killed in the end."""
        with server.running(self._program, data, port=port) as running:
            yield running
            running.process.kill()

    @contextmanager
    def copied(self, scenario: Scenario) -> Iterator[tuple[Path, Path]]:
        """A copy of the state before ``scenario``: the folder of the project, and that of the server."""
        prepared = self.prepared(scenario.start)
        with tempfile.TemporaryDirectory(prefix="point-", dir=self.folder, ignore_cleanup_errors=True) as into:
            shutil.copytree(prepared, into, dirs_exist_ok=True)
            yield Path(into) / "project", Path(into) / "server"

    @cache  # noqa: B019 - it lives as long as its worker
    def prepared(self, state: str) -> Path:
        """The folder of a state: "0" to "5", where so many migrations are applied, "5-to-2" to "5-to-5", where all were
        and so many still are (a table that was rebuilt there and back has another text), "legacy", without a ledger,
        "failing-0", with a migration that fails, and "backed-up-0", empty and with a backup of "5"."""
        into = self.folder / f"state-{state}"
        root, data = into / "project", into / "server"
        project.write(root, failing=state == "failing-0")
        with self.served(data) as running:
            if state.isdigit() and state != "0":
                self._must(root, running.url, "migrate.up", "--to", state)
            if state.startswith("5-to-"):
                self._must(root, running.url, "migrate.up")
                self._must(root, running.url, "migrate.to", state.removeprefix("5-to-"))
            if state == "legacy":
                self._must(root, running.url, "migrate.up", "--to", "4")
                truth.script(port_of(running), ";".join(f'DROP TABLE IF EXISTS "{name}"' for name in truth.LEDGER))
        if state == "backed-up-0":
            with self.served(self.prepared("5") / "server") as full:
                self._must(root, full.url, "backup.create")
        return into

    def contents(self, scenario: Scenario) -> dict[int, tuple[object, ...]]:
        """Schema and rows on the way from the start of ``scenario`` to its end, by how many migrations are applied."""
        if scenario.end is not None and scenario.end < len(self.truth(scenario.start).applied):
            return {number: self.truth(f"5-to-{number}").content for number in range(scenario.end, 6)}
        return {number: self.truth(str(number)).content for number in range(6)}

    @cache  # noqa: B019
    def truth(self, state: str) -> Truth:
        """What the server holds in a prepared state."""
        with self.served(self.prepared(state) / "server") as running:
            return truth.read(port_of(running))

    def _must(self, root: Path, url: str, *words: str) -> None:
        done = self.run(root, url, *words).done
        assert done is not None
        done.expect(0)


def _newest(root: Path) -> str:
    """The name of the one backup in the project ``root``."""
    return next(path.name for path in (root / "backups").iterdir() if not path.name.endswith(".json"))


def port_of(running: Running) -> int:
    """The port of a server on this machine."""
    return int(running.url.rpartition(":")[2])
