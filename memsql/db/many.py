"""Several reads at once, of which some may fail."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.db.protocol import Connection, Params, Result
from memsql.errors import StatementError

Read = tuple[str, Params]


def answers(conn: Connection, reads: Sequence[Read]) -> list[Result | StatementError]:
    """The answer to each of ``reads``, or the error in its place.

    Costs a server one request where none fails, and two more for each that does. Raises ConnectError and LockedError.
    """
    if conn.body_limit is None:
        return [_one(conn, read) for read in reads]
    found: list[Result | StatementError] = []
    while len(found) < len(reads):
        rest = reads[len(found) :]
        try:
            found += conn.batch(rest)
        except StatementError as e:
            if e.index is None or e.code == "RESPONSE_TOO_LARGE":
                found += [_one(conn, read) for read in rest]
            else:
                # Their results are told only where nothing failed; and where this one cannot even be read, none of them ran.
                found += answers(conn, rest[: e.index])
                found.append(e)
    return found


def _one(conn: Connection, read: Read) -> Result | StatementError:
    try:
        return conn.execute(*read)
    except StatementError as e:
        return e
