"""Imported by every Python process that mutmut starts, and those that the tests start.

mutmut notes which function a test calls, in the process of the tests alone; here each process writes that into one
file. plugin.py reads it.
"""

from __future__ import annotations

import contextlib
import os

_HITS = os.environ.get("TESTS_MUTATION_HITS")


def _share(hits: str) -> None:
    from mutmut.mutation import trampoline

    noted: set[tuple[str | None, str]] = set()

    def note(name: str, caller: str | None = None) -> None:
        # What the tests forked has this variable of pytest too.
        key = os.environ.get("PYTEST_CURRENT_TEST"), name
        if key not in noted:
            noted.add(key)
            # The process in which a stranger's SQL runs may write nothing.
            with contextlib.suppress(OSError), open(hits, "a", encoding="utf-8") as file:
                file.write(name + "\n")

    trampoline.record_trampoline_hit = note


if _HITS:
    _share(_HITS)
