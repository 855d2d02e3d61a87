"""Everything in which memsql differs from Invoke, but for its import (see start.py).

Loading: only the tasks that a command line names. Chains: several tasks on one command line have one summary and one
report; Invoke runs them one after another and stops at the first failure, with its exit code.
Command line: its words as command_line.py reads them; our message and exit code 2 where it is wrong, for both programs.
"""

from __future__ import annotations

import atexit
import gc
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, NoReturn

import invoke
from invoke import Call, Collection, Executor, Exit, ParseError, ParserContext

import memsql
from memsql import startup
from memsql.errors import Interrupted, MemsqlError, UsageError
from memsql.report import text
from memsql.tasks import chain, servers
from memsql.tasks.command_line import MemsqlTask, Reader, all_names
from memsql.tasks.output import write, write_json

if TYPE_CHECKING:
    from memsql.operate.chain import Journal


# The modules that hold the tasks, by the first part of the tasks' names.
_MODULES = {
    name: name
    for name in (
        "init",
        "verify",
        "smoke",
        "lint",
        "check",
        "review",
        "migrate",
        "legacy",
        "backup",
        "fts",
        "schema",
        "server",
        "monitor",
        "maintain",
        "analyze",
        "bench",
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
        servers.refuse_without_client(calls)
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


class _UsedOnce(ParserContext):
    """A context for one parser.

    Invoke copies it before use, which takes longer than all else that the parser does with a command line.
    """

    def __deepcopy__(self, memo: object) -> _UsedOnce:
        return self


class Program(invoke.Program):
    """Invoke's program with bare words, and with our message and exit code 2 for a command line that is wrong.

    Invoke ends with 1 then, which is the exit code of a check that failed.
    """

    takes_paths = False
    """Whether ``lint`` takes paths without ``--path``. Not with ``invoke``, where ``lint test`` may mean two tasks."""

    @property
    def initial_context(self) -> ParserContext:
        """The options that stand before the first task, for one parser."""
        context: ParserContext = super().initial_context
        context.__class__ = _UsedOnce
        return context

    def parse_core(self, argv: list[str] | None) -> None:
        """Read the options before the first task."""
        with self._usage():
            super().parse_core(argv)
        prepare_process()

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        with self._usage():
            self._read_words()
            super().parse_tasks()
        if self.args.dry.value and any(isinstance(self.collection[task.name], MemsqlTask) for task in self.tasks):
            # Invoke's --dry prints shell commands in place of running them. A task of memsql would do its work.
            self._stop(
                UsageError(
                    "--dry is an option of Invoke's, and keeps no task of memsql from its work",
                    hint="write --dry-run behind the name of the task",
                )
            )

    def _read_words(self) -> None:
        """Put the names of options before bare words, and read the words behind ``--`` as those of the last task."""
        reader = Reader(self.collection, self.core[0], paths=self.takes_paths)
        reader.read(self.core.unparsed)
        words = list(dropwhile(lambda word: word != "--", self.argv[1:]))[1:]
        # The tasks of other people get these words from Invoke, and a default task is one of theirs. If no word before
        # the dashes is a task, Invoke says so.
        nothing_else = not (reader.task or reader.complete or self.collection.default)
        if words and (isinstance(reader.task, MemsqlTask) or nothing_else):
            reader.read_behind_dashes(words)
            self.core.remainder = ""
        self.core.unparsed = reader.complete

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
            # Invoke sets the attribute after the options that stand before the first task.
            names = all_names(self.collection) if hasattr(self, "collection") else set()
            self._stop(_problem(error, self.name.lower(), self.argv[1:], names))

    def execute(self) -> None:
        """Run the tasks. Ctrl-C between two of ours, or behind them, is said like one in a task."""
        startup.tasks_begin()
        try:
            super().execute()
        except MemsqlError as refused:
            self._stop(refused)
        except KeyboardInterrupt as stopped:
            if not any(isinstance(self.collection[task.name], MemsqlTask) for task in self.tasks):
                raise
            self._stop(
                Interrupted(
                    f"{'SIGTERM' if stopped.args else 'Ctrl-C'} stopped {self.name.lower()}",
                    state="no task was running at that moment; what was reported before is done",
                )
            )

    def _stop(self, problem: MemsqlError) -> NoReturn:
        """Print ``problem``, and raise Exit with its code."""
        problem.state = problem.state or "nothing was changed"
        if "--json" in self.argv:
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


def _problem(error: ParseError, program: str, words: Sequence[str], names: set[str]) -> UsageError:
    """Return what is wrong with the command line ``words`` of ``program``, and what may have been meant.

    ``names``: the names of the tasks that were loaded for it.
    """
    import shlex

    from memsql.config import redact
    from memsql.tasks import spelling

    see = f"see: {program} {_help_for(error, words, names)}"
    match = re.fullmatch(r"No idea what '(.*)' is!", str(error), re.DOTALL)
    unknown = match[1] if match else ""
    if unknown.startswith("-"):
        meant = spelling.meant_option(unknown, _options_at(error, words, names))
    else:
        meant = spelling.meant(unknown, names | all_names(namespace())) if unknown else ()
    if meant and not unknown.startswith("-") and unknown in dropwhile(lambda word: word != "--", words):
        line = [word for word in spelling.corrected(words, unknown, meant[0]) if word != "--"]
        return UsageError(
            f"{error} Behind -- stand the options of the task before it, and {meant[0]} is another task",
            hint=f"{see}, or type: {program} {redact(shlex.join(line))}",
        )
    if not meant:
        return UsageError(str(error), hint=see)
    if len(meant) == 1:
        see += f", or type: {program} {redact(shlex.join(spelling.corrected(words, unknown, meant[0])))}"
    return UsageError(f"{error} Did you mean {' or '.join(meant)}?", hint=see)


def _options_at(error: ParseError, words: Sequence[str], names: Container[str]) -> Sequence[str]:
    """Return the options that may stand where ``error`` happened: those of the last task, if it is one of ours."""
    if error.context is not None:
        return list(error.context.flags)
    task = next((word for word in reversed(words) if word in names), None)
    if task is None:
        return ()
    named = namespace([task])[task]
    return sorted(named.options()) if isinstance(named, MemsqlTask) else ()


def _help_for(error: ParseError, words: Sequence[str], names: Container[str]) -> str:
    """Return the options that explain ``error``: ``--help TASK``, or ``--list``. ``names``: all names of tasks."""
    task = error.context.name if error.context is not None and error.context.name else None
    if task is None:
        # The parser does not say behind which task it met an unknown word.
        unknown = next((n for n, word in enumerate(words) if f"'{word.partition('=')[0]}'" in str(error)), 0)
        task = next((word for word in reversed(words[:unknown]) if word in names), None)
    return f"--help {task}" if task else "--list"
