"""The campaign ``files``: faults at the file operations of commands that write."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import started
from cli import Project

from tests.campaigns import after
from tests.campaigns.files import commands, process, shim, templates, trees
from tests.campaigns.files.commands import Scenario
from tests.campaigns.files.disk import Disk, Manner
from tests.campaigns.files.judge import Legal, judge
from tests.campaigns.points import Group, Outcome, Point

_KINDS = ("kill", "torn", "power", "eio", "unreadable", "enospc", "short", "eintr", "full", "dead")
# The journal of the database, and where SQLite keeps what it sorts.
_MODES = ("delete,memory", "delete,file", "wal,memory", "wal,file")
_ALL = 1 << 40


class Campaign:
    """Every command that writes, with each kind of fault at each of its file operations."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, mode, kind) for name in commands.SCENARIOS for mode in _MODES for kind in _KINDS]

    def environment(self, folder: Path) -> Mapping[str, str]:
        obstacle = shim.obstacle()
        if obstacle:
            raise ValueError(obstacle)
        return {"LD_PRELOAD": str(shim.build())}

    @contextmanager
    def session(self, folder: Path) -> Iterator[_Session]:
        started.import_everything()
        yield _Session(folder)


@dataclass(frozen=True)
class _Prepared:
    """A scenario in a mode: the folder with the project before the command, and what may come of it."""

    scenario: Scenario
    project: Path
    legal: Legal


class _Session:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prepared = cache(self._prepare)
        self.places = cache(self._places)

    def _place(self, mode: str) -> process.Place:
        """Always the same folder: the identity of a database has its path in it."""
        store = mode.partition(",")[2]
        # A small cache makes SQLite write into the file long before COMMIT.
        return process.Place(
            self._folder / "at" / "project", self._folder / "at" / "tmp", (f"temp_store = {store}", "cache_size = 2")
        )

    def _begin(self, prepared: Path, place: process.Place) -> None:
        shutil.rmtree(place.project, ignore_errors=True)
        shutil.rmtree(place.temporary, ignore_errors=True)
        shutil.copytree(prepared, place.project, symlinks=True)
        place.temporary.mkdir(parents=True, exist_ok=True)

    def _prepare(self, command: str, mode: str) -> _Prepared:
        scenario = commands.SCENARIOS[command]
        place = self._place(mode)
        folder = self._folder / "prepared" / f"{command} {mode}"
        _build(scenario, place, journal=mode.partition(",")[0])
        shutil.copytree(place.project, folder, symlinks=True)
        before = after.databases(place.project)
        tree = trees.read(place.project)
        states = {**before, "no tables": after.EMPTY}
        for number, words in enumerate((*scenario.between, scenario.words)):
            self._begin(folder, place)
            ended = process.run(place, words.split())
            if ended.code:
                raise RuntimeError(f"{words}: {ended}")
            states |= {f"{name} {number}": state for name, state in after.databases(place.project).items()}
        final = after.databases(place.project)
        legal = Legal(before, states, final, tree, trees.read(place.project))
        return _Prepared(scenario, folder, legal)

    def _places(self, group: Group) -> int:
        """How many operations of a run the fault can strike; one more for the loss of power behind the last."""
        prepared = self._prepared(group.command, group.mode)
        place = self._place(group.mode)
        self._begin(prepared.project, place)
        log = self._folder / "log"
        process.run(place, prepared.scenario.arguments, shim.Order(group.kind, _ALL, place.roots, 0, log))
        count = _count(log)
        return count + 1 if group.kind == "power" and count else count

    def try_point(self, point: Point) -> Outcome:
        group = point.group
        prepared = self._prepared(group.command, group.mode)
        place = self._place(group.mode)
        self._begin(prepared.project, place)
        log = self._folder / "log"
        disk = Disk(place.project) if group.kind == "power" else None
        order = shim.Order(group.kind, point.number, place.roots, point.seed, log)
        ended = process.run(place, prepared.scenario.arguments, order)
        reached = b"\nfault\t" in b"\n" + log.read_bytes()
        note = f"exit code {ended.code}"
        if disk:
            lot = random.Random(f"{point.seed} {point}")
            manner = lot.choice(list(Manner))
            disk.follow(log.read_bytes())
            disk.lose_power(manner, lot)
            shutil.rmtree(place.temporary)
            place.temporary.mkdir()
            note += f", {manner.value}"
        problems = judge(prepared.scenario, prepared.legal, place, ended, group.kind)
        return Outcome(tuple(problems), note, reached or group.kind == "power")


def _count(log: Path) -> int:
    """The number that the last line of the log has: how many operations the kind applies to."""
    *_, last = log.read_bytes().rstrip(b"\n").split(b"\n")
    word, number, *_ = last.split(b"\t")
    if word != b"end":
        raise RuntimeError(f"the log of a run without a fault ends with {last!r}")
    return int(number)


def _build(scenario: Scenario, place: process.Place, journal: str) -> None:
    """Make the project as it is before the command, in its place."""
    shutil.rmtree(place.project.parent, ignore_errors=True)
    place.temporary.mkdir(parents=True)
    project = templates.BY_NAME[scenario.template](place.project)
    for words in scenario.first:
        ended = process.run(place, words.split())
        if ended.code:
            raise RuntimeError(f"{words}: {ended}")
    if scenario.script:
        project.script(scenario.script)
    for path, text in scenario.appended:
        with (project.root / path).open("a") as file:
            file.write(text)
    if journal == "wal" and project.db.exists():
        _leave_log(project)
    if scenario.damaged:
        project.db.write_bytes(b"no database any more")


def _leave_log(project: Project) -> None:
    """Put the database into WAL mode, with a log that holds a transaction, as an application that was killed does."""
    with closing(sqlite3.connect(project.db, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode = wal")
        conn.execute("PRAGMA wal_autocheckpoint = 0")
        conn.execute("PRAGMA user_version = 7")
        log = Path(f"{project.db}-wal").read_bytes()
        main = project.db.read_bytes()
    project.db.write_bytes(main)
    Path(f"{project.db}-wal").write_bytes(log)
