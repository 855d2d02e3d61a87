"""The table of migrations that lose something and of those that do not: tests/promises/losses/*.yml.

A file is a list of groups. Each has ``base``, the SQL of the schema and the rows before, and ``entries``. An entry is

    - lossy: what is wrong with it, in a few words; or ``kept`` for one that loses nothing
      change: |                       # the statements
      losses: [member.phone 3]        # for lossy ones: table or table.column as in SQL, and the number of rows
      says: [member.phone 3]          # for others: what the output counts

A rebuild of ``table`` (of the entry or its group) may be written as ``new``, the columns of the new table, and
``copy``, the statements that fill it, with ``before``, ``between`` (after the copy) and ``after`` where there is more.
Other keys:

- ``head``: lines of the header;  ``earlier``: migrations that run before it in the same command
- ``down``: it is the rollback that loses
- ``any_number``: the number of rows is not looked at;  ``then``: the exit code once the loss is permitted (0)
- ``server``: why it is not tried on a server, or the exit code there where the server refuses the statements
- ``leaves``: a query to its rows, after a migration that loses nothing
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml_files
from cli import LEDGER
from places import ROOT

FOLDER = ROOT / "tests" / "promises" / "losses"
_NAME = r"\"(?:[^\"]|\"\")*\"|[^\s.\"]+"
_TARGET = re.compile(rf"({_NAME})(?:\.({_NAME}))?(?: (\d+))?\Z")
_PERMIT = re.compile(r"-- allow: data-loss \S.*")
_NAMES = "lossy kept change losses says table new copy before between after"
_OTHERS = "head earlier down any_number then server leaves"
_KEYS = frozenset(f"{_NAMES} {_OTHERS}".split())


@dataclass(frozen=True)
class Count:
    """A number of rows of a table, or of values of a column. ``target`` is its name as SQL writes it."""

    target: str
    table: str
    column: str | None
    rows: int | None

    @classmethod
    def parse(cls, text: str) -> Count:
        match = _TARGET.match(text)
        assert match, text
        table, column, rows = match.groups()
        return cls(
            text.removesuffix(f" {rows}") if rows else text,
            _plain(table),
            _plain(column) if column else None,
            int(rows) if rows else None,
        )

    def is_in(self, output: str, *, any_number: bool = False) -> bool:
        """Whether one line of ``output`` names the table, the column and the number."""
        words = [re.escape(self.table), *([re.escape(self.column)] if self.column else [])]
        if self.rows is not None and not any_number:
            words.append(rf"{self.rows} rows?")
        return any(all(_has(line, word) for word in words) for line in output.splitlines() if "allow:" not in line)


@dataclass(frozen=True)
class Entry:
    name: str
    lossy: bool
    base: str
    change: str
    counts: tuple[Count, ...]
    head: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    down: bool = False
    any_number: bool = False
    then: int = 0
    server: str | int | None = None
    leaves: dict[str, Any] = field(default_factory=dict)

    def text(self, permits: list[str]) -> str:
        """The file with ``permits``, lines of its header."""
        return "\n".join(["-- A change", *self.head, *permits, "", self.change])


def read() -> Iterator[Entry]:
    for file in sorted(FOLDER.glob("*.yml")):
        for group in yaml_files.read(file):
            for raw in group["entries"]:
                assert not set(raw) - _KEYS, raw
                yield _entry(file.stem, group, raw)


def _entry(stem: str, group: dict[str, Any], raw: dict[str, Any]) -> Entry:
    lossy = "lossy" in raw
    return Entry(
        name=f"{stem}: {raw['lossy' if lossy else 'kept']}",
        lossy=lossy,
        base=group["base"],
        change=raw["change"] if "change" in raw else _rebuild(str(raw.get("table", group.get("table"))), raw),
        counts=tuple(map(Count.parse, raw["losses"] if lossy else raw.get("says", ()))),
        head=tuple(raw.get("head", ())),
        earlier=tuple(raw.get("earlier", ())),
        down=raw.get("down", False),
        any_number=raw.get("any_number", False),
        then=raw.get("then", 0),
        server=raw.get("server"),
        leaves=raw.get("leaves", {}),
    )


def _rebuild(table: str, raw: dict[str, Any]) -> str:
    parts = [
        raw.get("before", ""),
        f"CREATE TABLE {table}_new {raw['new']};",
        raw["copy"],
        raw.get("between", ""),
        f"DROP TABLE {table};",
        f"ALTER TABLE {table}_new RENAME TO {table};",
        raw.get("after", ""),
    ]
    return "".join(part.rstrip() + "\n" for part in parts if part)


def permits(output: str) -> list[str]:
    """The lines that a refusal offers to paste, with a reason for each of them."""
    lines = dict.fromkeys(match[0].strip() for match in _PERMIT.finditer(output))
    return [re.sub(r"<\w+>", "nobody needs it", line) for line in lines]


def permitted(line: str) -> str:
    """What a line of ``permits`` permits, as SQL writes it."""
    match = re.match(rf"-- allow: data-loss ((?:{_NAME})(?:\.(?:{_NAME}))?) ", line)
    assert match, line
    return match[1]


def content(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[object]:
    """Schema and rows of a database, each value with its type, without the ledger."""
    schema = ask("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
    everything: list[object] = []
    for kind, name, table, sql in schema:
        if table in LEDGER or str(name).startswith(("sqlite_stat", "sqlite_autoindex", "libsql_", "_litestream")):
            continue
        everything.append((kind, name, sql))
        if kind == "table" and "VIRTUAL" not in (sql or "").upper():
            everything.append((name, _rows(ask, name)))
    return everything


def _rows(ask: Callable[[str], list[tuple[Any, ...]]], table: str) -> list[tuple[Any, ...]]:
    quoted = table.replace("'", "''")
    columns = [str(row[0]).replace('"', '""') for row in ask(f"SELECT name FROM pragma_table_xinfo('{quoted}')")]
    select = ", ".join(f'typeof("{column}"), quote("{column}")' for column in columns)
    name = table.replace('"', '""')
    return sorted(ask(f'SELECT {select} FROM "{name}"'), key=repr)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _has(line: str, pattern: str) -> bool:
    return re.search(rf"(?<!\w)(?:{pattern})(?!\w)", line, re.IGNORECASE) is not None
