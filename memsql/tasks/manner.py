"""How migrate.up, migrate.down and migrate.to do a run, by the options that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Manner:
    """The options of a run that say how it is done, and not what is run. Each is called as the task calls it."""

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


def manner_of(options: Mapping[str, Any]) -> Manner:
    """The manner among all ``options`` of a task, by name."""
    return Manner(**{field.name: options[field.name] for field in fields(Manner)})
