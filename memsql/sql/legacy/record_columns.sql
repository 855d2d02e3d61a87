-- Record every column of every ordinary table before legacy upgrade ?1.
INSERT INTO memsql_legacy_objects (phase, type, name, tbl_name, sql)
SELECT ?, 'column', c.name, s.name, c.type
FROM sqlite_schema AS s
JOIN pragma_table_info(s.name) AS c
WHERE
    s.type = 'table'
    AND s.sql NOT LIKE 'create virtual%'
    AND s.name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND s.name NOT LIKE 'memsql\_%' ESCAPE '\'
