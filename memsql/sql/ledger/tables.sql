-- Which bookkeeping tables exist, with their columns.
SELECT s.name, group_concat(c.name, ',')
FROM sqlite_schema AS s
JOIN pragma_table_info(s.name) AS c
WHERE
    s.type = 'table'
    AND s.name IN ('schema_migrations', 'memsql_history', '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
GROUP BY s.name
