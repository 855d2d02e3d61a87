"""The tables in which other migration tools keep what they applied, as each of them makes them."""

from __future__ import annotations

TABLES: dict[str, tuple[str, ...]] = {
    "d1": (
        "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, "
        "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    ),
    "goose": (
        "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, "
        "is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
        "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)",
    ),
    "drizzle": ('CREATE TABLE "__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',),
    "prisma": (
        'CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, '
        '"finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME, '
        '"started_at" DATETIME NOT NULL DEFAULT current_timestamp, '
        '"applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0)',
    ),
    "alembic": (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    ),
    "knex": (
        "CREATE TABLE `knex_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), "
        "`batch` integer, `migration_time` datetime)",
        "CREATE TABLE `knex_migrations_lock` (`index` integer not null primary key autoincrement, `is_locked` integer)",
        "INSERT INTO knex_migrations_lock (is_locked) VALUES (0)",
    ),
    "sql-migrate": ('CREATE TABLE "gorp_migrations" ("id" varchar(255) not null primary key, "applied_at" datetime)',),
    "flyway": (
        'CREATE TABLE "flyway_schema_history" ("installed_rank" INT NOT NULL PRIMARY KEY, "version" VARCHAR(50), '
        '"description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, '
        '"checksum" INT, "installed_by" VARCHAR(100) NOT NULL, '
        "\"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')), "
        '"execution_time" INT NOT NULL, "success" BOOLEAN NOT NULL)',
        'CREATE INDEX "flyway_schema_history_s_idx" ON "flyway_schema_history" ("success")',
    ),
    "diesel": (
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, "
        "run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    ),
    "sqlx": (
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, "
        "installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, "
        "execution_time BIGINT NOT NULL)",
    ),
    "golang-migrate": (
        "CREATE TABLE schema_migrations (version uint64,dirty bool)",
        "CREATE UNIQUE INDEX version_unique ON schema_migrations (version)",
    ),
    "rails": (
        'CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY)',
        'CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, '
        '"created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL)',
    ),
    "dbmate": ('CREATE TABLE "schema_migrations" (version varchar(128) primary key)',),
    "ecto": ('CREATE TABLE "schema_migrations" ("version" INTEGER PRIMARY KEY, "inserted_at" TEXT)',),
}
"""What makes the ledger of each tool, by the word for it on the command line."""
