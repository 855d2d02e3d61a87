"""A command line that Invoke does not understand: a message with a next step, and the exit code for usage."""

from __future__ import annotations

import sys
from typing import Any

from invoke import Program
from invoke.exceptions import Exit, ParseError

from memsql.errors import UsageError
from memsql.report import text as show
from memsql.tasks.output import write, write_json


def explain_usage(program: Program) -> None:
    """Let ``program`` end with our message and code 2 for words that it does not know. Invoke itself ends with 1, which is
    what a check that failed ends with."""
    for name in ("parse_core", "parse_tasks", "parse_cleanup"):
        setattr(program, name, _explained(getattr(program, name), program))


def _explained(parse: Any, program: Program) -> Any:
    def explained(*given: Any) -> Any:
        try:
            return parse(*given)
        except ParseError as e:
            words = list(getattr(program, "argv", sys.argv))[1:]
            problem = UsageError(str(e), state="nothing was changed", hint=f"see: {program.name.lower()} {_help_for(e, words)}")
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
