"""A migration pair from an edited schema: derived, proven, then written."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from memsql import hints
from memsql.author import differences, engines
from memsql.author.change import (
    CannotChange,
    ChangePlan,
    Hints,
    Renames,
    TableMatches,
    WantedSchema,
    line_of,
    match_tables,
    read_wanted,
    render,
)
from memsql.author.change.full_text import fts_table
from memsql.author.change.references import orphaned, vanished
from memsql.author.change.steps import NO_RENAMES
from memsql.author.defaults import dangling_defaults
from memsql.author.files import NextName, complete_sum, next_name, write_files
from memsql.author.own_scripts import without_scripts
from memsql.author.prove import Candidate, prove
from memsql.author.trial import by_hand, plan_that_works
from memsql.author.usable import lost_content, unusable
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import CheckFailed, FileError, Interrupted, Location, MemsqlError, UsageError
from memsql.progress import SILENT, Progress
from memsql.project import load
from memsql.project.files import Migration, SqlFile, read_file
from memsql.project.load import Project
from memsql.project.writing import replace_file
from memsql.schema import Schema, diff, dump, from_sql, read
from memsql.schema.snapshot import beside, read_snapshot
from memsql.sqltext import effect
from memsql.sqltext.names import fold
from memsql.targets import TargetEngine, parse_targets

_ROWS = 25
_COULD_DO_MORE = (
    "the target can change NOT NULL and CHECK in place, but the SQLite that runs here, and has to prove it, cannot: the"
    " table is rebuilt"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The migration that was derived from an edited schema.

    ``files`` are the files that were written; there are none where nothing differs. ``differences`` are lines.
    ``rebuilds`` are the tables that are rebuilt on the way up or down. ``losses`` are sentences about what is lost, on
    the way up and on the way down. ``notes`` are sentences for the author. ``rows`` are pairs: a table, and with how
    many made-up rows it was proven.
    """

    files: tuple[str, ...]
    differences: tuple[str, ...]
    rebuilds: tuple[str, ...] = ()
    losses: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    notes: tuple[str, ...] = ()
    rows: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Source:
    """The file with the edited schema: its path, the path as messages show it, and its text."""

    path: Path
    shown: str
    text: str
    wanted: WantedSchema

    @property
    def renames(self) -> Renames:
        return self.wanted.renames()

    @property
    def notes(self) -> tuple[str, ...]:
        """What it holds beside CREATE statements."""
        return tuple(beside(read_snapshot(self.text), self.shown))

    def refuse_on(self, targets: tuple[TargetEngine, ...], obstacles: tuple[str, ...]) -> None:
        """Raise FileError where there are ``obstacles`` to run the migration on ``targets``."""
        if obstacles:
            raise FileError(
                f"what is wanted would not run on {', '.join(map(str, targets))}, the target of "
                f"{hints.settings_file()}",
                where=Location(self.shown),
                details=obstacles,
                state="nothing was written",
                hint=f"write it in words that all targets have, or change `target` in {hints.settings_file()}",
            )

    def refuse(self, error: CannotChange) -> NoReturn:
        """Raise FileError for the place in the file that ``error`` is about."""
        line = line_of(self.text, error.table, error.column) or line_of(self.text, error.table)
        raise FileError(
            error.message,
            where=Location(self.shown, line),
            state="nothing was written",
            hint=error.hint or None,
        )


@dataclass(frozen=True, slots=True)
class _Derived:
    """A change of schema and how it is made.

    These are the schemas before and after it, the plans up and down, what a trial run of the way up showed, and the
    names that keep other letters than ``after`` has.
    """

    before: Schema
    after: Schema
    up: ChangePlan
    down: ChangePlan
    hints: Hints
    respelled: tuple[str, ...] = ()


