"""Everything in which memsql differs from Invoke, but for its import (see start.py).

Bare words: ``lint migrations`` means ``lint --path migrations``. Invoke has words that a task requires, and options
with names, and nothing between; so the name of the option is put before such a word, and Invoke reads the rest.
Loading: only the tasks that a command line names. Chains: several tasks on one command line have one summary and one
report; Invoke runs them one after another and stops at the first failure, with its exit code.
Command line: our message and exit code 2 where it is wrong, with ``memsql`` and with ``invoke``.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from os.path import exists
from typing import TYPE_CHECKING, Any

import invoke
from invoke import Argument, Call, Collection, Executor, Exit, ParseError, ParserContext, Task
from invoke.parser import translate_underscores

import memsql
from memsql.errors import UsageError
from memsql.report import text
from memsql.tasks import chain
from memsql.tasks.output import write, write_json

if TYPE_CHECKING:
    from memsql.operate.chain import Journal


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


# The modules that hold the tasks, by the first part of the tasks' names.
_MODULES = {
    name: name
    for name in (
        "verify",
        "smoke",
        "lint",
        "review",
        "migrate",
        "legacy",
        "backup",
        "fts",
        "schema",
        "server",
        "monitor",
    )
} | {"test": "develop", "benchmark": "develop"}


def namespace(words: Iterable[str] = ()) -> Collection:
    """Return the tasks that a command line may name: all of them where it names none or asks for a list.

    ``words``: the command line behind the name of the program. Invoke copies the options of every task before it looks
    at the first word, which takes longer than ``migrate.status``.
    """
    words = set(words)
    asks_for_all = any(word in ("-l", "--complete") or word.startswith("--list") for word in words)
    heads = {word.partition(".")[0] for word in words}
    named = [] if asks_for_all else [name for name in _MODULES if name in heads]
    tasks = Collection()
    for name in named or _MODULES:
        module = import_module(f"memsql.tasks.{_MODULES[name]}")
        if hasattr(module, "ns"):
            tasks.add_collection(_only_named(module.ns, words) if named else module.ns)
        else:
            tasks.add_task(getattr(module, name))
    return tasks


def _only_named(tasks: Collection, words: set[str]) -> Collection:
    """Return the tasks that ``words`` name; all where a word names the collection itself, or a task that it lacks."""
    prefix = f"{tasks.name}."
    names = {word.removeprefix(prefix) for word in words if word.startswith(prefix)}
    if tasks.name in words or not names <= set(tasks.tasks):
        return tasks
    named = Collection(tasks.name)
    for name in names:
        named.add_task(tasks[name], name)
    return named


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
        words, [str(call.called_as) for call in calls], lambda warning: write(sys.stderr, f"warning: {warning}")
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
    from memsql.report import chain as report

    for_programs = any(call.kwargs.get("json") or call.kwargs.get("format") in ("json", "prometheus") for call in calls)
    summary = report.text(journal.run, journal.shown if journal.written else None)
    write(sys.stderr if for_programs else sys.stdout, summary)


class Program(invoke.Program):
    """Invoke's program with bare words, and with our message and exit code 2 for a command line that is wrong.

    Invoke ends with 1 then, which is the exit code of a check that failed.
    """

    takes_paths = False
    """Whether ``lint`` takes paths without ``--path``. Not with ``invoke``, where ``lint test`` may mean two tasks."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Read the options before the first task."""
        with self._usage():
            super().parse_core(argv)
        prepare_process()

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        self.core.unparsed = with_options(self.core.unparsed, self.collection, self.core[0], paths=self.takes_paths)
        with self._usage():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        """Answer ``--help TASK``, ``--list`` and the like."""
        with self._usage():
            super().parse_cleanup()

    @contextmanager
    def _usage(self) -> Iterator[None]:
        """Turn an error of Invoke's parser into a UsageError: print it, and raise Exit with its code."""
        try:
            yield
        except ParseError as error:
            words = self.argv[1:]
            # Invoke sets the attribute after the options that stand before the first task.
            names = all_names(self.collection) if hasattr(self, "collection") else set()
            problem = UsageError(
                str(error),
                state="nothing was changed",
                hint=f"see: {self.name.lower()} {_help_for(error, words, names)}",
            )
            if "--json" in words:
                write_json({"ok": False, "command": None, "error": text.error_json(problem)})
            else:
                write(sys.stderr, text.error(problem))
            raise Exit(code=problem.exit_code) from None


class MemsqlProgram(Program):
    """The program of the ``memsql`` command. It calls itself memsql, whatever the name of its executable is."""

    takes_paths = True

    def __init__(self, words: Sequence[str]) -> None:
        """Load the tasks that ``words`` may name: the command line behind the name of the program."""
        super().__init__(
            name="memsql",
            binary="memsql",
            namespace=namespace(words),
            version=memsql.__version__,
            executor_class=ChainExecutor,
        )


def follow_invoke() -> None:
    """Give the ``invoke`` command, where that is what runs, the behaviour of ``memsql``.

    Its program exists before it loads tasks.py, and is public: ``invoke.main.program``. It reads the words of the tasks
    and asks for an executor later. So the object becomes one of our class.
    """
    main = sys.modules.get("invoke.main")
    if main is not None:
        main.program.__class__ = Program
        main.program.executor_class = ChainExecutor
        prepare_process()


def prepare_process() -> None:
    """Set up Python for a short-lived process that imports much. Call it after Invoke's parse_core."""
    # Invoke forbids .pyc files, so that none of tasks.py appears. Then each start would compile anew what a command
    # imports later, where the installation has not compiled it.
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    # Few cycles of objects arise. To look for them among a thousand migrations takes longer than freeing them saves.
    gc.set_threshold(100_000, 50, 50)
    # When it ends, Python looks for cycles among everything that was imported: an eighth of the processor time of
    # migrate.status. The system takes the memory back anyway, so there is nothing left to look at.
    atexit.register(gc.freeze)


def _help_for(error: ParseError, words: Sequence[str], names: Container[str]) -> str:
    """Return the options that explain ``error``: ``--help TASK``, or ``--list``. ``names``: all names of tasks."""
    task = error.context.name if error.context is not None and error.context.name else None
    if task is None:
        # The parser does not say behind which task it met an unknown word.
        unknown = next((n for n, word in enumerate(words) if f"'{word.partition('=')[0]}'" in str(error)), 0)
        task = next((word for word in reversed(words[:unknown]) if word in names), None)
    return f"--help {task}" if task else "--list"
