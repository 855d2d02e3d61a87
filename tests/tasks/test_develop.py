"""invoke test: what it runs, and when it fails. No test is run here."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

import pytest
from invoke import Context, Exit

from memsql.tasks import develop


@dataclass
class Started:
    """In the place of ``subprocess.run``: keeps the words behind ``python -m``, and answers as it is told to."""

    codes: dict[str, int] = field(default_factory=dict)
    figure: str = "97.1"
    words: list[list[str]] = field(default_factory=list)

    def __call__(self, words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.words.append(words[2:])
        code = self.codes.get(" ".join(words[2:4]), 0)
        return subprocess.CompletedProcess(words, code, self.figure, "" if code == 0 else "total of 90.0 is less")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    stand_in = Started()
    monkeypatch.setattr(subprocess, "run", stand_in)
    # So that it is as it was when the test ends.
    monkeypatch.setenv("TESTS_EXTENT", os.environ.get("TESTS_EXTENT", ""))
    return stand_in


def run(**options: object) -> None:
    develop.test.body(Context(), **options)


def test_everything_runs_and_the_figure_is_printed(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert [words[:2] for words in started.words] == [
        ["coverage", "run"],
        ["coverage", "combine"],
        ["ruff", "check"],
        ["ruff", "format"],
        ["mypy"],
        ["importlinter.cli", "lint"],
        ["coverage", "report"],
    ]
    assert capsys.readouterr().out.endswith("coverage: 97.1 % of the lines of memsql\n")


def test_what_fails_does_not_keep_the_rest_from_running(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.codes = {"coverage run": 1, "ruff check": 1}
    with pytest.raises(Exit) as stopped:
        run()
    assert stopped.value.code == 1
    assert len(started.words) == 7
    assert "failed: pytest, ruff" in capsys.readouterr().err


def test_too_few_lines_are_a_failure(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.codes, started.figure = {"coverage report": 2}, "90.0"
    with pytest.raises(Exit):
        run()
    shown = capsys.readouterr()
    assert "coverage: 90.0 % of the lines of memsql; total of 90.0 is less" in shown.out
    assert "failed: coverage" in shown.err


def test_without_a_figure_it_says_why(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.codes, started.figure = {"coverage report": 1}, "No data to report."
    with pytest.raises(Exit):
        run()
    assert "coverage: total of 90.0 is less\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({"only": "fts"}, ["pytest", "-k fts"]),
        ({"fast": True}, ["pytest", "-m not server and not kill and not slow"]),
        ({"newest": True}, ["tests.helpers.newest", ""]),
    ],
)
def test_a_part_runs_without_coverage(started: Started, options: dict[str, object], first: list[str]) -> None:
    run(**options)
    (words,) = started.words
    assert words[0] == first[0]
    assert first[1] in " ".join(words)


def test_thorough_says_so_to_the_tests(started: Started) -> None:
    run(thorough=True)
    assert os.environ["TESTS_EXTENT"] == "thorough"
    assert started.words[0][:2] == ["coverage", "run"]


def test_two_modes_do_not_go_together(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as stopped:
        run(fast=True, thorough=True)
    assert stopped.value.code == 2
    assert "do not go together" in capsys.readouterr().err
    assert not started.words


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, []), ({"name": "splitter", "seconds": "5"}, ["splitter", "--seconds", "5"])],
    ids=["all", "one"],
)
def test_fuzzing_starts_the_driver(started: Started, options: dict[str, str], words: list[str]) -> None:
    develop.fuzz.body(Context(), **options)
    assert started.words == [["tests.fuzz.coverage_guided", *words]]


def test_a_broken_promise_is_an_exit_code(started: Started) -> None:
    started.codes = {"tests.fuzz.coverage_guided": 1}
    with pytest.raises(Exit) as stopped:
        develop.fuzz.body(Context())
    assert stopped.value.code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, ["build"]), ({"serve": True, "port": "8001"}, ["serve", "--dev-addr", "127.0.0.1:8001"])],
    ids=["build", "serve"],
)
def test_the_site_is_built_strictly(started: Started, options: dict[str, object], words: list[str]) -> None:
    started.codes = {f"mkdocs {words[0]}": 1}
    with pytest.raises(Exit):
        develop.docs.body(Context(), **options)
    assert started.words == [["mkdocs", *words, "--strict"]]


def test_a_benchmark_that_there_is_not(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as stopped:
        develop.benchmark.body(Context(), name="nothing")
    assert stopped.value.code == 2
    assert "no benchmark 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("options", [{}, {"workers": "1"}], ids=["alone", "workers"])
def test_mutants_start_the_tool(started: Started, options: dict[str, str]) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    develop.mutants.body(Context(), "memsql/engine/verdict.py", **options)
    assert started.words == [["tests.mutation", "memsql/engine/verdict.py", *words]]
    started.codes = {"tests.mutation memsql/engine/verdict.py": 1}
    with pytest.raises(Exit):
        develop.mutants.body(Context(), "memsql/engine/verdict.py")
