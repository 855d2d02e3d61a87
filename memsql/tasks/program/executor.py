"""Chains: several tasks on one command line have one summary and one report, with ``memsql`` and with ``invoke``.

Invoke runs the tasks of a command line one after another and stops at the first failure, with its exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from invoke import Call, Executor, Exit

from memsql.tasks import chain
from memsql.tasks.output import write
from memsql.tasks.program.bare_words import MemsqlTask

if TYPE_CHECKING:
    from memsql.operate.chain import Journal


class ChainExecutor(Executor):
    """Invoke's executor, which also keeps the journal of a chain, and runs a task as often as it is named."""

    def execute(self, *tasks: Any) -> Any:
        """Run ``tasks``. Where two or more of them are of memsql, keep a journal, and print a summary in the end."""
        calls = [call for call in self.normalize(tasks) if _is_ours(call)]
        if len(calls) < 2:
            return super().execute(*tasks)
        return _with_journal(calls, lambda: super(ChainExecutor, self).execute(*tasks))

    def dedupe(self, calls: list[Call]) -> list[Call]:
        """Return ``calls`` without the repeated ones of other people's tasks.

        Invoke drops the second of two equal calls. In ``verify migrate verify`` both have to run.
        """
        kept: list[Call] = []
        for call in calls:
            if _is_ours(call) or call not in kept:
                kept.append(call)
        return kept


def _is_ours(call: Call) -> bool:
    """Whether ``call`` is of a task of memsql that works on a database."""
    return isinstance(call.task, MemsqlTask) and "database" in call.kwargs


def _with_journal(calls: Sequence[Call], execute: Callable[[], Any]) -> Any:
    """Return what ``execute`` returns, and write a journal of the tasks in ``calls`` while it runs them."""
    from memsql.operate.chain import Journal

    words = [sys.argv[0].replace("\\", "/").rpartition("/")[2], *sys.argv[1:]]
    journal = Journal(
        words, [str(call.called_as) for call in calls], lambda text: write(sys.stderr, f"warning: {text}")
    )
    exit_code = 1
    try:
        with chain.running(journal):
            result = execute()
        exit_code = 0
        return result
    except Exit as stopped:
        exit_code = stopped.code
        raise
    finally:
        journal.end(exit_code)
        _print_summary(journal, calls)


def _print_summary(journal: Journal, calls: Sequence[Call]) -> None:
    """Print it on stdout, or on stderr where a task has printed something for programs on stdout."""
    from memsql.report.chain import text

    for_programs = any(call.kwargs.get("json") or call.kwargs.get("format") in ("json", "prometheus") for call in calls)
    summary = text(journal.run, journal.shown if journal.written else None)
    write(sys.stderr if for_programs else sys.stdout, summary)
