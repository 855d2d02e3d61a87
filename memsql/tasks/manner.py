"""How a task does a run, by the options that tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """The options of migrate.up, migrate.down and migrate.to that say how a run is done, and not what is run. Each is
    called as the task calls it."""

    _: KW_ONLY
    dry_run: bool
    with_data: bool
    on_server: bool
    record: bool
    yes: bool
    maintenance_window: str | None
    """In minutes, as it was typed."""
    wait_replicas: str | None
    """The URLs of the replicas to wait for, separated by commas."""
    replica_timeout: str

    @classmethod
    def plain(cls, *, dry_run: bool, yes: bool) -> Manner:
        """That of a task which has no other options."""
        return cls(
            dry_run=dry_run,
            with_data=False,
            on_server=False,
            record=False,
            yes=yes,
            maintenance_window=None,
            wait_replicas=None,
            replica_timeout="60",
        )


def manner_of(options: Mapping[str, Any], kind: type[T]) -> T:
    """The dataclass ``kind`` with those of all ``options`` of a task, by name, that are fields of it."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in options.items() if name in names})
