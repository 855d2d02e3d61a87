-- Rehearsal: the ordinary tables of the user, by name: not those of SQLite, libSQL, yoyo and memsql.
SELECT name FROM sqlite_schema
WHERE
    type = 'table'
    AND sql NOT LIKE 'create virtual%'
    AND name NOT IN ('schema_migrations', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
    AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND name NOT LIKE 'libsql\_%' ESCAPE '\'
    AND name NOT LIKE '\_litestream\_%' ESCAPE '\'
    AND name NOT LIKE 'memsql\_%' ESCAPE '\'
ORDER BY name
