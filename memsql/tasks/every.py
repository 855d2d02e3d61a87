"""Runs a task for every database of a project: each folder of migrations that its settings name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from memsql import config, hints
from memsql.errors import MemsqlError, UsageError
from memsql.tasks.task import Outcome
from memsql.visible import page

if TYPE_CHECKING:
    from memsql.config import Settings

T = TypeVar("T")
ALL_HELP = {"all": "for every database of the project: each folder of migrations that the settings name"}
_NONE = {"TURSO_URL": "", "MEMSQL_ENV": ""}


def databases(settings: Settings) -> list[tuple[str, Settings]]:
    """The databases of the project of ``settings``, by what messages call them: the environment, or the folder of
    migrations of the plain settings. Where several environments have one folder it is the first of them. Raises
    UsageError where one is chosen too."""
    if hints.has_choice():
        raise UsageError(
            "--all is about every database of the project, and --database and --env choose one",
            state="nothing was changed",
            hint="leave one of them out",
        )
    # A variable that chooses one database is not about all of them.
    environ = {**os.environ, **_NONE}
    result = []
    for env in config.migration_folders(settings.root):
        own = config.load(project=str(settings.root), env=env or None, environ=environ)
        result.append((env or own.show(own.migrations), own))
    return result


def on_each(databases: list[tuple[str, Settings]], work: Callable[[Settings], T]) -> list[tuple[str, T | MemsqlError]]:
    """What ``work`` returns for each of ``databases``, or the error that it raises. Hints name the environment."""
    results: list[tuple[str, T | MemsqlError]] = []
    for name, settings in databases:
        with hints.environment(settings.env):
            try:
                results.append((name, work(settings)))
            except MemsqlError as e:
                results.append((name, e))
    return results


def for_all(settings: Settings, body: Callable[[Settings], Outcome]) -> Outcome:
    """The outcomes of ``body`` for each database, one below the other. The exit code is the highest; one that cannot be
    done stops none of the others."""
    from memsql.report import text

    lines: list[str] = []
    entries: list[dict[str, object]] = []
    codes = [0]
    for name, outcome in on_each(databases(settings), body):
        lines += ["", f"== {name}"] if lines else [f"== {name}"]
        if isinstance(outcome, MemsqlError):
            lines += text.error(outcome).split("\n")
            entries.append({"name": name, "ok": False, "error": text.error_json(outcome)})
            codes.append(outcome.exit_code)
        else:
            lines += outcome.text.split("\n")
            entries.append({"name": name, "ok": outcome.exit_code == 0, **outcome.data})
            codes.append(outcome.exit_code)
    failed = [str(entry["name"]) for entry in entries if not entry["ok"]]
    headline = f"{len(entries)} databases: " + (f"not well: {', '.join(failed)}" if failed else "all well")
    return Outcome(page([*lines, "", headline]), {"databases": entries}, max(codes), headline)
