-- Is there a table other than those of memsql, yoyo, SQLite, libSQL and of other migration tools? A row if so.
SELECT 1 FROM sqlite_schema
WHERE
    type = 'table'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND lower(name) NOT IN ('libsql_wasm_func_table', 'libsql_vector_meta_shadow', '_litestream_seq', '_litestream_lock')
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
    AND name NOT LIKE 'schema\_migrations\_of\_%' ESCAPE '\'
    AND lower(name) NOT IN (
        'd1_migrations', 'goose_db_version', '__drizzle_migrations', '_prisma_migrations', 'alembic_version',
        'knex_migrations', 'knex_migrations_lock', 'gorp_migrations', 'flyway_schema_history',
        '__diesel_schema_migrations', '_sqlx_migrations', 'ar_internal_metadata'
    )
LIMIT 1
