"""What a command of yoyo ends with: a message in place of a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from yoyo import exceptions

from memsql.errors import MemsqlError
from memsql.yoyo import dbapi

P = ParamSpec("P")
T = TypeVar("T")


class Stop(dbapi.InterfaceError, SystemExit):
    """An error for whoever calls yoyo's functions; where nobody catches it, the command ends with its text on stderr
    and exit code 1, and without a traceback. None of the errors that yoyo takes for a failed statement or a lock that is held."""

    def __init__(self, text: str, problem: MemsqlError | None = None) -> None:
        super().__init__(text, problem)
        self.code = f"error: {text}"


class LockTimeout(exceptions.LockTimeout, Stop):  # type: ignore[misc]
    """yoyo's own error for a lock that is held, which ends a command without a traceback too."""


def told(work: Callable[P, T]) -> Callable[P, T]:
    """Let the errors of the driver leave ``work`` as Stop, with the state of the database and what to do next."""

    @wraps(work)
    def method(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except dbapi.Error as e:
            raise stop(e) from None

    return method


def stop(error: dbapi.Error, what: str = "", state: str = "") -> Stop:
    """``error`` as a text of lines: ``what`` and the message, details, ``state`` or the error's own, what to do next."""
    if isinstance(error, Stop):
        return error
    problem = error.problem
    lines = [f"{what}{error}"]
    if problem is not None:
        lines += [f"  - {detail}" for detail in problem.details]
        state = state or problem.state or ""
    if state:
        lines.append(f"  state: {state}")
    if problem is not None and problem.hint:
        lines.append(f"  next: {problem.hint}")
    return Stop("\n".join(lines), problem)
