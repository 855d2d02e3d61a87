"""What every task does around its one call: settings in, outcome out, exit code."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from invoke.exceptions import Exit

from memsql import config
from memsql.errors import Interrupted, MemsqlError, UsageError
from memsql.report import text as show
from memsql.tasks import chain
from memsql.tasks.output import write, write_json

COMMON_HELP = {
    "database": "path or URL of the database; wins over --env, TURSO_URL and the default of setup.cfg",
    "env": "use the [memsql:NAME] section of setup.cfg (MEMSQL_ENV sets it for a chain of tasks)",
    "project": "folder of the project (default: the nearest folder upwards with [memsql] in setup.cfg)",
    "json": "print one JSON object on stdout",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The options every database task takes."""

    project: str | None
    env: str | None
    database: str | None
    json: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task has to say: text for people, fields for programs, and the exit code. ``headline`` is the line that
    stands for it in the summary of a chain; by default the last one of ``text``. ``plain`` keeps colours away from a text for programs."""

    text: str
    data: dict[str, object] = field(default_factory=dict)
    exit_code: int = 0
    headline: str = ""
    plain: bool = False


def run(command: str, options: Options, work: Callable[[config.Settings], Outcome]) -> None:
    """Load settings, call ``work``, print its outcome, and leave with its exit code if not 0. A chain is told of it.

    Every MemsqlError becomes a message on stderr (or, with --json, an object on stdout with ``ok``
    false and ``error``) and its exit code; nothing else is caught.
    """
    # A short-lived process leaves few cycles behind; looking for them among a thousand migrations takes longer
    # than freeing them would save.
    gc.set_threshold(100_000, 50, 50)
    signal.signal(signal.SIGTERM, _terminate)
    chain.begin(command)
    try:
        settings = config.load(project=options.project, env=options.env, database=options.database)
        chain.use(settings)
        outcome = work(settings)
    except (MemsqlError, KeyboardInterrupt) as stopped:
        problem = (
            stopped
            if isinstance(stopped, MemsqlError)
            else Interrupted(
                f"{'SIGTERM' if stopped.args else 'Ctrl-C'} stopped {command}",
                state="no migration was running at that moment",
                hint="see: invoke migrate.status",
            )
        )
        if options.json:
            write_json({"ok": False, "command": command, "error": show.error_json(problem)})
        else:
            write(sys.stderr, show.error(problem))
        chain.failed(problem)
        raise Exit(code=problem.exit_code) from None
    if options.json:
        write_json({"ok": outcome.exit_code == 0, "command": command, **outcome.data})
    elif outcome.text:
        write(sys.stdout, outcome.text, plain=outcome.plain)
    chain.done(outcome.exit_code, outcome.headline or show.headline(outcome.text), outcome.data)
    if outcome.exit_code:
        raise Exit(code=outcome.exit_code)


def refuse_without_dry_run(**options: bool) -> None:
    """Raise UsageError where an option is given that says how to rehearse, and nothing is to be rehearsed."""
    given = [f"--{name.replace('_', '-')}" for name, on in options.items() if on]
    if given:
        raise UsageError(
            f"{given[0]} says how to rehearse, and --dry-run is missing",
            state="nothing was changed",
            hint="add --dry-run, or leave it out",
        )


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM as an exception, so that temporary files go and locks are released."""
    raise KeyboardInterrupt("SIGTERM")
