-- Rehearsal: the ordinary tables of the user, by name: not those of SQLite, libSQL, yoyo and memsql.
SELECT name FROM sqlite_schema
WHERE
    type = 'table'
    AND sql NOT LIKE 'create virtual%'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND lower(name) NOT IN ('libsql_wasm_func_table', 'libsql_vector_meta_shadow', '_litestream_seq', '_litestream_lock')
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
    AND name NOT LIKE 'schema\_migrations\_of\_%' ESCAPE '\'
ORDER BY name
