"""The tasks, as one Invoke namespace: ``from memsql.tasks import ns``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from invoke import Collection

# The modules that hold the tasks, by the first part of the tasks' names.
_HOLDERS = {
    name: name
    for name in (
        "verify",
        "lint",
        "review",
        "migrate",
        "legacy",
        "backup",
        "fts",
        "schema",
        "server",
        "monitor",
    )
} | {"test": "develop", "benchmark": "develop"}


def namespace(words: Iterable[str] = ()) -> Collection:
    """The tasks that ``words``, those of a command line, may name; all of them where the words name none or ask for a list.

    Invoke copies what it knows of every task before it looks at the first word, which takes longer than a status may.
    """
    given = set(words)
    asks_for_all = any(word in ("-l", "--complete") or word.startswith("--list") for word in given)
    named = [] if asks_for_all else [name for name in _HOLDERS if name in {word.partition(".")[0] for word in given}]
    found = Collection()
    for name in named or _HOLDERS:
        module = import_module(f"memsql.tasks.{_HOLDERS[name]}")
        if hasattr(module, "ns"):
            found.add_collection(_only(module.ns, given) if named else module.ns)
        else:
            found.add_task(getattr(module, name))
    return found


def _only(tasks: Collection, words: set[str]) -> Collection:
    """What ``words`` name of ``tasks``; all of them where they name the collection itself or what it does not have."""
    prefix = f"{tasks.name}."
    wanted = {word.removeprefix(prefix) for word in words if word.startswith(prefix)}
    if tasks.name in words or not wanted <= set(tasks.tasks):
        return tasks
    found = Collection(tasks.name)
    for name in wanted:
        found.add_task(tasks[name], name)
    return found


def __getattr__(name: str) -> Collection:
    if name != "ns":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from memsql.tasks.program import follow_invoke

    follow_invoke()
    globals()["ns"] = found = namespace()
    return found
