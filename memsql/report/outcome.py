"""The object that a task prints with ``--json``."""

from __future__ import annotations

from collections.abc import Mapping

JSON_VERSION = 1
"""The version of all outputs. A field may be added without a new one; none is taken away, or gets another type."""


def outcome_json(command: str | None, fields: Mapping[str, object], *, ok: bool) -> dict[str, object]:
    """``fields`` of the task ``command`` in their envelope; ``command`` is None where the command line is wrong."""
    return {"memsql_json": JSON_VERSION, "ok": ok, "command": command, **fields}
