"""The campaign ``files``: faults at the file operations of commands that write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns.points import Group, Outcome, Point


class _Session:
    def places(self, group: Group) -> int:
        return 1

    def try_point(self, point: Point) -> Outcome:
        return Outcome(())


class Campaign:
    """Every command that writes, with each kind of fault at each of its file operations."""

    def groups(self) -> Sequence[Group]:
        return [Group("migrate.up", "delete,memory", "kill")]

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {}

    @contextmanager
    def session(self, folder: Path) -> Iterator[_Session]:
        yield _Session()
