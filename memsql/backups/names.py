"""The names of backups: the name of the database and the second in which the backup began."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from memsql.config import Settings, Target

_LONGEST = 120


def candidates(settings: Settings, created: datetime, ending: str) -> Callable[[int], Path]:
    """The paths to try, by number from 1: ``memory-20260131T120000Z.db``, ``memory-20260131T120000Z-2.db``, …"""
    name = f"{stem(settings.target)}-{stamp(created)}"
    return lambda number: settings.backups / (name + (f"-{number}" if number > 1 else "") + ending)


def stamp(when: datetime) -> str:
    """``when``, which is in UTC, as in 20260131T120000Z: without characters that a file name should not have."""
    return when.strftime("%Y%m%dT%H%M%SZ")


def stem(target: Target) -> str:
    """The name of a file without its ending, or host and path of a server; with letters, digits, dots and dashes
    only."""
    if target.path is not None:
        text = target.path.stem
    else:
        parts = urlsplit(target.url or "")
        host = parts.hostname or ""
        label = host if re.fullmatch(r"[\d.:]+", host) else host.partition(".")[0]
        text = "-".join(str(part) for part in (label, parts.port, parts.path.strip("/")) if part)
    plain = re.sub(r"[^\w.-]+", "_", text).strip(".")
    # A name has at most 255 bytes.
    return plain.encode()[:_LONGEST].decode(errors="ignore") or "database"
