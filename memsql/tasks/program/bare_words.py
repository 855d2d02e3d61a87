"""Words behind a task that are values of one of its options: ``lint migrations`` means ``lint --path migrations``.

Invoke has words that a task requires, and options with names, and nothing between. So this module puts the name of the
option before such a word, and Invoke reads the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from os.path import exists
from typing import Any

from invoke import Argument, Collection, ParserContext, Task
from invoke.parser import translate_underscores


class MemsqlTask(Task[Callable[..., Any]]):
    """A task of memsql: Invoke's task, with bare words, and without short options such as ``-d``.

    ``bare_word``: the option whose value may stand alone, as in "--file". The full name of a task is the next task.
    ``bare_paths``: the option, which may be given more than once, whose values may stand alone, as in "--path". The
    full name of a task is a path where such a file or folder exists.
    """

    def __init__(
        self, body: Callable[..., Any], *, bare_word: str | None = None, bare_paths: str | None = None, **options: Any
    ) -> None:
        """Take the ``options`` of ``invoke.task``."""
        super().__init__(body, auto_shortflags=False, **options)
        self.bare_word = bare_word
        self.bare_paths = bare_paths

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options. Unlike Invoke's method it keeps the help of the task, and may be called again."""
        texts = dict(self.help)
        try:
            return super().get_arguments(ignore_unknown_help)
        finally:
            self.help = texts

    def valued_options(self) -> set[str]:
        """Return the options behind which a value stands, as in ``--env``: all but the switches."""
        parameters = self.argspec(self.body).parameters.values()
        return {f"--{translate_underscores(p.name)}" for p in parameters if not isinstance(p.default, bool)}


def with_options(words: Sequence[str], tasks: Collection, core: ParserContext, *, paths: bool) -> list[str]:
    """Put the names of the options before the bare words of a command line.

    ``words``: the command line behind the name of the program, up to ``--``. ``tasks``: all tasks that it may name.
    ``core``: the options of the program itself. ``paths``: whether ``bare_paths`` of a task counts.

    Example: ``lint --fix a.sql b.sql`` becomes ``lint --fix --path a.sql --path b.sql``.
    """
    complete: list[str] = []
    task: Task[Any] | None = None
    bare_word: str | None = None
    bare_paths: str | None = None
    rest = iter(words)
    for word in rest:
        option = bare_paths or bare_word
        if word.startswith("-"):
            complete += [word, *islice(rest, int(_takes_value(word, task, core)))]
        elif _is_task(word, tasks, after_bare=option is not None) and not (bare_paths and exists(word)):
            task = tasks[word]
            bare_word, bare_paths = _bare_options(task, paths=paths)
            complete.append(word)
        elif option is not None:
            complete += [option, word]
            bare_word = None
        else:
            complete.append(word)
    return complete


def all_names(tasks: Collection) -> set[str]:
    """Return every word that names one of ``tasks``: ``migrate.up``, and ``migrate``, whose default task that is."""
    return {name for task, aliases in tasks.task_names.items() for name in (task, *aliases)}


def _is_task(word: str, tasks: Collection, *, after_bare: bool) -> bool:
    """Whether ``word`` is the next task. Behind a task that takes bare words only a full name is: ``lint migrate`` asks
    for a path, and must not apply migrations because there is no such path."""
    return word in (tasks.task_names if after_bare else all_names(tasks))


def _bare_options(task: Task[Any], *, paths: bool) -> tuple[str | None, str | None]:
    if not isinstance(task, MemsqlTask):
        return None, None
    return task.bare_word, task.bare_paths if paths else None


def _takes_value(word: str, task: Task[Any] | None, core: ParserContext) -> bool:
    """Whether the option ``word`` of ``task``, or of the program itself, takes the next word as its value."""
    if isinstance(task, MemsqlTask) and word in task.valued_options():
        return True
    # Not by get(), which does not find a short flag.
    return word in core.flags and core.flags[word].takes_value and not core.flags[word].optional
