"""What a fuzz target is: a reader, what it promises for any bytes, and how inputs for it look."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from memsql.errors import MemsqlError

Grammar = Mapping[str, Sequence[str]]
"""The alternatives of each rule; ``<rule>`` in one of them stands for a sentence of that rule. The first alternative
of a rule is the one to end with, so it leads to no rule that leads back."""


class Repeated(NamedTuple):
    """An input that grows: ``before``, then ``unit`` any number of times, then ``behind``."""

    unit: str
    before: str = ""
    behind: str = ""

    def text(self, times: int) -> str:
        """The input with the unit so many times."""
        return f"{self.before}{self.unit * times}{self.behind}"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader.

    ``run`` reads any bytes, and raises where a promise is broken. ``promises`` are its promises as the end of a
    sentence. ``grammar`` makes inputs that reach far into the reader, beginning with the rule ``start``. ``seeds``
    are whole inputs to change here and there. ``work`` is what is to take linear time for a text, ``growing`` are the
    texts for it that would show that it does not.
    """

    name: str
    promises: str
    run: Callable[[bytes], None]
    grammar: Grammar
    seeds: Sequence[bytes] = ()
    work: Callable[[str], object] | None = None
    growing: Sequence[Repeated] = ()


def is_about(error: MemsqlError, path: str) -> None:
    """Assert that ``error`` is one for the file ``path``: a sentence, a place, exit code 2."""
    assert error.message
    assert error.exit_code == 2
    assert error.where is not None
    assert error.where.path == path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the files of one input, in memory where that is possible."""
    with tempfile.TemporaryDirectory(prefix="memsql-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


_MEMORY = Path("/dev/shm")
