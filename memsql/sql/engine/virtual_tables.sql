-- Loss guard: where there is a virtual table, every table, with the CREATE statement of those that are virtual.
SELECT name, iif(sql LIKE 'create virtual%', sql, NULL)
FROM sqlite_schema
WHERE
    type = 'table'
    AND EXISTS (SELECT 1 FROM sqlite_schema AS v WHERE v.type = 'table' AND v.sql LIKE 'create virtual%')
