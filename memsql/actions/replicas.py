"""Wait until the replicas of a server serve what was just migrated.

A replica answers reads from its own copy, which follows the primary in its own time. Its ledger says how far it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from memsql import ledger as books
from memsql.config import Settings, Target, parse_target
from memsql.db import Connection, connect
from memsql.db.queries import load
from memsql.errors import LockedError, MemsqlError, UsageError
from memsql.ledger import Ledger, version_of
from memsql.progress import SILENT, Progress

Applied = dict[str, str | None]
"""Ids of the applied migrations, each with the checksum that its ledger row holds."""

_FIRST_PAUSE = 0.02
_PAUSE_GROWS = 1.5
_LONGEST_PAUSE = 2.0
_LONGEST_ANSWER = 5.0


@dataclass(frozen=True, slots=True)
class Caught:
    """A replica that serves the state asked for, and after how many milliseconds that was seen."""

    url: str
    waited_ms: int


def named(settings: Settings, urls: str) -> list[Target]:
    """The replicas in ``urls``, separated by commas; without tokens of their own they get that of the database.

    Raises UsageError for what is no URL of a server.
    """
    found = [parse_target(url.strip(), settings.root, settings.target.token) for url in urls.split(",") if url.strip()]
    for target in found:
        if target.url is None:
            raise UsageError(f"--wait-replicas {target}: a replica is a server", hint="give URLs, separated by commas")
    if not found:
        raise UsageError("--wait-replicas names no replica", hint="give URLs, separated by commas")
    if settings.target.url is None:
        raise UsageError(f"{settings.target} is a file, and has no replicas")
    return found


def look(replicas: Sequence[Target]) -> None:
    """Ask every replica once, so that a wrong address or token is told before anything is changed.

    Raises ConnectError or LockedError.
    """
    for replica in replicas:
        try:
            _ask(replica, _LONGEST_ANSWER)
        except MemsqlError as e:
            e.state = "nothing was changed"
            raise


def primary_state(settings: Settings, state: str) -> Applied:
    """What is applied, as the primary has it: read under the write lock, for the address may itself be that of a
    replica, which reads from its own copy outside a transaction that writes. Raises LockedError or ConnectError, which
    say ``state`` of the primary."""
    conn = connect(settings.target, "rw", settings.busy_timeout)
    try:
        conn.begin()
        return applied(books.read(conn))
    except MemsqlError as e:
        e.state = state
        raise
    finally:
        conn.rollback()
        conn.close()


def applied(ledger: Ledger) -> Applied:
    """What two ledgers are compared by."""
    found: Applied = {}
    for migration_id in ledger.yoyo or ():
        version = version_of(migration_id)
        row = ledger.rows.get(version) if version is not None else None
        found[migration_id] = row.checksum if row is not None else None
    return found


def wait_for_replicas(
    replicas: Sequence[Target],
    wanted: Applied,
    timeout: float,
    progress: Progress = SILENT,
    *,
    state: str,
) -> tuple[Caught, ...]:
    """Return when every replica serves ``wanted``; ask again and again, in pauses that grow to two seconds.

    ``timeout`` is in seconds, ``progress`` is told what is waited for. Raises LockedError (exit code 4) that names the
    replicas which are not there in time and how far each is; ``state`` is what it says of the primary.
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
    """How ``there`` differs from ``wanted``, as a person wants to read it; None where it does not."""
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
        there = {str(name): str(columns).split(",") for name, columns in conn.execute(load("ledger/tables")).rows}
        present = books.reads(there)
        answers = conn.batch([("BEGIN", ()), *(query for _, query in present), ("ROLLBACK", ())])[1:-1]
        rows = {table: answer.rows for (table, _), answer in zip(present, answers, strict=True)}
        return applied(books.assemble(there, rows))
    finally:
        conn.close()
