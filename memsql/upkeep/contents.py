"""The rows of the tables that statements may write, before and after: what is not there any more as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memsql.advise.cursors import instructions
from memsql.backups.digest import TableDigest, digest_of, select_of
from memsql.db import Connection
from memsql.db.compiling import bytecode
from memsql.db.queries import load
from memsql.errors import StatementError
from memsql.schema import Schema, Table
from memsql.sqltext import fold, free_rowid, quote
from memsql.upkeep.archives import integer
from memsql.words import count


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a table, and the highest rowid; None where it has no row, or no rowid."""

    digest: TableDigest
    highest: int | None = None


def written(conn: Connection, schema: Schema, statements: Sequence[str]) -> list[Table]:
    """The tables, virtual ones too, whose rows ``statements`` may change, by triggers and foreign-key actions as well.

    The bytecode says which b-trees are opened for writing; which virtual table is written it does not say.
    """
    answers = conn.read_each([(load("upkeep/roots"), ()), *((bytecode(statement), ()) for statement in statements)])
    ordinary = [table for table in schema.tables.values() if table.kind == "table"]
    virtual = [table for table in schema.tables.values() if table.kind == "virtual"]
    roots, *programs = answers
    if isinstance(roots, StatementError) or any(isinstance(program, StatementError) for program in programs):
        return [*ordinary, *virtual]
    code = [i for program in programs if not isinstance(program, StatementError) for i in instructions(program.rows)]
    pages = {i.p2 for i in code if i.opcode == "OpenWrite"} | {i.p1 for i in code if i.opcode == "Clear"}
    names = {fold(str(name)) for root, name in roots.rows if integer(root) in pages}
    chosen = [table for table in ordinary if fold(table.name) in names]
    return [*chosen, *(virtual if any(i.opcode == "VUpdate" for i in code) else ())]


def contents(conn: Connection, tables: Iterable[Table]) -> dict[str, Content]:
    """What ``tables`` hold, by name. One whose rows cannot be read is left out."""
    result = {}
    for table in tables:
        rowid = None if table.without_rowid else free_rowid(column.name for column in table.columns)
        try:
            digest = digest_of(conn, select_of(table))
            sql = f"SELECT max({quote(rowid)}) FROM {quote(table.name)}" if rowid is not None else "SELECT NULL"
            highest = conn.execute(sql).one()
        except StatementError as e:
            if e.is_interrupt or table.kind == "table":
                raise
            continue
        result[table.name] = Content(digest, None if highest is None else integer(highest))
    return result


def changes(conn: Connection, schema: Schema, before: Mapping[str, Content], exact: Iterable[str]) -> list[str]:
    """A sentence for each table that does not hold the rows of ``before`` as they were. Tables that are not in
    ``exact`` may have more rows behind them, for a trigger may keep a log."""
    problems = []
    for name, content in before.items():
        is_exact = name in exact
        if not content.digest.rows and not is_exact:
            continue
        now = digest_of(conn, select_of(schema.tables[name], None if is_exact else content.highest))
        if now.rows < content.digest.rows:
            problems.append(f"{name} lost {count(content.digest.rows - now.rows, 'row')}")
        elif now.rows > content.digest.rows:
            problems.append(f"{name} has {count(now.rows - content.digest.rows, 'row')} too many")
        elif now != content.digest:
            problems.append(f"{name} has {count(now.rows, 'row')}, but not the same ones")
    return problems
