"""Everything in which memsql differs from Invoke, but for its import (see start.py).

Chains: several tasks on one command line have one summary and one
report; Invoke runs them one after another and stops at the first failure, with its exit code.
Command line: its words as command_line.py reads them; our message and exit code 2 where it is wrong, for both programs.
"""

from __future__ import annotations

import atexit
import gc
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import invoke
from invoke import AmbiguousEnvVar, Argument, Call, Config, Executor, Exit, ParseError, ParserContext, UncastableEnvVar

import memsql
from memsql import hints, startup
from memsql.errors import Interrupted, MemsqlError, OutputLost, UsageError
from memsql.report import text
from memsql.report.outcome import outcome_json
from memsql.tasks import chain, servers, usage
from memsql.tasks import help as helping
from memsql.tasks.command_line import MemsqlTask, Reader, all_names
from memsql.tasks.loading import namespace
from memsql.tasks.output import silence, write, write_json

if TYPE_CHECKING:
    from memsql.operate.chain import Journal


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
        _print_summary(journal, calls, exit_code)


def _print_summary(journal: Journal, calls: Sequence[Call], exit_code: int) -> None:
    """Print it on stdout, or on stderr where a task has printed something for programs on stdout; where all is well and
    was to be quiet, nothing."""
    from memsql.report import chain as report

    for_programs = any(call.kwargs.get("json") or call.kwargs.get("format") in ("json", "prometheus") for call in calls)
    if exit_code == 0 and all(call.kwargs.get("quiet") for call in calls):
        return
    summary = report.text(journal.run, journal.shown if journal.written else None)
    write(sys.stderr if for_programs else sys.stdout, summary)


class _UsedOnce(ParserContext):
    """A context for one parser.

    Invoke copies it before use, which takes longer than all else that the parser does with a command line.
    """

    def __deepcopy__(self, memo: object) -> _UsedOnce:
        return self


class _OfTasks(_UsedOnce):
    """The options that stand before tasks of memsql alone."""

    def help_tuples(self) -> list[tuple[str, str | None]]:
        """Return what ``--help`` says of the options, without those that are refused."""
        return [self.help_for(f"--{name}") for name in sorted(_KEPT | set(_FOR_ALL))]


# Invoke's options that mean something for tasks of memsql too. The rest is for its shell commands and its own settings.
_KEPT = frozenset({"complete", "help", "list", "list-depth", "list-format", "print-completion-script", "version"})
_FOR_ALL = {
    "quiet": ("q", "print nothing but problems, and what is for programs"),
    "verbose": ("v", "leave nothing out: whole lists, the settings and the database that are used"),
}


