"""Prove the pairs of an import before they are written: run them on an empty database, permit what the tool has done
there, and derive the ways back that are missing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from memsql.author.import_pairs import ImportedPair
from memsql.author.way_back import way_back
from memsql.config import Settings
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.analysis import analyse
from memsql.engine.pending import run_on
from memsql.engine.state import RunOptions
from memsql.errors import FileError, Interrupted, Location, MemsqlError
from memsql.progress import Progress
from memsql.project.files import Migration
from memsql.project.load import Project
from memsql.schema import Schema, diff, read
from memsql.scratch.database import copy_of
from memsql.sqltext import fold

_ROUNDS = 20
_SHOWN = 3


class ImportProof:
    """An empty database in memory on which the migrations of a project run, and imported pairs between them."""

    def __init__(self, settings: Settings, source: str, progress: Progress) -> None:
        """``source``: the folder of the tool as messages show it."""
        self._settings = replace(settings, sql=Path(os.devnull))
        self._folder = settings.show(settings.migrations)
        self._source = source
        self._progress = progress

    def prove(self, existing: Sequence[Migration], pairs: Sequence[ImportedPair]) -> tuple[ImportedPair, ...]:
        """``pairs`` with permits, notes and derived ways back, each run in the order of versions between the
        ``existing`` migrations.

        Raises FileError for one that does not run.
        """
        waiting = {pair.id: pair for pair in pairs}
        steps = [*existing, *(pair.files(self._folder) for pair in pairs)]
        done: list[Migration] = []
        with closing(memory()) as conn:
            for step in sorted(steps, key=lambda migration: migration.version):
                pair = waiting.get(step.id)
                self._progress.start(f"trying {step.id}")
                if pair is None:
                    done.append(step)
                    run_on(conn, self._project(done), "up", RunOptions(out_of_order=True, replayed=True))
                    continue
                waiting[step.id] = self._prove_one(conn, done, pair)
                done.append(waiting[step.id].files(self._folder))
            ordered = [waiting[m.id] for m in done if m.id in waiting]
            return tuple(self._back_to_the_first(conn, done, ordered))

    def _project(self, migrations: Sequence[Migration]) -> Project:
        return Project(self._settings, tuple(migrations))

    def _prove_one(self, conn: SQLiteConnection, done: Sequence[Migration], pair: ImportedPair) -> ImportedPair:
        before = read(conn)
        if pair.up.foreign_keys and _rebuilds_a_parent(pair.files(self._folder), before):
            pair = pair.with_keys_off().noting("it rebuilds a table to which others refer: with foreign keys off")
        with copy_of(conn) as base:
            pair = self._up(conn, done, pair)
            after = read(conn)
            if pair.down is not None:
                return self._down(conn, done, pair, before)
            if not pair.up.has_statement:
                return pair
            self._progress.start(f"deriving the way back of {pair.id}")
            derived = way_back(base, self._project([*done, pair.files(self._folder)]), (before, after))
            if derived.text is None:
                return pair.noting(f"it has no rollback, and none can be derived: {derived.problem}")
            return replace(pair, derived=derived.text)

    def _up(self, conn: SQLiteConnection, done: Sequence[Migration], pair: ImportedPair) -> ImportedPair:
        """Run the way up, with the permits and settings that it needs."""
        first: MemsqlError | None = None
        for _ in range(_ROUNDS):
            try:
                self._run(conn, [*done, pair.files(self._folder)], "up")
                return pair
            except Interrupted:
                raise
            except MemsqlError as e:
                first = first or e
                permitted = pair.permitting("up", e)
                if pair.up.foreign_keys and _may_be_for_keys(e):
                    pair = pair.with_keys_off().noting("it runs only with foreign keys off")
                elif permitted is not None:
                    pair = permitted
                else:
                    raise self._refusal(pair, first) from e
        raise self._refusal(pair, first)

    def _down(
        self, conn: SQLiteConnection, done: Sequence[Migration], pair: ImportedPair, before: Schema
    ) -> ImportedPair:
        """Try the way back right behind the way up; what does not work there is noted."""
        with copy_of(conn) as trial:
            pair, problem = self._back(trial, [*done, pair.files(self._folder)], pair)
            if problem:
                return pair.noting(f"its rollback does not run: {problem}")
            lines = diff(read(trial), before).meaning_lines()
        if lines:
            return pair.noting(f"its rollback leaves another schema: {'; '.join(lines[:_SHOWN])}")
        return pair

    def _back(self, conn: SQLiteConnection, done: Sequence[Migration], pair: ImportedPair) -> tuple[ImportedPair, str]:
        """Run the way back of the last of ``done``, which is ``pair``. Returns it with the permits that it needs, and
        what stopped it."""
        for _ in range(_ROUNDS):
            try:
                self._run(conn, [*done[:-1], pair.files(self._folder)], "down")
                return pair, ""
            except Interrupted:
                raise
            except MemsqlError as e:
                permitted = pair.permitting("down", e)
                if permitted is None:
                    return pair, "; ".join([e.message, *e.details[:_SHOWN]])
                pair = permitted
        return pair, "it asks for ever more permits"

    def _back_to_the_first(
        self, conn: SQLiteConnection, done: list[Migration], pairs: Sequence[ImportedPair]
    ) -> Iterator[ImportedPair]:
        """Go back from the last migration as far as there are ways back: rows that later ones wrote may be lost too."""
        by_id = {pair.id: pair for pair in pairs}
        for place in range(len(done) - 1, -1, -1):
            pair = by_id.get(done[place].id)
            self._progress.start(f"trying {done[place].id} back")
            if pair is None or pair.down_text is None:
                break
            pair, problem = self._back(conn, done[: place + 1], pair)
            if pair.down is not None:
                by_id[pair.id] = pair
            if problem:
                break
        yield from by_id.values()

    def _run(self, conn: SQLiteConnection, migrations: Sequence[Migration], way: Literal["up", "down"]) -> None:
        steps = None if way == "up" else 1
        run_on(conn, self._project(migrations), way, RunOptions(steps=steps, out_of_order=True))

    def _refusal(self, pair: ImportedPair, error: MemsqlError | None) -> FileError:
        assert error is not None
        return FileError(
            f"{pair.source.path} does not run on an empty database: {error.message}",
            where=Location(f"{self._source}/{pair.source.path}"),
            statement=error.statement,
            details=error.details,
            state="nothing was written",
            hint="if the database got there in another way, correct a copy of the folder, and import the copy",
        )


def _rebuilds_a_parent(migration: Migration, before: Schema) -> bool:
    """Whether the way up makes anew a table to which another one refers: to drop the old one would reach its rows."""
    if b"rename" not in migration.up.data.lower():
        return False
    try:
        analysis = analyse(migration.up, migration.header)
    except MemsqlError:
        return False
    rebuilt = {new for _, new in analysis.renames} & analysis.drops
    return any(
        fold(key.parent) in rebuilt
        for table in before.tables.values()
        if fold(table.name) not in rebuilt
        for key in table.foreign_keys
    )


def _may_be_for_keys(error: MemsqlError) -> bool:
    return "FOREIGN KEY constraint failed" in error.message
