"""Hints name the database, the environment and the project that were typed, so that they can be pasted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memsql import hints
from memsql.tasks.command_line import MemsqlTask
from memsql.tasks.loading import namespace


@pytest.fixture(autouse=True)
def nothing_chosen() -> Iterator[None]:
    yield
    hints.use_choice(database=None, env=None, project=None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("migrate.up --take-over", "memsql migrate.up --take-over --database 'my app.db'"),
        ("migrate.up --database other.db", "memsql migrate.up --database other.db"),
        ("migrate.up --env before", "memsql migrate.up --env before"),
        ("migrate.create NAME", "memsql migrate.create NAME"),
        ("--list", "memsql --list"),
        ("help verify", "memsql help verify"),
    ],
)
def test_the_database_that_was_typed(words: str, expected: str) -> None:
    hints.use_choice(database="my app.db", env=None, project=None)
    assert hints.command(words) == expected


def test_environment_project_and_chains() -> None:
    hints.use_choice(database=None, env="production", project="shop")
    assert hints.command("migrate.sum") == "memsql migrate.sum --project shop"
    assert hints.chain("backup", "migrate --yes") == (
        "memsql backup --env production --project shop migrate --yes --env production --project shop"
    )
    hints.use_choice(database=None, env=None, project=None)
    assert hints.command("migrate.up") == "memsql migrate.up"


def test_the_tasks_without_a_database_are_known() -> None:
    tasks = namespace()
    without = set()
    for name in tasks.task_names:
        task = tasks[name]
        if isinstance(task, MemsqlTask) and not any("database" in a.names for a in task.get_arguments()):
            without.add(name)
    assert without <= hints.FILES_ALONE
    # These look at files, and take the option for what they could compare them with.
    rest = {"migrate.create", "migrate.permits", "migrate.sum"}
    assert (hints.FILES_ALONE & set(tasks.task_names)) - without == rest
