"""The campaign ``races``: several processes at once on one database, each begun at a moment drawn by lot.

The mode is the place of the database: ``file-delete`` and ``file-wal``, by journal, ``http`` and ``ws``. The kind is
how many take part. A point is one race; its number decides who begins when.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cli
import started

from memsql import server
from tests.campaigns.points import Group, Outcome, Point
from tests.campaigns.races import arena
from tests.campaigns.races.arena import Arena

_PLACES = ("file-delete", "file-wal", "http", "ws")
_NUMBERS = ("2", "3", "4")
_RACES = 50
# Within so many seconds everybody begins; a command takes about as long.
_START_SECONDS = 0.5
_COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Race:
    """``first`` is run by one, ``others`` by the rest in turn: command lines of memsql, or ``yoyo``, ``write`` and
    ``read``. ``start``: how many migrations are applied before."""

    first: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]
    start: int = 2


RACES = {
    "up-up": Race(("migrate.up",), (("migrate.up",),)),
    "whole-up": Race(("migrate.up", "--all-or-nothing"), (("migrate.up",),)),
    "up-down": Race(("migrate.up",), (("migrate.to", "2"), ("migrate.up",)), start=5),
    "down-down": Race(("migrate.to", "2"), (("migrate.to", "2"), ("migrate.to", "4")), start=arena.LAST),
    "up-backup": Race(("migrate.up",), (("backup.create",),)),
    "up-writers": Race(("migrate.up",), (("write",),)),
    "up-readers": Race(("migrate.up",), (("read",), ("migrate.status",), ("verify",))),
    "up-yoyo": Race(("migrate.up",), (("yoyo",), ("migrate.up",))),
    "down-writers": Race(("migrate.to", "2"), (("write",),), start=arena.LAST),
}


class Campaign:
    """See tests.campaigns.points.Campaign."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, place, number) for name in RACES for place in _PLACES for number in _NUMBERS]

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {}

    @contextmanager
    def session(self, folder: Path) -> Iterator[Session]:
        yield Session(folder)


@dataclass
class Runner:
    """One who takes part: what it runs, what came of it, and what it saw that must not be."""

    words: tuple[str, ...]
    delay: float
    done: cli.Done | None = None
    problems: list[str] = field(default_factory=list)


class Session:
    """See tests.campaigns.points.Session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._starters = [started.Starter() for _ in range(max(map(int, _NUMBERS)))]
        self._program = server.find() or server.install()

    def places(self, group: Group) -> int:
        return _RACES

    def try_point(self, point: Point) -> Outcome:
        race, number = RACES[point.group.command], int(point.group.kind)
        draw = random.Random(f"{point.seed} {point}")
        lines = [race.first, *(race.others[place % len(race.others)] for place in range(number - 1))]
        runners = [Runner(words, draw.uniform(0, _START_SECONDS)) for words in lines]
        folder = self._folder / "race"
        try:
            with self._arena(folder, point.group.mode) as place:
                self._must(place, "migrate.to", str(race.start))
                if point.group.mode == "file-wal":
                    place.ask("PRAGMA journal_mode = wal")
                self._run(place, runners)
                problems = [problem for runner in runners for problem in (*runner.problems, *_manners(runner))]
                problems += self._judged(place, runners)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        codes = " ".join("-" if runner.done is None else str(runner.done.code) for runner in runners)
        return Outcome(tuple(problems), f"exit codes {codes}")

    @contextmanager
    def _arena(self, folder: Path, mode: str) -> Iterator[Arena]:
        root = arena.write(folder / "project")
        if mode.startswith("file"):
            yield arena.on_file(root)
            return
        with server.running(self._program, folder / "server") as running:
            yield arena.on_server(root, running.url.replace("http", mode), int(running.url.rpartition(":")[2]))
            running.process.kill()

    def _run(self, place: Arena, runners: list[Runner]) -> None:
        """Let everybody run, and wait until all are done. Writers and readers go on as long as the commands."""
        over = threading.Event()

        def work(runner: Runner, starter: started.Starter) -> None:
            time.sleep(runner.delay)
            side: dict[str, Callable[[], list[str]]] = {
                "write": lambda: arena.write_until(place, over),
                "read": lambda: arena.read_until(place, over),
            }
            if runner.words[0] in side:
                runner.problems = side[runner.words[0]]()
            else:
                runner.done = self._command(place, runner.words, starter)

        threads = [
            threading.Thread(target=work, args=(runner, starter))
            for runner, starter in zip(runners, self._starters, strict=False)
        ]
        for thread in threads:
            thread.start()
        for runner, thread in zip(runners, threads, strict=True):
            if runner.words[0] not in ("write", "read"):
                thread.join()
        over.set()
        for thread in threads:
            thread.join()

    def _command(self, place: Arena, words: tuple[str, ...], starter: started.Starter) -> cli.Done | None:
        program = "yoyo" if words == ("yoyo",) else "memsql"
        line = place.yoyo_words if program == "yoyo" else [*words, "--json", "--database", place.url]
        command = started.Command(program, line, str(place.root), cli.clean_environment(), False)
        try:
            ended = starter.run(command, _COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        assert ended is not None
        return cli.Done((program, *words), *ended)

    def _must(self, place: Arena, *words: str) -> list[str]:
        done = self._command(place, words, self._starters[0])
        if done is None or done.code:
            return [f"{' '.join(words)} alone does not end with 0\n{_shown(done)}"]
        return []

    def _judged(self, place: Arena, runners: Sequence[Runner]) -> list[str]:
        """Judge the database, the backups that were made, and what the commands claim to have done."""
        problems = arena.problems(place)
        for copy in sorted((place.root / "backups").glob("*.db")):
            with closing(sqlite3.connect(copy)) as conn:
                problems += [f"backup: {problem}" for problem in arena.content_problems(lambda sql: _all(conn, sql))]
        if all(runner.words == ("migrate.up",) for runner in runners):
            claimed = sorted(name for runner in runners for name in arena.claimed(runner.done))
            if len(set(claimed)) < len(claimed):
                problems.append(f"two processes claim the same migration: {claimed}")
        problems += self._must(place, "migrate.up")
        problems += arena.problems(place, applied=arena.LAST)
        return problems + self._must(place, "verify")


def _all(conn: sqlite3.Connection, sql: str) -> list[tuple[object, ...]]:
    return conn.execute(sql).fetchall()


def _manners(runner: Runner) -> list[str]:
    """What a command of memsql owes whatever runs beside it."""
    if runner.words[0] in ("write", "read", "yoyo"):
        return []
    if runner.done is None:
        return [f"{' '.join(runner.words)} did not end"]
    both = runner.done.out + runner.done.err
    fine = {0, 4} | ({1} if runner.words == ("verify",) else set())
    if runner.done.code not in fine or "Traceback" in both:
        return [f"{' '.join(runner.words)}\n{_shown(runner.done)}"]
    return []


def _shown(done: cli.Done | None) -> str:
    return "it did not end" if done is None else f"exit code {done.code}\n{(done.out + done.err)[-1500:]}"
