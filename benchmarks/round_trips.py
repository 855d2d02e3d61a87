"""How often a command waits for a server, and how long it takes at a distance: here, 50 ms and 100 ms away.

The distance is a proxy on this machine. A round trip is an HTTP request, the one that ends the stream too, and each
connection that is made; over WebSocket it is each time that the client spoke after the server. What the program takes
without a server (its start among it) is in the column "here". Run with: memsql benchmark round_trips
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import MEMSQL, scratch, seconds
from benchmarks.delay import counted
from memsql import server
from memsql.config import parse_target
from memsql.db import Script, connect

AWAY = (0.0, 0.05, 0.1)
STATEMENTS = 20
ROOT = Path(__file__).parents[1]


@dataclass
class Figures:
    """Round trips and seconds of a command, by how far away the server is."""

    round_trips: set[int] = field(default_factory=set)
    times: dict[float, list[float]] = field(default_factory=lambda: {away: [] for away in AWAY})


class Table:
    """Gathers the figures of commands on one kind of connection."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.figures: dict[str, Figures] = {}

    def run(self, title: str, folder: Path, url: str, away: float, *words: str) -> None:
        """Run the real command line on the server at ``url``, ``away`` seconds away, and note what it took."""
        figures = self.figures.setdefault(title, Figures())
        with counted(url, away) as distance:
            place = distance.url.replace("http", self.scheme)
            figures.times[away].append(seconds(lambda: _memsql(folder, *words, "--database", place)))
            if away:
                figures.round_trips.add(distance.round_trips)

    def show(self) -> None:
        """Print the medians."""
        print(f"{self.scheme:<44} {'round trips':>11} " + " ".join(f"{_place(away):>9}" for away in AWAY))
        for title, figures in self.figures.items():
            counts = "-".join(map(str, sorted({min(figures.round_trips), max(figures.round_trips)})))
            times = " ".join(f"{statistics.median(figures.times[away]):7.2f} s" for away in AWAY)
            print(f"{title:<44} {counts:>11} {times}")
        print(flush=True)


def _place(away: float) -> str:
    return f"{round(away * 1000)} ms" if away else "here"


def _memsql(folder: Path, *words: str) -> None:
    subprocess.run([*MEMSQL, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def fresh() -> Iterator[str]:
    """The URL of a server with an empty database."""
    binary = server.find() or server.install()
    with tempfile.TemporaryDirectory() as folder, server.running(binary, Path(folder) / "sqld") as running:
        yield running.url


def migrations(table: Table, away: float) -> None:
    """Small migrations of STATEMENTS statements each, one and ten of them, and what follows."""
    with scratch() as folder, fresh() as url:
        for n in range(1, 13):
            text = f"-- Step {n}\nCREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);\n"
            text += "".join(f"INSERT INTO t{n} (name) VALUES ('row {i}');\n" for i in range(STATEMENTS - 1))
            (folder / "migrations" / f"{n:04d}_step.sql").write_text(text)
            (folder / "migrations" / f"{n:04d}_step.rollback.sql").write_text(f"DROP TABLE t{n};\n")
        _memsql(folder, "migrate.up", "--to", "1", "--database", url)
        table.run("migrate.up, one migration waits", folder, url, away, "migrate.up", "--to", "2")
        table.run("migrate.up, ten wait", folder, url, away, "migrate.up")
        table.run("migrate.up, nothing waits", folder, url, away, "migrate.up")
        table.run("migrate.status", folder, url, away, "migrate.status")
        table.run("migrate.down", folder, url, away, "migrate.down", "--allow-data-loss")
        table.run("verify", folder, url, away, "verify")
        table.run("backup.create, 17 tables", folder, url, away, "backup.create")


def adoption(table: Table, away: float) -> None:
    """The oldest release of the reference database, with three legacy upgrades to go."""
    with fresh() as url:
        with closing(connect(parse_target(url, ROOT), "rwc")) as conn:
            conn.batch([Script((ROOT / "sql" / "legacy" / "1.0.sql").read_text())])
        table.run("legacy.adopt, three upgrades", ROOT, url, away, "legacy.adopt")
        table.run("migrate.up behind it, three wait", ROOT, url, away, "migrate.up")


def main() -> None:
    """All of it; the number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for scheme in ("http", "ws"):
        table = Table(scheme)
        for _ in range(rounds):
            for away in AWAY:
                migrations(table, away)
                adoption(table, away)
        table.show()


if __name__ == "__main__":
    main()
