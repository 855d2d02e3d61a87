"""What --wait-replicas adds to a task that migrates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from memsql.tasks.harness import Outcome

if TYPE_CHECKING:
    from memsql.config import Settings

REPLICA_HELP = {
    "wait-replicas": "URLs of replicas, separated by commas: end only when each of them serves the new state",
    "replica-timeout": "seconds to wait for them (default 60); exit code 4 when they are not there in time",
}


def followed(settings: Settings, urls: str | None, timeout: str, dry_run: bool, go: Callable[[], Outcome]) -> Outcome:
    """The outcome of ``go``, when the replicas in ``urls`` serve what it made; a dry run makes nothing to wait for.

    They are asked once before ``go``, so that a wrong address changes nothing. Raises UsageError, ConnectError, or
    LockedError (exit code 4) where a replica is not there in time.
    """
    if urls is None:
        return go()
    from memsql.actions import replicas
    from memsql.errors import UsageError
    from memsql.report import migrate as report
    from memsql.report.progress import Bar

    if not (timeout.isascii() and timeout.isdigit()):
        raise UsageError(f"--replica-timeout {timeout}: not a number of seconds")
    targets = replicas.named(settings, urls)
    if dry_run:
        return go()
    replicas.look(targets)
    outcome = go()
    state = f"what was asked for is done on {settings.target}:\n{outcome.text}".replace("\n", "\n    ")
    wanted = replicas.primary_state(settings, state)
    with Bar() as bar:
        caught = replicas.wait_for_replicas(targets, wanted, int(timeout), bar, state=state)
    return Outcome(
        f"{outcome.text}\n{report.replicas_text(caught)}",
        {**outcome.data, "replicas": report.replicas_data(caught)},
        outcome.exit_code,
    )
