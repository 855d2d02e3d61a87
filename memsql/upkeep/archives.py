"""The tables into which rows are moved aside, memsql_orphans_NUMBER_TABLE: what they are called and made of.

Such a table has the columns of the other one, generated ones too, with types of the same affinity, and before them
``memsql_number``, ``memsql_rowid``, ``memsql_moved_at`` (UTC), ``memsql_why`` and ``memsql_back``, which is 1 only
while rows go back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.db import Connection, Value
from memsql.db.queries import load
from memsql.errors import Refused
from memsql.schema import Schema, Table
from memsql.sqltext import fold, quote
from memsql.sqltext.affinity import affinity
from memsql.upkeep.references import identity

PREFIX = "memsql_orphans_"
OWN = ("memsql_number", "memsql_rowid", "memsql_moved_at", "memsql_why", "memsql_back")
"""The columns that are memsql's own."""
_name = re.compile(rf"{PREFIX}(\d+)_(.+)", re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True)
class Archive:
    """A table with rows that were moved aside: its ``name``, its ``number``, and the table from which they came."""

    name: str
    number: int
    table: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What an archive holds: the rows, when and why the first of them was moved."""

    archive: Archive
    rows: int
    moved_at: str
    why: str


def archives(conn: Connection) -> list[Archive]:
    """The archives of the database, by number."""
    rows = conn.execute(load("upkeep/archives")).rows
    matches = [match for name, is_archive in rows if is_archive and (match := _name(str(name)))]
    return sorted((Archive(m[0], int(m[1]), m[2]) for m in matches), key=lambda a: (a.number, a.table))


def next_number(conn: Connection) -> int:
    """One more than the highest number in a name that looks like one of an archive, whatever has it."""
    matches = [_name(str(row[0])) for row in conn.execute(load("upkeep/archives")).rows]
    return max((int(match[1]) for match in matches if match), default=0) + 1


def refuse_clash(table: Table) -> None:
    """Raise Refused where a column of ``table`` has the name of one of OWN."""
    clash = next((column.name for column in table.columns if fold(column.name) in OWN), None)
    if clash is not None:
        raise Refused(
            f"the rows of {table.name} cannot be moved aside: its column {clash} is called like one of memsql's own",
            hint=f"rename the column, or leave {table.name} out with --table",
        )


def kept(conn: Connection, listed: list[Archive]) -> list[Kept]:
    """What each of the archives holds."""
    sql = "SELECT count(*), min(memsql_moved_at), min(memsql_why) FROM {}"
    answers = conn.batch([(sql.format(quote(a.name)), ()) for a in listed]) if listed else []
    return [
        Kept(archive, int(str(rows)), str(when), str(why))
        for archive, answer in zip(listed, answers, strict=True)
        for rows, when, why in answer.rows
    ]


def columns_of(table: Table) -> list[str]:
    """The columns of ``table``. Generated ones are among them: a key may lead from them, or to them."""
    return [column.name for column in table.columns]


def creation(archive: Archive, table: Table) -> str:
    """The statement that makes ``archive`` for rows of ``table``."""
    own = "memsql_number INTEGER PRIMARY KEY, memsql_rowid INTEGER, memsql_moved_at TEXT NOT NULL,"
    own += " memsql_why TEXT NOT NULL, memsql_back INTEGER NOT NULL DEFAULT 0"
    others = [f"{quote(c.name)} {c.type if table.strict else affinity(c.type).upper()}" for c in table.columns]
    keys = ["memsql_rowid"] if identity(table) is not None else [quote(column) for column in table.primary_key]
    unique = f"UNIQUE ({', '.join(keys)})"
    strict = " STRICT" if table.strict else ""
    return f"CREATE TABLE {quote(archive.name)} ({', '.join([own, *others, unique])}){strict}"


def is_row(table: Table, archived: str = "a", alias: str = "c") -> str:
    """SQL: whether the row ``archived`` of an archive is the row ``alias`` of ``table``."""
    rowid = identity(table)
    if rowid is not None:
        return f"{archived}.memsql_rowid = {alias}.{quote(rowid)}"
    return " AND ".join(f"{archived}.{quote(c)} IS {alias}.{quote(c)} COLLATE BINARY" for c in table.primary_key)


def is_equal(columns: Sequence[str], archived: str = "a", alias: str = "c") -> str:
    """SQL: whether both rows hold the same values of the same types in ``columns``."""
    return " AND ".join(
        f"{archived}.{quote(c)} IS {alias}.{quote(c)} COLLATE BINARY AND typeof({archived}.{quote(c)}) ="
        f" typeof({alias}.{quote(c)})"
        for c in columns
    )


def row_counts(conn: Connection, schema: Schema) -> dict[str, int]:
    """How many rows each ordinary table has."""
    names = [table.name for table in schema.tables.values() if table.kind == "table"]
    answers = conn.batch([(f"SELECT count(*) FROM {quote(name)}", ()) for name in names]) if names else []
    return {name: integer(answer.one()) for name, answer in zip(names, answers, strict=True)}


def integer(value: Value) -> int:
    """``value``, which is a number."""
    return int(str(value))
