"""bench.embeddings: its vectors, its forms and its report."""

from __future__ import annotations

import json
import math
import random
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import servers
from cli import Project

from memsql.advise.embeddings import bench, corpus, stores
from memsql.advise.embeddings.forms import FORMS, Engine
from memsql.db.queries import load
from memsql.report import bench_embeddings as report
from memsql.report.bench_embeddings_page import html

ON_FILES = tuple(form for form in FORMS if form.engine != "libsql")
ON_SERVERS = tuple(form for form in FORMS if form.engine == "libsql")


def plan(forms: Sequence[Any], *, rows: tuple[int, ...] = (120,), budget: float = 60) -> bench.Plan:
    return bench.Plan(rows, 16, tuple(forms), 3, budget)


def test_vectors_are_the_same_unit_vectors_each_time(tmp_path: Path) -> None:
    one, other = (corpus.make(tmp_path / name, 50, 40, 2) for name in ("a", "b"))
    assert one is not None
    assert other is not None
    assert one.blobs(0, 50) == other.blobs(0, 50)
    assert one.queries == other.queries
    vector = corpus.floats(one.blobs(7, 8)[0])
    assert len(vector) == 40
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-6)
    # Nine digits give every number of 32 bits back.
    assert struct.pack("<40f", *corpus.numbers(corpus.text(vector))) == one.blobs(7, 8)[0]
    assert corpus.nearest(vector, enumerate(map(corpus.floats, one.blobs(0, 50))), 1) == [7]
    assert one.nearest(0, 3, 50) == tuple(
        corpus.nearest(one.queries[0], enumerate(map(corpus.floats, one.blobs(0, 50))), 3)
    )


def test_the_trigger_rounds_as_ieee_754_does() -> None:
    rng = random.Random(1)
    edges = [0, 1, -1, 3, -7, 0.5, 1e-12, 16777217, 16777219, 1e-40, -1e-45, 7e-46, 8e-46, 1.1754943e-38, 3.4028235e38]
    numbers = edges + [rng.choice((-1, 1)) * 10 ** rng.uniform(-45, 38) for _ in range(2000)]
    conn = sqlite3.connect(":memory:")
    conn.executescript(load("advise/float32_triggers"))
    conn.execute("INSERT INTO vectors (id, embedding) VALUES (7, ?)", (json.dumps(numbers),))
    (row,) = conn.execute("SELECT id, embedding FROM vectors_float32")
    assert row == (7, struct.pack(f"<{len(numbers)}f", *numbers))


@pytest.mark.parametrize("forms", [ON_FILES, pytest.param(ON_SERVERS, marks=pytest.mark.server)])
def test_every_search_returns_the_true_neighbours(forms: Sequence[Any]) -> None:
    if forms[0].engine == "libsql":
        servers.binary()
    else:
        pytest.importorskip("sqlite_vec")
    result = bench.bench(plan(forms))
    (size,) = result.sizes
    assert [(form.form.name, form.inserted, form.problem) for form in size.forms] == [
        (f.name, 120, None) for f in forms
    ]
    searches = [search for form in size.forms for search in form.searches]
    assert [search.problem for search in searches] == [None] * len(searches)
    assert {search.recall for search in searches if search.search.exact} == {1.0}
    assert all(search.recall and search.recall > 0.7 for search in searches)
    assert {search.times.runs for search in searches if search.times} == {3}
    assert all(form.bytes > 120 * 16 * 4 for form in size.forms)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version_of(engine: str) -> tuple[str | None, str]:
        return ("SQLite", "") if engine == "sqlite" else (None, f"{engine} is not there")

    monkeypatch.setattr(bench, "version_of", version_of)
    result = bench.bench(plan(FORMS))
    text = report.text(result)
    assert "libsql-index: not measured: libsql is not there" in text
    assert "json: vec_distance_cosine: not measured: sqlite-vec is not there" in text
    assert report.versions(result) == ["SQLite"]
    assert report.verdict(result).startswith("with 120 rows: the fastest exact search is ")


def test_a_form_stops_when_its_share_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlite_vec")
    monkeypatch.setattr(bench, "_SHARE_OF_INSERTS", 0.0)
    result = bench.bench(plan(ON_FILES[:2]))
    assert [form.inserted for form in result.sizes[0].forms] == [bench.BATCH] * 2
    assert {search.recall for form in result.sizes[0].forms for search in form.searches} == {1.0}
    assert "only 50 rows in its share of the time" in report.text(result)
    assert report.verdict(result) == "with 120 rows: no form has all of them"


def test_no_time_at_all() -> None:
    result = bench.bench(plan(ON_FILES, budget=0))
    assert "left out: the vectors were not there in their share of the time" in report.text(result)
    assert report.verdict(result).startswith("nothing was measured")
    assert "left out" in html(result)


@pytest.mark.parametrize("engine", ["sqlite", "sqlite-vec", pytest.param("libsql", marks=pytest.mark.server)])
def test_a_search_that_takes_too_long(engine: Engine, tmp_path: Path) -> None:
    if engine == "libsql":
        servers.binary()
    if engine == "sqlite-vec":
        pytest.importorskip("sqlite_vec")
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000)"
    with stores.Place(tmp_path) as place, pytest.raises(stores.OverTimeError):
        list(place.store(engine).read(f"{numbers} SELECT COUNT(*) FROM n", (), 0.0))


def test_the_command(tmp_path: Path) -> None:
    project = Project(tmp_path)
    page = tmp_path / "page.html"
    words = ["--rows", "20,10", "--dimensions", "4", "--forms", "blob,json", "--queries", "2", "--html", str(page)]
    done = project.run("bench.embeddings", *words, "--json").expect(0).json()
    assert [one["rows"] for one in done["sizes"]] == [10, 20]
    assert [form["name"] for form in done["sizes"][1]["forms"]] == ["json", "blob"]
    assert done["sizes"][1]["forms"][1]["searches"][0]["recall"] == 1.0
    assert "blob: read by Python at 20 rows" in page.read_text(encoding="utf-8")
    assert not project.db.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--rows", "1,x"], "--rows x: give numbers from 1"),
        (["--forms", "json,jsonb"], "--forms: there is no form called 'jsonb'"),
        (["--dimensions", "1"], "--dimensions 1: give a number from 2"),
        (["--html", "no/page.html"], "--html no/page.html: there is no such folder"),
    ],
)
def test_a_command_line_that_is_wrong(tmp_path: Path, words: list[str], problem: str) -> None:
    Project(tmp_path).run("bench.embeddings", *words).expect(2, problem)
