"""How hints name a command: with the name of the program that the person typed.

Somebody with a tasks.py types ``invoke migrate.up``, everybody else ``memsql migrate.up``; a hint is to be pasted.
"""

from __future__ import annotations

_program = "memsql"


def use_program(name: str) -> None:
    """Name the program of this process, ``memsql`` or ``invoke``. The start of a program calls it, once."""
    global _program
    _program = name


def program() -> str:
    """Return the name of the program of this process."""
    return _program


def command(words: str) -> str:
    """Return ``words``, a task and its options, as a person is to type them: ``memsql migrate.up --to 3``."""
    return f"{_program} {words}"
