"""A migration pair from an edited schema: derived, proven, then written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from memsql.author.change import CannotChange, Hints, Plan, Renames, Wanted, plan, read_wanted, render, where
from memsql.author.change.full_text import read as read_text
from memsql.author.change.plan import Pairs, orphaned, pair
from memsql.author.change.render import statement
from memsql.author.files import NextName, next_name, write_files
from memsql.author.prove import Pair, prove
from memsql.author.usable import lost_content, unusable
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, FileError, Interrupted, Location, MemsqlError, StatementError, UsageError
from memsql.project import load as projects
from memsql.project.files import Migration, SqlFile, read_file, replace_file
from memsql.project.load import Project
from memsql.schema import Object, Schema, diff, dump, from_sql, normalise, read
from memsql.sqltext import split
from memsql.sqltext.names import fold

_ROWS = 25
_BY_HAND = "make the change in smaller steps, or write it by hand: invoke migrate.create NAME"
_ERROR_IN = ("error in view ", "error in trigger ", "error in index ")


@dataclass(frozen=True, slots=True)
class Draft:
    """What came of an edited schema. ``files`` are those written, none where nothing differs; ``differences`` are lines;
    ``rebuilds`` the tables that are rebuilt on the way up or down; ``losses`` say what is lost, up and down; ``rows`` with
    how many made-up rows each table was proven."""

    files: tuple[str, ...]
    differences: tuple[str, ...]
    rebuilds: tuple[str, ...] = ()
    losses: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    notes: tuple[str, ...] = ()
    rows: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Task:
    """An edited schema and what it is compared with."""

    path: Path
    shown: str
    text: str
    wanted: Wanted
    renames: Renames


def draft(
    settings: Settings,
    name: str,
    source: str,
    *,
    reason: str | None = None,
    seed: int = 1,
    note: Callable[[str], None] = lambda _: None,
) -> Draft:
    """Write the pair that makes of the migrations' schema what the file ``source`` describes, and memsql.sum.

    ``reason`` says why data may be lost. Nothing is written unless up, down and up again went well on an empty database and
    on one with made-up rows. Raises FileError with file and line for what cannot be derived, and UsageError for a bad name.
    """
    coming = next_name(settings, name)
    path = _find(settings, source)
    task = _read(path, settings.show(path))
    project = projects.load(settings)
    note("replaying the migrations")
    with closing(memory()) as base:
        run_on(base, project, "up", RunOptions())
        before, after = read(base), from_sql(task.wanted.text, task.shown)
        if _nothing_differs(before, after, task.renames):
            return Draft((), ())
        _refuse_unusable(task, before, after)
        lines = _differences(before, after, task.renames)
        up, hints = _fit(task, before, after, task.renames, back=False)
        down, _ = _fit(task, after, before, task.renames.reversed(), back=True)
        texts = (
            render(up, coming.title, depends=coming.depends, reason=reason),
            render(down, f"Undo {coming.id}", reason=reason),
        )
        note("proving it on made-up rows")
        migration = _migration(settings, coming, *texts)
        rows = _prove(base, task, project, migration, (before, after), (up, down), hints, seed)
    files = write_files(
        settings,
        {
            settings.migrations / f"{coming.id}.sql": texts[0],
            settings.migrations / f"{coming.id}.rollback.sql": texts[1],
        },
    )
    if task.wanted.asked and path == settings.sql / "schema.sql":
        # A rename that is done must not be asked for again.
        replace_file(path, task.wanted.text, task.shown)
        files = (*files, task.shown)
    empty = [n for n, count in rows.items() if not count and before.tables[n].kind == "table"]
    notes = [*up.notes, *([f"no made-up row satisfies {', '.join(empty)}: proven without rows there"] if empty else [])]
    rebuilt = tuple(sorted({*up.rebuilds, *down.rebuilds}))
    return Draft(files, lines, rebuilt, (up.losses, down.losses), tuple(notes), tuple(rows.items()))


def _find(settings: Settings, source: str) -> Path:
    found = next((p for p in (settings.root / source, Path.cwd() / source) if p.is_file()), None)
    if found is None:
        raise UsageError(
            f"there is no file {source}",
            state="nothing was written",
            hint="edit sql/schema.sql and name it: invoke migrate.create NAME --from sql/schema.sql",
        )
    resolved = Path(os.path.abspath(found))
    snapshot = settings.sql / "schema.sql"
    return snapshot if snapshot.exists() and os.path.samefile(resolved, snapshot) else resolved


def _read(path: Path, shown: str) -> _Task:
    text = read_file(path, shown).text()
    wanted = read_wanted(text, shown)
    try:
        # With its comments, so that the line of a mistake is the author's.
        from_sql(text, shown)
    except FileError as e:
        e.state, e.hint = "nothing was written", "correct it and run the command again"
        raise
    return _Task(path, shown, text, wanted, wanted.renames())


def _refuse_unusable(task: _Task, before: Schema, after: Schema) -> None:
    """Raise FileError for a view, trigger, foreign key or full-text table that would not work, unless it did not before."""
    had = {fold(name) for name in _unusable(before)}
    broken = {
        name: said
        for name, said in _unusable(after).items()
        if task.renames.tables.get(fold(name), fold(name)) not in had
    }
    if broken:
        raise FileError(
            "what is wanted would not work",
            where=Location(task.shown, where(task.text, next(iter(broken)))),
            details=tuple(broken.values()),
            state="nothing was written",
            hint="correct what names something that is not there",
        )


def _unusable(schema: Schema) -> dict[str, str]:
    with closing(memory()) as conn:
        conn.script(dump(schema))
        return {**unusable(conn, schema), **lost_content(conn)}


def _nothing_differs(before: Schema, after: Schema, renames: Renames) -> bool:
    if diff(before, after):
        return False
    try:
        # Two columns that swap their names differ in nothing but what they hold.
        return not plan(before, after, renames).steps
    except CannotChange:
        # A comment about a rename that was done long ago asks for nothing.
        columns = {(fold(t.name), fold(c.name)) for t in before.tables.values() for c in t.columns}
        tables = {table for table, _ in columns}
        return tables.isdisjoint(renames.tables.values()) and columns.isdisjoint(
            (table, old) for (table, _), old in renames.columns.items()
        )


def _differences(before: Schema, after: Schema, renames: Renames) -> tuple[str, ...]:
    """What differs, as lines, a rename as one."""
    lines = diff(before, after).lines()
    told = []
    for new, old in renames.tables.items():
        told.append(f"~ table {old} renamed to {new}")
        lines = [x for x in lines if x.lower() not in (f"- table {old}", f"+ table {new}")]
    for (table, new), old in renames.columns.items():
        told.append(f"~ table {table}: column {old} renamed to {new}")
        start = f"~ table {table}: column "
        lines = [
            x
            for x in lines
            if not (
                (x.lower().startswith(f"{start}{old} ") and x.endswith(" removed"))
                or (x.lower().startswith(f"{start}{new} ") and x.endswith(" added"))
            )
        ]
    return (*told, *lines)


def _fit(task: _Task, before: Schema, after: Schema, renames: Renames, *, back: bool) -> tuple[Plan, Hints]:
    """The plan whose steps, tried on an empty database, make ``after``. Where plain statements do not do what the
    rules of SQLite promise, the table is rebuilt."""
    hints = Hints()
    while True:
        try:
            found = plan(before, after, renames, hints, back=back)
        except CannotChange as e:
            _refuse(task, e.message, e.table, e.column, e.hint)
        more, problem, place = _try(found, before, after)
        if not problem:
            return found, hints
        # Each round must learn something, and there is only so much to learn.
        if (hints | more) == hints:
            _refuse(task, f"the {'way back' if back else 'change'} cannot be derived: {problem}", place, None, _BY_HAND)
        hints |= more


def _try(found: Plan, before: Schema, after: Schema) -> tuple[Hints, str, str]:
    """Run the steps of ``found`` on an empty database: what to do otherwise, what went wrong, and with which object."""
    table = ""
    with closing(memory()) as conn:
        try:
            conn.script(dump(before))
            for step in found.steps:
                table = str(getattr(step, "table", getattr(step, "new", getattr(step, "name", ""))))
                for one in split(statement(step)):
                    conn.execute(one.text)
            return _differing(read(conn), after)
        except StatementError as e:
            return _hint(e.message, table), e.message, table


def _hint(message: str, table: str) -> Hints:
    for start in _ERROR_IN:
        if message.startswith(start):
            rest = message[len(start) :]
            name = rest.split(" after ")[0] if " after " in rest.split(":")[0] else rest.split(":")[0]
            return Hints(recreate=frozenset({fold(name)}))
    return Hints(rebuild=frozenset({fold(table)}))


def _differing(got: Schema, wanted: Schema) -> tuple[Hints, str, str]:
    lines = diff(got, wanted).lines()
    if not lines:
        return Hints(), "", ""
    one, two = _texts(got.objects), _texts(wanted.objects)
    names = {k for k in one.keys() | two.keys() if normalise(one.get(k, "")) != normalise(two.get(k, ""))}
    tables = frozenset(name for kind, name in names if kind == "table")
    others = frozenset(name for kind, name in names if kind != "table")
    virtual = frozenset(fold(t.name) for t in wanted.tables.values() if t.kind == "virtual")
    return (
        Hints(tables - virtual, others | (tables & virtual)),
        "; ".join(lines),
        next(iter(sorted(tables | others)), ""),
    )


def _texts(objects: Iterable[Object]) -> dict[tuple[str, str], str]:
    return {(o.type, fold(o.name)): o.sql for o in objects if o.sql}


def _migration(settings: Settings, coming: NextName, up: str, down: str) -> Migration:
    folder = settings.show(settings.migrations)
    files = [
        SqlFile(f"{folder}/{name}", name, text.encode())
        for name, text in ((f"{coming.id}.sql", up), (f"{coming.id}.rollback.sql", down))
    ]
    return Migration(coming.version, coming.name, coming.id, files[0], files[1])


def _prove(
    base: SQLiteConnection,
    task: _Task,
    project: Project,
    migration: Migration,
    schemas: tuple[Schema, Schema],
    plans: tuple[Plan, Plan],
    hints: Hints,
    seed: int,
) -> dict[str, int]:
    before, after = schemas
    pairs = pair(before, after, task.renames, hints)
    own = tuple((o, n) for o, n in pairs.virtual if (text := read_text(n)) and text.kind == "own")
    whole = Pair(
        replace(project, ordered=(*project.ordered, migration)),
        before,
        after,
        pairs.changes,
        own,
        (bool(plans[0].losses), bool(plans[1].losses)),
        _emptied(pairs),
    )
    try:
        return prove(base, whole, rows=_ROWS, seed=seed)
    except Interrupted as e:
        e.state, e.hint = "nothing was written", "run the command again"
        raise
    except MemsqlError as e:
        found = FileError(
            f"the derived migration does not pass its proof: {e.message}",
            where=Location(task.shown),
            details=e.details,
            statement=e.statement,
            state="nothing was written",
            hint=(isinstance(e, CheckFailed) and e.hint) or _BY_HAND,
        )
        if e.where and e.where.path.endswith(".rollback.sql"):
            found.hint = (
                "a column that goes and was NOT NULL has no value on the way back: first make it NULL in a migration "
                "of its own, then drop it in another; or write the pair by hand"
            )
        if e.where:
            found.details = (*found.details, f"in what would have been {e.where}")
        raise found from e


def _emptied(pairs: Pairs) -> dict[str, frozenset[str]]:
    """The columns that the way back leaves empty, by the table they are in."""
    return {
        fold(c.old.name): orphaned(replace(c, old=c.new, new=c.old), pairs.dropped) for c in pairs.changes if c.rebuilt
    }


def _refuse(task: _Task, message: str, name: str, column: str | None, hint: str) -> NoReturn:
    line = where(task.text, name, column) or where(task.text, name)
    raise FileError(message, where=Location(task.shown, line), state="nothing was written", hint=hint or None)
