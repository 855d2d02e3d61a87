-- The versions whose row in schema_migrations is still that of another tool.
SELECT DISTINCT h.version
FROM memsql_history AS h
WHERE
    h.operation = 'import'
    AND NOT EXISTS (
        SELECT 1 FROM memsql_history AS later
        WHERE later.version = h.version AND later.id > h.id AND later.operation <> 'import'
    )
