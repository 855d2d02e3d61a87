"""Gives the memories that were there before 0005_add_float32_embeddings their 32-bit numbers, a batch a transaction.

Run with: python fill.py DATABASE [BATCH], where DATABASE is a path or the URL of a server (its token is in
TURSO_AUTH_TOKEN). What is filled already is passed over, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from memsql.config import parse_target
from memsql.db import connection, transaction

BATCH = """
INSERT INTO memory_embeddings (memory_id, embedding)
SELECT memory_id, embedding FROM memory_float32
WHERE memory_id NOT IN (SELECT memory_id FROM memory_embeddings)
ORDER BY memory_id LIMIT ?
"""


def main(database: str, batch: int = 100) -> None:
    """Fill until no memory is left."""
    filled = 0
    with connection(parse_target(database, Path.cwd(), os.environ.get("TURSO_AUTH_TOKEN")), "rw") as conn:
        while True:
            with transaction(conn):
                changes = conn.execute(BATCH, (batch,)).changes
            filled += changes
            print(f"{filled:,} filled", flush=True)
            if changes < batch:
                return


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
