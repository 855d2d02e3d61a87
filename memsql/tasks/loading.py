"""Loading of tasks: only those that a command line names."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from keyword import iskeyword

from invoke import Collection

# The modules that hold the tasks, by the first part of the tasks' names.
_MODULES = {
    name: name
    for name in (
        "init",
        "verify",
        "smoke",
        "lint",
        "check",
        "review",
        "migrate",
        "seed",
        "legacy",
        "backup",
        "fts",
        "schema",
        "server",
        "monitor",
        "maintain",
        "analyze",
        "bench",
    )
} | {"import": "exchange", **dict.fromkeys(("test", "benchmark", "campaign", "fuzz", "docs", "mutants"), "develop")}


def namespace(words: Iterable[str] = ()) -> Collection:
    """Return the tasks that a command line may name: all of them where it names none or asks for a list.

    ``words``: the command line behind the name of the program. Invoke copies the options of every task before it looks
    at the first word, which takes longer than ``migrate.status``.
    """
    words = set(words)
    asks_for_all = any(word in ("-l", "--complete") or word.startswith("--list") for word in words)
    heads = {word.partition(".")[0] for word in words}
    named = [] if asks_for_all else [name for name in _MODULES if name in heads]
    tasks = Collection()
    for name in named or _MODULES:
        module = import_module(f"memsql.tasks.{_MODULES[name]}")
        if hasattr(module, "ns"):
            tasks.add_collection(_only_named(module.ns, words) if named else module.ns)
        else:
            tasks.add_task(getattr(module, f"{name}_" if iskeyword(name) else name))
    return tasks


def _only_named(tasks: Collection, words: set[str]) -> Collection:
    """Return the tasks that ``words`` name; all where a word names the collection itself, or a task that it lacks."""
    prefix = f"{tasks.name}."
    names = {word.removeprefix(prefix) for word in words if word.startswith(prefix)}
    if tasks.name in words or not names <= set(tasks.tasks):
        return tasks
    named = Collection(tasks.name)
    for name in names:
        named.add_task(tasks[name], name)
    return named
