"""Several reads at once, of which some may fail."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.db.protocol import Connection, Params, Result
from memsql.errors import StatementError

Read = tuple[str, Params]


def answers(conn: Connection, reads: Sequence[Read]) -> list[Result | StatementError]:
    """The answer to each of ``reads``, or the error in its place.

    A server needs one request where no read fails, and two more for each that fails. Raises ConnectError and
    LockedError.
    """
    if not conn.target.is_server:
        return [_one(conn, read) for read in reads]
    results: list[Result | StatementError] = []
    while len(results) < len(reads):
        rest = reads[len(results) :]
        try:
            results += conn.batch(rest)
        except StatementError as e:
            if e.index is None or e.code == "RESPONSE_TOO_LARGE":
                results += [_one(conn, read) for read in rest]
            else:
                # A batch that fails brings no results, not even of the reads before the failure; and none of those
                # ran where the server cannot parse the text of the failed one.
                results += answers(conn, rest[: e.index])
                results.append(e)
    return results


def _one(conn: Connection, read: Read) -> Result | StatementError:
    try:
        return conn.execute(*read)
    except StatementError as e:
        return e