def draft(
    settings: Settings,
    name: str,
    source: str,
    *,
    reason: str | None = None,
    seed: int = 1,
    progress: Progress = SILENT,
) -> Draft:
    """Write the pair that changes the schema of the migrations to what the file ``source`` describes, and memsql.sum.

    ``reason`` says why data may be lost. Nothing is written unless up, down and up again succeed on an empty database
    and on one with made-up rows. Raises FileError with file and line for what cannot be derived, UsageError for a name
    that makes no file name.
    """
    targets = parse_targets(settings.engines)
    coming = next_name(settings, name)
    schema_file = _read(settings, source)
    project = load.load_project(settings)
    edited = schema_file
    if project.repeatables:
        text = without_scripts(edited.text, project.repeatables, edited.shown)
        schema_file = replace(edited, text=text, wanted=read_wanted(text, edited.shown))
        project = replace(project, repeatables=())
    progress.start("replaying the migrations")
    with closing(memory()) as base:
        run_on(base, project, "up", RunOptions())
        before, after = read(base), from_sql(schema_file.wanted.text, schema_file.shown)
        hints = Hints(recreate=differences.other_letters(schema_file.wanted, before, after))
        if differences.nothing_differs(before, after, schema_file.renames, hints):
            respelled = diff(before, after).respelled
            notes = (*schema_file.notes, *differences.notes_on_letters(respelled), *complete_sum(settings))
            return Draft((), respelled, notes=notes)
        _refuse_unusable(schema_file, before, after)
        dangling = dangling_defaults(base, before, NO_RENAMES) | dangling_defaults(base, after, schema_file.renames)
        hints |= Hints(dangling=dangling, abilities=engines.abilities(targets))
        derived = _derive(schema_file, before, after, hints)
        texts = (
            render(derived.up, coming.title, depends=coming.depends, reason=reason),
            render(derived.down, f"Undo {coming.id}", reason=reason),
        )
        schema_file.refuse_on(targets, engines.obstacles(texts, targets))
        progress.start("proving it on made-up rows")
        candidate = _candidate(derived, schema_file.renames, with_migration(project, coming, texts))
        rows = _prove(base, candidate, schema_file, seed)
    files = _write(settings, coming, texts, edited)
    return Draft(
        files,
        differences.lines_of(before, after, schema_file.renames),
        tuple(sorted({*derived.up.rebuilds, *derived.down.rebuilds})),
        (_sentences(derived.up), _sentences(derived.down)),
        (
            *schema_file.notes,
            *derived.up.notes,
            *differences.notes_on_letters(derived.respelled),
            *_note_on_empty_tables(before, rows),
            *([_COULD_DO_MORE] if derived.up.rebuilds and engines.could_do_more(targets) else []),
        ),
        tuple(rows.items()),
    )


def _read(settings: Settings, source: str) -> _Source:
    """Read the file ``source`` and run it once. Raises UsageError where it is missing, FileError for its mistakes."""
    path = _find(settings, source)
    shown = settings.show(path)
    text = read_file(path, shown).text()
    wanted = read_wanted(text, shown)
    try:
        # With its comments, so that the line of a mistake is the author's.
        from_sql(text, shown)
    except FileError as e:
        e.state, e.hint = "nothing was written", "correct it and run the command again"
        raise
    return _Source(path, shown, text, wanted)


def _find(settings: Settings, source: str) -> Path:
    path = next((p for p in (settings.root / source, Path.cwd() / source) if p.is_file()), None)
    if path is None:
        raise UsageError(
            f"there is no file {source}",
            state="nothing was written",
            hint=f"edit sql/schema.sql and name it: {hints.command('migrate.create NAME --from sql/schema.sql')}",
        )
    resolved = Path(os.path.abspath(path))
    snapshot = settings.sql / "schema.sql"
    return snapshot if snapshot.exists() and os.path.samefile(resolved, snapshot) else resolved


def _write(settings: Settings, coming: NextName, texts: tuple[str, str], source: _Source) -> tuple[str, ...]:
    """Write both files and memsql.sum. Return the paths of all files that were written, as messages show them."""
    up, down = (settings.migrations / f"{coming.id}{end}" for end in (".sql", ".rollback.sql"))
    files = write_files(settings, {up: texts[0], down: texts[1]})
    if source.wanted.comments and source.path == settings.sql / "schema.sql":
        # The next migration must not rename again.
        replace_file(source.path, source.wanted.text, source.shown)
        return (*files, source.shown)
    return files


def _refuse_unusable(source: _Source, before: Schema, after: Schema) -> None:
    """Raise FileError for a view, trigger, foreign key or full-text table that would not work, unless it did not work
    before either."""
    was_unusable = {fold(name) for name in _unusable(before)}
    problems = {
        name: problem
        for name, problem in _unusable(after).items()
        if source.renames.tables.get(fold(name), fold(name)) not in was_unusable
    }
    if problems:
        raise FileError(
            "what is wanted would not work",
            where=Location(source.shown, line_of(source.text, next(iter(problems)))),
            details=tuple(problems.values()),
            state="nothing was written",
            hint="correct what names something that is not there",
        )


def _unusable(schema: Schema) -> dict[str, str]:
    with closing(memory()) as conn:
        conn.script(dump(schema))
        return {**unusable(conn, schema), **lost_content(conn)}


