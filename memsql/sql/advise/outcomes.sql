-- Forecasts: the migrations that ran to their end, with the time that each took, the oldest first.
SELECT operation, migration_id, checksum, started_at, duration_ms
FROM memsql_history
WHERE status = 'ok' AND operation IN ('apply', 'rollback') AND checksum IS NOT NULL
ORDER BY id
