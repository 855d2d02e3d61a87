"""Waiting until the replicas of a server serve what was just migrated.

A replica answers reads from its own copy, which follows the primary with a delay. The ledger in the copy says how
far it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsql import ledger
from memsql.config import Settings, Target, parse_target
from memsql.db import Connection, connection
from memsql.db.queries import load
from memsql.errors import LockedError, MemsqlError, UsageError
from memsql.ledger import Ledger
from memsql.progress import SILENT, Progress

Applied = dict[str, str | None]
"""Ids of the applied migrations, each with the checksum that its ledger row holds."""

_FIRST_PAUSE = 0.02
_PAUSE_GROWS = 1.5
_LONGEST_PAUSE = 2.0
_LONGEST_ANSWER = 5.0


@dataclass(frozen=True, slots=True)
class Caught:
    """A replica that serves the state that was waited for, and after how many milliseconds it did."""

    url: str
    waited_ms: int


def named(settings: Settings, urls: str) -> list[Target]:
    """The replicas in ``urls``, separated by commas. A URL without a token gets the token of the database.

    Raises UsageError for what is no URL of a server.
    """
    names = [url.strip() for url in urls.split(",")]
    rules = settings.token_rules
    targets = [
        replace(parse_target(name, settings.root, settings.target.token), token_rules=rules) for name in names if name
    ]
    for target in targets:
        if target.url is None:
            raise UsageError(f"--wait-replicas {target}: a replica is a server", hint="give URLs, separated by commas")
    if not targets:
        raise UsageError("--wait-replicas names no replica", hint="give URLs, separated by commas")
    if settings.target.url is None:
        raise UsageError(f"{settings.target} is a file, and has no replicas")
    return targets


def look(replicas: Sequence[Target]) -> None:
    """Ask every replica once, so that a wrong address or token is reported before anything is changed.

    Raises ConnectError or LockedError.
    """
    for replica in replicas:
        try:
            _ask(replica, _LONGEST_ANSWER)
        except MemsqlError as e:
            e.state = "nothing was changed"
            raise


def primary_state(settings: Settings, state: str) -> Applied:
    """What is applied on the primary.

    Read under the write lock: the address may be that of a replica, which outside a transaction that writes reads
    its own copy. Raises LockedError or ConnectError, whose ``state`` is the argument.
    """
    with connection(settings.target, "rw", settings.busy_timeout) as conn:
        try:
            conn.begin()
            return applied(ledger.read(conn))
        except MemsqlError as e:
            e.state = state
            raise
        finally:
            conn.rollback()


def applied(books: Ledger) -> Applied:
    """What two ledgers are compared by."""
    checksums: Applied = {}
    for migration_id in books.yoyo or ():
        version = ledger.version_of(migration_id)
        row = books.rows.get(version) if version is not None else None
        checksums[migration_id] = row.checksum if row is not None else None
    return checksums


def wait_for_replicas(
    replicas: Sequence[Target],
    wanted: Applied,
    timeout: float,
    progress: Progress = SILENT,
    *,
    state: str,
) -> tuple[Caught, ...]:
    """Ask the replicas again and again, in pauses that grow to two seconds, until all of them serve ``wanted``.

    ``timeout`` is in seconds. Raises LockedError (exit code 4), which names the replicas that do not serve it in
    time and how far each is; ``state`` is what the error says of the primary.
    """
    begun = time.monotonic()
    pause = _FIRST_PAUSE
    caught: dict[int, Caught] = {}
    while True:
        behind: dict[int, str] = {}
        for number, replica in enumerate(replicas):
            if number in caught:
                continue
            left = timeout - (time.monotonic() - begun)
            try:
                gap = _gap(_ask(replica, min(_LONGEST_ANSWER, max(left, 1.0))), wanted)
            except MemsqlError as e:
                gap = e.message
            if gap is None:
                caught[number] = Caught(str(replica), round((time.monotonic() - begun) * 1000))
            else:
                behind[number] = f"{replica}: {gap}" if str(replica) not in gap else gap
        if not behind:
            return tuple(caught[number] for number in range(len(replicas)))
        progress.start(f"waiting for {len(behind)} of {len(replicas)} replicas: {'; '.join(behind.values())}")
        left = timeout - (time.monotonic() - begun)
        if left <= 0:
            raise LockedError(
                f"{len(behind)} of {len(replicas)} replicas did not follow within {timeout:g} seconds",
                details=tuple(behind.values()),
                state=state,
                hint="run it again, which changes nothing any more and waits; or wait longer with --replica-timeout",
            )
        time.sleep(min(pause, left))
        pause = min(pause * _PAUSE_GROWS, _LONGEST_PAUSE)


def _gap(there: Applied, wanted: Applied) -> str | None:
    """How what a replica has ``there`` differs from ``wanted``, as a phrase; None where it does not."""
    if there == wanted:
        return None
    parts = [f"{len(there.keys() & wanted.keys())} of {len(wanted)} migrations"]
    for label, ids in (
        ("lacks", wanted.keys() - there.keys()),
        ("still has", there.keys() - wanted.keys()),
        ("has another version of", {i for i in wanted.keys() & there.keys() if wanted[i] != there[i]}),
    ):
        if ids:
            few = sorted(ids)
            parts.append(f"{label} {', '.join(few[:3])}" + (f" and {len(few) - 3} more" if len(few) > 3 else ""))
    return ", ".join(parts)


def _ask(replica: Target, seconds: float) -> Applied:
    from memsql.db.libsql import LibsqlConnection
    from memsql.db.transport import Timeouts

    conn: Connection = LibsqlConnection(replica, "ro", 0, Timeouts(connect=seconds, answer=seconds))
    try:
        # Not ledger.read(): a transaction that stays open from one request to the next is the primary's, whose ledger
        # it would read. In a request of its own it reads the replica's copy.
        there = ledger.columns_by_table(conn.execute(load("ledger/tables")))
        present = ledger.reads(there)
        answers = conn.batch([("BEGIN", ()), *(query for _, query in present), ("ROLLBACK", ())])[1:-1]
        rows = {table: answer.rows for (table, _), answer in zip(present, answers, strict=True)}
        return applied(ledger.assemble(there, rows))
    finally:
        conn.close()
