"""The project of the races, and the database that all take part on: a file, or on a server."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cli

from tests.campaigns.server import truth

LAST = 10
"""The number of the last migration."""

Ask = Callable[[str], list[tuple[object, ...]]]
_FIRST = """-- what every other one writes to
CREATE TABLE rows (n INTEGER PRIMARY KEY, what TEXT NOT NULL);
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL);
"""
_NTH = "-- number {n}\nCREATE TABLE t{n} (x INTEGER);\nINSERT INTO rows VALUES ({n}, 'row {n}');\n"
_NTH_BACK = "DELETE FROM rows WHERE n = {n};\nDROP TABLE t{n};\n"
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Arena:
    """The folder of the project, and the database: its ``url`` for memsql, the command line of yoyo for it, and
    ``ask``, which runs one statement on a connection of its own and returns its rows. It raises OSError,
    sqlite3.Error or ValueError where that cannot be done now."""

    root: Path
    url: str
    yoyo_words: list[str]
    ask: Ask


def write(root: Path) -> Path:
    """The project in the folder ``root``."""
    project = cli.Project(root)
    project.add("0001_rows", _FIRST, "DROP TABLE log;\nDROP TABLE rows;\n")
    for n in range(2, LAST + 1):
        project.add(f"{n:04d}_row", _NTH.format(n=n), _NTH_BACK.format(n=n))
    return root


def on_file(root: Path) -> Arena:
    """The database is a file of the project."""
    path = root / "memory.db"

    def ask(sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as conn:
            return conn.execute(sql).fetchall()

    return Arena(root, str(path), _yoyo(root, f"sqlite:///{path}"), ask)


def on_server(root: Path, url: str, port: int) -> Arena:
    """The database is on a server of this machine."""
    return Arena(root, url, _yoyo(root, f"memsql+{url}"), lambda sql: truth.query(port, sql)[0])


def _yoyo(root: Path, url: str) -> list[str]:
    return ["apply", "--batch", "--no-config-file", "--database", url, str(root / "migrations")]


def write_until(place: Arena, over: threading.Event) -> list[str]:
    """Write rows as an application would, until all is over; what was acknowledged must be there."""
    name, written = f"writer {threading.get_ident()}", 0
    while not over.is_set():
        try:
            place.ask(f"INSERT INTO log (writer) VALUES ('{name}')")
        except (sqlite3.OperationalError, ValueError, OSError):
            # Locked: as applications do, it tries again.
            pass
        else:
            written += 1
        time.sleep(_PAUSE_SECONDS)
    kept = place.ask(f"SELECT count(*) FROM log WHERE writer = '{name}'")[0][0]
    return [] if kept == written else [f"a writer wrote {written} rows, {kept} are there"]


def read_until(place: Arena, over: threading.Event) -> list[str]:
    """Read as an application would, until all is over: what is seen at one moment must fit together."""
    problems: list[str] = []
    while not over.is_set() and not problems:
        try:
            names, rows, marks = str(place.ask(_MOMENT)[0][0]).split("|")
        except (sqlite3.OperationalError, ValueError, OSError):
            continue
        if not names == rows == marks:
            problems.append(f"a reader saw the tables {names}, rows {rows} and the ledger {marks} at one moment")
        time.sleep(_PAUSE_SECONDS)
    return problems


# How far the tables, the rows and the ledger are, in one statement.
_MOMENT = """SELECT
    (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*') || '|'
    || (SELECT count(*) FROM rows) || '|' || (SELECT count(*) - 1 FROM "_yoyo_migration")"""


def content_problems(ask: Ask) -> list[str]:
    """Whether tables, rows and ledger are those of one version."""
    tables = sorted(
        int(str(name)[1:])
        for (name,) in ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*'")
    )
    rows = [n for (n,) in ask("SELECT n FROM rows ORDER BY n")]
    marks = [int(str(name)[:4]) for (name,) in ask('SELECT migration_id FROM "_yoyo_migration" ORDER BY 1')]
    if not tables == rows == marks[1:] or marks != list(range(1, len(marks) + 1)):
        return [f"tables {tables}, rows {rows}, ledger {marks}"]
    return []


def problems(place: Arena, *, applied: int | None = None) -> list[str]:
    """What is wrong with the database; ``applied``: how many migrations must be applied."""
    found = content_problems(place.ask)
    if not place.url.startswith(("http", "ws")):
        found += [f"integrity_check: {row[0]}" for row in place.ask("PRAGMA integrity_check") if row[0] != "ok"]
    counted = place.ask(
        "SELECT version, sum(operation = 'apply') - sum(operation = 'rollback') FROM memsql_history"
        " WHERE status = 'ok' GROUP BY version"
    )
    odd = [row for row in counted if row[1] not in (0, 1, "0", "1")]
    if odd:
        found.append(f"the history has been applied too often: {odd}")
    if applied is not None:
        marks = place.ask('SELECT count(*) FROM "_yoyo_migration"')[0][0]
        versions = place.ask("SELECT count(*) FROM schema_migrations WHERE status = 'applied'")[0][0]
        if not int(str(marks)) == int(str(versions)) == applied:
            found.append(f"{marks} migrations are marked, {versions} versions applied, {applied} expected")
    return found


def claimed(done: cli.Done | None) -> list[str]:
    """The migrations that a command says it applied."""
    if done is None:
        return []
    try:
        report = json.loads(done.out)
    except ValueError:
        return []
    finished = re.findall(r"finished:? ([0-9a-z_]+(?:, [0-9a-z_]+)*)", str((report.get("error") or {}).get("state")))
    return [one["id"] for one in report.get("done", ())] + [name for group in finished for name in group.split(", ")]
