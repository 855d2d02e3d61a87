-- Keep every row of the ledger of another tool in the history, as it is.
INSERT INTO memsql_history (
    version, migration_id, operation, status, started_at, duration_ms, performed_by, checksum, message, tool
)
SELECT
    version,
    printf('%04d_%s', version, name),
    'import',
    coalesce(status, ''),
    coalesce(applied_at, ''),
    duration_ms,
    applied_by,
    checksum,
    description,
    'another tool, imported by ' || ?
FROM schema_migrations
ORDER BY version
