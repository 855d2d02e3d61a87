-- Slow: the attempts of this tool since ?1 (UTC, as in 2026-01-31T12:00:00.000Z), with how long each took.
SELECT operation, migration_id, duration_ms, started_at
FROM memsql_history
WHERE duration_ms IS NOT NULL AND operation <> 'import' AND started_at >= ?1
ORDER BY id
