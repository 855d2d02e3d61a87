"""Share the points of a campaign out among worker processes, write a record, show what came of them."""

from __future__ import annotations

import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns import registry
from tests.campaigns.points import Group

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Selection:
    """What of a campaign to try. ``points``: about how many in all; None: every one."""

    campaign: str
    points: int | None = None
    seed: int = 0
    command: str = ""
    kind: str = ""
    mode: str = ""
    point: str = ""


@dataclass
class Tally:
    """What was tried: points, points with problems and points that were not reached, by command and kind."""

    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        group = Group.parse(answer["point"].rpartition("/")[0])
        key = group.command, group.kind
        self.tried[key] += 1
        self.failed[key] += bool(answer["problems"])
        self.missed[key] += not answer["reached"]
        if answer["problems"]:
            self.failures.append(answer)


def requests(selection: Selection) -> list[dict[str, Any]]:
    """The requests for workers: a group each, with how many of its points to try.

    Raises ValueError where there is nothing to try.
    """
    if selection.point:
        return [{"point": selection.point, "seed": selection.seed}]
    groups = [
        group
        for group in registry.load(selection.campaign).groups()
        if (not selection.command or group.command in selection.command.split(","))
        and selection.kind in ("", group.kind)
        and selection.mode in ("", group.mode)
    ]
    if not groups:
        raise ValueError("there is no such command, kind or mode in this campaign")
    if selection.points is None:
        return [{"group": str(group), "take": None, "seed": selection.seed} for group in sorted(groups)]
    random.Random(selection.seed).shuffle(groups)
    each, more = divmod(selection.points, len(groups))
    takes = [(group, each + (number < more)) for number, group in enumerate(groups)]
    return [{"group": str(group), "take": take, "seed": selection.seed} for group, take in sorted(takes) if take]


def run(selection: Selection, *, workers: int, record: Path, progress: bool) -> Tally:
    """Try what is selected and return the tally; each answer is a line in the file ``record``."""
    tally = Tally()
    begun = time.monotonic()
    todo = requests(selection)
    with record.open("w", encoding="utf-8") as lines:
        for done, answer in _answers(selection.campaign, todo, workers):
            if answer is not None:
                tally.add(answer)
                lines.write(json.dumps(answer) + "\n")
                lines.flush()
            if progress:
                text = f"{done} of {len(todo)} groups, {tally.tried.total()} points, {tally.failed.total()} failed"
                print(f"\r{text}, {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)
    if progress:
        print(file=sys.stderr)
    return tally


def _answers(
    campaign: str, todo: Sequence[dict[str, Any]], workers: int
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """How many requests are done, with each answer to a point, and without one where a request is done."""
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    answers: queue.SimpleQueue[dict[str, Any] | str] = queue.SimpleQueue()
    for request in todo:
        waiting.put(request)
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=_scratch()) as folder:
        environment = {**os.environ, **registry.load(campaign).environment(Path(folder))}
        threads = [
            threading.Thread(
                target=_work, args=(campaign, Path(folder) / f"worker{n}", environment, waiting, answers), daemon=True
            )
            for n in range(min(workers, len(todo)))
        ]
        for thread in threads:
            thread.start()
        done = 0
        while done < len(todo):
            answer = answers.get()
            if isinstance(answer, str):
                raise RuntimeError(answer)
            done += "places" in answer
            yield done, None if "places" in answer else answer
        for thread in threads:
            thread.join()


def _scratch() -> str | None:
    """A folder in memory: the simulated loss of power needs no disk that keeps what was written."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) and "TMPDIR" not in os.environ else None


def _work(
    campaign: str,
    folder: Path,
    environment: dict[str, str],
    waiting: queue.SimpleQueue[dict[str, Any]],
    answers: queue.SimpleQueue[dict[str, Any] | str],
) -> None:
    folder.mkdir()
    try:
        with _worker(campaign, folder, environment) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while True:
                process.stdin.write(json.dumps(waiting.get_nowait()) + "\n")
                process.stdin.flush()
                for line in process.stdout:
                    answer = json.loads(line)
                    answers.put(answer)
                    if "places" in answer:
                        break
                else:
                    answers.put(f"a worker ended with exit code {process.wait()}")
                    return
    except queue.Empty:
        return
    except OSError as e:
        answers.put(f"a worker ended: {e}")


@contextmanager
def _worker(campaign: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.worker", campaign, str(folder)],
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        with suppress(OSError):
            process.communicate()


def table(tally: Tally) -> str:
    """Commands by kinds, each with the points that were tried, and behind a slash those with problems, if any.

    What there is more of are the lines.
    """
    commands = sorted({command for command, _ in tally.tried})
    kinds = sorted({kind for _, kind in tally.tried})
    head, names, lines = ("command", kinds, commands)
    if len(kinds) > len(commands):
        head, names, lines = ("kind", commands, kinds)

    def keys(some: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
        pairs = [(one, other) for one in some for other in others]
        return pairs if head == "command" else [(other, one) for one, other in pairs]

    rows = [[head, *names, "all"]]
    for line in lines:
        rows.append([line, *(_cell(tally, keys([line], [name])) for name in names), _cell(tally, keys([line], names))])
    rows.append(["all", *(_cell(tally, keys(lines, [name])) for name in names), _cell(tally, list(tally.tried))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cell(tally: Tally, keys: list[tuple[str, str]]) -> str:
    tried, failed = sum(tally.tried[key] for key in keys), sum(tally.failed[key] for key in keys)
    return f"{tried}/{failed}" if failed else str(tried)


def failures(campaign: str, tally: Tally, limit: int) -> str:
    """The first ``limit`` points with problems, each with the command that tries it again."""
    parts = []
    for answer in tally.failures[:limit]:
        problems = "\n".join("  " + line for problem in answer["problems"] for line in problem.splitlines())
        parts.append(
            f"{answer['point']}\n{problems}\n"
            f"  again: invoke campaign {campaign} --point {answer['point']} --seed {answer['seed']}"
        )
    if len(tally.failures) > limit:
        parts.append(f"and {len(tally.failures) - limit} more: see the record")
    return "\n".join(parts)
