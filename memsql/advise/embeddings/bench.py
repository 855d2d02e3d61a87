"""Fills each form with made-up embeddings, and measures bytes, inserts, searches, and how true the answers are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memsql.advise.embeddings import corpus
from memsql.advise.embeddings.corpus import Corpus
from memsql.advise.embeddings.forms import Engine, Form, Search
from memsql.advise.embeddings.stores import ENGINES, OverTimeError, Place, version_of
from memsql.advise.percentiles import Times, times_of
from memsql.db import Value
from memsql.errors import MemsqlError, StatementError
from memsql.progress import SILENT, Progress
from memsql.storage import work_folders
from memsql.storage.leftovers import remove_folder
from memsql.storage.new_files import make_folder

NEIGHBOURS = 10
BATCH = 50
"""So many rows are inserted in one transaction."""
_SHARE_OF_ROWS = 0.3
"""Of the time of a size the part in which its vectors have to be there."""
_SHARE_OF_TRUTH = 0.15
"""The part of it in which the true neighbours are computed; queries for which it does not suffice have none."""
_SHARE_OF_INSERTS = 0.6
"""Of the time of a form the part for inserting."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: the numbers of rows in ascending order, the forms, how many queries each search runs, and how
    many seconds all of it may take."""

    rows: tuple[int, ...]
    dimensions: int
    forms: tuple[Form, ...]
    queries: int
    budget: float


@dataclass(frozen=True, slots=True)
class SearchBench:
    """A search: the times of its queries, and the part that it returned of the true neighbours, None where they were
    not computed. ``problem`` says why there are fewer queries than planned, or none."""

    search: Search
    times: Times | None = None
    recall: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FormBench:
    """A form with ``inserted`` rows. Its searches were measured with those, also where the time did not suffice for
    all; ``problem`` says so, or why nothing was measured. ``seconds`` is the time of the inserts alone."""

    form: Form
    inserted: int = 0
    seconds: float = 0.0
    bytes: int = 0
    searches: tuple[SearchBench, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SizeBench:
    """All forms with one number of rows; ``problem`` says why there are none."""

    rows: int
    forms: tuple[FormBench, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """The whole result. ``engines`` has the version of each in words, or None and what is missing to measure it."""

    plan: Plan
    engines: dict[Engine, tuple[str | None, str]]
    sizes: tuple[SizeBench, ...]


def bench(plan: Plan, progress: Progress = SILENT) -> Bench:
    """Measure in a temporary folder. Each number of rows has an equal share of the time that those before it left, and
    in it each form of what the forms before it left."""
    ends = time.perf_counter() + plan.budget
    engines = {engine: version_of(engine) for engine in ENGINES}
    sizes = []
    for number, rows in enumerate(plan.rows):
        now = time.perf_counter()
        share = max(0.0, ends - now) / (len(plan.rows) - number)
        with work_folders.temporary("bench") as folder:
            sizes.append(_size(plan, rows, folder, ends=now + share, progress=progress))
    return Bench(plan, engines, tuple(sizes))


def _size(plan: Plan, rows: int, folder: Path, *, ends: float, progress: Progress) -> SizeBench:
    begun = time.perf_counter()
    share = max(0.0, ends - begun)
    progress.start(f"{rows:,} rows: making them")
    vectors = corpus.make(folder / "vectors", rows, plan.dimensions, plan.queries, ends=begun + share * _SHARE_OF_ROWS)
    if vectors is None:
        return SizeBench(rows, problem=f"the vectors were not there in their share of the time, {share:.1f} s")
    truth_ends = time.perf_counter() + share * _SHARE_OF_TRUTH
    known = 0
    while known < plan.queries and time.perf_counter() < truth_ends:
        progress.tick(known / plan.queries)
        vectors.nearest(known, NEIGHBOURS, rows)
        known += 1
    results = []
    for number, form in enumerate(plan.forms):
        progress.start(f"{rows:,} rows: {form.name}")
        now = time.perf_counter()
        part = max(0.0, ends - now) / (len(plan.forms) - number)
        run = _Run(form, vectors, known, progress)
        place = folder / f"{number}"
        make_folder(place)
        try:
            results.append(run.measured(place, now + part))
        finally:
            remove_folder(place)
    return SizeBench(rows, tuple(results))


@dataclass(frozen=True, slots=True)
class _Run:
    """A form to measure with ``vectors``; the true neighbours of its first ``known`` queries may be asked for."""

    form: Form
    vectors: Corpus
    known: int
    progress: Progress

    def measured(self, folder: Path, ends: float) -> FormBench:
        """Insert and search until ``ends``."""
        version, missing = version_of(self.form.engine)
        if version is None:
            return FormBench(self.form, problem=f"not measured: {missing}")
        begun = time.perf_counter()
        share = max(0.0, ends - begun)
        try:
            with Place(folder) as place:
                for statement in self.form.tables(self.vectors.dimensions):
                    place.store(self.form.engine).run(statement)
                inserted, seconds = self._inserted(place, begun + share * _SHARE_OF_INSERTS)
                size = place.store(self.form.engine).bytes()
                searches = []
                for number, search in enumerate(self.form.searches):
                    now = time.perf_counter()
                    part = max(0.0, ends - now) / (len(self.form.searches) - number)
                    searches.append(self._searched(place, search, inserted, now + part))
        except MemsqlError as e:
            if isinstance(e, StatementError) and e.is_interrupt:
                raise
            return FormBench(self.form, problem=e.message)
        lacking = inserted < self.vectors.rows
        problem = f"only {inserted:,} rows in its share of the time, {share:.1f} s" if lacking else None
        return FormBench(self.form, inserted, seconds, size, tuple(searches), problem)

    def _inserted(self, place: Place, ends: float) -> tuple[int, float]:
        """How many rows were inserted until ``ends``, and the seconds of that without making their text."""
        store, seconds, rows = place.store(self.form.engine), 0.0, self.vectors.rows
        for first in range(0, rows, BATCH):
            if first and time.perf_counter() > ends:
                return first, seconds
            blobs = self.vectors.blobs(first, min(rows, first + BATCH))
            batch = [(number, _value(self.form.value, blob)) for number, blob in enumerate(blobs, first)]
            begun = time.perf_counter()
            store.insert(self.form.inserts, batch)
            seconds += time.perf_counter() - begun
            self.progress.tick(first / rows)
        return rows, seconds

    def _searched(self, place: Place, search: Search, rows: int, ends: float) -> SearchBench:
        version, missing = version_of(search.engine)
        if version is None:
            return SearchBench(search, problem=f"not measured: {missing}")
        begun = time.perf_counter()
        times: list[float] = []
        answers: dict[int, Sequence[int]] = {}
        # The first run fills the caches, and counts only where there was no time for another.
        for turn in range(-1, len(self.vectors.queries)):
            query = max(0, turn)
            start = time.perf_counter()
            if turn >= 0 and start > ends:
                break
            try:
                answers[query] = self._one(place, search, query, ends)
            except OverTimeError:
                break
            if turn == 0:
                times.clear()
            times.append((time.perf_counter() - start) * 1000)
        share = f"its share of the time, {max(0.0, ends - begun):.1f} s"
        if not times:
            return SearchBench(search, problem=f"no search ended in {share}")
        planned = len(self.vectors.queries)
        problem = f"{len(times)} of {planned} queries in {share}" if len(times) < planned else None
        return SearchBench(search, times_of(times), self._recall(answers, rows), problem)

    def _one(self, place: Place, search: Search, query: int, ends: float) -> list[int]:
        """The numbers of the rows that a search returns, the nearest first."""
        vector = self.vectors.queries[query]
        store = place.store(search.engine)
        if search.python:
            return corpus.nearest(vector, _decoded(store.read(search.sql, (), ends)), NEIGHBOURS)
        params = _value(search.query, vector.tobytes()), NEIGHBOURS
        return [int(str(row[0])) for row in store.read(search.sql, params, ends)]

    def _recall(self, answers: dict[int, Sequence[int]], rows: int) -> float | None:
        """Of the true neighbours among the first ``rows`` vectors the part that is in ``answers``."""
        known = [query for query in answers if query < self.known]
        if not known:
            return None
        truths = {query: set(self.vectors.nearest(query, NEIGHBOURS, rows)) for query in known}
        hits = sum(len(truths[query] & set(answers[query])) for query in known)
        return hits / sum(map(len, truths.values()))


def _value(kind: str, blob: bytes) -> Value:
    return blob if kind == "blob" else corpus.text(corpus.floats(blob))


def _decoded(rows: Iterator[Sequence[Value]]) -> Iterator[tuple[int, Sequence[float]]]:
    for number, value in rows:
        assert isinstance(number, int)
        yield number, corpus.floats(value) if isinstance(value, bytes) else corpus.numbers(str(value))
