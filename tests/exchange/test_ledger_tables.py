"""The ledgers of other tools: how they are recognised, and what their rows say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from other_ledgers import TABLES

from memsql import ledger
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection, memory
from memsql.exchange import ledgers
from memsql.exchange.ledger_tables import LEDGER_TABLES, OUR_NAME
from memsql.exchange.ledgers import OtherLedger
from memsql.sqltext.internal import OTHER_LEDGERS


@pytest.fixture
def conn() -> Iterator[SQLiteConnection]:
    with closing(memory()) as conn:
        yield conn


def read(conn: SQLiteConnection, *statements: str) -> tuple[OtherLedger, ...]:
    for statement in statements:
        conn.execute(statement)
    return ledgers.read(conn, ledger.read(conn).others)


def states(conn: SQLiteConnection, tool: str, *statements: str) -> list[tuple[object, object, str]]:
    (other,) = read(conn, *TABLES[tool], *statements)
    assert other.table.word == tool
    return [(record.version, record.file, record.state) for record in other.records]


@pytest.mark.parametrize("tool", TABLES)
def test_each_is_recognised_by_its_columns_and_empty_at_first(conn: SQLiteConnection, tool: str) -> None:
    (other,) = read(conn, *TABLES[tool])
    assert (other.table.word, other.records) == (tool, ())


def test_every_tool_is_tried() -> None:
    assert {table.word for table in LEDGER_TABLES} == set(TABLES)


def test_the_names_are_the_same_in_code_and_in_sql() -> None:
    names = {table.name for table in LEDGER_TABLES} | {t.lock_table for t in LEDGER_TABLES if t.lock_table}
    names |= {table.beside for table in LEDGER_TABLES if table.beside}
    assert names - {OUR_NAME} == OTHER_LEDGERS
    for query in ("ledger/tables", "engine/has_tables"):
        assert set(re.findall(r"'([^']*)'", load(query))) >= OTHER_LEDGERS


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER)",
        "CREATE TABLE schema_migrations (version TEXT, name TEXT)",
        'CREATE TABLE schema_migrations ("version,dirty" TEXT)',
        "CREATE VIEW d1_migrations AS SELECT 1 AS id, '0001_a.sql' AS name, 2 AS applied_at",
        "CREATE VIRTUAL TABLE d1_migrations USING fts5(id, name, applied_at)",
        "CREATE TABLE alembic_version (version_num TEXT, note TEXT)",
    ],
)
def test_what_only_has_the_name_is_none(conn: SQLiteConnection, sql: str) -> None:
    assert read(conn, sql) == ()


def test_names_in_other_letters(conn: SQLiteConnection) -> None:
    (other,) = read(
        conn,
        "CREATE TABLE Goose_DB_Version (ID INTEGER PRIMARY KEY, Version_ID, Is_Applied, TStamp)",
        "INSERT INTO goose_db_version VALUES (1, 1, 1, 0)",
    )
    assert other.table.word == "goose"


def test_the_newest_row_of_goose_counts(conn: SQLiteConnection) -> None:
    assert states(
        conn,
        "goose",
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (3, 1), (3, 0), (2, 0), "
        "(2, 1)",
    ) == [(1, None, "applied"), (3, None, "undone"), (2, None, "applied")]


def test_prisma_tells_failed_from_rolled_back(conn: SQLiteConnection) -> None:
    rows = [
        ("a", 1704110400000, "1_a", None),
        ("b", None, "2_b", 1704110400000),
        ("c", 1704110400000, "2_b", None),
        ("d", None, "3_c", 1704110400000),
        ("e", None, "4_d", None),
    ]
    inserts = [
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, rolled_back_at, started_at) "
        f"VALUES ('{i}', 'x', {at or 'NULL'}, '{name}', {back or 'NULL'}, 5)"
        for i, at, name, back in rows
    ]
    assert states(conn, "prisma", *inserts) == [
        (None, "1_a", "applied"),
        (None, "2_b", "applied"),
        (None, "3_c", "undone"),
        (None, "4_d", "dirty"),
    ]


def test_flyway_has_undone_repeatable_failed_and_a_baseline(conn: SQLiteConnection) -> None:
    rows = [
        (1, "'1'", "BASELINE", "<< Flyway Baseline >>", 1),
        (2, "'2'", "SQL", "V2__b.sql", 1),
        (3, "NULL", "SQL", "R__v.sql", 1),
        (4, "'3'", "SQL", "V3__c.sql", 1),
        (5, "'3'", "UNDO_SQL", "U3__c.sql", 1),
        (6, "'4'", "SQL", "V4__d.sql", 0),
    ]
    inserts = [
        f"INSERT INTO flyway_schema_history VALUES ({rank}, {version}, 'd', '{kind}', '{script}', 1, 'ann', "
        f"'2024-01-31 12:00:00.250', 7, {success})"
        for rank, version, kind, script, success in rows
    ]
    assert [(version, state) for version, _, state in states(conn, "flyway", *inserts)] == [
        ("1", "baseline"),
        ("2", "applied"),
        ("3", "undone"),
        ("4", "dirty"),
    ]
    (other,) = read(conn)
    record = other.records[1]
    assert (record.by, record.ms, record.at) == ("ann", 7, datetime(2024, 1, 31, 12, 0, 0, 250_000, UTC))


def test_dirty_versions(conn: SQLiteConnection) -> None:
    assert states(conn, "golang-migrate", "INSERT INTO schema_migrations VALUES (-1, 1)") == [(-1, None, "dirty")]
    conn.execute("DROP TABLE schema_migrations")
    sql = "INSERT INTO _sqlx_migrations VALUES (1, 'a', 5, 1, x'00', 2500000), (2, 'b', 5, 0, x'00', -1)"
    assert states(conn, "sqlx", sql) == [(1, None, "applied"), (2, None, "dirty")]
    (other,) = read(conn)
    assert [record.ms for record in other.records] == [2, None]


def test_nothing_is_a_version_too(conn: SQLiteConnection) -> None:
    assert states(conn, "golang-migrate", "INSERT INTO schema_migrations VALUES (-1, 0)") == []


def test_rails_has_a_table_beside(conn: SQLiteConnection) -> None:
    assert states(conn, "rails", "INSERT INTO schema_migrations VALUES ('20240101120000')") == [
        ("20240101120000", None, "applied")
    ]


def test_a_lock(conn: SQLiteConnection) -> None:
    (other,) = read(conn, *TABLES["knex"])
    tables = ledger.read(conn).others
    assert not ledgers.is_locked(conn, other.table, tables)
    conn.execute("UPDATE knex_migrations_lock SET is_locked = 1")
    assert ledgers.is_locked(conn, other.table, tables)
    assert not ledgers.is_locked(conn, LEDGER_TABLES[0], tables)


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("2024-01-31 12:00:00", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("2024-01-31T12:00:00Z", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("2024-01-31 12:00:00.123456789 +0000 UTC", datetime(2024, 1, 31, 12, 0, 0, 123456, UTC)),
        (1706702400000, datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("1706702400000", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        (1706702400.0, datetime(2024, 1, 31, 12, tzinfo=UTC)),
        *((value, None) for value in (None, "", "soon", b"x", -1, 0, 10**30, float("inf"), float("nan"), "9" * 30)),
    ],
)
def test_times(value: object, when: datetime | None) -> None:
    assert ledgers.time_of(value) == when  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "state"), [("1", "dirty"), ("'true'", "dirty"), ("NULL", "dirty"), ("'x'", "dirty")])
def test_what_is_not_clearly_clean_is_dirty(conn: SQLiteConnection, value: str, state: str) -> None:
    sql = f"INSERT INTO schema_migrations VALUES (2, {value})"
    assert states(conn, "golang-migrate", sql) == [(2, None, state)]


@pytest.mark.parametrize(("value", "state"), [("'t'", "applied"), ("'false'", "undone"), ("'yes'", "dirty")])
def test_truth_values_of_any_driver(conn: SQLiteConnection, value: str, state: str) -> None:
    sql = f"INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, {value})"
    assert states(conn, "goose", sql) == [(1, None, state)]


def test_a_ledger_that_cannot_be_read_says_so(conn: SQLiteConnection) -> None:
    (other,) = read(conn, *TABLES["d1"], "INSERT INTO d1_migrations (name) VALUES (CAST(x'fffe41' AS TEXT))")
    assert (other.records, other.counts) == ((), True)
    assert "UTF-8" in str(other.unreadable)


def test_many_rows_without_rowid(conn: SQLiteConnection) -> None:
    (other,) = read(
        conn,
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id, is_applied, tstamp) WITHOUT ROWID",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "INSERT INTO goose_db_version SELECT i, i % 3, 1, 0 FROM n",
    )
    assert sorted(str(record.version) for record in other.records) == ["1", "2"]
