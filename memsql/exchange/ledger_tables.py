"""The ledgers of other migration tools: the tables in which they keep what they applied, a declaration for each.

What a declaration says is from the tool's own source; its address is above it. A tool whose table has another name by
configuration is not recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from memsql.sqltext import fold

OUR_NAME = "schema_migrations"
"""The name under which memsql keeps its own list, and others theirs."""


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """How ``title``, a tool that the command line calls ``word``, keeps its ledger in the table ``name``.

    ``columns`` must all be there, and with ``exactly`` no others. ``beside``: a table that has to be there too. The
    rest are SQL expressions over a row, NULL where the tool keeps no such thing. ``version`` and ``file`` say which
    migration it is about (a file is named, with or without ending), ``name_behind`` what it is called behind its
    version, ``hash`` is the SHA-256 or SHA-384 of its file, ``journal`` the time at which the file was generated;
    ``at`` is when it was applied, ``by`` who did, ``ms`` how long it took in milliseconds. ``state`` is 'applied',
    'undone' (rolled back), 'dirty' (it stopped halfway), 'baseline' (all up to this version counts as applied) or
    'repeatable' (no migration). ``order``: the columns by which rows are in order.

    ``says``: a row for "each" migration, or for the "last" one alone. ``newest``: of several rows about one migration
    the last one counts; else one that is dirty, before one that is applied. ``nothing``: the version that stands for
    the empty database. ``is_revision``: the version need not be a number. ``lock``: an expression over the rows of
    ``lock_table`` that is true while the tool migrates the database; ``unlock``: the command that takes away the lock
    of a process that crashed.
    """

    word: str
    title: str
    name: str
    columns: frozenset[str]
    _: KW_ONLY
    exactly: bool = False
    beside: str = ""
    version: str = "NULL"
    file: str = "NULL"
    name_behind: str = "NULL"
    hash: str = "NULL"
    journal: str = "NULL"
    at: str = "NULL"
    by: str = "NULL"
    ms: str = "NULL"
    state: str = "'applied'"
    order: str = "1"
    says: Literal["each", "last"] = "each"
    newest: bool = False
    nothing: int | None = None
    is_revision: bool = False
    lock_table: str = ""
    lock: str = ""
    unlock: str = ""

    def select(self) -> str:
        """The query for its rows, in order: version, file, name, hash, journal, at, by, ms, state."""
        about = (self.version, self.file, self.name_behind, self.hash, self.journal)
        terms = (*about, self.at, self.by, self.ms, self.state)
        return f'SELECT {", ".join(terms)} FROM "{self.name}" ORDER BY {self.order}'


def _columns(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _yes(column: str) -> str:
    """An expression that is true where ``column``, a truth value, is true as any driver may write it."""
    return f"coalesce(lower({column}) IN ('1', 'true', 't'), 0)"


def _no(column: str) -> str:
    """An expression that is true where ``column``, a truth value, is false as any driver may write it."""
    return f"coalesce(lower({column}) IN ('0', 'false', 'f'), 0)"


LEDGER_TABLES = (
    # https://github.com/cloudflare/workers-sdk, packages/wrangler/src/d1/migrations
    LedgerTable(
        "d1",
        "Wrangler (D1)",
        "d1_migrations",
        _columns("id name applied_at"),
        file="name",
        at="applied_at",
        order="id",
    ),
    # https://github.com/pressly/goose, internal/dialect: a row for each way up, and in old versions for each way down.
    LedgerTable(
        "goose",
        "goose",
        "goose_db_version",
        _columns("id version_id is_applied tstamp"),
        version="version_id",
        at="tstamp",
        state=f"CASE WHEN {_yes('is_applied')} THEN 'applied' WHEN {_no('is_applied')} THEN 'undone' ELSE 'dirty' END",
        order="id",
        newest=True,
        nothing=0,
    ),
    # https://github.com/drizzle-team/drizzle-orm, drizzle-orm/src/sqlite-core/dialect.ts: created_at is the ``when`` of
    # the journal, so nothing says when a migration was applied.
    LedgerTable(
        "drizzle",
        "Drizzle",
        "__drizzle_migrations",
        _columns("id hash created_at"),
        hash="hash",
        journal="created_at",
        order="created_at",
    ),
    # https://github.com/prisma/prisma-engines, schema-engine/connectors/sql-schema-connector: a migration that failed
    # has a row of its own, which `migrate resolve` marks as rolled back.
    LedgerTable(
        "prisma",
        "Prisma",
        "_prisma_migrations",
        _columns("id checksum finished_at migration_name rolled_back_at started_at"),
        file="migration_name",
        hash="checksum",
        at="finished_at",
        state="CASE WHEN rolled_back_at IS NOT NULL THEN 'undone' WHEN finished_at IS NULL THEN 'dirty' "
        "ELSE 'applied' END",
        order="started_at, migration_name",
    ),
    # https://github.com/sqlalchemy/alembic, alembic/runtime/migration.py: the newest revision of each branch.
    LedgerTable(
        "alembic",
        "Alembic",
        "alembic_version",
        _columns("version_num"),
        exactly=True,
        version="version_num",
        order="version_num",
        is_revision=True,
        says="last",
    ),
    # https://github.com/knex/knex, lib/migrations/migrate/table-creator.js
    LedgerTable(
        "knex",
        "Knex",
        "knex_migrations",
        _columns("id name batch migration_time"),
        file="name",
        at="migration_time",
        order="id",
        lock_table="knex_migrations_lock",
        lock="is_locked = 1",
        unlock="knex migrate:unlock",
    ),
    # https://github.com/rubenv/sql-migrate, migrate.go
    LedgerTable(
        "sql-migrate",
        "sql-migrate",
        "gorp_migrations",
        _columns("id applied_at"),
        file="id",
        at="applied_at",
        order="id",
    ),
    # https://github.com/flyway/flyway, flyway-database-sqlite: a repeatable migration has no version; undoing one, and
    # deleting one by repair, are rows of their own.
    LedgerTable(
        "flyway",
        "Flyway",
        "flyway_schema_history",
        _columns("installed_rank version description type script installed_by installed_on execution_time success"),
        version="version",
        file="script",
        name_behind="description",
        at="installed_on",
        by="installed_by",
        ms="execution_time",
        state=f"CASE WHEN NOT {_yes('success')} THEN 'dirty' WHEN type LIKE 'UNDO%' OR type = 'DELETE' THEN 'undone' "
        "WHEN type LIKE '%BASELINE' THEN 'baseline' WHEN version IS NULL THEN 'repeatable' ELSE 'applied' END",
        order="installed_rank",
        newest=True,
    ),
    # https://github.com/diesel-rs/diesel, diesel_migrations: the version is the folder up to its first ``_`` without
    # hyphens.
    LedgerTable(
        "diesel",
        "Diesel",
        "__diesel_schema_migrations",
        _columns("version run_on"),
        version="version",
        at="run_on",
        order="version",
    ),
    # https://github.com/launchbadge/sqlx, sqlx-sqlite/src/migrate.rs: nanoseconds, and -1 while a migration runs.
    LedgerTable(
        "sqlx",
        "SQLx",
        "_sqlx_migrations",
        _columns("version description installed_on success checksum execution_time"),
        version="version",
        name_behind="description",
        hash="lower(hex(checksum))",
        at="installed_on",
        ms="CASE WHEN execution_time >= 0 THEN execution_time / 1000000 END",
        state=f"CASE WHEN {_yes('success')} THEN 'applied' ELSE 'dirty' END",
        order="version",
    ),
    # https://github.com/golang-migrate/migrate, database/sqlite3: one row. Its version is -1 where the way down from
    # the first migration stopped halfway.
    LedgerTable(
        "golang-migrate",
        "golang-migrate",
        OUR_NAME,
        _columns("version dirty"),
        exactly=True,
        version="version",
        state=f"CASE WHEN {_no('dirty')} THEN 'applied' ELSE 'dirty' END",
        order="version",
        says="last",
        nothing=-1,
    ),
    # https://github.com/rails/rails, activerecord/lib/active_record/schema_migration.rb
    LedgerTable(
        "rails",
        "Rails",
        OUR_NAME,
        _columns("version"),
        exactly=True,
        beside="ar_internal_metadata",
        version="version",
        order="version",
    ),
    # https://github.com/amacneil/dbmate, pkg/driver/sqlite/sqlite.go
    LedgerTable("dbmate", "dbmate", OUR_NAME, _columns("version"), exactly=True, version="version", order="version"),
    # https://github.com/elixir-ecto/ecto_sql, lib/ecto/migration/schema_migration.ex
    LedgerTable(
        "ecto",
        "Ecto",
        OUR_NAME,
        _columns("version inserted_at"),
        exactly=True,
        version="version",
        at="inserted_at",
        order="version",
    ),
)
"""Every ledger that is recognised; of two that fit a table the first counts."""

WORDS = tuple(dict.fromkeys(table.word for table in LEDGER_TABLES))
"""What the command line calls the tools."""


def recognised(tables: Mapping[str, Sequence[str]]) -> list[LedgerTable]:
    """The ledgers among ``tables``, which maps names to columns."""
    by_name = {fold(name): {fold(column) for column in columns} for name, columns in tables.items()}
    chosen: dict[str, LedgerTable] = {}
    for table in LEDGER_TABLES:
        columns = by_name.get(table.name)
        if columns is None or table.name in chosen or (table.beside and table.beside not in by_name):
            continue
        if table.columns == columns or (table.columns < columns and not table.exactly):
            chosen[table.name] = table
    return list(chosen.values())
