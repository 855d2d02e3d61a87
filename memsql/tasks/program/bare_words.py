"""Words behind a task that are values of one of its options: ``lint migrations`` means ``lint --path migrations``.

Invoke has words that a task requires, and options with names, and nothing between. So this module puts the name of the
option before such a word, and Invoke reads the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from os.path import exists
from typing import Any

from invoke import Argument, Collection, ParserContext, Task
from invoke.parser import translate_underscores


@dataclass(frozen=True, slots=True)
class BareWords:
    """Which option of a task takes the words that have no option before them."""

    option: str
    """The option, as in ``--file``."""

    paths: bool = False
    """Any number of words are paths. A word that names a task is a path where such a file or folder exists.

    Else one word is the value, and a word that names a task is always the next task.
    """


class MemsqlTask(Task[Callable[..., Any]]):
    """A task of memsql: Invoke's task, with bare words, and without short options such as ``-d``."""

    def __init__(self, body: Callable[..., Any], *, bare_words: BareWords | None = None, **options: Any) -> None:
        """Take the options of ``invoke.task``, and ``bare_words``: which option takes words without its name."""
        super().__init__(body, auto_shortflags=False, **options)
        self.bare_words = bare_words

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
    ``core``: the options of the program itself. ``paths``: whether tasks that take any number of paths take them bare.

    Example: ``lint --fix a.sql b.sql`` becomes ``lint --fix --path a.sql --path b.sql``.
    """
    names = all_names(tasks)
    if not any(_bare_words(tasks[word], paths=paths) for word in words if word in names):
        return list(words)
    complete: list[str] = []
    valued: set[str] = set()
    bare: BareWords | None = None
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            complete += [word, *islice(rest, int(word in valued or _takes_value(core, word)))]
        elif word in names and not (bare is not None and bare.paths and exists(word)):
            task = tasks[word]
            bare = _bare_words(task, paths=paths)
            valued = task.valued_options() if isinstance(task, MemsqlTask) else set()
            complete.append(word)
        elif bare is not None:
            complete += [bare.option, word]
            bare = bare if bare.paths else None
        else:
            complete.append(word)
    return complete


def _takes_value(core: ParserContext, word: str) -> bool:
    # Not by get(), which does not find a short flag.
    return word in core.flags and core.flags[word].takes_value and not core.flags[word].optional


def all_names(tasks: Collection) -> set[str]:
    """Return every word that names one of ``tasks``: ``migrate.up``, and ``migrate``, whose default task that is."""
    return {name for task, aliases in tasks.task_names.items() for name in (task, *aliases)}


def _bare_words(task: Task[Any], *, paths: bool) -> BareWords | None:
    bare = task.bare_words if isinstance(task, MemsqlTask) else None
    return bare if bare is None or paths or not bare.paths else None
