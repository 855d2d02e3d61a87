"""What a campaign is made of: groups of points, a session that tries them, and the outcome of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, order=True)
class Group:
    """Points that differ only in the place of the fault.

    ``command``: what is run, such as ``migrate.up``. ``mode``: under which circumstances, such as ``wal,file``.
    ``kind``: which fault, such as ``kill``. A worker is sent groups in this order, so that what is the same for a
    command and a mode is made once.
    """

    command: str
    mode: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> Group:
        """The group of ``COMMAND/MODE/KIND``. Raises ValueError for anything else."""
        command, mode, kind = text.split("/")
        return cls(command, mode, kind)

    def __str__(self) -> str:
        return f"{self.command}/{self.mode}/{self.kind}"


@dataclass(frozen=True)
class Point:
    """One fault: at the place ``number`` (from 1 on) of a run of the command. ``seed``: of what is drawn by lot."""

    group: Group
    number: int
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int) -> Point:
        """The point of ``COMMAND/MODE/KIND/NUMBER``. Raises ValueError for anything else."""
        group, _, number = text.rpartition("/")
        return cls(Group.parse(group), int(number), seed)

    def __str__(self) -> str:
        return f"{self.group}/{self.number}"


@dataclass(frozen=True)
class Outcome:
    """What came of a point: the ``problems`` that the judgement found, in sentences, and what happened, for the record.

    ``reached``: whether the fault happened; a run that differs from the first one may end before it.
    """

    problems: tuple[str, ...]
    note: str = ""
    reached: bool = True


class Session(Protocol):
    """A campaign in one worker process, with a folder of its own."""

    def places(self, group: Group) -> int:
        """How many places there are for a fault of this group; 0 where there is nothing to try."""
        ...

    def try_point(self, point: Point) -> Outcome:
        """Run the command with the fault, and judge what is left. What is broken is told, not raised."""
        ...


class Campaign(Protocol):
    """A kind of attack. An instance is made in the runner and in each worker, without arguments."""

    def groups(self) -> Sequence[Group]:
        """All that there is to try."""
        ...

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Variables for the worker processes, besides those of the runner. ``folder``: for what must be built first."""
        ...

    def session(self, folder: Path) -> AbstractContextManager[Session]:
        """What a worker tries its points with; ``folder`` is empty, and removed at the end."""
        ...
