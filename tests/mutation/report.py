"""What became of the mutants of a module."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import work

# What mutmut notes for a mutant: the exit code of pytest, and numbers of its own.
_KILLED = {1, 3}
_TIMED_OUT = {-24, 24, 36, 152, 255, -9, -11}
_UNTESTED = {5, 33}
# A text in quotes that holds a blank.
_TEXT = re.compile(r'[fr]?"[^"]* [^"]*"')
_EXPLAINED = Path(__file__).with_name("explained.toml")


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test kills. ``change``: the line before and after it."""

    name: str
    status: str
    change: str


@dataclass(frozen=True)
class Result:
    module: str
    mutants: int
    killed: int
    timed_out: int
    explained: int
    survivors: list[Survivor]


def _notes(folder: Path, module: str) -> Path:
    return folder / work.CHANGED / f"{module}.meta"


def forget_survivors(folder: Path, modules: Sequence[str]) -> None:
    """mutmut tries no mutant twice; those that survived are to be tried again, for there may be new tests."""
    for module in modules:
        notes = _notes(folder, module)
        if notes.exists():
            data = json.loads(notes.read_text(encoding="utf-8"))
            codes = data["exit_code_by_key"]
            data["exit_code_by_key"] = {name: code if code in _KILLED else None for name, code in codes.items()}
            notes.write_text(json.dumps(data, indent=4), encoding="utf-8")


def read(folder: Path, module: str) -> Result:
    notes = _notes(folder, module)
    if not notes.exists():
        return Result(module, 0, 0, 0, 0, [])
    codes: dict[str, int | None] = json.loads(notes.read_text(encoding="utf-8"))["exit_code_by_key"]
    explained = explanations()
    alive = [name for name, code in codes.items() if code not in _KILLED | _TIMED_OUT]
    changes = _changes(folder, module, alive)
    of_texts = {name for name in alive if _is_of_a_text(changes[name])}
    survivors = []
    for name in alive:
        if name not in of_texts and (module, changes[name]) not in explained:
            code = codes[name]
            status = "survived" if code == 0 else "no test calls the function" if code in _UNTESTED else f"code {code}"
            survivors.append(Survivor(name, status, changes[name]))
    return Result(
        module,
        mutants=len(codes) - len(of_texts),
        killed=sum(code in _KILLED for code in codes.values()),
        timed_out=sum(code in _TIMED_OUT for code in codes.values()),
        explained=len(alive) - len(of_texts) - len(survivors),
        survivors=survivors,
    )


def explanations() -> dict[tuple[str, str], str]:
    """Module and change of each mutant that may survive, with the kind of the reason."""
    entries = tomllib.loads(_EXPLAINED.read_text(encoding="utf-8")) if _EXPLAINED.exists() else {}
    return {
        (module, change.strip()): kind
        for kind, modules in entries.items()
        for module, changes in modules.items()
        for change in changes
    }


def kinds() -> Counter[str]:
    return Counter(explanations().values())


def _changes(folder: Path, module: str, names: Sequence[str]) -> dict[str, str]:
    """For each mutant its line before and after, with the signs of a diff."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    changes = {}
    with contextlib.chdir(folder):
        for name in names:
            lines = get_diff_for_mutant(name, path=module).splitlines()
            shown = [line for line in lines if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}]
            changes[name] = "\n".join(f"{line[0]} {line[1:].strip()}" for line in shown)
    return changes


def _is_of_a_text(change: str) -> bool:
    """Whether nothing but a text with blanks is another one: a sentence for people, or a statement of SQL."""
    before = "".join(line[1:] for line in change.splitlines() if line.startswith("-"))
    after = "".join(line[1:] for line in change.splitlines() if line.startswith("+"))
    return _TEXT.sub('""', before) == _TEXT.sub('""', after)


def table(results: Sequence[Result]) -> str:
    lines = ["| module | mutants | killed | timed out | explained | survived |", "|---|---|---|---|---|---|"]
    for result in results:
        counts = result.mutants, result.killed, result.timed_out, result.explained, len(result.survivors)
        lines.append(f"| `{result.module.removeprefix('memsql/')}` | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)
