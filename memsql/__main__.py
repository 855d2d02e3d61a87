"""The ``memsql`` command: the same tasks as ``invoke``, without a tasks.py."""

from __future__ import annotations

import sys
from collections.abc import Container
from types import ModuleType


def main() -> None:
    """Run the command line of this process."""
    _import_invoke()
    from invoke import Program

    import memsql
    from memsql.tasks import ns
    from memsql.tasks.chain import ChainExecutor

    program = Program(name="memsql", binary="memsql", namespace=ns, version=memsql.__version__, executor_class=ChainExecutor)
    program.run(with_paths(sys.argv, ns.task_names))


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
    """Import Invoke without unittest.mock. Only its MockContext, for tests of tasks, uses that; and asyncio and ssl,
    which it brings along, take a fifth of the time until a command begins."""
    if "unittest.mock" in sys.modules:
        return
    nothing = ModuleType("unittest.mock")
    vars(nothing)["__getattr__"] = lambda _: object
    sys.modules["unittest.mock"] = nothing
    try:
        import invoke  # noqa: F401
    finally:
        del sys.modules["unittest.mock"]


if __name__ == "__main__":
    main()
