"""Random migrations of random tables: memsql refuses what loses something, and nothing else.

The judge is tests/helpers/loss_oracle.py, which runs the same statements itself and compares whole dumps. The number of
migrations is LOSS_EXAMPLES, few by default and more with
``invoke test --thorough``. What the last of many runs tried is printed with ``pytest -s``.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import extent
import loss_cases
import pytest
import random_changes
from cli import Done, Project
from hypothesis import assume
from loss_cases import Count
from loss_dumps import content_of
from loss_oracle import Losses, Oracle, Unusable
from random_intents import Case

EXAMPLES = int(os.environ.get("LOSS_EXAMPLES") or extent.number(25, 400))
KINDS = [
    "rebuild", "update after rebuild", "chain", "replace", "self-reference", "action", "trigger", "view", "keyless",
    "shared transaction", "column made anew", "drop column", "drop table", "type changed", "column forgotten",
    "key moved", "key not copied", "lossy", "harmless",
]  # fmt: skip
pytestmark = pytest.mark.slow
tried: Counter[str] = Counter()


def forecast(case: Case) -> Iterator[tuple[Losses, object]]:
    """For each migration what it loses, and the content before it; at last the content after all of them."""
    oracle = Oracle(case.base)
    try:
        for migration in case.migrations:
            before = oracle.content()
            yield oracle.run(migration), before
        yield Losses(), oracle.content()
    finally:
        oracle.close()


def kinds(case: Case, losses: list[Losses]) -> set[str]:
    return {*case.tags, "lossy" if any(one.sure for one in losses) else "harmless"}


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    yield
    total = tried["all"]
    for kind, number in tried.most_common() if total else ():
        print(f"{number:6} {100 * number / total:5.1f} %  {kind}")


def test_every_kind_comes_often_enough() -> None:
    seen: Counter[str] = Counter()
    total = 0
    seeds = extent.number(500, 1500)
    for seed in range(seeds):
        case = random_changes.make(Random(seed))
        try:
            losses = [one for one, _ in forecast(case)]
        except Unusable:
            continue
        total += 1
        seen.update(kinds(case, losses))
    print(total, {kind: f"{100 * n / total:.1f} %" for kind, n in seen.most_common()})
    assert total > 0.5 * seeds
    assert set(seen) == set(KINDS)
    assert [kind for kind in KINDS if seen[kind] < 0.03 * total] == []


@pytest.mark.timeout(60 + 2 * EXAMPLES)
@random_changes.seeds(EXAMPLES)
def test_memsql_and_the_oracle_agree(seed: int) -> None:
    case = random_changes.make(Random(seed))
    assume(any(migration.steps for migration in case.migrations))
    try:
        *steps, (_, last) = forecast(case)
    except Unusable:
        assume(False)
        raise
    tried["all"] += 1
    tried.update(kinds(case, [losses for losses, _ in steps]))
    with tempfile.TemporaryDirectory() as folder:
        compare(Project(Path(folder)), case, [losses for losses, _ in steps], [*(before for _, before in steps), last])


def compare(project: Project, case: Case, losses: list[Losses], contents: list[object]) -> None:
    """Run the migrations, with what each refusal offers, until all are applied."""
    project.add("0001_base", case.base)
    project.run("migrate.up").expect(0)
    names = [f"{number:04}_change" for number in range(2, 2 + len(case.migrations))]
    for name, migration in zip(names, case.migrations, strict=True):
        project.add(name, migration.text())
    at = 0
    permitted: set[int] = set()
    while at < len(names):
        done = project.run("migrate.up")
        reached = len(project.applied()) - 1
        for number in range(at, reached):
            assert number in permitted or not losses[number].sure, told(project, names[number], done, losses[number])
        assert content_of(project.db) == contents[reached], told(project, names[reached - 1], done, losses[reached - 1])
        at = reached
        if done.code == 0:
            break
        assert at not in permitted, told(project, names[at], done, losses[at])
        offered = tuple(judge(project, names[at], done, losses[at]))
        project.add(names[at], case.migrations[at].text(offered))
        permitted.add(at)
    assert at == len(names)


def judge(project: Project, name: str, done: Done, losses: Losses) -> list[str]:
    """What the refusal of ``name`` offers, which is all that is lost, and no more."""
    shown = told(project, name, done, losses)
    assert done.code == 6, shown
    assert "Traceback" not in done.out + done.err, shown
    offered = loss_cases.permits(done.out + done.err)
    counts = [Count.parse(loss_cases.permitted(line)) for line in offered]
    targets = {(count.table, count.column) for count in counts}
    assert set(losses.sure) <= targets <= set(losses.sure) | losses.unsure, shown
    for (table, column), rows in losses.sure.items():
        if (table, column) not in losses.unsure | losses.inexact:
            assert Count("", table, column, rows).is_in(done.out + done.err), f"{table}.{column} {rows}\n{shown}"
    return offered


def told(project: Project, name: str, done: Done, losses: Losses) -> str:
    base = project.up_file("0001_base").read_text(encoding="utf-8")
    text = project.up_file(name).read_text(encoding="utf-8")
    return f"\n{base}\n{text}\nexit {done.code}\n{done.out}{done.err}\noracle: {losses}"
