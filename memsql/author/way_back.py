"""Derive the rollback of a migration that has none, where it can be proven that it leads back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from memsql.author.change import CannotChange, Hints, Renames, render
from memsql.author.trial import plan_that_works
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.analysis import Analysis, analyse
from memsql.errors import Interrupted, MemsqlError
from memsql.project.files import Migration, SqlFile
from memsql.project.load import Project
from memsql.schema import Schema, diff
from memsql.scratch.database import contents_of, copy_of, run_here
from memsql.scratch.fitting import concerned, destination, populate
from memsql.sqltext import effect, fold, statements

_ROWS = 20
_SHOWN = 2
_WRITES = frozenset({"insert", "replace", "update", "delete"})


class WayBack(NamedTuple):
    """The text of a rollback, or why there is none, as the end of a sentence."""

    text: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    """A migration, what it says it does, and the schemas before and after it."""

    migration: Migration
    analysis: Analysis
    before: Schema
    after: Schema

    def changes_rows(self) -> str | None:
        """The first table from before whose rows it changes by name, and which it does not make anew."""
        rebuilt = {new for _, new in self.analysis.renames} & self.analysis.drops
        for statement in statements(self.migration.up.text()):
            what = effect(statement.text)
            name = fold(what.name or "")
            if what.kind in _WRITES and name not in rebuilt and self.before.table(name) is not None:
                return what.name
        return None

    def renames(self) -> Renames:
        """The tables and columns that have another name after it."""
        tables = {
            new: old
            for old, new in self.analysis.renames
            if self.before.table(old) and not self.after.table(old) and not self.before.table(new)
        }
        columns = {(table, new): old for table, old, new in self.analysis.columns}
        return Renames(tables, columns)

    def makes_alone(self) -> bool:
        """Whether everything of the schema before it is there after it as it was."""
        return all(
            (now := self.after.table(table.name)) is not None and now.sql == table.sql
            for table in self.before.tables.values()
        )


def way_back(base: SQLiteConnection, project: Project, schemas: tuple[Schema, Schema]) -> WayBack:
    """A rollback for the last migration of ``project``; ``base`` is a database as those before it leave it, and
    ``schemas`` are those before and after it."""
    migration = project.ordered[-1]
    change = _Change(migration, analyse(migration.up, migration.header), *schemas)
    table = change.changes_rows()
    if table is not None:
        return WayBack(None, f"it changes rows of {table}")
    if not diff(*schemas).lines():
        return WayBack(None, "it leaves the schema as it was")
    try:
        working = plan_that_works((change.after, change.before), change.renames().reversed(), Hints(), back=True)
    except CannotChange as e:
        return WayBack(None, e.message)
    text = render(working.plan, f"Undo {migration.id}")
    problem = _problem(base, project, change, text)
    return WayBack(None, problem) if problem else WayBack(text)


def _problem(base: SQLiteConnection, project: Project, change: _Change, text: str) -> str:
    """What is wrong with the rollback ``text``: it must leave schema and rows as they were, with rows and without."""
    name = change.migration.up.name.removesuffix(".sql") + ".rollback.sql"
    folder = change.migration.up.path.rpartition("/")[0]
    up = change.migration
    pair = Migration(up.version, up.name, up.id, up.up, SqlFile(f"{folder}/{name}", name, text.encode()))
    trial = Project(project.settings, (*project.ordered[:-1], pair))
    with copy_of(base) as conn:
        problem = _trip(conn, trial)
    if problem or change.makes_alone():
        return problem
    with copy_of(base) as conn:
        part = concerned(change.before, f"{up.up.text()}\n{text}")
        with suppress(MemsqlError):
            populate(conn, part, destination(part, change.after), rows=_ROWS, seed=crc32(up.id.encode()))
        return _trip(conn, trial)


def _trip(conn: SQLiteConnection, project: Project) -> str:
    """What differs on ``conn`` after the last migration of ``project`` and its way back."""
    before = contents_of(conn)
    what = "it does not run on made-up rows"
    try:
        run_here(conn, project, "up", allow=True)
        what = "what was derived does not run"
        run_here(conn, project, "down", allow=True)
    except Interrupted:
        raise
    except MemsqlError as e:
        return f"{what}: {e.message}"
    after = contents_of(conn, like=before)
    lines = diff(after.schema, before.schema).meaning_lines()
    if lines:
        return f"what was derived leaves another schema: {'; '.join(lines[:_SHOWN])}"
    lost = [name for name, digest in before.digests.items() if after.digests.get(name) != digest]
    return f"the rows of {', '.join(sorted(lost)[:_SHOWN])} would not come back" if lost else ""
