-- Is there a table other than those of memsql, yoyo, SQLite and libSQL? A row if so.
SELECT 1 FROM sqlite_schema
WHERE
    type = 'table'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND lower(name) NOT IN ('libsql_wasm_func_table', 'libsql_vector_meta_shadow', '_litestream_seq', '_litestream_lock')
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
LIMIT 1
