"""Errors that end a command of yoyo with a message in place of a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from yoyo import exceptions

from memsql.errors import MemsqlError
from memsql.visible import page
from memsql.yoyo import dbapi

P = ParamSpec("P")
T = TypeVar("T")


class Stop(dbapi.InterfaceError, SystemExit):
    """An error for callers of yoyo's functions. Where nobody catches it, the command ends with its text on stderr and
    exit code 1, without a traceback: it is a SystemExit too.

    It is an InterfaceError, because yoyo takes the errors of the database for a failed statement or a lock that is
    held.
    """

    def __init__(self, text: str, problem: MemsqlError | None = None) -> None:
        super().__init__(text, problem)
        self.code = f"error: {text}"


class LockTimeout(exceptions.LockTimeout, Stop):  # type: ignore[misc]
    """yoyo's error for a lock that is held; it ends a command without a traceback too."""


def raises_stop(work: Callable[P, T]) -> Callable[P, T]:
    """A decorator: where ``work`` raises an error of the driver, a Stop is raised in its place."""

    @wraps(work)
    def method(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except dbapi.Error as e:
            raise stop_for(e) from None

    return method


def stop_for(error: dbapi.Error, prefix: str = "", state: str = "") -> Stop:
    """The Stop for ``error``. Its lines are ``prefix`` with the message, the details, the state of the database
    (``state``, or that of the error) and the hint."""
    if isinstance(error, Stop):
        return error
    problem = error.problem
    lines = [f"{prefix}{error}"]
    if problem is not None:
        lines += [f"  - {detail}" for detail in problem.details]
        state = state or problem.state or ""
    if state:
        lines.append(f"  state: {state}")
    if problem is not None and problem.hint:
        lines.append(f"  next: {problem.hint}")
    return Stop(page(lines), problem)
