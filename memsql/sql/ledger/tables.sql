-- Which tables of the ledger exist, and which ledgers of other tools: names in lower case, and columns without commas.
SELECT lower(s.name), group_concat(replace(c.name, ',', ' '), ',')
FROM sqlite_schema AS s
JOIN pragma_table_info(s.name) AS c
WHERE
    s.type = 'table'
    AND s.sql NOT LIKE 'create virtual%'
    AND lower(s.name) IN (
        'schema_migrations', 'memsql_history', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock',
        'd1_migrations', 'goose_db_version', '__drizzle_migrations', '_prisma_migrations', 'alembic_version',
        'knex_migrations', 'knex_migrations_lock', 'gorp_migrations', 'flyway_schema_history',
        '__diesel_schema_migrations', '_sqlx_migrations', 'ar_internal_metadata'
    )
GROUP BY s.name
