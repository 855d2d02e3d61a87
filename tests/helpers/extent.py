"""How much the tests try: by default a share of what takes long, all of it with ``invoke test --thorough``.

The share is the same in every run. It is for what is tried many times over, such as each statement at which a process
can be killed, or each era in each test that walks through all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
THOROUGH = os.environ.get("TESTS_EXTENT") == "thorough"


def some(cases: Sequence[T], one_in: int, *, first: int = 0) -> list[T]:
    """One in ``one_in`` of ``cases``, from the one with the number ``first`` on; all of them with ``--thorough``."""
    return list(cases) if THOROUGH else list(cases[first::one_in])


def number(few: int, many: int) -> int:
    """``few``, a number of examples or the like, and ``many`` with ``--thorough``."""
    return many if THOROUGH else few
