"""How messages name a command, with the name of the program that the person typed, and the file of the settings.

Somebody with a tasks.py types ``invoke migrate.up``, everybody else ``memsql migrate.up``; a hint is to be pasted.
"""

from __future__ import annotations

_program = "memsql"
_settings_file = "setup.cfg"


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


def use_settings_file(name: str) -> None:
    """Name the file that holds the settings of this process, setup.cfg or pyproject.toml."""
    global _settings_file
    _settings_file = name


def settings_file() -> str:
    """Return the name of the file that holds the settings."""
    return _settings_file


def section(env: str = "") -> str:
    """Return the section of the environment ``env``, of the project where that is empty, as that file writes it."""
    if _settings_file == "pyproject.toml":
        return f"[tool.memsql.{env}]" if env else "[tool.memsql]"
    return f"[memsql:{env}]" if env else "[memsql]"
