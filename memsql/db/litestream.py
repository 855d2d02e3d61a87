"""Files that Litestream replicates (https://litestream.io).

It reads the write-ahead log, and alone decides when pages go from there into the database. A log that others cut off or
begin anew, before it has read it, costs it a copy of the whole database.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from memsql.config import Target
from memsql.db.protocol import Connection
from memsql.db.queries import load

if TYPE_CHECKING:
    from memsql.sqltext.pragmas import Pragma

_PROGRAM = "litestream"


def has_folder(path: str) -> bool:
    """Whether the folder of Litestream lies beside the database ``path``."""
    folder, name = os.path.split(path)
    return os.path.isdir(os.path.join(folder, f".{name}-litestream"))


def is_replicated(conn: Connection) -> bool:
    """Whether Litestream replicates the file behind ``conn``: its folder lies beside it, or its tables are there and
    it has the file open (its ``meta-path`` may be elsewhere). A restored copy has the tables too."""
    path = conn.target.path
    if path is None:
        return False
    return has_folder(os.fspath(path)) or (bool(conn.execute(load("db/has_litestream")).rows) and _is_open(path))


def _is_open(path: Path) -> bool:
    from memsql.db.holders import holders

    return any(name.startswith(_PROGRAM) for _, name in holders([path]))


def harm(pragma: Pragma) -> str | None:
    """What ``pragma`` does to the log of a file that Litestream replicates, as the end of a sentence that begins with
    its name; None where it does no harm."""
    value = (pragma.value or "").lower()
    if pragma.name == "journal_mode" and pragma.value is not None and value != "wal":
        return "which ends the write-ahead log that Litestream reads"
    if pragma.name == "wal_checkpoint" and value in ("restart", "truncate"):
        return "which begins the write-ahead log anew before Litestream may have read it"
    return None


def advice(target: Target) -> str:
    """What to do where Litestream no longer replicates the file."""
    path = target.path
    folder = f".{path.name}-litestream" if path is not None else ""
    return f"remove it; where Litestream no longer replicates {target}, remove its folder {folder}"
