"""What memsql makes of the words of a command line before Invoke reads them: bare words, and words behind ``--``.

Bare words: ``lint migrations`` means ``lint --path migrations``. Invoke has words that a task requires, and options
with names, and nothing between; so the name of the option is put before such a word, and Invoke reads the rest.
Words behind ``--``: Invoke drops them, so that ``migrate.up -- --dry-run``, which is how npm passes options on, would
change the database. They are read like those before it, but each belongs to the last task: none begins another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from os.path import exists
from typing import Any

from invoke import Argument, Collection, ParseError, ParserContext, Task
from invoke.parser import translate_underscores


class MemsqlTask(Task[Callable[..., Any]]):
    """A task of memsql: Invoke's task, with bare words, and without short options such as ``-d``.

    ``bare_word``: the option whose value may stand alone, as in "--file". The full name of a task is the next task.
    ``bare_number``: the same for a number, as in "--steps". Any name of a task is the next task.
    ``bare_paths``: the option, which may be given more than once, whose values may stand alone, as in "--path". The
    full name of a task is a path where such a file or folder exists.
    ``audience``: who alone has use for it, "developers" of memsql or projects with "legacy" databases; None for all.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        *,
        bare_word: str | None = None,
        bare_number: str | None = None,
        bare_paths: str | None = None,
        audience: str | None = None,
        **options: Any,
    ) -> None:
        """Take the ``options`` of ``invoke.task``."""
        super().__init__(body, auto_shortflags=False, **options)
        self.bare_word = bare_word
        self.bare_number = bare_number
        self.bare_paths = bare_paths
        self.audience = audience

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options. Unlike Invoke's method it keeps the help of the task, and may be called again."""
        texts = dict(self.help)
        try:
            return super().get_arguments(ignore_unknown_help)
        finally:
            self.help = texts

    def options(self) -> set[str]:
        """Return all options, as in ``--env``."""
        parameters = list(self.argspec(self.body).parameters.values())
        return {f"--{translate_underscores(p.name)}" for p in parameters}

    def valued_options(self) -> set[str]:
        """Return the options behind which a value stands: all but the switches."""
        parameters = self.argspec(self.body).parameters.values()
        return {f"--{translate_underscores(p.name)}" for p in parameters if not isinstance(p.default, bool)}

    def required_option(self) -> str | None:
        """Return the option without a default, whose value Invoke takes without its name; None where there is none."""
        parameters = self.argspec(self.body).parameters.values()
        return next((f"--{translate_underscores(p.name)}" for p in parameters if p.default is p.empty), None)


class Reader:
    """Reads the words of a command line, and keeps them in ``complete`` as Invoke is to read them.

    ``tasks``: all tasks that it may name. ``core``: the options of the program itself. ``paths``: whether
    ``bare_paths`` of a task counts before ``--``.

    Example: ``lint --fix a.sql b.sql`` becomes ``lint --fix --path a.sql --path b.sql``.
    """

    def __init__(self, tasks: Collection, core: ParserContext, *, paths: bool) -> None:
        self.complete: list[str] = []
        self._tasks, self._core, self._paths = tasks, core, paths
        self.task: Task[Any] | None = None
        """The last task that was named."""
        self._option: str | None = None
        """The option whose value may come next without its name."""

    def read(self, words: Sequence[str]) -> None:
        """Read what stands before ``--``, without the name of the program."""
        rest = iter(words)
        for word in rest:
            if word.startswith("-") and not self._is_bare_number(word):
                self._take_option(word, rest)
            elif self._begins_task(word):
                self._take_task(word)
            elif self._option is not None:
                self._take_bare(word)
            else:
                self.complete.append(word)

    def read_behind_dashes(self, words: Sequence[str]) -> None:
        """Read what stands behind ``--`` as options and bare words of the last task.

        Raises ParseError for what cannot belong to it. The words of somebody else's task are left to Invoke.
        """
        task = self.task
        if not isinstance(task, MemsqlTask):
            raise ParseError(f"'{words[0]}' stands behind --, and no task before it", None)
        self._option = self._option or task.bare_paths or task.required_option()
        if "--" in words:
            # Invoke would drop what comes behind it.
            raise ParseError("'--' stands twice on the command line", None)
        rest = iter(words)
        for word in rest:
            if word.startswith("-") and self._is_option(word, task):
                self._take_option(word, rest)
            elif self._option is not None:
                self._take_bare(word)
            else:
                raise ParseError(f"No idea what '{word}' is!", None)

    def _take_option(self, word: str, rest: Iterator[str]) -> None:
        self.complete += [word, *islice(rest, int(_takes_value(word, self.task, self._core)))]

    def _take_task(self, word: str) -> None:
        self.task = task = self._tasks[word]
        self._option = None
        if isinstance(task, MemsqlTask):
            self._option = (task.bare_paths if self._paths else None) or task.bare_word or task.bare_number
        self.complete.append(word)

    def _take_bare(self, word: str) -> None:
        assert self._option is not None
        self.complete += [self._option, word]
        if not self._takes_paths:
            self._option = None

    @property
    def _takes_paths(self) -> bool:
        return isinstance(self.task, MemsqlTask) and self._option == self.task.bare_paths

    def _begins_task(self, word: str) -> bool:
        """Whether ``word`` is the next task. Behind a task that takes bare words only a full name is: ``lint migrate``
        asks for a path, and must not apply migrations because there is no such path."""
        if self._option is None or (isinstance(self.task, MemsqlTask) and self._option == self.task.bare_number):
            return word in all_names(self._tasks)
        return word in self._tasks.task_names and not (self._takes_paths and exists(word))

    def _is_bare_number(self, word: str) -> bool:
        """Whether ``word`` is a negative number where a number may stand: its task says what is wrong with it."""
        task = self.task
        return (
            isinstance(task, MemsqlTask)
            and self._option is not None
            and self._option in (task.bare_number, task.required_option())
            and re.fullmatch(r"-\d+", word) is not None
        )

    def _is_option(self, word: str, task: MemsqlTask) -> bool:
        """Whether ``word`` behind ``--`` is an option. A path may begin with a dash, if no option is called so."""
        if self._is_bare_number(word):
            return False
        name = word.partition("=")[0]
        return not self._takes_paths or name in task.options() or name in self._core.flags


def all_names(tasks: Collection) -> set[str]:
    """Return every word that names one of ``tasks``: ``migrate.up``, and ``migrate``, whose default task that is."""
    return {name for task, aliases in tasks.task_names.items() for name in (task, *aliases)}


def _takes_value(word: str, task: Task[Any] | None, core: ParserContext) -> bool:
    """Whether the option ``word`` of ``task``, or of the program itself, takes the next word as its value."""
    if isinstance(task, MemsqlTask) and word in task.valued_options():
        return True
    # Not by get(), which does not find a short flag.
    return word in core.flags and core.flags[word].takes_value and not core.flags[word].optional
