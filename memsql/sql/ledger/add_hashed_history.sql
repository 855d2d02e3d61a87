-- Record in the history that a migration counts as applied, with the hashes of its files.
INSERT INTO memsql_history (
    version, migration_id, operation, status, started_at, duration_ms, performed_by, checksum, statements_done,
    message, tool, up_hash, rollback_hash
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
