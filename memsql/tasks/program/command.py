"""The program of ``memsql``, and what the program of ``invoke`` does as well where it runs the tasks of memsql."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

import invoke
from invoke import Exit, ParseError

import memsql
from memsql.errors import UsageError
from memsql.report import text
from memsql.tasks.output import write, write_json
from memsql.tasks.program.bare_words import all_names, with_options
from memsql.tasks.program.executor import ChainExecutor
from memsql.tasks.program.loading import namespace


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