def _derive(source: _Source, before: Schema, after: Schema, hints: Hints) -> _Derived:
    try:
        up = plan_that_works((before, after), source.renames, hints)
        down = plan_that_works((after, before), source.renames.reversed(), hints, back=True)
    except CannotChange as e:
        source.refuse(e)
    return _Derived(before, after, up.plan, down.plan, up.hints, up.respelled)


def with_migration(project: Project, coming: NextName, texts: tuple[str, str]) -> Project:
    """``project`` with a migration behind its last one that has these texts, up and down."""
    folder = project.settings.show(project.settings.migrations)
    up, down = (
        SqlFile(f"{folder}/{name}", name, text.encode())
        for name, text in zip((f"{coming.id}.sql", f"{coming.id}.rollback.sql"), texts, strict=True)
    )
    migration = Migration(coming.version, coming.name, coming.id, up, down)
    return replace(project, ordered=(*project.ordered, migration))


def _candidate(derived: _Derived, renames: Renames, project: Project) -> Candidate:
    matches = match_tables(derived.before, derived.after, renames, derived.hints)
    return Candidate(
        project,
        derived.before,
        derived.after,
        matches.changes,
        tuple((o, n) for o, n in matches.virtual if (index := fts_table(n)) and index.kind == "own"),
        (bool(derived.up.losses), bool(derived.down.losses)),
        _emptied(matches),
    )


def _sentences(plan: ChangePlan) -> tuple[str, ...]:
    return tuple(loss.sentence for loss in plan.losses)


def _emptied(matches: TableMatches) -> dict[str, frozenset[str]]:
    """The columns that the way back leaves empty, by the table they are in; all in lower case."""
    gone = vanished(matches.dropped, ((c.old, c.dropped, c.new) for c in matches.changes))
    return {
        fold(c.old.name): frozenset(orphaned(replace(c, old=c.new, new=c.old), gone))
        for c in matches.changes
        if c.rebuilt
    }


def _prove(base: SQLiteConnection, candidate: Candidate, source: _Source, seed: int) -> dict[str, int]:
    try:
        return prove(base, candidate, rows=_ROWS, seed=seed)
    except Interrupted as e:
        e.state, e.hint = "nothing was written", "run the command again"
        raise
    except MemsqlError as e:
        back = e.where is not None and e.where.path.endswith(".rollback.sql")
        if back and (computed := _uncomputed(candidate, e)) is not None:
            source.refuse(computed)
        message, where = f"the derived migration does not pass its proof: {e.message}", Location(source.shown)
        hint = (isinstance(e, CheckFailed) and e.hint) or by_hand()
        required = [(c.old.name, d.name) for c in candidate.changes for d in c.dropped if d.notnull]
        if required and back:
            names = ", ".join(f"{table}.{column}" for table, column in required)
            message = f"the way back would have no value for {names} that passes its proof: {e.message}"
            where = Location(source.shown, line_of(source.text, required[0][0]))
            hint = (
                f"{names}: a column that goes and was NOT NULL has no value on the way back: first make it NULL in a"
                " migration of its own, then drop it in another; or write the pair by hand"
            )
        details = (*e.details, f"in what would have been {e.where}") if e.where else e.details
        state = "nothing was written"
        raise FileError(message, where=where, details=details, statement=e.statement, state=state, hint=hint) from e


def _uncomputed(candidate: Candidate, error: MemsqlError) -> CannotChange | None:
    """What to say where a way back stopped with ``error`` because a computed column would be NULL."""
    if "NOT NULL constraint failed" not in error.message:
        return None
    # ALTER TABLE … ADD COLUMN does not name the column.
    name = effect(error.statement or "").column or error.message.rpartition(".")[2]
    for change in candidate.changes:
        for column in change.old.columns:
            if column.hidden and column.notnull and fold(column.name) == fold(name):
                return CannotChange(
                    f"{change.old.name}.{column.name} is computed and NOT NULL, and the way back would have no value"
                    " for it: what it is computed from does not come back",
                    change.old.name,
                    None,
                    f"first let {column.name} go, or be NULL, in a migration of its own",
                )
    return None


def _note_on_empty_tables(before: Schema, rows: dict[str, int]) -> list[str]:
    empty = [name for name, count in rows.items() if not count and before.tables[name].kind == "table"]
    return [f"no made-up row satisfies {', '.join(empty)}: proven without rows there"] if empty else []
