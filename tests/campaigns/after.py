"""Judge what a fault left of a database: whole, its ledger and its content those of one state, and a legal one."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli import LEDGER

# Runs a query and returns its rows: on a file, on a server, on whatever the campaign has.
Ask = Callable[[str], list[tuple[Any, ...]]]
_ENDINGS = ("", "-wal", "-journal", "-shm")
_NOT_CONTENT = ("sqlite_stat", "sqlite_sequence", "memsql_fts_")
_UNFINISHED = "memsql_fts_"
# No two runs write the same.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")
_REPLACED = ".db.replaced-"


@dataclass(frozen=True)
class State:
    """What a database holds: the hash of ``content`` (schema and rows without bookkeeping), and applied versions.

    ``marks``: the versions that yoyo's table has. ``unfinished``: tables of memsql for work that goes on in several
    transactions.
    """

    content: str
    versions: tuple[int, ...] = ()
    marks: tuple[int, ...] = ()
    unfinished: tuple[str, ...] = ()

    def is_like(self, other: State) -> bool:
        """Whether the two differ in unfinished work at most."""
        return replace(self, unfinished=()) == replace(other, unfinished=())


@contextmanager
def copy_of(database: Path) -> Iterator[Ask]:
    """Ask a copy of the file ``database`` and its journals: what is there is not healed by looking at it."""
    with tempfile.TemporaryDirectory(prefix="look-") as folder:
        for ending in _ENDINGS[:3]:
            path = Path(f"{database}{ending}")
            if path.exists():
                shutil.copyfile(path, Path(folder) / path.name)
        with closing(sqlite3.connect(Path(folder) / database.name, isolation_level=None)) as conn:
            yield lambda sql: conn.execute(sql).fetchall()


def paths(project: Path) -> list[Path]:
    """The databases below ``project``: backups, and what a restore replaced, too."""
    return sorted(
        path
        for path in project.rglob("*")
        if path.is_file() and (path.suffix == ".db" or _REPLACED in path.name) and not path.name.endswith(_ENDINGS[1:])
    )


def databases(project: Path, is_meant: Callable[[str], bool] = lambda path: True) -> dict[str, State]:
    """The state of each database below ``project``, by its path. ``is_meant``: which paths to look at."""
    states = {}
    for path in paths(project):
        shown = path.relative_to(project).as_posix()
        if is_meant(shown):
            with copy_of(path) as ask:
                try:
                    states[shown] = read(ask)
                except sqlite3.DatabaseError:
                    states[shown] = broken(path)
    return states


def broken(path: Path) -> State:
    """The state of a file that is no database, or no whole one: its bytes."""
    return State("broken " + hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def read(ask: Ask) -> State:
    """The state of a database. An empty one is a state too."""
    tables = {name for (name,) in ask("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    versions: tuple[int, ...] = ()
    marks: tuple[int, ...] = ()
    columns = {name for (name,) in ask("SELECT name FROM pragma_table_info('schema_migrations')")}
    # Other tools have a table of that name too.
    if "status" in columns:
        rows = ask("SELECT version FROM schema_migrations WHERE status = 'applied' ORDER BY version")
        versions = tuple(version for (version,) in rows)
    if "_yoyo_migration" in tables:
        rows = ask('SELECT migration_id FROM "_yoyo_migration" ORDER BY migration_id')
        marks = tuple(int(migration.partition("_")[0]) for (migration,) in rows)
    return State(_content(ask), versions, marks, tuple(sorted(filter(_is_unfinished, tables))))


def _is_unfinished(table: str) -> bool:
    return table.startswith(_UNFINISHED)


def _content(ask: Ask) -> str:
    """The hash of schema and rows of what is neither bookkeeping, nor statistics, nor a table of a virtual table."""
    shadows = {name for (name,) in ask("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")}
    hashed = hashlib.sha256()
    objects = ask("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, tbl_name")
    for kind, name, table, sql in objects:
        if table in LEDGER or table in shadows or name.startswith(_NOT_CONTENT) or table.startswith(_UNFINISHED):
            continue
        hashed.update(repr((kind, name, table, sql)).encode())
        if kind == "table":
            rows = ask('SELECT * FROM "{}"'.format(name.replace('"', '""')))
            hashed.update(_TIME.sub("TIME", repr(sorted(map(repr, rows)))).encode())
    return hashed.hexdigest()[:16]


EMPTY = State(hashlib.sha256().hexdigest()[:16])
"""The state of a database without tables."""


def problems(ask: Ask, legal: Mapping[str, State]) -> list[str]:
    """What is wrong with a database that has to be in one of the states ``legal``, which have names, in sentences.

    Raises nothing for a database that is broken: that is a problem as well.
    """
    try:
        sentences = [f"integrity_check: {row[0]}" for row in ask("PRAGMA integrity_check") if row[0] != "ok"]
        state = read(ask)
    except sqlite3.Error as e:
        return [f"the database cannot be read: {e}"]
    if not any(state.is_like(other) for other in legal.values()):
        sentences += [f"foreign_key_check: {row}" for row in ask("PRAGMA foreign_key_check")]
        contents = [name for name, other in legal.items() if other.content == state.content]
        ledgers = [name for name, other in legal.items() if other.versions == state.versions]
        sentences.append(
            f"content of {contents or 'no legal state'}, ledger of {ledgers or 'no legal state'}: "
            f"versions {state.versions}, marks of yoyo {state.marks}"
        )
    return sentences
