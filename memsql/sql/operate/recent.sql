-- Dashboard: the last attempts of this tool, the newest first: when, what, which, how it ended and how long it took.
SELECT started_at, operation, migration_id, status, duration_ms, message
FROM memsql_history
WHERE operation <> 'import'
ORDER BY id DESC
LIMIT 50
