"""The ``memsql`` command: the same tasks as ``invoke``, without a tasks.py."""

from __future__ import annotations

import sys
from types import ModuleType


def main() -> None:
    """Run the command line of this process."""
    _import_invoke()
    from invoke import Program

    import memsql
    from memsql.tasks import ns
    from memsql.tasks.chain import ChainExecutor

    program = Program(name="memsql", binary="memsql", namespace=ns, version=memsql.__version__, executor_class=ChainExecutor)
    program.run(sys.argv)


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
