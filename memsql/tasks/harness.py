"""What a task that is no ``task()`` yet does around its one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from memsql import config
from memsql.errors import UsageError
from memsql.tasks.task import _COMMON_HELP as COMMON_HELP
from memsql.tasks.task import Outcome as Outcome
from memsql.tasks.task import _run

__all__ = ["COMMON_HELP", "Options", "Outcome", "refuse_without_dry_run", "run"]


@dataclass(frozen=True)
class Options:
    """The options every database task takes."""

    project: str | None
    env: str | None
    database: str | None
    json: bool


def run(command: str, options: Options, work: Callable[[config.Settings], Outcome]) -> None:
    """Run ``work`` as a task does."""
    _run(command, lambda settings, _: work(settings), asdict(options), as_json=options.json)


def refuse_without_dry_run(**options: bool) -> None:
    """Raise UsageError where an option is given that says how to rehearse, and nothing is to be rehearsed."""
    given = [f"--{name.replace('_', '-')}" for name, on in options.items() if on]
    if given:
        raise UsageError(
            f"{given[0]} says how to rehearse, and --dry-run is missing",
            state="nothing was changed",
            hint="add --dry-run, or leave it out",
        )
