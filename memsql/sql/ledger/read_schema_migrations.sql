-- The ledger, the oldest version first.
SELECT version, name, description, applied_at, applied_by, duration_ms, checksum, status
FROM schema_migrations
ORDER BY version
