-- Does anybody but memsql and yoyo have a table here?
SELECT 1 FROM sqlite_schema
WHERE
    type = 'table'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND name NOT LIKE 'libsql\_%' ESCAPE '\'
    AND name NOT LIKE '\_litestream\_%' ESCAPE '\'
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
LIMIT 1
