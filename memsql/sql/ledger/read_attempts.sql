-- migrate.history: every attempt that the history has, the newest first; ?1 is the most rows, -1 for all.
SELECT
    started_at, operation, status, version, migration_id, performed_by, duration_ms, statements_done, message, tool,
    count(*) OVER ()
FROM memsql_history
ORDER BY id DESC
LIMIT ?
