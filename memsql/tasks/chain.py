"""The chain that runs in this process: what its tasks write into its journal. Outside of a chain nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memsql.config import Settings
    from memsql.errors import MemsqlError
    from memsql.operate.chain import Journal

_journal: Journal | None = None


@contextmanager
def running(journal: Journal) -> Iterator[None]:
    """Let the tasks that run inside of the block write into ``journal``."""
    global _journal
    _journal = journal
    try:
        yield
    finally:
        _journal = None


def is_running() -> bool:
    """Whether a chain runs in this process."""
    return _journal is not None


def begin(command: str) -> None:
    """Note that a task starts."""
    if _journal is not None:
        _journal.begin(command)


def use(settings: Settings) -> None:
    """Note the settings of the task."""
    if _journal is not None:
        _journal.use(settings)


def done(exit_code: int, headline: str, data: Mapping[str, object]) -> None:
    """Note the outcome of the task."""
    if _journal is not None:
        _journal.end_step(exit_code, headline, data)


def failed(error: MemsqlError) -> None:
    """Note the error that ended the task."""
    if _journal is not None:
        from memsql.report.text import error_json

        _journal.end_step(error.exit_code, error.message, {}, error_json(error))
