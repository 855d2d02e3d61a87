"""The ``memsql`` command: the same tasks as ``invoke``, without a tasks.py."""

from __future__ import annotations

import sys
from collections.abc import Container
from importlib import import_module
from types import ModuleType


def main() -> None:
    """Run the command line of this process."""
    _import_invoke()
    from invoke import Program

    import memsql
    from memsql.tasks import namespace
    from memsql.tasks.output import silence
    from memsql.tasks.program import adjust

    words = sys.argv
    if words[1:2] == ["lint"]:
        words = with_paths(words, namespace().task_names)
    program = Program(name="memsql", binary="memsql", namespace=namespace(words[1:]), version=memsql.__version__)
    adjust(program)
    try:
        try:
            program.run(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def with_paths(words: list[str], tasks: Container[str]) -> list[str]:
    """The command line with the paths of ``lint`` behind ``--``, where Invoke lets a task have as many as it likes.

    A word that names one of ``tasks`` and no file makes it a chain of tasks, which stays as it is.
    """
    if words[1:2] != ["lint"] or "--help" in words or "-h" in words:
        return words
    from os.path import exists
    from shlex import quote

    options, rest = words[:2], iter(words[2:])
    paths: list[str] = []
    for word in rest:
        if word == "--":
            paths += rest
        elif word in ("--project", "--path"):
            options += [word, *([value] if (value := next(rest, None)) is not None else [])]
        elif word.startswith("-"):
            options.append(word)
        elif word in tasks and not exists(word):
            return words
        else:
            paths.append(word)
    return [*options, "--", *map(quote, paths)] if paths else options


def _import_invoke() -> None:
    """Import Invoke without what no task of ours uses and what takes more than half of the time until a command begins:
    unittest.mock (its MockContext, for tests of tasks, brings asyncio and ssl), importlib.metadata (its own version
    number brings the parser of e-mails), and YAML, which comes when a file of that kind is read."""
    if "invoke" in sys.modules:
        return
    mock, metadata, yaml = map(ModuleType, ("unittest.mock", "importlib.metadata", "invoke.vendor.yaml"))
    vars(mock)["__getattr__"] = lambda _: object
    vars(metadata)["version"] = lambda _: "unknown"
    vars(yaml)["__getattr__"] = lambda name: getattr(import_module("invoke.vendor.yaml"), name)
    instead = {module.__name__: module for module in (mock, metadata, yaml) if module.__name__ not in sys.modules}
    sys.modules.update(instead)
    try:
        import invoke  # noqa: F401
    finally:
        for name in instead:
            del sys.modules[name]


if __name__ == "__main__":
    main()
