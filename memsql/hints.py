"""How messages name a command, with the name of the program that the person typed, and the file of the settings.

Somebody with a tasks.py types ``invoke migrate.up``, everybody else ``memsql migrate.up``; a hint is to be pasted, and
then it must work on the same database.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

FILES_ALONE = frozenset(
    [
        "benchmark",
        "bench.embeddings",
        "bench.queries",
        "bench.writes",
        "campaign",
        "docs",
        "fuzz",
        "init",
        "install",
        "lint",
        "maintain.schedule",
        "migrate.create",
        "migrate.permits",
        "migrate.squash",
        "migrate.sum",
        "migrate.test",
        "mutants",
        "review",
        "server.install",
        "server.start",
        "test",
    ]
)
"""The tasks that take no database, or do not depend on it."""

_OF_FOLDERS = frozenset(
    {"lint", "review", "migrate.create", "migrate.permits", "migrate.squash", "migrate.sum", "migrate.test"}
)
"""Those of them that work on the folders of an environment."""

_program = "memsql"
_database = ""
_folders = ""
_project = ""
_settings_file = "setup.cfg"


def use_program(name: str) -> None:
    """Name the program of this process, ``memsql`` or ``invoke``. The start of a program calls it, once."""
    global _program
    _program = name


def program() -> str:
    """Return the name of the program of this process."""
    return _program


def use_choice(*, database: str | None, env: str | None, project: str | None, insecure: bool = False) -> None:
    """Keep the database, the environment and the project that were typed for the task that begins; None where they were
    not. ``database`` has no secrets. ``insecure``: so was --insecure."""
    global _database, _folders, _project
    _folders = ""
    _database = f" --database {shlex.quote(database)}" if database is not None else ""
    if env is not None:
        _database += f" --env {shlex.quote(env)}"
    if insecure:
        _database += " --insecure"
    _project = f" --project {shlex.quote(project)}" if project is not None else ""


def has_choice() -> bool:
    """Whether a database or an environment was typed for the task that runs."""
    return bool(_database)


def use_folders(env: str) -> None:
    """Name the environment ``env``, which has folders of its own, to tasks on files too."""
    global _folders
    _folders = f" --env {shlex.quote(env)}"


@contextmanager
def environment(env: str | None) -> Iterator[None]:
    """While open, hints name the environment ``env``; none where it is None."""
    global _database, _folders
    before = _database, _folders
    _database = _folders = "" if env is None else f" --env {shlex.quote(env)}"
    try:
        yield
    finally:
        _database, _folders = before


def command(words: str) -> str:
    """Return ``words``, a task and its options, as a person is to type them: ``memsql migrate.up --to 3``, with the
    database, the environment and the project that were typed for the task that gives the hint."""
    return chain(words)


def chain(*tasks: str) -> str:
    """Return ``tasks``, each with its options, as one command line, with what command() adds for each of them."""
    return " ".join((_program, *(f"{words}{_chosen(words)}" for words in tasks)))


def _chosen(words: str) -> str:
    typed = words.split()
    if not typed or typed[0].startswith("-") or typed[0] == "help":
        return ""
    project = "" if "--project" in typed else _project
    if "--database" in typed or "--env" in typed:
        return project
    if typed[0] in FILES_ALONE:
        return (_folders if typed[0] in _OF_FOLDERS else "") + project
    return _database + project


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
