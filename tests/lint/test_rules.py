"""Every rule on texts that break it and on texts that do not: cases/*.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml_files

from memsql.lint import RULES, Catalogue, Finding, SavedQuery
from memsql.lint.memory import MemoryDatabase
from memsql.lint.project import lint_text
from memsql.lint.step import Step
from memsql.lint.trial import World
from memsql.sqltext import split
from memsql.targets import parse_targets

FOLDER = Path(__file__).parent / "cases"
PATHS = {"check": "sql/checks/0001_x.sql", "query": "sql/queries/x.sql", "smoke": "sql/smoke/x.sql", "other": "x.sql"}


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(FOLDER.glob("*.yml")):
        for rule, some in yaml_files.read(file).items():
            for case in some:
                yield rule, case


ALL = list(cases())


def state_after(sql: str) -> Catalogue:
    with closing(MemoryDatabase()) as database:
        exact = database.advance(map(Step, split(sql)))
        return World.whole(database, exact=exact).catalogue


def run(case: dict[str, Any]) -> list[Finding]:
    text = str(case.get("fail", case.get("pass")))
    text = re.sub(r"\{\{(\d+) \* (.+?)\}\}", lambda m: "\n".join([m[2]] * int(m[1])), text)
    kind = case.get("kind", "migration")
    path = f"migrations/{case['file']}" if "file" in case else PATHS.get(kind, "migrations/0002_x.sql")
    before = state_after(case["before"]) if "before" in case else None
    queries = [SavedQuery(name, f"sql/queries/{name}.sql", sql) for name, sql in case.get("queries", {}).items()]
    created = frozenset(case.get("made", ()))
    checked = frozenset(case["checked"]) if "checked" in case else None
    return lint_text(
        text,
        path,
        before,
        queries,
        siblings=case.get("siblings"),
        made_by_up=created,
        checked=checked,
        targets=parse_targets(case.get("target", "")),
    )


@pytest.mark.parametrize(("rule", "case"), ALL, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(ALL)])
def test_case(rule: str, case: dict[str, Any]) -> None:
    assert ("fail" in case) != ("pass" in case)
    done = run(case)
    mine = [f"{f.line}:{f.column}" for f in done if f.rule == rule]
    assert mine == case.get("at", []), "\n".join(f"{f.line}:{f.column} {f.rule} {f.message}" for f in done)
    for finding in done:
        assert "\n" not in finding.message
        assert finding.end_line >= finding.line


def test_every_rule_has_texts_that_break_it_and_texts_that_do_not() -> None:
    wanted = {(rule.code, kind) for rule in RULES for kind in ("fail", "pass")}
    assert {(rule, kind) for rule, case in ALL for kind in ("fail", "pass") if kind in case} == wanted


def test_codes_are_in_a_row_and_names_are_told_apart() -> None:
    assert [rule.code for rule in RULES] == [f"MS{n:02d}" for n in range(1, len(RULES) + 1)]
    assert len({rule.name for rule in RULES}) == len(RULES)
