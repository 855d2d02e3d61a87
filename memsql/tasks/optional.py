"""A task whose first word may be left out: Invoke knows words that must be given, and options, and nothing between."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

from invoke import Task
from invoke.parser import Argument


class WithFile(Task[Callable[..., Any]]):
    """A task of the collection ``backup`` with an argument ``file``, to be written as a bare word or as ``--file``."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        from memsql.tasks import ns

        arguments: list[Argument] = super().get_arguments(ignore_unknown_help)
        valued = {
            flag for a in arguments if a.takes_value for flag in (f"--{name.replace('_', '-')}" for name in a.names)
        }
        if not has_word(f"backup.{self.name}", sys.argv, valued, ns.task_names):
            return arguments
        self.positional = ["file"]
        again: list[Argument] = super().get_arguments(ignore_unknown_help)
        return again


def has_word(task: str, argv: Sequence[str], valued: Collection[str], tasks: Collection[str]) -> bool:
    """Whether in ``argv`` a word follows ``task`` that is no option, no value of one of the options ``valued``, and not the
    next of the ``tasks``."""
    if task not in argv:
        return False
    rest = iter(argv[argv.index(task) + 1 :])
    for word in rest:
        if word.startswith("-"):
            if word in valued:
                next(rest, None)
        else:
            return word not in tasks
    return False