class Program(invoke.Program):
    """Invoke's program with bare words, and with our message and exit code 2 for a command line that is wrong.

    Invoke ends with 1 then, which is the exit code of a check that failed.
    """

    keeps_all_options = True
    """Whether all of Invoke's options stay: tasks of other people may stand beside those of memsql."""

    takes_paths = False
    """Whether ``lint`` takes paths without ``--path``. Not with ``invoke``, where ``lint test`` may mean two tasks."""

    @property
    def initial_context(self) -> ParserContext:
        """The options that stand before the first task, for one parser."""
        context: ParserContext = super().initial_context
        context.__class__ = _UsedOnce if self.keeps_all_options else _OfTasks
        return context

    def core_args(self) -> list[Argument]:
        """Return Invoke's options, and those of every task of memsql."""
        options: list[Argument] = super().core_args()
        return options + [
            Argument(names=(name, letter), kind=bool, default=False, help=text)
            for name, (letter, text) in _FOR_ALL.items()
        ]

    def _update_core_context(self, context: ParserContext, new_args: dict[str, Argument]) -> None:
        # Invoke read the command line before it became ours, and knows nothing of these.
        known = {name: option for name, option in new_args.items() if name in context.args}
        super()._update_core_context(context, known)

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
        self._refuse_options()
        self._pass_on()
        if self.args.dry.value and any(isinstance(self.collection[task.name], MemsqlTask) for task in self.tasks):
            # Invoke's --dry prints shell commands in place of running them. A task of memsql would do its work.
            self._stop(
                UsageError(
                    "--dry is an option of Invoke's, and keeps no task of memsql from its work",
                    hint="write --dry-run behind the name of the task",
                )
            )

    def _refuse_options(self) -> None:
        """Refuse what Invoke would do with shell commands, of which the tasks of memsql run none."""
        if self.keeps_all_options:
            return
        for name, option in self.args.items():
            if option.got_value and name == option.name and name not in _KEPT | set(_FOR_ALL):
                hint = "write --dry-run behind the name of the task" if name == "dry" else "leave it out"
                self._stop(
                    UsageError(
                        f"--{name} is an option of Invoke's, and means nothing to the tasks of memsql", hint=hint
                    )
                )

    def _pass_on(self) -> None:
        """Give the options for all tasks to each of them."""
        for name in _FOR_ALL:
            if any(context.args[name].value for context in (self.core[0], self.core_via_tasks) if name in context.args):
                for task in self.tasks:
                    if name in task.args:
                        task.args[name].value = True

    def _read_words(self) -> None:
        """Put the names of options before bare words, and read the words behind ``--`` as those of the last task."""
        behind = list(dropwhile(lambda word: word != "--", self.argv[1:]))[1:]
        topic = helping.topic([*self.core.unparsed, *behind], self.collection)
        if topic is not None or self.args.help.value:
            self.args.help._value = topic or self.args.help.value
            self.core.unparsed, self.core.remainder = [], ""
            return
        reader = Reader(self.collection, self.core[0], paths=self.takes_paths)
        reader.read(self.core.unparsed)
        words = behind
        # The tasks of other people get these words from Invoke, and a default task is one of theirs. If no word before
        # the dashes is a task, Invoke says so.
        nothing_else = not (reader.task or reader.complete or self.collection.default)
        if words and (isinstance(reader.task, MemsqlTask) or nothing_else):
            reader.read_behind_dashes(words)
            self.core.remainder = ""
        self.core.unparsed = reader.complete

    def parse_cleanup(self) -> None:
        """Answer ``--help TASK``, ``--list`` and the like."""
        topic = self.args.help.value
        if isinstance(topic, str) and topic not in self.parser.contexts and topic in self.collection.collections:
            self.args.help._value, self.args.list._value = None, topic
        wrong = usage.list_problem(
            self.args.list.value, self.args["list-format"].value, set(self.collection.collections)
        )
        if wrong is not None:
            self._stop(wrong)
        if self.args.complete.value:
            self.collection = helping.useful(self.collection, Path.cwd())
        try:
            try:
                with self._usage():
                    super().parse_cleanup()
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # The command may be that of Invoke, which shows a traceback here.
            silence(sys.stdout)
            raise Exit(code=0) from None
        except OSError as e:
            if e.filename is not None:
                raise
            silence(sys.stdout)
            self._stop(OutputLost(f"cannot write to standard output: {e.strerror}"))

    def list_tasks(self) -> None:
        """Print the tasks that mean something here, or all of a group that was named."""
        if not self.list_root:
            self.scoped_collection = helping.useful(self.scoped_collection, Path.cwd())
        super().list_tasks()

    def print_task_help(self, name: str) -> None:
        """Print what a task does and its options, as wide as the terminal."""
        task = self.collection[name]
        if not isinstance(task, MemsqlTask):
            super().print_task_help(name)
            return
        print(f"Usage: {self.binary} [--core-opts] {name} [--options] [other tasks here ...]\n")
        for line in helping.paragraphs(inspect.getdoc(task) or "", self.leading_indent_width):
            print(line)
        print("\nOptions:")
        self.print_columns(self.parser.contexts[name].help_tuples())
        if name in self.collection.collections:
            print(f"Other tasks of {name}: {hints.command(f'--list {name}')}")

    def print_columns(self, tuples: Sequence[tuple[str, str | None]]) -> None:
        """Print names and explanations side by side."""
        for line in [*helping.columns(tuples, self.leading_indent_width), ""]:
            print(line)

    @contextmanager
    def _usage(self) -> Iterator[None]:
        """Turn an error of Invoke's parser into a UsageError: print it, and raise Exit with its code."""
        try:
            yield
        except ParseError as error:
            # Invoke sets the attribute after the options that stand before the first task.
            names = all_names(self.collection) if hasattr(self, "collection") else set()
            self._stop(usage.problem(error, self.name.lower(), self.argv[1:], names))
        except ValueError as error:
            # Only options that are numbers raise it.
            self._stop(UsageError(f"an option is no number: {error}", hint=f"see: {hints.command('--help')}"))

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
            write_json(outcome_json(None, {"error": text.error_json(problem)}, ok=False))
        else:
            write(sys.stderr, text.error(problem))
        raise Exit(code=problem.exit_code) from None


class MemsqlProgram(Program):
    """The program of the ``memsql`` command. It calls itself memsql, whatever the name of its executable is."""

    keeps_all_options = False
    takes_paths = True

    def __init__(self, words: Sequence[str]) -> None:
        """Load the tasks that ``words`` may name: the command line behind the name of the program."""
        super().__init__(
            name="memsql",
            binary="memsql",
            namespace=namespace(words),
            version=memsql.__version__,
            executor_class=ChainExecutor,
            config_class=_Config,
        )


class _Config(Config):
    """The settings of Invoke without its files. No task of memsql needs them, and one that is broken, or that nobody
    may read because HOME is that of somebody else, would stop every command."""

    def _load_file(self, prefix: str, absolute: bool = False, merge: bool = True) -> None:
        """Read nothing."""

    def load_shell_env(self) -> None:
        """Read the variables INVOKE_*, where Invoke understands all of them."""
        with suppress(AmbiguousEnvVar, UncastableEnvVar):
            super().load_shell_env()


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
