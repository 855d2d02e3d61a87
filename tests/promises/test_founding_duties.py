"""docs/founding-duties.md: each command that it names exists with its options, the verdicts are counted right, and
every row says what its verdict requires. Nothing is run here: tests/reference/test_founding_walks.py types most."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import NamedTuple

import pytest
from places import ROOT

from memsql.tasks.command_line import MemsqlTask, all_names
from memsql.tasks.loading import namespace

PAGE = (ROOT / "docs" / "founding-duties.md").read_text(encoding="utf-8")
INTRODUCTION, _, ITEMS = PAGE.partition("\n## ")


class Row(NamedTuple):
    item: str
    command: str
    said: str
    verdict: str


ROWS = [
    Row(*(cell.strip() for cell in line.strip("|").split(" | ")))
    for line in ITEMS.splitlines()
    if line.startswith("| ") and not line.startswith("| item |")
]
COMMANDS = sorted({row.command.strip("`") for row in ROWS if row.command != "–"})
VERDICTS = ("done", "done otherwise", "later", "the application's")
TASKS = namespace()


def test_every_item_has_a_verdict_and_they_are_counted() -> None:
    counted = Counter(row.verdict for row in ROWS)
    assert set(counted) == set(VERDICTS)
    stated = {name: int(number) for name, number in re.findall(r"^\| ([a-z' ]+) \| (\d+) \|", PAGE, re.MULTILINE)}
    assert stated == counted
    assert f"That is {len(ROWS)} items." in PAGE


def test_what_is_done_was_printed_or_names_where_it_is_done() -> None:
    printed = [row for row in ROWS if row.said.startswith("`")]
    elsewhere = [row for row in ROWS if row.verdict == "done" and row not in printed]
    assert [row.item for row in elsewhere if not re.search(r"\.md\b|a test|\d s for", row.said)] == []
    assert [row.item for row in printed if row.verdict == "later"] == []


def test_what_is_done_otherwise_has_a_figure_or_a_reason() -> None:
    assert [r.item for r in ROWS if r.verdict == "done otherwise" and not re.search(r"\d|\.md\b", r.said)] == []


def test_what_comes_later_names_an_area_of_the_introduction() -> None:
    line = next(line for line in INTRODUCTION.splitlines() if line.startswith("| later |"))
    areas = line.partition("names the area: ")[2].rstrip(" |").split(", ")
    assert [r.item for r in ROWS if r.verdict == "later" and not r.said.startswith(tuple(areas))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_exists(command: str) -> None:
    program, name, *words = shlex.split(command)
    assert program == "invoke"
    assert name in all_names(TASKS)
    task = TASKS[name]
    assert isinstance(task, MemsqlTask)
    assert {word for word in words if word.startswith("--") and word != "--"} <= task.options()
