"""The pages about lint: they say what the rules do, and are written by them."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

from cli import Project
from places import ROOT

from memsql.lint import RULES
from memsql.lint.document import with_chapter
from memsql.lint.experience import TRIALS


def test_the_chapter_on_rules_is_fresh() -> None:
    page = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    assert with_chapter(page, RULES) == page, "write it anew: invoke lint --write-docs"


def test_every_rule_says_what_is_wrong_and_what_is_right_with_an_example() -> None:
    for rule in RULES:
        for text in (rule.anti_pattern, rule.best_practice):
            assert "\n\n    " in text, rule.code


def test_trials_are_of_rules_that_there_are() -> None:
    assert TRIALS.keys() <= {rule.code for rule in RULES}
    assert all(0 <= trial.read <= trial.findings for trial in TRIALS.values())


def test_the_house_style_is_the_same_in_both_places() -> None:
    def sections(path: Path) -> dict[str, dict[str, str]]:
        parser = configparser.ConfigParser()
        parser.read(path, encoding="utf-8")
        return {name: dict(parser[name]) for name in parser.sections() if name.startswith("sqlfluff")}

    assert sections(ROOT / "setup.cfg") == sections(ROOT / "memsql" / "lint" / "sqlfluff.cfg")


def test_write_docs_writes_the_page(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "review.md", tmp_path / "docs" / "review.md")
    before = (tmp_path / "docs" / "review.md").read_bytes()
    project.run("lint", "--write-docs").expect(0)
    assert (tmp_path / "docs" / "review.md").read_bytes() == before
