-- SQL text and restore: every object that a person created, in order of creation; kind says what a table is.
SELECT s.type, s.name, s.tbl_name, s.sql, t.type AS kind
FROM sqlite_schema AS s
LEFT JOIN pragma_table_list AS t ON t.schema = 'main' AND t.name = s.name AND s.type = 'table'
WHERE
    s.sql IS NOT NULL
    AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND lower(s.tbl_name) NOT IN ('libsql_wasm_func_table', 'libsql_vector_meta_shadow', '_litestream_seq', '_litestream_lock')
ORDER BY s.rowid
