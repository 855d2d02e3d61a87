"""What --wait-replicas adds to a run: ask the replicas before it, and wait for them after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memsql.tasks.task import Outcome, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memsql.config import Settings, Target
    from memsql.progress import Progress


def named(settings: Settings, urls: str, timeout: str) -> list[Target]:
    """Return the replicas that ``urls`` names, separated by commas.

    Raises UsageError for what is no URL of a server, and for a ``timeout`` that is no number of seconds.
    """
    from memsql.actions import replicas

    number("--replica-timeout", timeout, problem="not a number of seconds")
    return replicas.named(settings, urls)


def look(targets: Sequence[Target]) -> None:
    """Ask each of ``targets`` once, so that a wrong address changes nothing. Raises ConnectError or LockedError."""
    from memsql.actions import replicas

    replicas.look(targets)


def wait(
    settings: Settings, outcome: Outcome, targets: Sequence[Target], timeout: str, *, progress: Progress
) -> Outcome:
    """Return ``outcome``, that of a run, and a line about each of ``targets``, when all of them serve the new state.

    Raises ConnectError, or LockedError (exit code 4) where a replica is not there in ``timeout`` seconds.
    """
    from memsql.actions import replicas
    from memsql.report.migrate import replicas_data, replicas_text

    state = f"what was asked for is done on {settings.target}:\n{outcome.text}".replace("\n", "\n    ")
    primary = replicas.primary_state(settings, state)
    caught = replicas.wait_for_replicas(targets, primary, int(timeout), progress, state=state)
    return replace(
        outcome,
        text=f"{outcome.text}\n{replicas_text(caught)}",
        data={**outcome.data, "replicas": replicas_data(caught)},
    )
