"""What the ledger holds: rows, marks and hashes, and the entry that is written about one migration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from memsql.words import whole_number

TABLES = frozenset({"schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version"})
HASHES = ("up_hash", "rollback_hash")
COLUMNS = ("version", "name", "description", "applied_at", "applied_by", "duration_ms", "checksum", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of schema_migrations. ``applied_at`` is UTC ISO-8601; ``duration_ms`` milliseconds."""

    version: int
    name: str
    description: str | None
    applied_at: str
    applied_by: str | None
    duration_ms: int | None
    checksum: str | None
    status: str


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """A script without a version as it ran last: a repeatable one (``operation`` is repeat) or a seed. ``message`` is
    what the history says of it: of a repeatable the objects that it made."""

    name: str
    operation: str
    checksum: str | None
    message: str | None
    started_at: str
    performed_by: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration without a transaction came: statements done, under which checksum."""

    operation: str
    statements_done: int
    checksum: str | None


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes of the files of a migration, beside its checksum: ``up`` over what it does, its directives and tokens;
    ``rollback`` over the text of the rollback, None where there is none."""

    up: str
    rollback: str | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of it.

    ``yoyo`` maps migration id to time of application, None where yoyo has no table. ``marked_twice``: ids that stand
    more than once in that table. ``history_lacks``: the columns that the history of an older memsql has not.
    ``foreign``: the rows that another tool wrote, as the history keeps them; where schema_migrations still has such a
    row, it is not among ``rows``. ``others``: the tables in which other tools keep what they applied, with their
    columns; among them schema_migrations where its columns are not ours. ``scripts``: those without a version, by
    operation and name.
    """

    tables: frozenset[str] = frozenset()
    rows: Mapping[int, Row] = field(default_factory=dict)
    yoyo: Mapping[str, str] | None = None
    yoyo_by: Mapping[str, str] = field(default_factory=dict)
    progress: Mapping[int, Progress] = field(default_factory=dict)
    yoyo_lock: int | None = None
    marked_twice: tuple[str, ...] = ()
    history_lacks: tuple[str, ...] = ()
    foreign: tuple[Row, ...] = ()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scripts: Mapping[tuple[str, str], ScriptRow] = field(default_factory=dict)

    def with_tables(self) -> Ledger:
        """The same after create_tables()."""
        return replace(self, tables=self.tables | TABLES, history_lacks=())

    @property
    def is_foreign(self) -> bool:
        """A schema_migrations of another tool with the columns of ours: rows, but yoyo never wrote here."""
        return "schema_migrations" in self.tables and self.yoyo is None

    @property
    def taken(self) -> bool:
        """Whether another tool has a table of the name schema_migrations, so that ours cannot be made."""
        return "schema_migrations" in self.others


@dataclass(frozen=True, slots=True)
class Entry:
    """What to write about one migration: ids, texts and times of this attempt. ``version`` is None for what is no
    migration, such as a legacy phase, ``duration_ms`` where nobody measured it; ``hashes`` are those of its files, for
    one that counts as applied afterwards. ``alone``: the operation under which the history alone hears of a script
    without a version, "" for one of which nobody keeps a record, None for a migration; ``message`` is what it says.
    """

    version: int | None
    name: str
    id: str
    description: str | None
    checksum: str | None
    started: datetime
    duration_ms: int | None
    hashes: Hashes | None = None
    alone: str | None = None
    message: str | None = None


def version_of(migration_id: str) -> int | None:
    """The number that a yoyo id begins with, None where it has none."""
    return whole_number(migration_id.partition("_")[0])


def utc_text(when: datetime) -> str:
    """UTC ISO-8601 with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
