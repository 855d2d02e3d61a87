"""The tasks, one file a namespace, as one Invoke collection: ``from memsql.tasks import ns``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke import Collection


def __getattr__(name: str) -> Collection:
    """Load ``ns`` when somebody reads it, and give the ``invoke`` command, where that runs, the behaviour of memsql."""
    if name != "ns":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if "invoke.main" in sys.modules:
        from memsql import hints, startup

        startup.before_tasks("invoke")
        hints.use_program("invoke")
    from memsql.tasks.loading import namespace
    from memsql.tasks.program import follow_invoke

    follow_invoke()
    globals()["ns"] = tasks = namespace()
    return tasks
