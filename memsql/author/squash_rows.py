"""The rows that migrations wrote, as the statements of a baseline that makes them again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from memsql.author.volatile import change_clock
from memsql.backups.digest import content_selects
from memsql.backups.dump import insert_statements, own_rows
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, Refused
from memsql.fts import FtsTable, discover, guarded
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import read
from memsql.scratch.database import Contents, contents_of
from memsql.sqltext import quote
from memsql.sqltext.internal import is_internal
from memsql.sqltext.names import fold, quote_string
from memsql.words import count

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """``inserts`` make the rows of tables, ``ends`` are to run behind all else: full-text indexes, AUTOINCREMENT.
    ``numbers`` says how many rows each table has, where it has any."""

    inserts: tuple[str, ...]
    ends: tuple[str, ...]
    numbers: dict[str, int]


def rows_of(conn: SQLiteConnection) -> Rows:
    """The rows of ``conn``, a database that migrations made. Raises Refused for rows that no INSERT makes again."""
    schema = read(conn)
    selects = {
        select.name: select
        for select in content_selects(read(conn, internal=True))
        if select.name in schema.tables and schema.tables[select.name].kind == "table"
    }
    indexes = discover(conn)
    selects |= {table.name: own_rows(conn, table) for table in indexes if table.kind == "own"}
    inserts: list[str] = []
    numbers: dict[str, int] = {}
    for name, select in selects.items():
        number = int(str(conn.execute(f"SELECT count(*) FROM {quote(name)}").one()))
        if number:
            numbers[name] = number
            inserts += insert_statements(conn, select)
    rebuilt = [quote(table.name) for table in indexes if _is_rebuilt(conn, table, numbers)]
    _refuse_other_modules(conn, {table.name for table in indexes})
    ends = [f"INSERT INTO {name} ({name}) VALUES ('rebuild')" for name in rebuilt]
    return Rows(tuple(inserts), (*ends, *_sequences(conn, numbers)), numbers)


def _is_rebuilt(conn: SQLiteConnection, table: FtsTable, numbers: dict[str, int]) -> bool:
    """Whether the index ``table`` has to be built behind the rows of its content."""
    if table.kind == "own" or not _holds_something(conn, table.name):
        return False
    filled = fold(table.content or "") in map(fold, numbers)
    if table.kind == "external" and filled and guarded(table) is None:
        return True
    raise Refused(
        f"the migrations fill the full-text index {table.name}, and no statement fills it in the same way again",
        state="nothing was changed",
        hint="squash up to the migration before that",
    )


def _holds_something(conn: SQLiteConnection, name: str) -> bool:
    """Whether a full-text index knows any word: its structure holds more than the two records of an empty one."""
    return int(str(conn.execute(f"SELECT count(*) FROM {quote(f'{name}_data')}").one())) > 2


def _refuse_other_modules(conn: SQLiteConnection, indexes: set[str]) -> None:
    schema = read(conn)
    for table in schema.tables.values():
        is_other = table.kind == "virtual" and table.name not in indexes
        if is_other and conn.execute(f"SELECT 1 FROM {quote(table.name)} LIMIT 1").rows:
            raise Refused(
                f"the migrations write rows into the virtual table {table.name}, which a baseline does not make again",
                state="nothing was changed",
                hint="squash up to the migration before that",
            )


def _sequences(conn: SQLiteConnection, numbers: dict[str, int]) -> list[str]:
    """Statements that let AUTOINCREMENT go on where it was, where the rows alone do not."""
    if not conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").rows:
        return []
    statements = []
    for name, last in conn.execute("SELECT name, seq FROM sqlite_sequence").rows:
        if is_internal(str(name), ()) or not isinstance(last, int):
            continue
        if str(name) not in numbers:
            statements.append(f"INSERT INTO sqlite_sequence (name, seq) VALUES ({quote_string(str(name))}, {last})")
        elif conn.execute(f"SELECT max(rowid) FROM {quote(str(name))}").one() != last:
            statements.append(f"UPDATE sqlite_sequence SET seq = {last} WHERE name = {quote_string(str(name))}")
    return statements


def differences(one: Contents, other: Contents) -> list[str]:
    """What two databases hold differently, in sentences: rows of tables, AUTOINCREMENT, full-text indexes."""
    names = sorted({*one.digests, *other.digests})
    lines = [f"the rows of {name} differ" for name in names if one.digests.get(name) != other.digests.get(name)]
    sequences = [{n: s for n, s in c.sequences.items() if not is_internal(n, ())} for c in (one, other)]
    if sequences[0] != sequences[1]:
        lines.append("AUTOINCREMENT does not go on where it was")
    return [*lines, *other.broken][:_SHOWN]


def replay(project: Project, migrations: Sequence[Migration], *, other_clock: bool = False) -> Contents:
    """What ``migrations`` make of an empty database."""
    with closing(memory()) as conn:
        run(conn, Project(project.settings, tuple(migrations)), other_clock=other_clock)
        return contents_of(conn)


def run(conn: SQLiteConnection, project: Project, *, other_clock: bool = False) -> None:
    """Apply the migrations of ``project`` that wait, as ones that were applied elsewhere long ago."""
    if other_clock:
        change_clock(conn)
    run_on(conn, project, "up", RunOptions(old_permits=True, replayed=True))


def refuse_volatile(project: Project, folded: Sequence[Migration]) -> None:
    """Raise Refused where rows hold values that differ at every run, with the first migration that writes one."""
    if not differences(replay(project, folded), replay(project, folded, other_clock=True)):
        return
    for number, migration in enumerate(folded, 1):
        one, other = (replay(project, folded[:number], other_clock=clock) for clock in (False, True))
        lines = differences(one, other)
        if lines:
            tables = [name for name in one.digests if one.digests[name] != other.digests.get(name)]
            raise Refused(
                f"{migration.id} writes values that a clock or chance gives, so no two databases have the same: "
                f"in {', '.join(tables)}",
                details=tuple(lines),
                state="nothing was changed",
                hint="keep them as they are now, for new databases, with --keep-values"
                + (f"; or squash up to {folded[number - 2].version}" if number > 2 else ""),
            )
    raise CheckFailed("the migrations make other rows at every run", state="nothing was changed")


def in_words(numbers: dict[str, int]) -> str:
    """As in "12 rows of 2 tables"."""
    return f"{count(sum(numbers.values()), 'row')} of {count(len(numbers), 'table')}"
