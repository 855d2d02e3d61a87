"""Migrating a libSQL server: a thousand small migrations and one large one on loopback, and many over a distance.

The yardsticks: for the large file one raw ``sequence`` request of the same text; over the distance yoyo itself with
libsql-client's DB-API, through the same proxy. Run with: python -m benchmarks.server [rounds]
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.common import MEMSQL, ratio, scratch, seconds
from benchmarks.delay import far_away
from benchmarks.migrations import write_large, write_small
from memsql import server

LATENCY = 0.05
YOYO = """
import datetime, sys
import libsql_client.dbapi2 as driver
from yoyo import read_migrations
from yoyo.backends.core.sqlite3 import SQLiteBackend
from yoyo.connections import parse_uri
class Backend(SQLiteBackend):
    driver_module = "libsql_client.dbapi2"
    def connect(self, dburi):
        conn = self.driver.connect(sys.argv[1], uri=True)
        conn.isolation_level = None
        return conn
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
driver.register_adapter(datetime.datetime, lambda value: value.isoformat())
backend = Backend(parse_uri("sqlite:///none"), "_yoyo_migration")
backend.init_database()
backend.apply_migrations(backend.to_apply(read_migrations(sys.argv[2])))
"""


@contextmanager
def fresh() -> Iterator[str]:
    """The URL of a server with an empty database."""
    binary = server.find() or server.install()
    with tempfile.TemporaryDirectory() as folder, server.running(binary, Path(folder) / "sqld") as found:
        yield found.url


def memsql(folder: Path, url: str, *words: str) -> None:
    """Run the real command line."""
    subprocess.run([*MEMSQL, *words, "--database", url], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def thousand(rounds: int) -> None:
    """A thousand two-statement migrations on a fresh server, their status, and back."""
    times: dict[str, list[float]] = {"up": [], "status": [], "down": []}
    for _ in range(rounds):
        with scratch() as folder, fresh() as url:
            write_small(folder)
            times["up"].append(seconds(partial(memsql, folder, url, "migrate.up")))
            times["status"].append(seconds(partial(memsql, folder, url, "migrate.status")))
            times["down"].append(seconds(partial(memsql, folder, url, "migrate.down", "--steps", "1000")))
    print(f"1000 migrations up on a fresh server, proven       {statistics.median(times['up']):8.3f} s   target 4 s")
    print(
        f"  status {statistics.median(times['status']):.3f} s, down {statistics.median(times['down']):.3f} s",
        flush=True,
    )


def large(rounds: int) -> None:
    """One file of 50 MB against the same text in one request."""
    ours, theirs = [], []
    for _ in range(rounds):
        with scratch() as folder:
            file = write_large(folder)
            with fresh() as url:
                theirs.append(seconds(partial(sequence, url, file.read_text())))
            with fresh() as url:
                ours.append(seconds(partial(memsql, folder, url, "migrate.up")))
    ratio("one file of 50 MB, to one raw sequence request", ours, theirs, 1.3)


def sequence(url: str, text: str) -> None:
    """Send ``text`` in one transaction and one request."""
    requests = [{"type": "sequence", "sql": "BEGIN;" + text + "COMMIT;"}, {"type": "close"}]
    conn = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    conn.request("POST", "/v2/pipeline", json.dumps({"requests": requests}), {"Content-Type": "application/json"})
    answer = json.loads(conn.getresponse().read())
    conn.close()
    assert answer["results"][0]["type"] == "ok", answer["results"][0]


def distance(counts: tuple[int, ...]) -> None:
    """Pending migrations of twenty statements through a proxy that adds 50 ms to a round trip, against yoyo."""
    for count in counts:
        with scratch() as folder:
            for n in range(1, count + 1):
                text = f"-- Step {n}\nCREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);\n"
                text += "".join(f"INSERT INTO t{n} (name) VALUES ('row {i}');\n" for i in range(19))
                (folder / "migrations" / f"{n:04d}_step.sql").write_text(text)
            with fresh() as url, far_away(url, LATENCY) as far:
                ours = seconds(partial(memsql, folder, far, "migrate.up"))
            with fresh() as url, far_away(url, LATENCY) as far:
                theirs = seconds(partial(yoyo, far.replace("http", "ws"), folder / "migrations"))
        print(
            f"{count:4d} pending, 50 ms away: memsql {ours:7.2f} s, yoyo {theirs:7.2f} s, "
            f"{theirs / ours:5.1f} times faster" + ("  target 15" if count == 100 else ""),
            flush=True,
        )


def yoyo(url: str, migrations: Path) -> None:
    """yoyo's own apply, over libsql-client's DB-API on a WebSocket."""
    subprocess.run([sys.executable, "-c", YOYO, url, str(migrations)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """All of it; the number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    thousand(rounds)
    large(rounds)
    distance((1, 10, 100))


if __name__ == "__main__":
    main()
