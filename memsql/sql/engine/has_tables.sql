-- Is there a table other than those of memsql, yoyo, SQLite and libSQL? A row if so.
SELECT 1 FROM sqlite_schema
WHERE
    type = 'table'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND name NOT LIKE 'libsql\_%' ESCAPE '\'
    AND name NOT LIKE '\_litestream\_%' ESCAPE '\'
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
LIMIT 1
