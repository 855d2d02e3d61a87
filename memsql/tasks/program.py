"""What Invoke's program does otherwise here, be it that of ``memsql`` or of ``invoke``."""

from __future__ import annotations

import sys
from typing import Any

from invoke import Program
from invoke.exceptions import Exit, ParseError

from memsql.errors import UsageError
from memsql.report import text as show
from memsql.tasks.chain import ChainExecutor
from memsql.tasks.output import write, write_json


def adjust(program: Program) -> None:
    """Let ``program`` run chains, and end with our message and code 2 for words that it does not know. Invoke itself ends
    with 1, which is what a check that failed ends with."""
    program.executor_class = ChainExecutor
    for name in ("parse_core", "parse_tasks", "parse_cleanup"):
        setattr(program, name, _explained(getattr(program, name), program))


def follow_invoke() -> None:
    """Where the ``invoke`` command is what runs, adjust it. It loads tasks.py before it reads the tasks' own words and asks
    its program for an executor."""
    main = sys.modules.get("invoke.main")
    if main is not None:
        adjust(main.program)
        _keep_compiled()


def _keep_compiled() -> None:
    """Invoke forbids Python to keep what it compiles, for the sake of tasks.py. But what a command imports later would be
    compiled at each start then, where nobody did it at the installation."""
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)


def _explained(parse: Any, program: Program) -> Any:
    def explained(*given: Any) -> Any:
        try:
            parsed = parse(*given)
            _keep_compiled()
            return parsed
        except ParseError as e:
            words = list(getattr(program, "argv", sys.argv))[1:]
            problem = UsageError(
                str(e), state="nothing was changed", hint=f"see: {program.name.lower()} {_help_for(e, words)}"
            )
            if "--json" in words:
                write_json({"ok": False, "command": None, "error": show.error_json(problem)})
            else:
                write(sys.stderr, show.error(problem))
            raise Exit(code=problem.exit_code) from None

    return explained


def _help_for(error: ParseError, words: list[str]) -> str:
    task = error.context.name if error.context is not None and error.context.name else None
    if task is None:
        # The parser does not tell behind which task it met an unknown option.
        unknown = next((n for n, word in enumerate(words) if f"'{word.partition('=')[0]}'" in str(error)), 0)
        task = next((word for word in reversed(words[:unknown]) if not word.startswith("-")), None)
    return f"--help {task}" if task else "--list"
