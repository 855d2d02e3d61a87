"""What happened to a database, as its history has it: every attempt, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.db import Connection, Result
from memsql.db.queries import load
from memsql.ledger.model import version_of

_EVENTS = {
    "apply": "up",
    "rollback": "down",
    "mark": "adopted",
    "unmark": "down",
    "adopt": "adopted",
    "baseline": "adopted",
    "complete": "repaired",
    "move": "repaired",
    "repair": "repaired",
    "legacy_up": "legacy up",
    "legacy_down": "legacy down",
    "verify": "verified",
    "import": "imported",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. ``when`` is UTC ISO-8601; ``operation`` and ``status`` are as the history has them, ``duration_ms``
    milliseconds; ``statements_done`` is how far one came that stopped halfway. ``version`` is None for what is no
    migration."""

    when: str
    operation: str
    status: str
    version: int | None
    migration: str
    by: str | None
    duration_ms: int | None
    statements_done: int | None
    message: str | None
    tool: str | None

    @property
    def event(self) -> str:
        """What happened, in a word: up, down, failed, adopted, repaired and the like."""
        if self.status == "failed":
            return "failed"
        if self.status == "partial":
            return "stopped halfway"
        return _EVENTS.get(self.operation, self.operation)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The newest ``attempts`` of ``total``, the newest first."""

    attempts: tuple[Attempt, ...] = ()
    total: int = 0


def read_attempts(conn: Connection, limit: int | None) -> Attempts:
    """The newest ``limit`` attempts, None for all: from the history, or from yoyo's log where memsql never wrote."""
    exists = {str(row[0]) for row in conn.execute(load("ledger/tables")).rows}
    name = next((n for n in ("memsql_history", "_yoyo_log") if n in exists), None)
    if name is None:
        return Attempts()
    query = "ledger/read_attempts" if name == "memsql_history" else "ledger/read_yoyo_attempts"
    return _attempts(conn.execute(load(query), (-1 if limit is None else limit,)))


def _attempts(answer: Result) -> Attempts:
    attempts = []
    for when, operation, status, version, migration, by, duration, done, message, tool, _ in answer.rows:
        number = version if isinstance(version, int) else version_of(str(migration)) if tool == "yoyo" else None
        attempts.append(
            Attempt(
                when=str(when),
                operation=str(operation),
                status=str(status),
                version=number,
                migration=str(migration),
                by=None if by is None else str(by),
                duration_ms=duration if isinstance(duration, int) else None,
                statements_done=done if isinstance(done, int) else None,
                message=None if message is None else str(message),
                tool=None if tool is None else str(tool),
            )
        )
    total = answer.rows[0][-1] if answer.rows else 0
    return Attempts(tuple(attempts), total if isinstance(total, int) else 0)
