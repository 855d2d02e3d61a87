"""No name, value or text of somebody else acts where a person, a terminal or a log of a build reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from acting import HOSTILE, acts, annotations_act

from memsql import visible
from memsql.errors import Location, MemsqlError
from memsql.lint import Finding
from memsql.report import text
from memsql.report.github import commands
from memsql.report.progress import Bar
from memsql.report.review import FORMATS, rendered
from memsql.review import Review
from memsql.tasks.output import write


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_printed_does_not_act(name: str) -> None:
    assert acts(name) or "\n" in name
    error = MemsqlError(name, where=Location(name, 1), statement=name, details=(name,), state=name, hint=name)
    for report in (text.error(error), visible.page([name, f"  {name}", *text.table((name,), [(name,)])])):
        out = io.StringIO()
        write(out, report)
        assert not acts(out.getvalue())
    assert "\n" not in visible.line(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_format_of_a_review_acts(name: str) -> None:
    finding = Finding("MR03", name, "error", name, 1, 1, 1, name, f"{name}\nSELECT 1;")
    review = Review(name, "", (name,), (), (finding,), (name,), (), (name,), (name,), name, (name,))
    for form in FORMATS:
        shown = rendered(review, form)
        assert not (annotations_act(shown) if form == "github" else acts(shown)), form
    assert json.loads(rendered(review, "json"))["findings"][0]["message"] == name
    assert commands(review).count("\n") == 2


def test_json_stays_exact() -> None:
    data = {"names": list(HOSTILE), "text": "a\tb"}
    assert json.loads(visible.json_text(data)) == data
    assert not acts(visible.json_text(data).replace("\\n", ""))


def test_ordinary_text_is_as_it_was() -> None:
    ordinary = "Straße, naïve, 日本語, ✅ ⚠️ ❌, a::b, #1, C:\\n, ## title"
    assert visible.line(ordinary) == visible.text(ordinary) == ordinary
    assert visible.text("a\n\tb") == "a\n\tb"
    once = visible.line("x\n\x1b::y")
    assert visible.line(once) == once


def test_a_label_of_the_progress_bar_is_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Bar() as bar:
        bar._next = 0.0
        bar.start("applying [red]x\x1b[2J[/red]")
        bar._next = 0.0
        bar.tick(0.5)
        shown = capsys.readouterr().err
    assert "[red]x\\x1b" in shown


def test_reports_make_lines_by_one_function() -> None:
    package = Path(visible.__file__).parent
    # What these join is the text of a file, or Markdown, whose own functions escape.
    others = {"markdown.py", "github.py", "schedule.py", "prometheus.py"}
    joins = [
        str(path.relative_to(package))
        for folder in ("report", "tasks", "yoyo")
        for path in (package / folder).glob("*.py")
        if '"\\n".join(' in path.read_text(encoding="utf-8") and path.name not in others
    ]
    assert joins == []
