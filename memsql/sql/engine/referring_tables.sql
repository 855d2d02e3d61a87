-- Verification: the tables that have foreign keys.
SELECT DISTINCT tables.name
FROM sqlite_schema AS tables
WHERE
    tables.type = 'table'
    AND tables.sql NOT LIKE 'create virtual%'
    AND EXISTS (SELECT 1 FROM pragma_foreign_key_list(tables.name))
ORDER BY tables.name
