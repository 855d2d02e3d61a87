"""How messages name a command, with the name of the program that the person typed, and the file of the settings.

Somebody with a tasks.py types ``invoke migrate.up``, everybody else ``memsql migrate.up``; a hint is to be pasted, and
then it must work on the same database.
"""

from __future__ import annotations

import shlex

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
        "review",
        "server.install",
        "server.start",
        "test",
    ]
)
"""The tasks that take no database, or do not depend on it."""

_program = "memsql"
_database = ""
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
    global _database, _project
    _database = f" --database {shlex.quote(database)}" if database is not None else ""
    if env is not None:
        _database += f" --env {shlex.quote(env)}"
    if insecure:
        _database += " --insecure"
    _project = f" --project {shlex.quote(project)}" if project is not None else ""


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
    if typed[0] in FILES_ALONE or "--database" in typed or "--env" in typed:
        return project
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
