-- Record one attempt in the history.
INSERT INTO memsql_history (
    version, migration_id, operation, status, started_at, duration_ms, performed_by, checksum, statements_done,
    message, tool
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
