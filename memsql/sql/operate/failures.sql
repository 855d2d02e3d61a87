-- Health: the attempts that failed since ?1 (UTC, as in 2026-01-31T12:00:00.000Z), the newest first.
SELECT started_at, operation, migration_id, message
FROM memsql_history
WHERE status = 'failed' AND started_at >= ?1 AND operation <> 'import'
ORDER BY id DESC
