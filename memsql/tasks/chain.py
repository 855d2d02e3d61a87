"""Several tasks on one command line: one summary and one report, whichever of ``invoke`` and ``memsql`` runs them.

Invoke runs the tasks of a command line one after another and stops at the first failure, with its exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.executor import Executor
from invoke.tasks import Call

from memsql.tasks.output import write

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.errors import MemsqlError
    from memsql.operate.chain import Journal

_journal: Journal | None = None


class ChainExecutor(Executor):
    """Invoke's executor, which also keeps the journal of a chain, and runs a task as often as it is named."""

    def execute(self, *tasks: Any) -> Any:
        """Run ``tasks``; where two or more of them are ours, sum them up in the end."""
        calls = [call for call in self.normalize(tasks) if _is_ours(call)]
        if len(calls) < 2:
            return super().execute(*tasks)
        return _followed(calls, lambda: super(ChainExecutor, self).execute(*tasks))

    def dedupe(self, calls: list[Call]) -> list[Call]:
        """Invoke drops the second of two equal calls. In ``verify migrate verify`` both are meant."""
        kept: list[Call] = []
        for call in calls:
            if _is_ours(call) or call not in kept:
                kept.append(call)
        return kept


def is_running() -> bool:
    """Whether a chain runs in this process."""
    return _journal is not None


def begin(command: str) -> None:
    """A task starts. Outside of a chain this and the following do nothing."""
    if _journal is not None:
        _journal.begin(command)


def use(settings: Settings) -> None:
    """The task has these settings."""
    if _journal is not None:
        _journal.use(settings)


def done(exit_code: int, headline: str, data: Mapping[str, object]) -> None:
    """The task has said what it has to say."""
    if _journal is not None:
        _journal.end_step(exit_code, headline, data)


def failed(problem: MemsqlError) -> None:
    """An error ended the task."""
    if _journal is not None:
        from memsql.report.text import error_json

        _journal.end_step(problem.exit_code, problem.message, {}, error_json(problem))


def _is_ours(call: Call) -> bool:
    """Whether ``call`` is of a task of memsql that works on a database."""
    return call.task.body.__module__.startswith("memsql.tasks.") and "database" in call.kwargs


def _followed(calls: list[Call], execute: Any) -> Any:
    from memsql.operate.chain import Journal
    from memsql.report import chain as report

    global _journal
    for_programs = any(call.kwargs.get("json") or call.kwargs.get("format") in ("json", "prometheus") for call in calls)
    words = [sys.argv[0].replace("\\", "/").rpartition("/")[2], *sys.argv[1:]]
    _journal = journal = Journal(
        words, [str(call.called_as) for call in calls], lambda text: write(sys.stderr, f"warning: {text}")
    )
    code = 1
    try:
        result = execute()
        code = 0
        return result
    except Exit as e:
        code = e.code
        raise
    finally:
        _journal = None
        journal.end(code)
        said = report.text(journal.run, journal.shown if journal.written else None)
        write(sys.stderr if for_programs else sys.stdout, said)
