"""The ``memsql`` command: the same tasks as ``invoke``, without a tasks.py."""

from __future__ import annotations

import os
import shlex
import sys

from invoke import Program

import memsql
from memsql.tasks import ns


def main() -> None:
    """Run the command line of this process."""
    Program(name="memsql", binary="memsql", namespace=ns, version=memsql.__version__).run(with_paths(sys.argv))


def with_paths(words: list[str]) -> list[str]:
    """The command line with the paths of ``lint`` behind ``--``, where Invoke lets a task have as many as it likes."""
    if words[1:2] != ["lint"] or "--help" in words or "-h" in words:
        return words
    options, rest = words[:2], iter(words[2:])
    paths: list[str] = []
    for word in rest:
        if word == "--":
            paths += rest
        elif word in ("--project", "--path"):
            options += [word, *([value] if (value := next(rest, None)) is not None else [])]
        elif word.startswith("-"):
            options.append(word)
        elif word in ns.task_names and not os.path.exists(word):
            return words  # a chain of tasks
        else:
            paths.append(word)
    return [*options, "--", *map(shlex.quote, paths)] if paths else options


if __name__ == "__main__":
    main()
