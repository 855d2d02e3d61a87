-- The rows that another tool wrote, as they were; the last column says whether schema_migrations still has the row.
SELECT
    h.version, h.migration_id, h.message, h.started_at, h.performed_by, h.duration_ms, h.checksum, h.status,
    NOT EXISTS (
        SELECT 1 FROM memsql_history AS later
        WHERE later.version = h.version AND later.id > h.id AND later.operation <> 'import'
    )
FROM memsql_history AS h
WHERE h.operation = 'import'
ORDER BY h.id
