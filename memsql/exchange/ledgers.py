"""Reads the ledgers of other migration tools: which of their tables a database has, and what their rows say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memsql.db import Connection, Value
from memsql.errors import StatementError
from memsql.exchange.ledger_tables import LedgerTable, recognised
from memsql.sqltext import quote

State = Literal["applied", "undone", "dirty", "baseline", "repeatable"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Later than any second that a ledger holds, and earlier than any millisecond.
_MILLISECONDS = 10**11
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the ledger of another tool. ``version`` and ``file`` say which migration it is about, ``name`` what it
    is called behind its version, ``sha256`` and ``journal`` (milliseconds) what its file was; ``at`` is when it was
    applied, ``by`` who did, ``ms`` how long that took. None where the tool does not keep it."""

    version: Value
    file: Value
    name: Value
    sha256: Value
    journal: Value
    at: datetime | None
    by: str | None
    ms: int | None
    state: State

    @property
    def key(self) -> tuple[str, str]:
        """What rows about the same migration have in common."""
        for kind in ("version", "file", "sha256"):
            value = getattr(self, kind)
            if value is not None:
                return kind, str(value)
        return "journal", str(self.journal)

    @property
    def shown(self) -> str:
        """What it is about, as the ledger has it."""
        values = [shown(value) for value in (self.version, self.file or self.name) if value is not None]
        if values:
            return " ".join(values)
        if self.sha256 is None:
            return "NULL"
        return f"hash {str(self.sha256)[:12]}… (generated {shown_time(self.journal)})"


@dataclass(frozen=True, slots=True)
class OtherLedger:
    """The ledger of another tool: its ``table`` and what it says, in order; or why it cannot be read."""

    table: LedgerTable
    records: tuple[Record, ...]
    unreadable: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it says of any migration that it is applied, or was begun, or may say so."""
        return self.unreadable is not None or any(record.state != "undone" for record in self.records)

    @property
    def says(self) -> str:
        """``goose_db_version of goose``."""
        return f"{self.table.name} of {self.table.title}"


def read(conn: Connection, tables: Mapping[str, Sequence[str]]) -> tuple[OtherLedger, ...]:
    """The ledgers of other tools among ``tables``, which maps names to columns; one request. Reads only."""
    chosen = recognised(tables)
    answers = conn.read_each([(table.select(), ()) for table in chosen]) if chosen else []
    return tuple(
        OtherLedger(table, (), answer.message)
        if isinstance(answer, StatementError)
        else OtherLedger(table, _counting(table, [_record(row) for row in answer.rows]))
        for table, answer in zip(chosen, answers, strict=True)
    )


def is_locked(conn: Connection, table: LedgerTable, tables: Mapping[str, Sequence[str]]) -> bool:
    """Whether the tool migrates the database now, or crashed while it did. ``tables`` are those that there are."""
    if not table.lock_table or table.lock_table not in tables:
        return False
    try:
        return bool(conn.execute(f"SELECT 1 FROM {quote(table.lock_table)} WHERE {table.lock} LIMIT 1").rows)
    except StatementError:
        return False


def shown(value: Value) -> str:
    """A value of a ledger as people read it: text as it is, anything else as Python writes it, cut where it is long."""
    text = value if isinstance(value, str) else "NULL" if value is None else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def shown_time(value: Value) -> str:
    """A time of a ledger as people read it."""
    when = time_of(value)
    return shown(value) if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def time_of(value: Value) -> datetime | None:
    """The time that a ledger keeps as ISO-8601, or as seconds or milliseconds since 1970; None where it is no time. A
    time without a zone is UTC."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        value = int(value)
    try:
        if isinstance(value, int | float) and value > 0:
            return _EPOCH + timedelta(milliseconds=value if value > _MILLISECONDS else value * 1000)
        if not isinstance(value, str):
            return None
        # Go writes "2024-01-31 12:00:00.5 +0000 UTC".
        when = datetime.fromisoformat(value.strip().removesuffix(" UTC").replace(" +", "+"))
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _record(row: Sequence[Value]) -> Record:
    version, file, name, sha256, journal, at, by, ms, state = row
    return Record(
        version,
        file,
        name,
        sha256,
        journal,
        time_of(at),
        None if by in (None, "") else str(by),
        ms if isinstance(ms, int) and ms >= 0 else None,
        str(state),  # type: ignore[arg-type]
    )


def _counting(table: LedgerTable, records: Sequence[Record]) -> tuple[Record, ...]:
    """One record for each migration, of those that the ledger has about it."""
    counting: dict[tuple[str, str], Record] = {}
    for record in records:
        if record.state == "repeatable" or (record.state != "dirty" and _is_nothing(table, record.version)):
            continue
        before = counting.get(record.key)
        if before is None or table.newest or _weight(record) > _weight(before):
            # Where it stands for the order is where its newest row stands.
            counting.pop(record.key, None)
            counting[record.key] = record
    return tuple(counting.values())


def _is_nothing(table: LedgerTable, version: Value) -> bool:
    return table.nothing is not None and version in (table.nothing, str(table.nothing))


def _weight(record: Record) -> int:
    return {"undone": 0, "applied": 1}.get(record.state, 2)
