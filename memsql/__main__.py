"""The ``memsql`` command: the same tasks as ``invoke``, without a tasks.py."""

from __future__ import annotations

import sys

from invoke import Program

import memsql
from memsql.tasks import ns
from memsql.tasks.chain import ChainExecutor


def main() -> None:
    """Run the command line of this process."""
    program = Program(name="memsql", binary="memsql", namespace=ns, version=memsql.__version__, executor_class=ChainExecutor)
    program.run(sys.argv)


if __name__ == "__main__":
    main()
