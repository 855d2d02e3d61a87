-- What has the name of the ledger, and is no table that could be renamed: its type.
SELECT CASE WHEN type = 'table' THEN 'virtual table' ELSE type END
FROM sqlite_schema
WHERE
    lower(name) = 'schema_migrations'
    AND (type IN ('view', 'index') OR sql LIKE 'create virtual%')
