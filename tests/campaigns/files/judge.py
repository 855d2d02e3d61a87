"""Judge a project after a command that a fault struck, and after the command was run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.campaigns import after
from tests.campaigns.after import State
from tests.campaigns.files import process, trees
from tests.campaigns.files.commands import Scenario
from tests.campaigns.files.trees import Tree

# After these the process lives, and can remove what it made.
_SURVIVED = ("eio", "unreadable", "enospc", "short", "eintr")
_CODES = range(7)
# What was told is no lie: the next run does what this one could not.
_NOT_REMOVED, _NOT_READ = "could not be removed", " cannot be read: "


@dataclass(frozen=True)
class Legal:
    """What a fault may leave. ``before`` and ``final``: the databases by their paths, without a fault; ``states``: each
    state that a database may be in; ``files_before`` and ``files_after``: all other files."""

    before: Mapping[str, State]
    states: Mapping[str, State]
    final: Mapping[str, State]
    files_before: Tree
    files_after: Tree


def judge(scenario: Scenario, legal: Legal, place: process.Place, ended: process.Ended, kind: str) -> list[str]:
    """What is wrong with what the fault ``kind`` left, in sentences, and with the next run of the command."""
    problems = [*_of_end(ended), *_of_databases(legal, place)]
    tree = trees.read(place.project)
    if not _is_under_way(scenario, place):
        problems += trees.problems(tree, legal.files_before, legal.files_after)
    if not problems:
        problems += _of_words(scenario, legal, place, ended, tree)
    if kind in _SURVIVED and _NOT_REMOVED not in ended.text:
        problems += [f"left behind: {path}" for path in _left(tree, legal, place)]
    if problems:
        problems.append(f"it ended with {ended.code} and said: {ended.text[-1500:]}")
        return problems
    if scenario.once and _is_final(legal, place) and trees.is_after(tree, legal.files_after, adds=True):
        return []
    return _again(scenario, legal, place, is_told=_NOT_REMOVED in ended.text)


def _is_under_way(scenario: Scenario, place: process.Place) -> bool:
    """Whether a journal of memsql says that files are being exchanged, so that every other command refuses them."""
    return bool(scenario.journal) and (place.project / scenario.journal).exists()


def _of_end(ended: process.Ended) -> list[str]:
    problems = []
    if "Traceback" in ended.text:
        problems.append("a traceback")
    if ended.code not in _CODES and not ended.is_killed:
        problems.append(f"exit code {ended.code}")
    return problems


def _of_databases(legal: Legal, place: process.Place) -> list[str]:
    problems = []
    for path in after.paths(place.project):
        shown = path.relative_to(place.project).as_posix()
        if not trees.is_known(shown, legal.files_before, legal.files_after):
            continue
        if after.broken(path) in legal.before.values():
            continue
        with after.copy_of(path) as ask:
            problems += [f"{shown}: {problem}" for problem in after.problems(ask, legal.states)]
    return problems


def _of_words(scenario: Scenario, legal: Legal, place: process.Place, ended: process.Ended, tree: Tree) -> list[str]:
    """Whether it told the truth: "done" only where all is done, and "nothing was changed" only where nothing was."""
    if ended.code == 0:
        problems = [] if _is_final(legal, place) else ["it says that it is done, and the database is not"]
        is_told = _NOT_REMOVED in ended.text or _NOT_READ in ended.text
        if not is_told and not trees.is_after(tree, legal.files_after, adds=scenario.adds):
            problems.append("it says that it is done: " + trees.difference(tree, legal.files_after))
        return problems
    if "nothing was changed" in ended.text and _states(legal, place) != legal.before:
        return ["it says that nothing was changed, and the database was"]
    return []


def _states(legal: Legal, place: process.Place) -> dict[str, State]:
    before, final = legal.files_before, legal.files_after
    return after.databases(place.project, lambda path: trees.is_known(path, before, final))


def _is_final(legal: Legal, place: process.Place) -> bool:
    """Whether all states are there that databases are in after the command, and no work is unfinished."""
    return set(_states(legal, place).values()) >= set(legal.final.values())


def _again(scenario: Scenario, legal: Legal, place: process.Place, *, is_told: bool) -> list[str]:
    """What is wrong when the command is run once more, without a fault. ``is_told``: the first run said what it had to
    leave behind, and who reads it can remove it."""
    again = process.run(place, (scenario.again or scenario.words).split())
    if again.code or "Traceback" in again.text:
        return [f"the next run ends with {again.code}: {again.text[-1500:]}"]
    problems = _of_databases(legal, place)
    if not _is_final(legal, place):
        problems.append("the next run did not finish the work")
    tree = trees.read(place.project)
    problems += trees.problems(tree, legal.files_before, legal.files_after)
    tree = trees.without(tree, (*scenario.more, *(_left(tree, legal, place) if is_told else ())))
    if not trees.is_after(tree, legal.files_after, adds=scenario.adds):
        problems.append("the next run: " + trees.difference(tree, legal.files_after))
    problems += [f"left behind after the next run: {path}" for path in _left(tree, legal, place)]
    if scenario.proof:
        proven = process.run(place, scenario.proof.split())
        if proven.code:
            problems.append(f"{scenario.proof} after the next run ends with {proven.code}: {proven.text[-1500:]}")
    return problems


def _left(tree: Tree, legal: Legal, place: process.Place) -> list[str]:
    return trees.left_over(tree, legal.files_before, legal.files_after) + [
        f"{path.name} in the temporary folder" for path in place.temporary.iterdir()
    ]
